"""Recipes run by the compiled module: kernels become wiring, and each function is found by its printed text."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from ...concurrency.turns import Turns
from ...language.kernel import Kernel, Phase
from ...language.printing_c import c_block, c_walk
from ...native.generate import printed
from ...native.order import Order
from ...recipes.planning import Plan, planned
from ...recipes.recipe import Recipe
from ..contract import Batch, Held, KeyState, OnHost

KINDS = ("sum", "dot", "norm", "amax")


class CompiledRunner(OnHost):
    """Runs a recipe in compiled code. See `contract.Runner`."""

    def __init__(
        self,
        native: Any,
        recipe: Recipe,
        plans: Sequence[Plan],
        shared: array[float],
        turns: Turns,
        *,
        check_finite: bool,
        order: Order | None = None,
    ) -> None:
        self.recipe, self.plans, self.order = recipe, plans, order
        kernels = list(dict.fromkeys(chain.from_iterable(plans)))
        wired = tuple(map(self._wired, kernels))
        places = tuple(tuple(map(kernels.index, plan)) for plan in plans)
        counts = (recipe.numbers, len(recipe.scalars), len(recipe.arrays), -1 if recipe.rate is None else recipe.rate)
        taking = (turns.ticket, turns.enter, turns.lock.release)
        self.runner = native.Runner(np.ndarray, taking, shared, *counts, check_finite, recipe.periods, places, wired)
        self.step, self.update, self.run = self.runner.step, self.runner.update, self.runner.run  # type: ignore[method-assign]  # no call between

    @property
    def outrun(self) -> bool:
        """Whether there are by now the kernels that make of several walks one."""
        return self.order is not None and self.order.is_there

    def bind(self, key: Hashable, state: KeyState) -> None:
        """Keep this key's buffers."""
        arrays = tuple(state.arrays.get(name) for name in self.recipe.arrays)
        itemsize = np.dtype(state.dtype).itemsize
        self.runner.bind(key, state.counts, state.taken, state.scalars, arrays, state.shape, itemsize)

    def hold(self, batch: Batch) -> Held:
        """Keep the buffers of these arrays too."""
        held = self.runner.hold(batch)
        return held.step if held else super().hold(batch)

    def _wired(self, kernel: Kernel) -> tuple[Any, ...]:
        own = len(kernel.base) - len(self.recipe.scalars) - len(self.recipe.shared)
        keep_from = tuple(index for _, index in kernel.keeps)
        keep_to = tuple(kernel.base.index(name) - own for name, _ in kernel.keeps)
        phases = tuple(self._phase(each) for each in kernel.phases)
        return kernel.size, kernel.guarded, keep_from, keep_to, phases

    def _phase(self, phase: Phase) -> tuple[Any, ...]:
        order = ("w", "g", *self.recipe.arrays)
        return (
            c_block(phase.block)[0] if phase.gives else None,
            c_walk(phase.walk)[0] if phase.walk.arrays else None,
            phase.takes,
            phase.gives,
            tuple(each for pair in phase.totals for each in pair),
            tuple(order.index(name) for name in phase.walk.arrays),
            phase.scalars,
            phase.results,
            tuple(KINDS.index(each.kind) for each in phase.walk.reductions),
        )


def compiled_plans(native: Any, recipe: Recipe) -> tuple[Plan, ...] | None:
    """How the module's functions make the steps of this recipe; None if it lacks some, or there is no module."""
    if native is None:
        return None
    names: frozenset[str] = frozenset(native.names())

    def is_there(kernel: Kernel) -> bool:
        return printed([kernel]).names() <= names

    return planned(recipe, is_there)
