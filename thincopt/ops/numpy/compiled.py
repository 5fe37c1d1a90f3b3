"""Recipes run by the compiled module: kernels become wiring, and each function is found by its printed text."""

from __future__ import annotations

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
from ..contract import Batch, Cohort, Held, KeyState, OnHost

Plans = tuple[Plan, ...]  # for each case
KINDS = ("sum", "dot", "norm", "amax")


class CompiledRunner(OnHost):
    """Runs recipes in compiled code. See `contract.Runner`."""

    way = "compiled kernels"

    def __init__(
        self,
        native: Any,
        cohorts: Sequence[Cohort],
        plans: Sequence[Plans],
        turns: Turns,
        *,
        check_finite: bool,
        orders: Sequence[Order] = (),
    ) -> None:
        self.cohorts, self.plans, self.orders = cohorts, plans, orders
        taking = (turns.ticket, turns.enter, turns.lock.release)
        self.runner = native.Runner(np.ndarray, taking, check_finite, tuple(map(_wired, cohorts, plans)))
        self.step, self.update, self.run = self.runner.step, self.runner.update, self.runner.run  # type: ignore[method-assign]  # no call between

    @property
    def outrun(self) -> bool:
        """Whether there are by now the kernels that make of several walks one."""
        return any(each.is_there for each in self.orders)

    def bind(self, key: Hashable, state: KeyState, cohort: int) -> None:
        """Keep this key's buffers."""
        arrays = tuple(state.arrays.get(name) for name in self.cohorts[cohort].recipe.arrays)
        itemsize = np.dtype(state.dtype).itemsize
        self.runner.bind(key, cohort, state.counts, state.taken, state.scalars, arrays, state.shape, itemsize)

    def hold(self, batch: Batch) -> Held:
        """Keep the buffers of these arrays too."""
        held = self.runner.hold(batch)
        return held.step if held else super().hold(batch)


def _wired(cohort: Cohort, plans: Plans) -> tuple[Any, ...]:
    """A cohort as compiled code reads it."""
    recipe, shared = cohort
    kernels = list(dict.fromkeys(chain.from_iterable(plans)))
    places = tuple(tuple(map(kernels.index, plan)) for plan in plans)
    counts = (recipe.numbers, len(recipe.scalars), len(recipe.arrays), -1 if recipe.rate is None else recipe.rate)
    return shared, *counts, recipe.stands, recipe.periods, places, tuple(_kernel(recipe, each) for each in kernels)


def _kernel(recipe: Recipe, kernel: Kernel) -> tuple[Any, ...]:
    own = len(kernel.base) - len(recipe.scalars) - len(recipe.shared)
    keep_from = tuple(index for _, index in kernel.keeps)
    keep_to = tuple(kernel.base.index(name) - own for name, _ in kernel.keeps)
    return kernel.size, kernel.guarded, keep_from, keep_to, tuple(_phase(recipe, each) for each in kernel.phases)


def _phase(recipe: Recipe, phase: Phase) -> tuple[Any, ...]:
    order = ("w", "g", *recipe.arrays)
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


def compiled_plans(native: Any, recipe: Recipe) -> Plans | None:
    """How the module's functions make the steps of this recipe; None if it lacks some, or there is no module."""
    if native is None:
        return None
    names: frozenset[str] = frozenset(native.names())

    def is_there(kernel: Kernel) -> bool:
        return printed([kernel]).names() <= names

    return planned(recipe, is_there)
