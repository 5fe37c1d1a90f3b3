"""Kernels as blocked NumPy calls: the reference for bits, and what runs where nothing is compiled.

Arrays are walked in blocks that stay in the cache, with scratch of the size of a block and never of the weights.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable
from functools import cache
from math import isfinite, sqrt
from threading import Lock
from typing import Any

import numpy as np

from ..language import arithmetic
from ..language.kernel import Block, Kernel, Phase, Walk
from ..language.printing_numpy import numpy_walk
from ..language.printing_python import python_block
from .contract import Batch, KeyState, Outcome, Recipe
from .summing import chunk_maxima, chunk_sums, fold

BLOCK = 1 << 15
SHRINK = 2.0**-600  # float64 norms that overflow are taken again at this scale, which is exact


class PlainRunner:
    """Runs a recipe with NumPy alone. See `contract.Runner`."""

    def __init__(
        self,
        recipe: Recipe,
        numbers: array[float],
        shared: array[float],
        *,
        check_finite: bool,
    ) -> None:
        self.recipe, self.numbers, self.shared = recipe, numbers, shared
        self.check_finite = check_finite
        self.lock = Lock()

    def bind(self, state: KeyState) -> KeyState:
        """The state itself."""
        return state

    def step(self, *_: Any) -> int:
        """Leave the checks to the engine."""
        return Outcome.REFUSED

    update = step

    def run(self, handles: dict[Hashable, Any], batch: Batch, lr_scale: float) -> int:
        """Update every key of the batch, or none."""
        tasks = [
            _Task(self, handles[key], weights.reshape(-1), gradient.reshape(-1), lr_scale)
            for key, (weights, gradient) in batch.items()
        ]
        with self.lock, np.errstate(all="ignore"):
            return self._run(tasks, lr_scale)

    def _run(self, tasks: list[_Task], lr_scale: float) -> int:
        if self.check_finite and any(not task.kernel.guarded and not _all_finite(task.gradient) for task in tasks):
            return Outcome.NONFINITE
        for depth in range(max((len(task.kernel.phases) for task in tasks), default=1) - 1):
            _reduce(tasks, depth)
            if depth == 0 and self.check_finite and any(task.is_suspect() for task in tasks):
                return Outcome.NONFINITE
        for task in tasks:
            task.scalars_of(task.kernel.phases[-1])
            task.store()
        for task in tasks:
            task.commit(self.shared)
        for task in tasks:
            self._after(task, lr_scale)
        return Outcome.DONE

    def _after(self, task: _Task, lr_scale: float) -> None:
        """On the key's k-th steps, the kernel that follows the step."""
        if self.recipe.after is not None and task.kernel is self.recipe.before:
            after = _Task(self, task.state, task.weights, task.gradient, lr_scale, kernel=self.recipe.after)
            after.scalars_of(after.kernel.phases[-1])
            after.store()


class _Task:
    """One key within a call: its arrays, and the numbers computed so far."""

    def __init__(
        self,
        runner: PlainRunner,
        state: KeyState,
        weights: Any,
        gradient: Any,
        lr_scale: float,
        *,
        kernel: Kernel | None = None,
    ) -> None:
        recipe = runner.recipe
        self.state, self.weights, self.gradient = state, weights, gradient
        t = state.t if kernel else state.t + 1
        period = recipe.period is not None and int(runner.numbers[recipe.period])
        special = recipe.before if period and t % period == 0 else None
        self.kernel = kernel or special or recipe.main
        self.scalars = [*runner.numbers, float(t), float(weights.size), *state.scalars, *runner.shared]
        if recipe.rate is not None:
            self.scalars[recipe.rate] *= lr_scale
        self.scalars += [0.0] * (self.kernel.size - len(self.scalars))

    def arrays(self, walk: Walk) -> list[Any]:
        own = {"w": self.weights, "g": self.gradient}
        return [own[name] if name in own else self.state.arrays[name] for name in walk.arrays]

    def scalars_of(self, phase: Phase) -> None:
        results = _block_function(phase.block)(*(self.scalars[index] for index in phase.takes))
        for index, value in zip(phase.gives, results, strict=True):
            self.scalars[index] = float(value)

    def reduce(self, phase: Phase) -> None:
        numbers = [self.scalars[index] for index in phase.scalars]
        arrays, dtype = self.arrays(phase.walk), self.weights.dtype
        sums = _reductions(phase.walk, arrays, numbers, dtype, 1.0)
        kinds = [each.kind for each in phase.walk.reductions]
        found = [sqrt(value) if kind == "norm" else value for kind, value in zip(kinds, sums, strict=True)]
        overflown = [kind == "norm" and not isfinite(value) for kind, value in zip(kinds, sums, strict=True)]
        if any(overflown) and dtype == np.float64:
            again = _reductions(phase.walk, arrays, numbers, dtype, SHRINK)
            rescued = [sqrt(value) / SHRINK for value in again]
            found = [new if over else old for new, old, over in zip(rescued, found, overflown, strict=True)]
        for index, value in zip(phase.results, found, strict=True):
            self.scalars[index] = value

    def is_suspect(self) -> bool:
        """Whether the first reductions betray a gradient that is not finite."""
        if not self.kernel.guarded or all(isfinite(self.scalars[each]) for each in self.kernel.phases[0].results):
            return False
        return not _all_finite(self.gradient)

    def store(self) -> None:
        phase = self.kernel.phases[-1]
        numbers = [self.scalars[index] for index in phase.scalars]
        for _ in _walks(phase.walk, self.arrays(phase.walk), numbers, self.weights.dtype):
            pass

    def commit(self, shared: array[float]) -> None:
        base = len(self.kernel.base) - len(shared) - len(self.state.scalars)
        self.state.count[0] += 1
        for name, index in self.kernel.keeps:
            place = self.kernel.base.index(name) - base
            if place < len(self.state.scalars):
                self.state.scalars[place] = self.scalars[index]
            else:
                shared[place - len(self.state.scalars)] = self.scalars[index]


