"""Which kernels a step launches on a device, in which order, and how each is wired; see native/device.cuh.

As on a processor: scalars, then sums over keys, then a walk over memory, phase by phase, and only the last walk stores.
Each launch does a whole batch. Scalars that nothing asks for yet wait for the next phase: a plain step is two launches.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

from ... import native
from ...language.kernel import Block, Kernel, Phase, Walk
from ...language.printing_c import c_functions
from ...language.printing_cuda import FINITE, cuda_block, cuda_walk, sums_of
from ..contract import PATIENCE, POLICIES, Cohort
from .phases import LOOK, checked, deferred, sees_gradient

NATIVE = Path(native.__file__).parent
BETWEEN = ("between", (NATIVE / "between.cuh").read_text())
KINDS = {"sum": 0, "dot": 0, "norm": 1, "amax": 2}  # how the sums of chunks become one number
CHECK = Walk(("g",), (), (), reductions=(LOOK,))
ANY = -1  # a key's step may be by any of its recipe's kernels, which are its programs

block_kernel, walk_kernel = cache(cuda_block), cache(cuda_walk)


class Head(NamedTuple):
    """The numbers that `struct wiring` begins with; the last seven count what its lists hold."""

    cohort: int = 0
    programs_at: int = 0
    numbers_from: int = 0
    shared_from: int = 0
    program: int = 0
    is_first: int = 0
    is_last: int = 0
    policy: int = 0
    zeroes: int = 0
    patience: int = PATIENCE
    walk: int = 0
    base: int = 0
    own: int = 0
    shared: int = 0
    programs: int = 1
    rate: int = -1
    periods: int = 0
    results: int = 0
    takes: int = 0
    gives: int = 0
    numbers: int = 0
    keeps: int = 0
    totals: int = 0


@dataclass(frozen=True)
class Launch:
    """One kernel over a batch: a printed walk or block, or what is to be done between them."""

    name: str
    text: str
    wiring: tuple[int, ...]
    walk: Walk | None = None
    block: Block | None = None

    @property
    def of(self) -> Walk | Block | None:
        """What the text was printed from."""
        return self.walk or self.block

    @property
    def kind(self) -> str:
        """What it does: "scalars", "between", "reduce" or "store"."""
        return ("store" if self.walk.stores else "reduce") if self.walk else self.name.partition("_")[0]


@dataclass(frozen=True)
class Launches:
    """Those of one step; `arrays` of each walk, by their places among w, g and the state."""

    steps: tuple[Launch, ...]
    arrays: tuple[tuple[int, ...], ...]
    programs_at: tuple[int, ...]  # of each cohort, its first program
    stands: tuple[bool, ...]  # and whether it is frozen
    shared: tuple[array[float], ...]  # each once
    scalars: int
    numbers: int
    sums: int


@cache
def source(text: str, dtype: str) -> str:
    """A whole text to compile, for arrays of this type."""
    exact, drawing, device = ((NATIVE / name).read_text() for name in ("exact.h", "drawing.h", "device.cuh"))
    return "\n".join([f"#define DOUBLE {int(dtype == 'float64')}", exact, c_functions(), drawing, device, text])


def launches(cohorts: Sequence[Cohort], nonfinite: str) -> Launches:
    """The launches of a step of these cohorts, with this policy for gradients that are not finite."""
    making = _Making(cohorts, POLICIES.index(nonfinite))
    steps = tuple(making.all())
    walks = [each.walk for each in steps if each.walk]
    return Launches(
        steps,
        tuple(making.walked),
        tuple(each.head.programs_at for each in making.cohorts),
        tuple(each.recipe.stands for each in cohorts),
        tuple(making.shared.values()),
        max(each.kernel.size for each in making.programs),
        max(len(each.scalars) for each in walks),
        max(len(sums_of(each)) for each in walks),
    )


class _Cohort:
    """The programs of a cohort, and what all its wiring begins with."""

    def __init__(self, cohort: Cohort, policy: int, head: Head) -> None:
        self.recipe = recipe = cohort.recipe
        kernels = [each if recipe.stands else checked(each, policy) for each in recipe.kernels]
        self.kernels = kernels if recipe.periods else [deferred(each) for each in kernels]
        self.order = ("w", "g", *recipe.arrays)
        self.is_begun = False
        self.head = head._replace(
            policy=policy,
            base=len(recipe.kernels[0].base),
            own=len(recipe.scalars),
            shared=len(recipe.shared),
            rate=-1 if recipe.rate is None else recipe.rate,
        )

    @property
    def programs(self) -> list[_Program]:
        """One for each case."""
        return [_Program(self, place, kernel) for place, kernel in enumerate(self.kernels, self.head.programs_at)]

    def kept(self, kernel: Kernel) -> tuple[list[list[int]], list[list[int]]]:
        """Which scalars become which of the key's own state, and which of the shared."""
        own = [[index, self.recipe.scalars.index(name)] for name, index in kernel.keeps if name in self.recipe.scalars]
        shared = [[index, self.recipe.shared.index(name)] for name, index in kernel.keeps if name in self.recipe.shared]
        return own, shared


class _Program(NamedTuple):
    """A kernel of a cohort, and its place among those of all."""

    cohort: _Cohort
    place: int
    kernel: Kernel


