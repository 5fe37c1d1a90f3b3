"""Scalars of a step that need libm: the host computes them for a device, so that their bits are the host's."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import cache
from operator import setitem
from typing import Any

import numpy as np

from ...language import arithmetic
from ...language.kernel import Block
from ...language.printing_python import python_block
from ...recipes.recipe import Recipe
from ..contract import KeyState
from ..numpy.plain import defined


class Hosted:
    """The host's part in the steps of one recipe. It follows t and the scalar state without asking the device."""

    def __init__(self, recipe: Recipe, numbers: array[float], shared: array[float], nonfinite: str) -> None:
        self.recipe, self.numbers, self.shared, self.nonfinite = recipe, numbers, shared, nonfinite
        self.programs = recipe.kernels

    @property
    def follows(self) -> bool:
        """Whether the host knows which steps are taken, and the scalar state after them, without asking."""
        known = [{*range(len(each.base)), *each.phases[0].gives} for each in self.programs]
        kept = [{index for _, index in each.keeps} for each in self.programs]
        is_sure = self.nonfinite != "skip" and not self.recipe.shared
        return is_sure and all(one <= other for one, other in zip(kept, known, strict=True))

    def step(self, states: Sequence[KeyState], lr_scale: float, width: int) -> tuple[Any, list[tuple[Any, ...]]]:
        """What the device is to be given for each key, and the calls that count the step here, if the host follows.

        Keys that are alike cost one computation.
        """
        known = dict[tuple[float, ...], tuple[float, ...]]()
        rows, counting, follows = np.zeros((len(states), width)), list[tuple[Any, ...]](), self.follows
        for row, state in zip(rows, states, strict=True):
            base, program = self._base(state, lr_scale), self._program(state)
            phase = self.programs[program].phases[0]
            taken = (program, *(base[index] for index in phase.takes))
            found = known.get(taken) or known.setdefault(taken, _function(phase.block)(*taken[1:]))
            row[: len(found)] = found
            if follows:
                scalars = dict(enumerate(base)) | dict(zip(phase.gives, found, strict=True))
                kept = {name: scalars[index] for name, index in self.programs[program].keeps}
                own = [kept.get(name, old) for name, old in zip(self.recipe.scalars, state.scalars, strict=True)]
                counting.append((setitem, state.scalars, slice(None), array("d", own)))
                counting.append((setitem, state.counts, 0, state.t + 1))
        return rows, counting

    def _base(self, state: KeyState, lr_scale: float) -> list[float]:
        numbers = list(self.numbers)
        if self.recipe.rate is not None:
            numbers[self.recipe.rate] *= lr_scale
        return [*numbers, *state.supplied, *state.scalars, *self.shared]

    def _program(self, state: KeyState) -> int:
        return self.recipe.turn(state.t + 1, self.numbers)


@cache
def _function(block: Block) -> Callable[..., tuple[float, ...]]:
    return defined(python_block(block), "scalars", vars(arithmetic))
