"""Scalars of a step that need libm: the host computes them for a device, so that their bits are the host's."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...language import arithmetic
from ...language.kernel import Block
from ...language.printing_python import python_block
from ...recipes.recipe import Recipe
from ..contract import KeyState
from ..numpy.plain import defined
from .launching import Launch


class Hosted:
    """The host's part in the steps of one recipe. It follows t and the scalar state without asking the device."""

    def __init__(self, recipe: Recipe, numbers: array[float], shared: array[float], nonfinite: str) -> None:
        self.recipe, self.numbers, self.shared, self.nonfinite = recipe, numbers, shared, nonfinite
        self.programs = [each for each in (recipe.main, recipe.before) if each]

    @property
    def follows(self) -> bool:
        """Whether the host knows which steps are taken, and the scalar state after them, without asking."""
        known = [{*range(len(each.base)), *each.phases[0].gives} for each in self.programs]
        kept = [{index for _, index in each.keeps} for each in self.programs]
        is_sure = self.nonfinite != "skip" and not self.recipe.shared
        return is_sure and all(one <= other for one, other in zip(kept, known, strict=True))

    def give(self, launch: Launch, states: Sequence[KeyState], lr_scale: float) -> Any:
        """What a launch is to be given, key by key; keys that are alike cost one computation."""
        phase = launch.given
        if phase is None:
            raise ValueError("this launch computes its scalars itself")
        function, known = _function(phase.block), dict[tuple[float, ...], tuple[float, ...]]()
        rows = []
        for state in states:
            base = self._base(state, lr_scale)
            taken = tuple(base[index] for index in phase.takes)
            rows.append(known.get(taken) or known.setdefault(taken, function(*taken)))
        return np.array(rows, np.float64)

    def advance(self, states: Sequence[KeyState], lr_scale: float) -> None:
        """Count a step that is taken, and keep its scalar state."""
        for state in states:
            scalars = dict(enumerate(self._base(state, lr_scale)))
            kernel = self.programs[self._program(state)]
            phase = kernel.phases[0]
            taken = (scalars[index] for index in phase.takes)
            scalars.update(zip(phase.gives, _function(phase.block)(*taken), strict=True))
            for name, index in kernel.keeps:
                state.scalars[self.recipe.scalars.index(name)] = scalars[index]
            state.counts[0] += 1

    def _base(self, state: KeyState, lr_scale: float) -> list[float]:
        numbers = list(self.numbers)
        if self.recipe.rate is not None:
            numbers[self.recipe.rate] *= lr_scale
        return [*numbers, *state.supplied, *state.scalars, *self.shared]

    def _program(self, state: KeyState) -> int:
        period = int(self.numbers[self.recipe.period]) if self.recipe.period is not None else 0
        return int(period > 0 and (state.t + 1) % period == 0)


@cache
def _function(block: Block) -> Callable[..., tuple[float, ...]]:
    return defined(python_block(block), "scalars", vars(arithmetic))
