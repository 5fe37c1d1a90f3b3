"""Walks laid out as iterators of NumPy calls, block by block: to go through one is to walk, in compiled code alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter, setitem
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...concurrency.threads import num_threads, spread
from ...concurrency.whole import at_once, calls
from ...language.kernel import Walk, spelled
from ...language.printing_numpy import Call, Printed, numpy_walk, without_ones
from .summing import fold, lanes

BLOCK = 1 << 15
MANY = 64  # blocks; with fewer, threads that hand the interpreter's lock about lose more than they gain

Arrays = dict[str, Any]
STORE, ALL = "store", "all"  # what no printed name is
P = TypeVar("P")
R = TypeVar("R")


class BlockWalk:
    """A walk that can be laid out over arrays, printed for the numbers that it meets."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.layouts: dict[frozenset[str], Layout] = {}

    def parts(self, arrays: Arrays, numbers: Sequence[float]) -> list[Part]:
        """The walk over these arrays, in parts that threads may share; a factor of 1 costs a pass, and is left out."""
        ones = frozenset(name for name, value in zip(self.walk.scalars, numbers, strict=True) if value == 1.0)
        if ones not in self.layouts:
            self.layouts[ones] = Layout(numpy_walk(without_ones(self.walk, ones)), self.walk.arrays)
        dtype, size = arrays["w"].dtype, arrays["w"].size
        with np.errstate(all="ignore"):
            values = {name: np.array(each, dtype) for name, each in zip(self.walk.scalars, numbers, strict=True)}
        return [self.layouts[ones].part(arrays, values, dtype, begins) for begins in shares(size)]

    def sums(self, arrays: Arrays, numbers: Sequence[float], scale: float = 1.0) -> list[float]:
        """The sum (of squares, of products) or the greatest, of each reduction, in the defined order."""
        reductions = self.walk.reductions

        def reduced(part: Part) -> list[list[Any]]:
            with np.errstate(all="ignore"):
                blocks = map(iter, part.results())
                return [
                    [lanes(each.kind, [next(rest) for _ in each.args], scale) for each in reductions] for rest in blocks
                ]

        found = [block for blocks in shared(reduced, self.parts(arrays, numbers)) for block in blocks]
        return [
            fold(each.kind, np.concatenate(of)) for each, of in zip(reductions, zip(*found, strict=True), strict=True)
        ]


class Layout:
    """A printed walk, ready to be laid out: for each of its calls what makes it of the values by name."""

    def __init__(self, printed: Printed, operands: Sequence[str]) -> None:
        self.printed, self.operands = printed, operands
        self.calls = [_layout(each) for each in printed.calls]
        self.fixed = {each.function: getattr(np, each.function) for each in printed.calls} | {STORE: setitem, ALL: ...}
        self.fixed |= printed.constants
        self.asked = {name for each in printed.calls for name in each.args if " " in name}  # whether a number is not 0

    def part(self, arrays: Arrays, numbers: Arrays, dtype: Any, begins: range) -> Part:
        """The calls for some blocks."""
        size = arrays["w"].size
        width = min(size, BLOCK)
        values = {**self.fixed, **numbers}
        for name in self.asked:
            values[name] = numbers[name.partition(" ")[0]] != 0
        scratch = self._scratch(width, dtype)
        values |= scratch
        operands = {f"p_{spelled(name)}": arrays[name] for name in self.operands}
        if size <= BLOCK:
            return Part(self, [values | operands])
        blocks = [values | {name: each[at : at + BLOCK] for name, each in operands.items()} for at in begins]
        rest = size - begins[-1]
        if rest < BLOCK:
            blocks[-1] |= {name: each[:rest] for name, each in scratch.items()}
        return Part(self, blocks)

    def _scratch(self, width: int, dtype: Any) -> Arrays:
        types = {"numbers": dtype, "truths": bool, "doubles": np.float64}
        found = {name: np.empty(width, types[kind]) for kind, names in self.printed.scratch.items() for name in names}
        return found | {f"{name}.bits": found[name].view(np.uint64) for name in self.printed.scratch["doubles"]}


class Part(NamedTuple):
    """Some blocks of a walk: what each name of it is there."""

    layout: Layout
    blocks: list[Arrays]

    def walk(self) -> Iterator[Any]:
        """The walk itself, laid out: to go through it is to walk."""
        return calls(*(make(block) for block in self.blocks for make in self.layout.calls))

    def results(self) -> Iterator[list[Any]]:
        """Walk, and give what is to be reduced of each block."""
        for block in self.blocks:
            at_once(calls(*(make(block) for make in self.layout.calls)))
            yield [block[name] for name in self.layout.printed.results]


def _layout(each: Call) -> Callable[[Arrays], tuple[Any, ...]]:
    """What makes a call of values by name. NumPy's own `copyto` is no compiled code alone, so others stand for it."""
    if each.function == "copyto" and len(each.args) == 2:
        target, source = each.args
        return itemgetter(STORE, target, ALL, source)
    if each.function == "copyto":
        return partial(_chosen, itemgetter(*each.args))
    if each.function in ("minimum", "maximum"):
        return partial(_with_out, getattr(np, each.function), itemgetter(*each.args))
    return itemgetter(each.function, *each.args)


def _chosen(found: Callable[[Arrays], tuple[Any, ...]], values: Arrays) -> tuple[Any, ...]:
    target, source, where = found(values)
    return partial(np.positive, where=where), source, target


def _with_out(function: Any, found: Callable[[Arrays], tuple[Any, ...]], values: Arrays) -> tuple[Any, ...]:
    """These want the place of their result by name."""
    one, other, out = found(values)
    return partial(function, out=out), one, other


def at_once_in_blocks(walks: Sequence[Sequence[Part]], then: Iterable[Iterator[Any]]) -> None:
    """Do these walks, by as many threads as can be where they are large, and then all the rest, whole."""
    alone = [parts[0].walk() for parts in walks if len(parts) == 1]
    large = [[part.walk()] for parts in walks if len(parts) > 1 for part in parts]
    if not large or spread(_quietly, [alone, *large], then=partial(_quietly, then)) is None:
        _quietly([*alone, *chain.from_iterable(large), *then])


def all_finite(values: Any) -> bool:
    """Whether all elements are."""

    def are(begins: range) -> bool:
        return all(np.isfinite(values[begin : begin + BLOCK]).all() for begin in begins)

    return all(shared(are, shares(values.size)))


def shared(work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """The results of some work on each part, in order."""
    found = spread(work, parts) if len(parts) > 1 else None
    return [work(each) for each in parts] if found is None else found


def shares(size: int) -> list[range]:
    """Where the blocks of so many elements begin: in one, or where there are many, in one for each thread."""
    begins = range(0, size, BLOCK)
    each = -(-len(begins) // num_threads()) if len(begins) >= MANY else len(begins)
    return [begins[at : at + each] for at in range(0, len(begins), each)]


def _quietly(work: Iterable[Iterator[Any]]) -> None:
    """Go through these without a word of overflows and the like."""
    with np.errstate(all="ignore"): at_once(*work)  # fmt: skip  # noqa: E701  # on one line as in turns.py
