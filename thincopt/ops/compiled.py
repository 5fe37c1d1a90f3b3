"""Recipes run by the compiled module: kernels become wiring, and each function is found by its printed text."""

from __future__ import annotations

from array import array
from functools import cache
from typing import Any

import numpy as np

from ..language.kernel import Kernel, Phase
from ..language.printing_c import c_block, c_walk
from .contract import KeyState, OnHost, Recipe

KINDS = ("sum", "dot", "norm", "amax")
block_name = cache(lambda block: c_block(block)[0])
walk_name = cache(lambda walk: c_walk(walk)[0])


class CompiledRunner(OnHost):
    """Runs a recipe in compiled code. See `contract.Runner`."""

    def __init__(
        self, native: Any, recipe: Recipe, numbers: array[float], shared: array[float], *, check_finite: bool
    ) -> None:
        self.native, self.recipe = native, recipe
        kernels = (self._wired(each) for each in (recipe.main, recipe.before, recipe.after))
        places = (-1 if place is None else place for place in (recipe.rate, recipe.period))
        runner = native.Runner(np.ndarray, numbers, shared, *places, check_finite, *kernels)
        self.step, self.update, self.run = runner.step, runner.update, runner.update

    def bind(self, state: KeyState) -> Any:
        """A handle that holds this key's buffers."""
        arrays = tuple(state.arrays.get(name) for name in self.recipe.arrays)
        return self.native.bind(state.count, state.scalars, arrays, state.shape, np.dtype(state.dtype).itemsize)

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
    names = native.names()
    phases = [phase for kernel in recipe.kernels for phase in kernel.phases]
    blocks = {block_name(each.block) for each in phases if each.gives}
    return bool(blocks | {walk_name(each.walk) for each in phases if each.walk.arrays} <= names)