def _reduce(tasks: Iterable[_Task], depth: int) -> None:
    """One phase that does not store: scalars, sums over the keys, reductions."""
    tasks = [task for task in tasks if depth < len(task.kernel.phases) - 1]
    for task in tasks:
        task.scalars_of(task.kernel.phases[depth])
    for position in range(len(tasks[0].kernel.phases[depth].totals) if tasks else 0):
        total = 0.0
        for task in tasks:
            total += task.scalars[task.kernel.phases[depth].totals[position][0]]
        for task in tasks:
            task.scalars[task.kernel.phases[depth].totals[position][1]] = total
    for task in tasks:
        if task.kernel.phases[depth].results:
            task.reduce(task.kernel.phases[depth])


def _reductions(walk: Walk, arrays: list[Any], numbers: list[float], dtype: Any, scale: float) -> list[float]:
    """The sum (of squares, of products) or the greatest, of each reduction of a walk, in the defined order."""
    chunks: list[list[Any]] = [[] for _ in walk.reductions]
    for operands in _walks(walk, arrays, numbers, dtype):
        rest = iter(operands)
        for found, reduction in zip(chunks, walk.reductions, strict=True):
            values = [next(rest) for _ in reduction.args]
            found.append(
                chunk_maxima(*values) if reduction.kind == "amax" else chunk_sums(reduction.kind, values, scale)
            )
    kinds = [each.kind for each in walk.reductions]
    return [fold(np.concatenate(found), is_max=kind == "amax") for kind, found in zip(kinds, chunks, strict=True)]


def _walks(walk: Walk, arrays: list[Any], numbers: list[float], dtype: Any) -> Iterable[tuple[Any, ...]]:
    """Run a walk's function block by block; what it gives for each."""
    function, reals, truths = _walk_function(walk)
    size = arrays[0].size
    width = min(size, BLOCK)
    scratch = [np.empty(width, dtype) for _ in range(reals)] + [np.empty(width, bool) for _ in range(truths)]
    scalars = [np.array(each, dtype) for each in numbers]
    for begin in range(0, size, BLOCK):
        blocks = [each[begin : begin + BLOCK] for each in arrays]
        if size - begin < width:
            scratch = [each[: size - begin] for each in scratch]
        yield function(*blocks, *scalars, *scratch)


def _all_finite(values: Any) -> bool:
    return all(np.isfinite(values[begin : begin + BLOCK]).all() for begin in range(0, values.size, BLOCK))


@cache
def _block_function(block: Block) -> Callable[..., tuple[float, ...]]:
    return _defined(python_block(block), "scalars", vars(arithmetic))


@cache
def _walk_function(walk: Walk) -> tuple[Callable[..., tuple[Any, ...]], int, int]:
    printed = numpy_walk(walk)
    return _defined(printed.source, "walk", vars(np)), printed.numbers, printed.truths


def _defined(source: str, name: str, words: dict[str, Any]) -> Callable[..., Any]:
    """Define a printed function."""
    made: dict[str, Callable[..., Any]] = {}
    exec(source, dict(words), made)  # noqa: S102  # the source is made by our printers from traced formulas
    return made[name]
