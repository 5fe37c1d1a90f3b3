"""Kernels as blocked NumPy calls: the reference for bits, and what runs where nothing is compiled.

Arrays are walked in blocks that stay in the cache, with scratch of the size of a block and never of the weights.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable
from functools import cache
from math import isfinite, sqrt
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from ..language import arithmetic
from ..language.kernel import Kernel, Phase
from ..language.printing_numpy import numpy_walk, without_ones
from ..language.printing_python import python_block
from ..threads import num_threads, spread, whole
from .contract import Batch, KeyState, OnHost, Outcome, Recipe
from .summing import fold, lanes

BLOCK = 1 << 15
MANY = 64  # blocks; with fewer, threads that hand the interpreter's lock about lose more than they gain
SHRINK = 2.0**-600  # float64 norms that overflow are taken again at this scale, which is exact

T = TypeVar("T")
WalkFunction = Callable[..., tuple[Any, ...]]


class PlainRunner(OnHost):
    """Runs a recipe with NumPy alone. See `contract.Runner`."""

    def __init__(self, recipe: Recipe, numbers: array[float], shared: array[float], *, check_finite: bool) -> None:
        self.recipe, self.numbers, self.shared = recipe, numbers, shared
        self.check_finite = check_finite
        self.main, self.before, self.after = (_program(each) for each in (recipe.main, recipe.before, recipe.after))
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
        with whole(), self.lock:
            return self._run([self._task(handles[key], *pair, lr_scale) for key, pair in batch.items()], lr_scale)

    def _task(self, state: KeyState, weights: Any, gradient: Any, lr_scale: float) -> _Task:
        t = state.t + 1
        period = self.recipe.period is not None and int(self.numbers[self.recipe.period])
        is_kth = period and t % period == 0
        arrays = {"w": weights.reshape(-1), "g": gradient.reshape(-1), **state.arrays}
        scalars = self._scalars(state, t, lr_scale)
        return _Task(self.before if is_kth else self.main, state, arrays, scalars, self.after if is_kth else None)

    def _scalars(self, state: KeyState, t: int, lr_scale: float) -> list[float]:
        scalars = [*self.numbers, float(t), float(state.size), *state.scalars, *self.shared]
        if self.recipe.rate is not None:
            scalars[self.recipe.rate] *= lr_scale
        return scalars

    def _run(self, tasks: list[_Task], lr_scale: float) -> int:
        """Every walk but the last reads only; so a gradient that is not finite is found before anything has changed."""
        if self.check_finite and any(not task.kernel.guarded and not task.is_finite() for task in tasks):
            return Outcome.NONFINITE
        for depth in range(max((len(task.program) for task in tasks), default=1) - 1):
            _reduce(tasks, depth)
            if depth == 0 and self.check_finite and any(task.is_suspect() for task in tasks):
                return Outcome.NONFINITE
        for task in tasks:
            task.store()
        for task in tasks:
            task.commit(self.shared)
        for task in tasks:
            if task.then:
                _Task(task.then, task.state, task.arrays, self._scalars(task.state, task.state.t, lr_scale)).store()
        return Outcome.DONE


class _Program(list["_Round"]):
    """A kernel with its printed functions."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(_Round(each) for each in kernel.phases)
        self.kernel = kernel


@cache
def _program(kernel: Kernel | None) -> _Program | None:
    return _Program(kernel) if kernel else None


class _Round:
    """A phase with its printed functions."""

    def __init__(self, phase: Phase) -> None:
        self.phase = phase
        self.block = defined(python_block(phase.block), "scalars", vars(arithmetic))
        self.walks: dict[frozenset[str], tuple[WalkFunction, int, int]] = {}

    def walk(self, numbers: list[float]) -> tuple[WalkFunction, int, int]:
        """The walk's function for these numbers (a factor of 1 costs a pass over memory, and is left out)."""
        walk = self.phase.walk
        ones = frozenset(name for name, value in zip(walk.scalars, numbers, strict=True) if value == 1.0)
        if ones not in self.walks:
            printed = numpy_walk(without_ones(walk, ones))
            self.walks[ones] = defined(printed.source, "walk", vars(np)), printed.numbers, printed.truths
        return self.walks[ones]

    def over(self, arrays: dict[str, Any], scalars: list[float], take: Callable[[tuple[Any, ...]], Any]) -> list[Any]:
        """Run the walk block by block; what is taken from each, in order. Many blocks are shared by threads."""
        numbers = [scalars[index] for index in self.phase.scalars]
        function, reals, truths = self.walk(numbers)
        operands = [arrays[name] for name in self.phase.walk.arrays]
        dtype, size = operands[0].dtype, operands[0].size
        with np.errstate(all="ignore"):
            rounded = [np.array(each, dtype) for each in numbers]

        def run(begins: range) -> list[Any]:
            width = min(size, BLOCK)
            scratch = [np.empty(width, dtype) for _ in range(reals)] + [np.empty(width, bool) for _ in range(truths)]
            taken = []
            with np.errstate(all="ignore"):
                for begin in begins:
                    blocks = [each[begin : begin + BLOCK] for each in operands]
                    room = scratch if size - begin >= width else [each[: size - begin] for each in scratch]
                    taken.append(take(function(*blocks, *rounded, *room)))
            return taken

        return shared(run, range(0, size, BLOCK))

    def sums(self, arrays: dict[str, Any], scalars: list[float], scale: float = 1.0) -> list[float]:
        """The sum (of squares, of products) or the greatest, of each reduction, in the defined order."""
        reductions = self.phase.walk.reductions

        def take(values: tuple[Any, ...]) -> list[Any]:
            rest = iter(values)
            return [lanes(each.kind, [next(rest) for _ in each.args], scale) for each in reductions]

        found = zip(*self.over(arrays, scalars, take), strict=True)
        return [fold(each.kind, np.concatenate(parts)) for each, parts in zip(reductions, found, strict=True)]


