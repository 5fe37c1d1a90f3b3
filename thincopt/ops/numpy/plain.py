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
from ...concurrency.turns import Turns
from ...language import arithmetic
from ...language.kernel import Kernel, Phase
from ...language.printing_python import defined, python_block
from ...native.order import Order
from ...recipes.recipe import Recipe
from ..contract import Batch, KeyState, OnHost, Outcome, numbers_of
from .blocks import BlockWalk, Part, all_finite, at_once_in_blocks, quietly
from .sound import are_sound

LARGE = 1e38  # that float32 can hold
SHRINK = 2.0**-600  # float64 norms that overflow are taken again at this scale, which is exact


class PlainRunner(OnHost):
    """Runs a recipe with NumPy alone. See `contract.Runner`."""

    def __init__(
        self,
        recipe: Recipe,
        shared: array[float],
        turns: Turns,
        *,
        check_finite: bool,
        order: Order | None = None,
    ) -> None:
        self.recipe, self.shared, self.turns = recipe, shared, turns
        self.check_finite, self.order = check_finite, order
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

    def step(self, numbers: bytes, key: Hashable, weights: Any, gradient: Any, lr_scale: float) -> int:
        """Update what is sound at a glance; at all else the engine looks, and says what is wrong with it."""
        return self.update(numbers, {key: (weights, gradient)}, lr_scale)

    def update(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """The same for a model."""
        return self.turns.quick(numbers, Outcome.REFUSED, self._at_a_glance, batch, lr_scale)

    def _at_a_glance(self, numbers: bytes, batch: Batch, lr_scale: float) -> Outcome:
        given = _Given(self.recipe, numbers_of(numbers), lr_scale)
        if self.outrun or type(batch) is not dict or not given.is_sound:
            return Outcome.REFUSED
        found = batch.copy()  # nobody else can change it
        return self._run(given, found) if are_sound(found, self.states) else Outcome.REFUSED

    def run(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """Update every key of the batch, or none."""
        return self._run(_Given(self.recipe, numbers_of(numbers), lr_scale), batch)

    def _run(self, given: _Given, batch: Batch) -> Outcome:
        end_all()  # a second signal may have torn this thread from the wait for a step, which is done all the same
        return self._walk([self._task(given, self.states[key], *pair) for key, pair in batch.items()])

    def _task(self, given: _Given, state: KeyState, weights: Any, gradient: Any) -> _Task:
        program = self.programs[self.recipe.case(state.t + 1, given.numbers)]
        arrays = {"w": weights.reshape(-1), "g": gradient.reshape(-1), **state.arrays}
        return _Task(program, state, arrays, given.scalars(state, self.shared))

    @quietly
    def _walk(self, tasks: list[_Task]) -> Outcome:
        """Every walk but the last reads only; so a gradient that is not finite is found before anything has changed."""
        if self.check_finite and not all(task.kernel.guarded or all_finite(task.arrays["g"]) for task in tasks):
            return Outcome.NONFINITE
        for depth in range(max((len(task.program) for task in tasks), default=1) - 1):
            _reduce(tasks, depth)
            if depth == 0 and self.check_finite and any(task.is_suspect() for task in tasks):
                return Outcome.NONFINITE
        shared = array("d", self.shared)
        walks = [task.storing() for task in tasks]
        kept = [call for task in tasks for call in task.keeping(shared)]
        at_once_in_blocks(walks, [*kept, (setitem, self.shared, slice(None), shared)])
        return Outcome.DONE


class _Given(NamedTuple):
    """What a call is given beside arrays."""

    recipe: Recipe
    numbers: Sequence[float]
    lr_scale: float

    @property
    def is_sound(self) -> bool:
        """Whether the rate is plainly one that float32 can hold."""
        rate = 0.0 if self.recipe.rate is None else self.numbers[self.recipe.rate]
        return type(self.lr_scale) is float and self.lr_scale >= 0.0 and abs(rate * self.lr_scale) < LARGE

    def scalars(self, state: KeyState, shared: Sequence[float]) -> list[float]:
        """What a kernel's scalars begin with in the next step of a key."""
        scalars = [*self.numbers, *state.supplied, *state.scalars, *shared]
        if self.recipe.rate is not None:
            scalars[self.recipe.rate] *= self.lr_scale
        return scalars


class _Program(list["_Round"]):
    """A kernel with its printed functions."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(map(_Round, kernel.phases))
        self.kernel = kernel


@cache
def _program(kernel: Kernel) -> _Program:
    return _Program(kernel)


class _Round:
    """A phase with its printed functions."""

    def __init__(self, phase: Phase) -> None:
        self.phase, self.walk = phase, BlockWalk(phase.walk, phase.scalars)
        takes, gives = ("".join(f"numbers[{index}], " for index in each) for each in (phase.takes, phase.gives))
        compute = f"def compute(numbers): {gives or '()'} = map(float, scalars({takes}))"
        self.compute = defined(python_block(phase.block) + compute, "compute", vars(arithmetic))


class _Task:
    """One key within a call: its arrays, and the numbers computed so far."""

    def __init__(self, program: _Program, state: KeyState, arrays: dict[str, Any], scalars: list[float]) -> None:
        self.program, self.kernel, self.state, self.arrays = program, program.kernel, state, arrays
        self.scalars = scalars + [0.0] * (self.kernel.size - len(scalars))

    def reduce(self, depth: int) -> None:
        """The reductions of one phase; where norms of float64 overflow, they are taken again at a smaller scale."""
        phase = self.program[depth]
        indices, kinds = phase.phase.results, phase.walk.kinds
        for index, kind, found in zip(indices, kinds, self._sums(phase), strict=True):
            self.scalars[index] = sqrt(found) if kind == "norm" else found
        if self.state.dtype == "float64" and "norm" in kinds and not self._are_finite(indices):
            for index, kind, found in zip(indices, kinds, self._sums(phase, SHRINK), strict=True):
                if kind == "norm" and not isfinite(self.scalars[index]):
                    self.scalars[index] = sqrt(found) / SHRINK

    def _sums(self, phase: _Round, scale: float = 1.0) -> list[float]:
        return phase.walk.sums(self.arrays, self.scalars, scale)

    def _are_finite(self, indices: Sequence[int]) -> bool:
        return all(isfinite(self.scalars[index]) for index in indices)

    def is_suspect(self) -> bool:
        """Whether the first reductions betray a gradient that is not finite."""
        if not self.kernel.guarded or self._are_finite(self.kernel.phases[0].results):
            return False
        return not all_finite(self.arrays["g"])

    def storing(self) -> list[Part]:
        """The walk of the last phase, laid out."""
        last = self.program[-1]
        last.compute(self.scalars)
        return last.walk.parts(self.arrays, self.scalars)

    def keeping(self, shared: array[float]) -> list[tuple[Any, ...]]:
        """The calls that count the step and keep the key's scalars; what is shared is noted at once."""
        state = self.state
        counting = [(setitem, state.counts, 0, state.t + 1), (setitem, state.taken, 0, 1)]
        if not self.kernel.keeps:
            return counting
        own = array("d", state.scalars)
        first = len(self.kernel.base) - len(shared) - len(own)
        for name, index in self.kernel.keeps:
            place = self.kernel.base.index(name) - first
            kept, place = (own, place) if place < len(own) else (shared, place - len(own))
            kept[place] = self.scalars[index]
        return [(setitem, state.scalars, slice(None), own), *counting]


def _reduce(tasks: list[_Task], depth: int) -> None:
    """One phase that does not store: scalars, sums over the keys, reductions."""
    tasks = [task for task in tasks if depth < len(task.program) - 1]
    for task in tasks:
        task.program[depth].compute(task.scalars)
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
