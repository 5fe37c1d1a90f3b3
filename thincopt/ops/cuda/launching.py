"""Which kernels a step launches on a device, in which order, and how each is wired; see native/device.cuh.

As on a processor: scalars, then sums over keys, then a walk over memory, phase by phase, and only the last walk stores.
Each launch does a whole batch. Scalars that nothing asks for yet wait for the next phase: a plain step is two launches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ... import native
from ...language.kernel import Assign, Block, Kernel, Operand, Phase, Reduction, Walk
from ...language.printing_c import c_functions
from ...language.printing_cuda import FINITE, cuda_block, cuda_walk, sums_of
from ...recipes.recipe import Recipe
from ..contract import PATIENCE, POLICIES

NATIVE = Path(native.__file__).parent
BETWEEN = ("between", (NATIVE / "between.cuh").read_text())
KINDS = {"sum": 0, "dot": 0, "norm": 1, "amax": 2}  # how the sums of chunks become one number
NOTHING = Block((), (), ())
LOOK = Reduction(FINITE, ("v_g",))
CHECK = Walk(("g",), (), (), reductions=(LOOK,))
ANY = -1  # a key's step may be by any of a recipe's kernels, which are its programs

block_kernel, walk_kernel = cache(cuda_block), cache(cuda_walk)


class Head(NamedTuple):
    """The numbers that `struct wiring` begins with; the last seven count what its lists hold."""

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
    scalars: int
    numbers: int
    sums: int


@cache
def source(text: str, dtype: str) -> str:
    """A whole text to compile, for arrays of this type."""
    exact, drawing, device = ((NATIVE / name).read_text() for name in ("exact.h", "drawing.h", "device.cuh"))
    return "\n".join([f"#define DOUBLE {int(dtype == 'float64')}", exact, c_functions(), drawing, device, text])


def launches(recipe: Recipe, nonfinite: str) -> Launches:
    """The launches of a step by this recipe, with this policy for gradients that are not finite."""
    making = _Making(recipe, POLICIES.index(nonfinite))
    steps = tuple(making.all())
    walks = [each.walk for each in steps if each.walk]
    order = ("w", "g", *recipe.arrays)
    return Launches(
        steps,
        tuple(tuple(map(order.index, names)) for names in making.walked),
        max(kernel.size for kernel in recipe.kernels),
        max(len(each.scalars) for each in walks),
        max(len(sums_of(each)) for each in walks),
    )


class _Making:
    """The launches of one recipe, as they are found one after the other."""

    def __init__(self, recipe: Recipe, policy: int) -> None:
        self.recipe = recipe
        kernels = [_checked(each, policy) for each in recipe.kernels]
        self.programs = kernels if recipe.periods else [_deferred(each) for each in kernels]
        self.checks_apart = policy > 0 and not all(map(_sees_gradient, self.programs))
        self.walked: list[tuple[str, ...]] = []
        self.is_begun = False
        self.head = Head(
            policy=policy,
            base=len(recipe.kernels[0].base),
            own=len(recipe.scalars),
            shared=len(recipe.shared),
            programs=len(kernels),
            rate=-1 if recipe.rate is None else recipe.rate,
        )

    def all(self) -> Iterator[Launch]:
        """Every launch of a step, in order."""
        if self.checks_apart:
            yield self.walk(CHECK, ANY)
        deepest = max(len(each.phases) for each in self.programs)
        for depth in range(deepest - 1):
            within = [(program, each) for program, each in enumerate(self.programs) if depth < len(each.phases) - 1]
            for program, kernel in within:
                if self.needs_scalars(kernel, depth):
                    yield self.scalars(kernel, depth, program=program)
            yield from self.totals([kernel.phases[depth].totals for _, kernel in within])
            for program, kernel in within:
                if kernel.phases[depth].walk.arrays:
                    yield self.walk(kernel.phases[depth].walk, program)
        for program, kernel in enumerate(self.programs):
            yield self.scalars(kernel, len(kernel.phases) - 1, program=program, is_last=1)
        yield from self.shared_kept()
        for program, kernel in enumerate(self.programs):
            last = kernel.phases[-1].walk
            yield self.walk(last, program, zeroes=int("g" in dict(last.stores)))

    def needs_scalars(self, kernel: Kernel, depth: int) -> bool:
        """Whether a phase that does not store must wait for scalars, or say which case it is."""
        phase = kernel.phases[depth]
        found = depth > 0 and kernel.phases[depth - 1].results
        return bool(phase.gives or phase.scalars or found or (depth == 0 and self.recipe.periods))

    def scalars(self, kernel: Kernel, depth: int, **head: int) -> Launch:
        """Fold what the walk before has reduced, compute the phase's block, hand the walk after it its numbers."""
        phase = kernel.phases[depth]
        results = _results(kernel.phases[depth - 1]) if depth else []
        keeps = self.kept(kernel)[0] if head.get("is_last") else []
        periods = () if self.is_begun else self.recipe.periods
        lists = [[*periods], *results, [*phase.takes], [*phase.gives], [*phase.scalars], *keeps]
        wiring = self.head._replace(
            is_first=int(not self.is_begun),
            periods=len(periods),
            results=len(results),
            takes=len(phase.takes),
            gives=len(phase.gives),
            numbers=len(phase.scalars),
            keeps=len(keeps),
            **head,
        )
        self.is_begun = True
        return Launch(*block_kernel(phase.block), _wired(wiring, lists), block=phase.block)

    def walk(self, walk: Walk, program: int, zeroes: int = 0) -> Launch:
        """One walk over the arrays of the keys whose program it is."""
        if walk.arrays not in self.walked:
            self.walked.append(walk.arrays)
        wiring = self.head._replace(program=program, zeroes=zeroes, walk=self.walked.index(walk.arrays))
        return Launch(*walk_kernel(walk), _wired(wiring), walk)

    def totals(self, found: list[tuple[tuple[int, int], ...]]) -> Iterator[Launch]:
        """Sums over the keys, each of whose programs has the numbers in places of its own."""
        totals = [list(chain.from_iterable(pairs)) for pairs in zip(*found, strict=True)]
        if totals:
            yield Launch(*BETWEEN, _wired(self.head._replace(totals=len(totals)), totals))

    def shared_kept(self) -> Iterator[Launch]:
        """The state that keys share, kept once when the step is sure."""
        kept = [self.kept(each)[1] for each in self.programs]
        if kept[0]:
            wiring = self.head._replace(is_last=1, keeps=len(kept[0]))
            yield Launch(*BETWEEN, _wired(wiring, list(chain.from_iterable(kept))))

    def kept(self, kernel: Kernel) -> tuple[list[list[int]], list[list[int]]]:
        """Which scalars become which of the key's own state, and which of the shared."""
        own = [[index, self.recipe.scalars.index(name)] for name, index in kernel.keeps if name in self.recipe.scalars]
        shared = [[index, self.recipe.shared.index(name)] for name, index in kernel.keeps if name in self.recipe.shared]
        return own, shared


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


