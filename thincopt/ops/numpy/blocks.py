"""Walks laid out as calls of NumPy, block by block: to go through them is to walk, in compiled code alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from functools import partial
from itertools import chain, compress, starmap
from operator import call, setitem
from struct import Struct
from typing import Any, TypeVar

import numpy as np

from ...concurrency.threads import num_threads, spread
from ...concurrency.whole import go_through
from ...language.kernel import Walk, spelled
from ...language.printing_numpy import Call, numpy_walk, without_ones
from ...language.printing_python import defined
from .room import Room
from .summing import Calls, Sum

BLOCK = 1 << 15
MANY = 64  # blocks; with fewer, threads that hand the interpreter's lock about lose more than they gain

Arrays = dict[str, Any]
Given = tuple[Sequence[float], tuple[bool, ...]]  # the numbers that a walk takes, and which of them are 1
Part = list[Calls]
P = TypeVar("P")
R = TypeVar("R")
TYPES = {"numbers": "room.dtype", "truths": "'bool'", "doubles": "'float64'"}
WORDS = {**vars(np), "partial": partial, "store": setitem}

silence = Context()  # NumPy says no word of overflows in it; a copy of it costs less than to enter `errstate`
silence.run(np.seterr, all="ignore")


class BlockWalk:
    """A walk that can be laid out over arrays, printed once for each set of its numbers that are 1."""

    def __init__(self, walk: Walk) -> None:
        self.walk, self.kinds = walk, tuple(each.kind for each in walk.reductions)
        self.layouts: dict[tuple[bool, ...], Callable[..., Any]] = {}

    def parts(self, room: Room, arrays: Arrays, given: Given, sums: Sequence[Sum] = ()) -> list[Part]:
        """The walk over these arrays, in parts that threads may share; what it reduces is added to these sums."""
        numbers, ones = given
        layout, size = self.layouts.get(ones) or self._layout(ones), arrays["w"].size
        if size <= BLOCK:
            return [[room[layout, size](room, 0, arrays, numbers, sums)]]
        shared = shares(size)
        rooms = [room] if len(shared) == 1 else [Room(room.dtype) for _ in shared]
        return [_part(*each, arrays, layout, numbers, sums) for each in zip(rooms, shared, strict=True)]

    def sums(self, room: Room, arrays: Arrays, given: Given, scale: float = 1.0) -> list[float]:
        """What each reduction finds, in the defined order; the squares of norms are taken at a scale."""
        size = arrays["w"].size
        own = room if size <= BLOCK or len(shares(size)) == 1 else Room(room.dtype)
        sums, folding = own[_sums, self.kinds, size, scale]
        at_once_in_blocks([self.parts(room, arrays, given, sums)], folding)
        return [each.found for each in sums]

    def _layout(self, ones: tuple[bool, ...]) -> Callable[..., Any]:
        """The walk as it is printed for such numbers: a factor of 1 costs a pass, and is left out."""
        made = _laid_out(without_ones(self.walk, frozenset(compress(self.walk.scalars, ones))))
        return self.layouts.setdefault(ones, made)


def _sums(room: Room, kinds: Sequence[str], size: int, scale: float) -> tuple[list[Sum], Calls]:
    sums = [Sum(room, kind, size, scale) for kind in kinds]
    return sums, [each for one in sums for each in one.folding]


def _part(room: Room, begins: range, arrays: Arrays, layout: Callable[..., Any], *rest: Any) -> Part:
    """The blocks that begin at these places."""
    blocks = {at: {name: each[at : at + BLOCK] for name, each in arrays.items()} for at in begins}
    return [room[layout, here["w"].size](room, at, here, *rest) for at, here in blocks.items()]


def _laid_out(walk: Walk) -> Callable[..., Any]:
    """A walk printed as a function that makes, in a room, for a size, one that lays out a block as calls.

    The first of them put the numbers where the others find them: all blocks of a size in a room share that place too.
    """
    printed = numpy_walk(walk)
    rest = iter(printed.results)
    work = ["(pack, doubles, 0, *numbers)", "(store, k, ..., doubles)"] if walk.scalars else []
    work += [f"({_laid(each)})" for each in printed.calls]
    for place, each in enumerate(walk.reductions):
        work.append(f"*sums[{place}].adding(room, at, {', '.join(next(rest) for _ in each.args)})")
    lines = [
        "def layout(room, size):",
        *(f"    {name} = room.scratch({name!r}, size, {TYPES[kind]})" for name, kind in printed.scratch.items()),
        f"    doubles, k = empty({len(walk.scalars)}), empty({len(walk.scalars)}, room.dtype)",
        *(f"    {name} = k[{place}, ...]" for place, name in enumerate(walk.scalars)),
        "    def block(room, at, arrays, numbers, sums):",
        *(f"        p_{spelled(name)} = arrays[{name!r}]" for name in walk.arrays),
        f"        return [{', '.join(work)}]",
        "    return block",
    ]
    pack = Struct(f"{len(walk.scalars)}d").pack_into  # NumPy would look for signals while it reads a list of numbers
    return defined("\n".join(lines), "layout", {**WORDS, "pack": pack})


def _laid(each: Call) -> str:
    """A function, and what it is given; NumPy's `copyto` is no compiled code alone, so others stand for it."""
    *args, last = each.args
    if each.function == "copyto":
        target, *source = args
        return f"partial(positive, where={last}), {source[0]}, {target}" if source else f"store, {target}, ..., {last}"
    if each.function in ("minimum", "maximum"):  # these want the place of their result by name
        return f"partial({each.function}, out={last}), {', '.join(args)}"
    return f"{each.function}, {', '.join(each.args)}"


def at_once_in_blocks(walks: Iterable[list[Part]], then: Calls) -> None:
    """Do these walks, by as many threads as can be where they are large, and then all the rest, whole."""
    alone: Part = []
    large: list[Part] = []
    for parts in walks:
        if len(parts) == 1:
            alone += parts[0]
        else:
            large += parts
    if not large or spread(_walk, [alone, *large], then=partial(_walk, [then])) is None:
        _walk([*alone, *chain.from_iterable(large), then])


def _walk(work: Iterable[Calls]) -> None:
    silence.copy().run(go_through, starmap(call, chain.from_iterable(work)))


def all_finite(values: Any) -> bool:
    """Whether all elements are."""
    if values.size <= BLOCK:
        return bool(np.count_nonzero(np.isfinite(values)) == values.size)
    return all(shared(partial(_are_finite, values), shares(values.size)))


def _are_finite(values: Any, begins: range) -> bool:
    return all(all_finite(values[begin : begin + BLOCK]) for begin in begins)


def shared(work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """The results of some work on each part, in order."""
    found = spread(work, parts) if len(parts) > 1 else None
    return list(map(work, parts)) if found is None else found


def shares(size: int) -> list[range]:
    """Where the blocks of so many elements begin: in one, or where there are many, in one for each thread."""
    begins = range(0, size, BLOCK)
    each = -(-len(begins) // num_threads()) if len(begins) >= MANY else len(begins)
    return [begins[at : at + each] for at in range(0, len(begins), each)]