class _Task:
    """One key within a call: its arrays, the numbers computed so far, and what is to follow the step."""

    def __init__(
        self, program: Any, state: KeyState, arrays: dict[str, Any], scalars: list[float], then: _Program | None = None
    ) -> None:
        self.program, self.kernel, self.state, self.arrays, self.then = program, program.kernel, state, arrays, then
        self.scalars = scalars + [0.0] * (self.kernel.size - len(scalars))

    def compute(self, depth: int) -> None:
        """The scalars of one phase."""
        phase = self.program[depth].phase
        results = self.program[depth].block(*(self.scalars[index] for index in phase.takes))
        for index, value in zip(phase.gives, results, strict=True):
            self.scalars[index] = float(value)

    def reduce(self, depth: int) -> None:
        """The reductions of one phase."""
        phase = self.program[depth].phase
        kinds = [each.kind for each in phase.walk.reductions]
        sums = self.program[depth].sums(self.arrays, self.scalars)
        overflown = [kind == "norm" and not isfinite(value) for kind, value in zip(kinds, sums, strict=True)]
        is_double = self.state.dtype == "float64"
        again = self.program[depth].sums(self.arrays, self.scalars, SHRINK) if is_double and any(overflown) else None
        for place, (index, kind) in enumerate(zip(phase.results, kinds, strict=True)):
            found, scale = (again[place], SHRINK) if again and overflown[place] else (sums[place], 1.0)
            self.scalars[index] = sqrt(found) / scale if kind == "norm" else found

    def is_finite(self) -> bool:
        """Whether the gradient is."""
        gradient = self.arrays["g"]

        def run(begins: range) -> list[bool]:
            return [all(np.isfinite(gradient[begin : begin + BLOCK]).all() for begin in begins)]

        found: list[bool] = shared(run, range(0, gradient.size, BLOCK))
        return all(found)

    def is_suspect(self) -> bool:
        """Whether the first reductions betray a gradient that is not finite."""
        if not self.kernel.guarded or all(isfinite(self.scalars[each]) for each in self.kernel.phases[0].results):
            return False
        return not self.is_finite()

    def store(self) -> None:
        """The last phase."""
        self.compute(-1)
        self.program[-1].over(self.arrays, self.scalars, lambda _: None)

    def commit(self, shared: array[float]) -> None:
        """Keep the scalar state, and count the step."""
        own = self.state.scalars
        first = len(self.kernel.base) - len(shared) - len(own)
        self.state.count[0] += 1
        for name, index in self.kernel.keeps:
            place = self.kernel.base.index(name) - first
            kept, place = (own, place) if place < len(own) else (shared, place - len(own))
            kept[place] = self.scalars[index]


def shared(run: Callable[[range], list[T]], begins: range) -> list[T]:
    """The results for all blocks, in order; where there are many, each thread takes some that lie together."""
    threads = num_threads() if len(begins) >= MANY else 1
    if threads == 1:
        return run(begins)
    each = -(-len(begins) // threads)
    parts = [begins[at : at + each] for at in range(0, len(begins), each)]
    return [value for values in spread(run, parts) for value in values]


def _reduce(tasks: list[_Task], depth: int) -> None:
    """One phase that does not store: scalars, sums over the keys, reductions."""
    tasks = [task for task in tasks if depth < len(task.program) - 1]
    for task in tasks:
        task.compute(depth)
    totals = [task.kernel.phases[depth].totals for task in tasks]
    for pairs in zip(*totals, strict=True):
        total = 0.0
        for task, (source, _) in zip(tasks, pairs, strict=True):
            total += task.scalars[source]
        for task, (_, target) in zip(tasks, pairs, strict=True):
            task.scalars[target] = total
    for task in tasks:
        if task.kernel.phases[depth].results:
            task.reduce(depth)


def defined(source: str, name: str, words: dict[str, Any]) -> Callable[..., Any]:
    """A printed function, defined with these words."""
    made: dict[str, Callable[..., Any]] = {}
    exec(source, dict(words), made)  # noqa: S102  # the source is made by our printers from traced formulas
    return made[name]
