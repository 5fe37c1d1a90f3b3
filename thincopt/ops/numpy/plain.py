"""Kernels as blocked NumPy calls: the reference for bits, and what runs where nothing is compiled.

Arrays are walked in blocks that stay in the cache, with scratch of the size of a block and never of the weights. All
that a step changes is laid out first and then changed at once: it is whole, whatever signals come.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from math import isfinite
from operator import setitem
from typing import Any

from ...concurrency.threads import end_all
from ...concurrency.turns import Turns
from ...language import arithmetic
from ...language.kernel import Kernel, Phase
from ...language.printing_python import defined, python_lines, python_outputs
from ...native.order import Order
from ..contract import DTYPES, Batch, Cohort, KeyState, Numbers, OnHost, Outcome, unpacked
from .blocks import BlockWalk, Given, all_finite, at_once_in_blocks
from .room import Room
from .sound import Bound, Found, at_a_glance

LARGE = 1e38  # that float32 can hold
SHRINK = 2.0**-600  # float64 norms that overflow are taken again at this scale, which is exact


class PlainRunner(OnHost):
    """Runs recipes with NumPy alone. See `contract.Runner`."""

    way = "NumPy's own functions"

    def __init__(
        self, cohorts: Sequence[Cohort], turns: Turns, *, check_finite: bool, orders: Sequence[Order] = ()
    ) -> None:
        self.cohorts, self.turns = cohorts, turns
        self.check_finite, self.orders = check_finite, orders
        self.programs = [[_program(kernel) for kernel in each.recipe.kernels] for each in cohorts]
        self.reading = max(len(program) for programs in self.programs for program in programs) - 1  # rounds
        self.rooms = {each: Room(each) for each in DTYPES}
        self.states: dict[Hashable, Bound] = {}
        self.unpacked = lru_cache(maxsize=256)(partial(unpacked, cohorts=cohorts))

    @property
    def remark(self) -> str:
        """Why it is not compiled kernels that run, if they might."""
        return next((each.remark for each in self.orders), "")

    @property
    def outrun(self) -> bool:
        """Whether there are compiled kernels by now."""
        return any(each.is_there for each in self.orders)

    def bind(self, key: Hashable, state: KeyState, cohort: int) -> None:
        """Keep the state itself."""
        self.states[key] = Bound(state, cohort, self.cohorts[cohort].recipe.stands)

    def collect(self) -> None:
        """All is in its place when no step is under way."""
        end_all()

    def step(self, numbers: bytes, key: Hashable, weights: Any, gradient: Any, lr_scale: float) -> int:
        """Update what is sound at a glance; at all else the engine looks, and says what is wrong with it."""
        batch = {key: (weights, gradient)}
        return self.turns.quick(numbers, Outcome.REFUSED, self._at_a_glance, batch, lr_scale)

    def update(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """The same for a model."""
        return self.turns.quick(numbers, Outcome.REFUSED, self._at_a_glance, batch, lr_scale)

    def _at_a_glance(self, packed: bytes, batch: Batch, lr_scale: float) -> Outcome:
        if self.outrun or type(batch) is not dict or type(lr_scale) is not float or not 0.0 <= lr_scale < LARGE:
            return Outcome.REFUSED
        numbers = self.unpacked(packed)
        for cohort, (scale, settings) in zip(self.cohorts, numbers, strict=True):
            rate = cohort.recipe.rate
            if rate is not None and not abs(settings[rate] * (scale * lr_scale)) < LARGE:
                return Outcome.REFUSED
        found = at_a_glance(batch.copy(), self.states)  # a copy: nobody else can change it
        return Outcome.REFUSED if found is None else self._run(numbers, found, lr_scale)

    def run(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """Update every key of the batch, or none."""
        return self._run(self.unpacked(numbers), [(self.states[key], *pair) for key, pair in batch.items()], lr_scale)

    def _run(self, numbers: Sequence[Numbers], found: Iterable[Found], lr_scale: float) -> Outcome:
        """Every walk but the last reads only; so a gradient that is not finite is found before anything has changed."""
        end_all()  # a second signal may have torn this thread from the wait for a step, which is done all the same
        tasks = []
        for (state, cohort, stands), weights, gradient in found:
            (recipe, shared), (scale, settings) = self.cohorts[cohort], numbers[cohort]
            program = self.programs[cohort][recipe.case(state.counts[0] + 1, settings)]
            is_flat = weights.ndim == gradient.ndim == 1
            w, g = (weights, gradient) if is_flat else (weights.reshape(-1), gradient.reshape(-1))
            if self.check_finite and not (stands or program.kernel.guarded or all_finite(g)):
                return Outcome.NONFINITE
            scalars = [*settings, *state.supplied, *state.scalars, *shared, *program.rest]
            if recipe.rate is not None:
                scalars[recipe.rate] *= scale * lr_scale
            arrays = {"w": w, "g": g, **state.arrays}
            tasks.append(_Task(program, state, cohort, stands, self.rooms[state.dtype], arrays, scalars))
        for depth in range(self.reading):
            _reduce(tasks, depth)
            if depth == 0 and self.check_finite and any(task.is_suspect() for task in tasks):
                return Outcome.NONFINITE
        news = {id(each.shared): array("d", each.shared) for each in self.cohorts}  # several may have the same
        kept = [(setitem, each.shared, slice(None), news[id(each.shared)]) for each in self.cohorts if each.shared]
        walks = []
        for task in tasks:
            given = task.program.last.compute(task.scalars)
            walks.append(task.program.last.walk.parts(task.room, task.arrays, given))
            kept += task.keeping(news[id(self.cohorts[task.cohort].shared)])
        at_once_in_blocks(walks, kept)
        return Outcome.DONE


class _Program(list["_Round"]):
    """A kernel with its printed functions."""

    def __init__(self, kernel: Kernel) -> None:
        *reading, last = kernel.phases
        kept = [index for _, index in kernel.keeps]
        super().__init__([*(_Round(each, each.gives) for each in reading), _Round(last, kept)])
        self.kernel, self.last = kernel, self[-1]
        self.rest = [0.0] * (kernel.size - len(kernel.base))


@cache
def _program(kernel: Kernel) -> _Program:
    return _Program(kernel)


class _Round:
    """A phase with its printed functions."""

    def __init__(self, phase: Phase, wanted: Container[int]) -> None:
        self.phase, self.walk = phase, BlockWalk(phase.walk)
        self.compute = defined(_computing(phase, wanted), "compute", vars(arithmetic))


def _computing(phase: Phase, wanted: Container[int]) -> str:
    """A function that fills in the wanted numbers of a phase; it returns what its walk takes, and which are 1."""
    takes = zip(phase.block.inputs, phase.takes, strict=True)
    gives = dict(zip(phase.gives, python_outputs(phase.block), strict=True))
    walked = [gives.get(place, f"numbers[{place}]") for place in phase.scalars]
    lines = [
        "def compute(numbers):",
        *(f"{name} = numbers[{place}]" for name, place in takes),
        *python_lines(phase.block),
        *(f"numbers[{place}] = {each}" for place, each in gives.items() if place in wanted),
        f"return [{', '.join(walked)}], ({''.join(f'{each} == 1.0, ' for each in walked)})",
    ]
    return "\n    ".join(lines)


@dataclass(eq=False, slots=True)
class _Task:
    """One key within a call: its arrays, and the numbers computed so far."""

    program: _Program
    state: KeyState
    cohort: int
    stands: bool
    room: Room
    arrays: dict[str, Any]
    scalars: list[float]
    given: Given = ((), ())

    def compute(self, depth: int) -> None:
        """The scalars of one phase."""
        self.given = self.program[depth].compute(self.scalars)

    def reduce(self, depth: int) -> None:
        """The reductions of one phase; where norms of float64 overflow, they are taken again at a smaller scale."""
        phase = self.program[depth]
        indices, walk = phase.phase.results, phase.walk
        for index, found in zip(indices, walk.sums(self.room, self.arrays, self.given), strict=True):
            self.scalars[index] = found
        if self.state.dtype == "float64" and "norm" in walk.kinds and not self._are_finite(indices):
            again = walk.sums(self.room, self.arrays, self.given, SHRINK)
            for index, kind, found in zip(indices, walk.kinds, again, strict=True):
                if kind == "norm" and not isfinite(self.scalars[index]):
                    self.scalars[index] = found

    def _are_finite(self, indices: Sequence[int]) -> bool:
        return all(isfinite(self.scalars[index]) for index in indices)

    def is_suspect(self) -> bool:
        """Whether the first reductions betray a gradient that is not finite."""
        if not self.program.kernel.guarded or self._are_finite(self.program.kernel.phases[0].results):
            return False
        return not all_finite(self.arrays["g"])

    def keeping(self, shared: array[float]) -> list[tuple[Any, ...]]:
        """The calls that count the step and keep the key's scalars; what is shared is noted at once."""
        if self.stands:
            return []
        state = self.state
        counting = [(setitem, state.counts, 0, state.counts[0] + 1), (setitem, state.taken, 0, 1)]
        if not self.program.kernel.keeps:
            return counting
        own = array("d", state.scalars)
        first = len(self.program.kernel.base) - len(shared) - len(own)
        for name, index in self.program.kernel.keeps:
            place = self.program.kernel.base.index(name) - first
            kept, place = (own, place) if place < len(own) else (shared, place - len(own))
            kept[place] = self.scalars[index]
        return [(setitem, state.scalars, slice(None), own), *counting]


def _reduce(tasks: list[_Task], depth: int) -> None:
    """One phase that does not store: scalars, sums over the keys, reductions."""
    tasks = [task for task in tasks if depth < len(task.program) - 1]
    for task in tasks:
        task.compute(depth)
    totals = [task.program.kernel.phases[depth].totals for task in tasks]
    adding = [(task, pairs) for task, pairs in zip(tasks, totals, strict=True) if pairs]
    for pairs in zip(*(pairs for _, pairs in adding), strict=True):
        total = 0.0
        for (task, _), (source, _) in zip(adding, pairs, strict=True):
            total += task.scalars[source]
        for (task, _), (_, target) in zip(adding, pairs, strict=True):
            task.scalars[target] = total
    for task, pairs in zip(tasks, totals, strict=True):
        if pairs:
            task.compute(depth)  # again, for the walk may take them
        if task.program.kernel.phases[depth].results:
            task.reduce(depth)
