"""Walks laid out as iterators of NumPy calls, block by block: to go through one is to walk, in compiled code alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, repeat
from operator import call, setitem
from typing import Any, TypeVar

import numpy as np

from ..language.kernel import Walk
from ..language.printing_numpy import Call, Printed, numpy_walk, without_ones
from ..threads import num_threads, spread
from ..turns import at_once
from .summing import fold, lanes

BLOCK = 1 << 15
MANY = 64  # blocks; with fewer, threads that hand the interpreter's lock about lose more than they gain

Arrays = dict[str, Any]
P = TypeVar("P")
R = TypeVar("R")


class BlockWalk:
    """A walk that can be laid out over arrays, printed for the numbers that it meets."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.printed: dict[frozenset[str], Printed] = {}

    def parts(self, arrays: Arrays, numbers: Sequence[float]) -> list[Part]:
        """The walk over these arrays, in parts that threads may share; a factor of 1 costs a pass, and is left out."""
        ones = frozenset(name for name, value in zip(self.walk.scalars, numbers, strict=True) if value == 1.0)
        if ones not in self.printed:
            self.printed[ones] = numpy_walk(without_ones(self.walk, ones))
        operands = {f"p_{name}": arrays[name] for name in self.walk.arrays}
        dtype, size = arrays["w"].dtype, arrays["w"].size
        with np.errstate(all="ignore"):
            rounded = {name: np.array(each, dtype) for name, each in zip(self.walk.scalars, numbers, strict=True)}
        return [Part(self.printed[ones], operands, rounded, begins) for begins in shares(size)]

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


class Part:
    """Some blocks of a walk. `columns` gives what each name of the printed walk is, in one block after another."""

    def __init__(self, printed: Printed, operands: Arrays, rounded: Arrays, begins: range) -> None:
        self.printed, self.count = printed, len(begins)
        first = next(iter(operands.values()))
        width, rest = min(first.size, BLOCK), min(first.size - begins[-1], BLOCK)
        self.columns: dict[str, Any] = {
            name: [each[begin : begin + BLOCK] for begin in begins] for name, each in operands.items()
        }
        for name in (*printed.numbers, *printed.truths):
            scratch = np.empty(width, bool if name in printed.truths else first.dtype)
            self.columns[name] = [scratch] * (self.count - 1) + [scratch[:rest]]
        for name, each in rounded.items():
            self.columns[name], self.columns[f"{name} != 0"] = repeat(each), repeat(each != 0)

    def walk(self) -> Iterator[Any]:
        """The walk itself; to take the next item from it is to do the next block."""
        return zip(*map(self._laid, self.printed.calls))  # noqa: B905  # it ends with the shortest, for numbers do not end

    def results(self) -> Iterator[list[Any]]:
        """Walk, and give what is to be reduced of each block."""
        walk = self.walk()
        for index in range(self.count):
            next(walk, None)
            yield [self.columns[name][index] for name in self.printed.results]

    def _laid(self, each: Call) -> Iterator[Any]:
        """One call, block by block. NumPy's own `copyto` is no compiled code alone, so others stand for it."""
        *args, last = (self.columns[name] for name in each.args)
        if each.function != "copyto":
            function = getattr(np, each.function)
            if len(args) == 2 and function in (np.minimum, np.maximum):  # which want their result's place by name
                return map(call, [partial(function, out=out) for out in last], *args)
            return map(function, *args, last)
        if len(args) == 1:
            return map(setitem, args[0], repeat(...), last)
        target, source = args
        return map(call, [partial(np.positive, where=where) for where in islice(last, self.count)], source, target)


def at_once_in_blocks(walks: Iterable[Sequence[Part]], then: Iterable[Iterator[Any]]) -> None:
    """Do these walks, by as many threads as may be where they are large, and then all the rest, whole."""
    alone = [parts[0].walk() for parts in walks if len(parts) == 1]
    large = [[part.walk()] for parts in walks if len(parts) > 1 for part in parts]
    if large:
        spread(_quietly, [alone, *large], then=partial(_quietly, then))
    else:
        _quietly([*alone, *then])


def all_finite(values: Any) -> bool:
    """Whether all elements are."""

    def are(begins: range) -> bool:
        return all(np.isfinite(values[begin : begin + BLOCK]).all() for begin in begins)

    return all(shared(are, shares(values.size)))


def shared(work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """The results of some work on each part, in order."""
    return spread(work, parts) if len(parts) > 1 else [work(each) for each in parts]


def shares(size: int) -> list[range]:
    """Where the blocks of so many elements begin: in one, or where there are many, in one for each thread."""
    begins = range(0, size, BLOCK)
    each = -(-len(begins) // num_threads()) if len(begins) >= MANY else len(begins)
    return [begins[at : at + each] for at in range(0, len(begins), each)]


def _quietly(work: Iterable[Iterator[Any]]) -> None:
    """Go through these without a word of overflows and the like."""
    with np.errstate(all="ignore"): at_once(*work)  # fmt: skip  # noqa: E701  # on one line as in turns.py
