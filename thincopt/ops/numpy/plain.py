"""Kernels as blocked NumPy calls: the reference for bits, and what runs where nothing is compiled.

Arrays are walked in blocks that stay in the cache, with scratch of the size of a block and never of the weights. All
that a step changes is laid out first and then changed at once: it is whole, whatever signals come.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from functools import cache
from math import isfinite, sqrt
from operator import setitem
from typing import Any, NamedTuple

from ...concurrency.threads import end_all
from ...concurrency.whole import calls
from ...language import arithmetic
from ...language.kernel import Kernel, Phase
from ...language.printing_python import python_function
from ...native.order import Order
from ...recipes.recipe import Recipe
from ..contract import Batch, KeyState, OnHost, Outcome, numbers_of
from .blocks import BlockWalk, Part, all_finite, at_once_in_blocks

SHRINK = 2.0**-600  # float64 norms that overflow are taken again at this scale, which is exact


class PlainRunner(OnHost):
    """Runs a recipe with NumPy alone. See `contract.Runner`."""

    def __init__(self, recipe: Recipe, shared: array[float], *, check_finite: bool, order: Order | None = None) -> None:
        self.recipe, self.shared, self.check_finite, self.order = recipe, shared, check_finite, order
        self.programs = [_program(each) for each in recipe.kernels]
        self.states: dict[Hashable, KeyState] = {}

    @property
    def remark(self) -> str:
        """Why it is not compiled kernels that run, if they might."""
        return self.order.remark if self.order else ""

    @property
    def outrun(self) -> bool:
        """Whether there are compiled kernels by now."""
        return self.order is not None and self.order.is_there

    def bind(self, key: Hashable, state: KeyState) -> None:
        """Keep the state itself."""
        self.states[key] = state

    def collect(self) -> None:
        """All is in its place when no step is under way."""
        end_all()

    def run(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """Update every key of the batch, or none.

        Every walk but the last reads only; so a gradient that is not finite is found before anything has changed.
        """
        end_all()  # a second signal may have torn this thread from the wait for a step, which is done all the same
        given = _Given(self.recipe, numbers_of(numbers), lr_scale)
        tasks = [self._task(given, self.states[key], *pair) for key, pair in batch.items()]
        if self.check_finite and any(not task.kernel.guarded and not all_finite(task.arrays["g"]) for task in tasks):
            return Outcome.NONFINITE
        for depth in range(max((len(task.program) for task in tasks), default=1) - 1):
            _reduce(tasks, depth)
            if depth == 0 and self.check_finite and any(task.is_suspect() for task in tasks):
                return Outcome.NONFINITE
        self._store(tasks)
        return Outcome.DONE

    def _task(self, given: _Given, state: KeyState, weights: Any, gradient: Any) -> _Task:
        program = self.programs[self.recipe.turn(state.t + 1, given.numbers)]
        arrays = {"w": weights.reshape(-1), "g": gradient.reshape(-1), **state.arrays}
        return _Task(program, state, arrays, given.scalars(state, self.shared))

    def _store(self, tasks: Sequence[_Task]) -> None:
        """Change all at once: arrays, then counts and scalar state."""
        walks, owns, shared = [], [array("d", task.state.scalars) for task in tasks], array("d", self.shared)
        changes: list[tuple[Any, ...]] = [(setitem, self.shared, slice(None), shared)]
        for task, own in zip(tasks, owns, strict=True):
            walks.append(task.storing())
            task.keep(own, shared)
            state = task.state
            changes += [(setitem, state.scalars, slice(None), own), (setitem, state.taken, 0, 1)]
            changes += [(setitem, state.counts, 0, state.t + 1)]
        at_once_in_blocks(walks, [calls(*changes)])


class _Given(NamedTuple):
    """What a call is given beside arrays."""

    recipe: Recipe
    numbers: Sequence[float]
    lr_scale: float

    def scalars(self, state: KeyState, shared: Sequence[float]) -> list[float]:
        """What a kernel's scalars begin with in the next step of a key."""
        scalars = [*self.numbers, *state.supplied, *state.scalars, *shared]
        if self.recipe.rate is not None:
            scalars[self.recipe.rate] *= self.lr_scale
        return scalars


class _Program(list["_Round"]):
    """A kernel with its printed functions."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(_Round(each) for each in kernel.phases)
        self.kernel = kernel


@cache
def _program(kernel: Kernel) -> _Program:
    return _Program(kernel)


class _Round:
    """A phase with its printed functions."""

    def __init__(self, phase: Phase) -> None:
        self.phase, self.walk = phase, BlockWalk(phase.walk)
        self.block = python_function(phase.block, vars(arithmetic))


class _Task:
    """One key within a call: its arrays, and the numbers computed so far."""

    def __init__(self, program: _Program, state: KeyState, arrays: dict[str, Any], scalars: list[float]) -> None:
        self.program, self.kernel, self.state, self.arrays = program, program.kernel, state, arrays
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
        sums = self._sums(depth)
        overflown = [kind == "norm" and not isfinite(value) for kind, value in zip(kinds, sums, strict=True)]
        again = self._sums(depth, SHRINK) if self.state.dtype == "float64" and any(overflown) else None
        for place, (index, kind) in enumerate(zip(phase.results, kinds, strict=True)):
            found, scale = (again[place], SHRINK) if again and overflown[place] else (sums[place], 1.0)
            self.scalars[index] = sqrt(found) / scale if kind == "norm" else found

    def _sums(self, depth: int, scale: float = 1.0) -> list[float]:
        phase = self.program[depth]
        sums: list[float] = phase.walk.sums(self.arrays, self._numbers(phase), scale)
        return sums

    def _numbers(self, phase: _Round) -> list[float]:
        return [self.scalars[index] for index in phase.phase.scalars]

    def is_suspect(self) -> bool:
        """Whether the first reductions betray a gradient that is not finite."""
        if not self.kernel.guarded or all(isfinite(self.scalars[each]) for each in self.kernel.phases[0].results):
            return False
        return not all_finite(self.arrays["g"])

    def storing(self) -> list[Part]:
        """The walk of the last phase, laid out."""
        self.compute(-1)
        last = self.program[-1]
        parts: list[Part] = last.walk.parts(self.arrays, self._numbers(last))
        return parts

    def keep(self, own: array[float], shared: array[float]) -> None:
        """Put what the step makes of the scalar state in place."""
        first = len(self.kernel.base) - len(shared) - len(own)
        for name, index in self.kernel.keeps:
            place = self.kernel.base.index(name) - first
            kept, place = (own, place) if place < len(own) else (shared, place - len(own))
            kept[place] = self.scalars[index]


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