def _sees_gradient(kernel: Kernel) -> bool:
    """Whether the first walk only reads, so that it can see on its way whether the gradient is finite."""
    return len(kernel.phases) > 1 and bool(kernel.phases[0].walk.arrays)


def _checked(kernel: Kernel, policy: int) -> Kernel:
    """The same kernel, whose first walk looks at the gradient too, if it can and that is asked for."""
    if not policy or not _sees_gradient(kernel):
        return kernel
    first, *rest = kernel.phases
    arrays = first.walk.arrays if "g" in first.walk.arrays else (*first.walk.arrays, "g")
    walk = replace(first.walk, arrays=arrays, reductions=(*first.walk.reductions, LOOK))
    return replace(kernel, phases=(replace(first, walk=walk), *rest))


def _deferred(kernel: Kernel) -> Kernel:
    """The same; but if the first walk asks for no scalars, all of them are computed after it."""
    first, *rest = kernel.phases
    if not rest or first.scalars or first.totals:
        return kernel
    walk_only = replace(first, block=NOTHING, takes=(), gives=())
    return replace(kernel, phases=(walk_only, _joined(first, rest[0]), *rest[1:]))


def _joined(one: Phase, two: Phase) -> Phase:
    """The second phase, whose block does what the first's does too."""
    known = dict(zip(one.takes, one.block.inputs, strict=True)) | dict(zip(one.gives, one.block.outputs, strict=True))
    new = {slot: f"b{slot}" for slot in two.takes if slot not in known}
    names: dict[Operand, Operand] = {line.target: f"y{line.target}" for line in two.block.code}
    names |= {name: (known | new)[slot] for slot, name in zip(two.takes, two.block.inputs, strict=True)}

    def named(value: Operand) -> Operand:
        return names.get(value, value)

    lines = [Assign(str(named(line.target)), line.op, tuple(map(named, line.args))) for line in two.block.code]
    block = Block(
        (*one.block.inputs, *new.values()),
        (*one.block.code, *lines),
        (*one.block.outputs, *map(named, two.block.outputs)),
        {**one.block.origins, **{str(named(name)): origin for name, origin in two.block.origins.items()}},
    )
    return replace(two, block=block, takes=(*one.takes, *new), gives=(*one.gives, *two.gives))