class _Making:
    """The launches of a step, as they are found one after the other."""

    def __init__(self, cohorts: Sequence[Cohort], policy: int) -> None:
        self.cohorts: list[_Cohort] = []
        self.programs: list[_Program] = []
        self.shared: dict[int, array[float]] = {}
        self.walked: list[tuple[int, ...]] = []
        numbers_from, shared_from = 0, dict[int, int]()
        for place, each in enumerate(cohorts):
            known = shared_from.setdefault(id(each.shared), sum(map(len, self.shared.values())))
            self.shared[id(each.shared)] = each.shared
            head = Head(place, len(self.programs), numbers_from, known)
            self.cohorts.append(_Cohort(each, policy, head))
            self.programs += self.cohorts[-1].programs
            numbers_from += 1 + each.recipe.numbers
        self.policy = policy

    def all(self) -> Iterator[Launch]:
        """Every launch of a step, in order."""
        if self.policy > 0 and not all(
            each.cohort.recipe.stands or sees_gradient(each.kernel) for each in self.programs
        ):
            yield self.walk(CHECK, self.programs[0]._replace(place=ANY))
        deepest = max(len(each.kernel.phases) for each in self.programs)
        for depth in range(deepest - 1):
            within = [each for each in self.programs if depth < len(each.kernel.phases) - 1]
            for each in within:
                if self.needs_scalars(each, depth):
                    yield self.scalars(each, depth)
            yield from self.totals(depth)
            for each in within:
                if each.kernel.phases[depth].walk.arrays:
                    yield self.walk(each.kernel.phases[depth].walk, each)
        for each in self.programs:
            yield self.scalars(each, len(each.kernel.phases) - 1, is_last=1)
        yield from self.shared_kept()
        for each in self.programs:
            last = each.kernel.phases[-1].walk
            yield self.walk(last, each, zeroes=int("g" in dict(last.stores)))

    def needs_scalars(self, program: _Program, depth: int) -> bool:
        """Whether a phase that does not store must wait for scalars, or say which case it is."""
        phases = program.kernel.phases
        phase, found = phases[depth], depth > 0 and phases[depth - 1].results
        is_asked = depth == 0 and program.cohort.recipe.periods
        return bool(phase.gives or phase.scalars or found or is_asked)

    def scalars(self, program: _Program, depth: int, is_last: int = 0) -> Launch:
        """Fold what the walk before has reduced, compute the phase's block, hand the walk after it its numbers."""
        cohort, place, kernel = program
        phase = kernel.phases[depth]
        results = _results(kernel.phases[depth - 1]) if depth else []
        keeps = cohort.kept(kernel)[0] if is_last else []
        periods = () if cohort.is_begun else cohort.recipe.periods
        lists = [[*periods], *results, [*phase.takes], [*phase.gives], [*phase.scalars], *keeps]
        wiring = cohort.head._replace(
            program=place,
            is_first=int(not cohort.is_begun),
            is_last=is_last,
            periods=len(periods),
            results=len(results),
            takes=len(phase.takes),
            gives=len(phase.gives),
            numbers=len(phase.scalars),
            keeps=len(keeps),
        )
        cohort.is_begun = True
        return Launch(*block_kernel(phase.block), _wired(wiring, lists), block=phase.block)

    def walk(self, walk: Walk, program: _Program, zeroes: int = 0) -> Launch:
        """One walk over the arrays of the keys whose program it is."""
        cohort, place, _ = program
        arrays = tuple(map(cohort.order.index, walk.arrays))
        if arrays not in self.walked:
            self.walked.append(arrays)
        wiring = cohort.head._replace(program=place, zeroes=zeroes, walk=self.walked.index(arrays))
        return Launch(*walk_kernel(walk), _wired(wiring), walk)

    def totals(self, depth: int) -> Iterator[Launch]:
        """Sums over the keys, each of whose programs has the numbers in places of its own, or none."""
        found = [
            each.kernel.phases[depth].totals if depth < len(each.kernel.phases) - 1 else () for each in self.programs
        ]
        totals = [list(chain.from_iterable(pairs)) for pairs in zip_longest(*found, fillvalue=(-1, -1))]
        if totals:
            head = Head(programs=len(self.programs), totals=len(totals))
            yield Launch(*BETWEEN, _wired(head, totals))

    def shared_kept(self) -> Iterator[Launch]:
        """The state that keys share, kept once when the step is sure."""
        for each in self.cohorts:
            kept = [each.kept(kernel)[1] for kernel in each.kernels]
            if kept[0]:
                wiring = each.head._replace(is_last=1, keeps=len(kept[0]))
                yield Launch(*BETWEEN, _wired(wiring, list(chain.from_iterable(kept))))


def _wired(head: Head, lists: list[list[int]] | None = None) -> tuple[int, ...]:
    return (*head, *(place for each in lists or [] for place in each))


def _results(phase: Phase) -> list[list[int]]:
    """Of each reduction: the scalar that it is, its kind, its sums, and for a norm those at a smaller scale."""
    sums = sums_of(phase.walk)
    found = [each for each in phase.walk.reductions if each.kind != FINITE]
    shrunk = iter(range(len(found), len(sums)))
    return [
        [slot, KINDS[each.kind], index, next(shrunk) if each.kind == "norm" else index]
        for index, (slot, each) in enumerate(zip(phase.results, found, strict=True))
    ]
