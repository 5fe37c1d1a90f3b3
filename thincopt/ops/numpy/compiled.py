"""Recipes run by the compiled module: kernels become wiring, and each function is found by its printed text."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from functools import cache
from typing import Any

import numpy as np

from ...concurrency.turns import Turns
from ...language.kernel import Kernel, Phase
from ...language.printing_c import c_block, c_walk
from ...native.generate import printed
from ...recipes.recipe import Recipe
from ..contract import KeyState, OnHost

KINDS = ("sum", "dot", "norm", "amax")
block_name = cache(lambda block: c_block(block)[0])
walk_name = cache(lambda walk: c_walk(walk)[0])


class CompiledRunner(OnHost):
    """Runs a recipe in compiled code. See `contract.Runner`."""

    def __init__(self, native: Any, recipe: Recipe, shared: array[float], turns: Turns, *, check_finite: bool) -> None:
        self.recipe = recipe
        kernels = (self._wired(each) for each in (recipe.main, recipe.before, recipe.after))
        places = (-1 if place is None else place for place in (recipe.rate, recipe.period))
        counts = (recipe.numbers, len(recipe.scalars))
        taking = (turns.ticket, turns.enter, turns.lock.release)
        self.runner = native.Runner(np.ndarray, taking, shared, *counts, *places, check_finite, *kernels)
        self.step, self.update, self.run = self.runner.step, self.runner.update, self.runner.run  # type: ignore[method-assign]  # no call between

    def bind(self, key: Hashable, state: KeyState) -> None:
        """Keep this key's buffers."""
        arrays = tuple(state.arrays.get(name) for name in self.recipe.arrays)
        itemsize = np.dtype(state.dtype).itemsize
        self.runner.bind(key, state.counts, state.taken, state.scalars, arrays, state.shape, itemsize)

    def _wired(self, kernel: Kernel | None) -> tuple[Any, ...] | None:
        if kernel is None:
            return None
        own = len(kernel.base) - len(self.recipe.scalars) - len(self.recipe.shared)
        keep_from = tuple(index for _, index in kernel.keeps)
        keep_to = tuple(kernel.base.index(name) - own for name, _ in kernel.keeps)
        phases = tuple(self._phase(each) for each in kernel.phases)
        return kernel.size, kernel.guarded, keep_from, keep_to, phases

    def _phase(self, phase: Phase) -> tuple[Any, ...]:
        order = ("w", "g", *self.recipe.arrays)
        return (
            block_name(phase.block) if phase.gives else None,
            walk_name(phase.walk) if phase.walk.arrays else None,
            phase.takes,
            phase.gives,
            tuple(each for pair in phase.totals for each in pair),
            tuple(order.index(name) for name in phase.walk.arrays),
            phase.scalars,
            phase.results,
            tuple(KINDS.index(each.kind) for each in phase.walk.reductions),
        )


def is_compiled(native: Any, recipe: Recipe) -> bool:
    """Whether the module has every function that the recipe needs."""
    return native is not None and printed([recipe]).names() <= native.names()
