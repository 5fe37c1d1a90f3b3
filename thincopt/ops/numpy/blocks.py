"""Walks laid out as calls of NumPy, block by block: to go through them is to walk, in compiled code alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, compress
from operator import setitem
from typing import Any, TypeVar

import numpy as np

from ...concurrency.threads import num_threads, spread
from ...concurrency.whole import at_once, calls
from ...language.kernel import Walk, spelled
from ...language.printing_numpy import Call, numpy_walk, without_ones
from ...language.printing_python import defined
from .summing import fold, lanes

BLOCK = 1 << 15
MANY = 64  # blocks; with fewer, threads that hand the interpreter's lock about lose more than they gain

Arrays = dict[str, Any]
Calls = Iterable[tuple[Any, ...]]
Block = tuple[Calls, Sequence[Any]]  # the calls of its walk, and where they leave the arguments of each reduction
Part = list[Block]
P = TypeVar("P")
R = TypeVar("R")
ROOM = {
    "numbers": "size, dtype",
    "truths": "size, bool",
    "doubles": "size, float64",
    "words": "-(-size // 4) * 4, uint64",
    "quarters": "-(-size // 4), uint64",
    "singles": "(), uint64",
}
WORDS = {**vars(np), "partial": partial, "store": setitem, "COUNTERS": np.arange(BLOCK // 4, dtype=np.uint64)}
DRAWN = ("counters = COUNTERS[: -(-size // 4)]", "first = array(first // 4, uint64)")

quietly = np.errstate(all="ignore")  # decorates: it says no word of overflows, in the thread that runs it


class BlockWalk:
    """A walk that can be laid out over arrays, printed for the numbers that it meets, which are at these places."""

    def __init__(self, walk: Walk, places: Sequence[int]) -> None:
        self.walk, self.kinds = walk, [each.kind for each in walk.reductions]
        self.numbers = {name: f"numbers[{place}]" for name, place in zip(walk.scalars, places, strict=True)}
        ones = _tuple(f"{each} == 1.0" for each in self.numbers.values())
        self.ones = defined(f"def ones(numbers): return {ones}", "ones", {})
        self.layouts: dict[tuple[bool, ...], Layout] = {}

    def parts(self, arrays: Arrays, numbers: Sequence[float]) -> list[Part]:
        """The walk over these arrays, in parts that threads may share; a factor of 1 costs a pass, and is left out."""
        ones = self.ones(numbers)
        if ones not in self.layouts:
            self.layouts[ones] = Layout(without_ones(self.walk, frozenset(compress(self.numbers, ones))), self.numbers)
        return self.layouts[ones].parts(arrays, numbers)

    def sums(self, arrays: Arrays, numbers: Sequence[float], scale: float = 1.0) -> list[float]:
        """The sum (of squares, of products) or the greatest, of each reduction, in the defined order."""
        blocks = chain.from_iterable(shared(partial(_reduced, self.kinds, scale), self.parts(arrays, numbers)))
        return [fold(kind, of) for kind, of in zip(self.kinds, zip(*blocks, strict=True), strict=True)]


def _reduced(kinds: Sequence[str], scale: float, part: Part) -> list[list[Any]]:
    """Walk block by block, and bring what each leaves to lanes."""
    found = []
    for walked, results in part:
        at_once(calls(*walked))
        found.append([lanes(kind, values, scale) for kind, values in zip(kinds, results, strict=True)])
    return found


class Layout:
    """A walk printed as a function that lays out a block of it, given the arrays, all numbers and scratch."""

    block: Callable[..., Block]

    def __init__(self, walk: Walk, numbers: Mapping[str, str]) -> None:
        printed = numpy_walk(walk)
        used = {name.partition(" ")[0] for each in printed.calls for name in each.args}
        rest = iter(printed.results)
        room = [f"empty({ROOM[kind]})" for kind in printed.scratch.values()]
        lines = [
            f"def block(arrays, size, first, numbers, dtype, {', '.join(printed.scratch)}):",
            *(f"p_{spelled(name)} = arrays[{name!r}]" for name in walk.arrays),
            *(f"{name} = array({number}, {_type(name)})" for name, number in numbers.items() if name in used),
            *(DRAWN if printed.draws else ()),
            f"walked = {_tuple(f'({_laid(each)})' for each in printed.calls)}",
            f"return walked, {_tuple(_tuple(next(rest) for _ in each.args) for each in walk.reductions)}",
        ]
        self.arrays, self.block = walk.arrays, defined("\n    ".join(lines), "block", WORDS)
        self.scratch = defined(f"def scratch(size, dtype): return {_tuple(room)}", "scratch", WORDS)

    def parts(self, arrays: Arrays, numbers: Sequence[float]) -> list[Part]:
        """All blocks; those of a part share their scratch."""
        weights = arrays["w"]
        dtype, size = weights.dtype, weights.size
        if size <= BLOCK:
            return [[self.block(arrays, size, 0, numbers, dtype, *self.scratch(size, dtype))]]

        def part(begins: range) -> Part:
            scratch = self.scratch(BLOCK, dtype)
            return [block(at, scratch) for at in begins]

        def block(at: int, scratch: Sequence[Any]) -> Block:
            here = {name: arrays[name][at : at + BLOCK] for name in self.arrays}
            left = min(BLOCK, size - at)
            room = scratch if left == BLOCK else self.scratch(left, dtype)
            return self.block(here, left, at, numbers, dtype, *room)

        return list(map(part, shares(size)))


def _type(name: str) -> str:
    return "uint64" if name.startswith("u") else "dtype"


def _laid(each: Call) -> str:
    """A function, and what it is given; NumPy's `copyto` is no compiled code alone, so others stand for it."""
    *args, last = each.args
    if each.function == "copyto":
        target, *source = args
        return f"partial(positive, where={last}), {source[0]}, {target}" if source else f"store, {target}, ..., {last}"
    if each.function in ("minimum", "maximum"):  # these want the place of their result by name
        return f"partial({each.function}, out={last}), {', '.join(args)}"
    return f"{each.function}, {', '.join(each.args)}"


def _tuple(items: Iterable[str]) -> str:
    return f"({''.join(f'{each}, ' for each in items)})"


def at_once_in_blocks(walks: Sequence[list[Part]], then: Calls) -> None:
    """Do these walks, by as many threads as can be where they are large, and then all the rest, whole."""
    alone = [walked for parts in walks if len(parts) == 1 for walked, _ in parts[0]]
    large = [[walked for walked, _ in part] for parts in walks if len(parts) > 1 for part in parts]
    if not large or spread(quietly(_walk), [alone, *large], then=partial(_walk, [then])) is None:
        _walk([*alone, *chain.from_iterable(large), then])


def _walk(work: Iterable[Calls]) -> None:
    at_once(calls(*chain.from_iterable(work)))


def all_finite(values: Any) -> bool:
    """Whether all elements are."""

    def are(begins: range) -> bool:
        return all(_are_finite(values[begin : begin + BLOCK]) for begin in begins)

    return _are_finite(values) if values.size <= BLOCK else all(shared(are, shares(values.size)))


def _are_finite(block: Any) -> bool:
    return bool(np.count_nonzero(np.isfinite(block)) == block.size)


def shared(work: Callable[[P], R], parts: Sequence[P]) -> list[R]:
    """The results of some work on each part, in order."""
    found = spread(quietly(work), parts) if len(parts) > 1 else None
    return list(map(work, parts)) if found is None else found


def shares(size: int) -> list[range]:
    """Where the blocks of so many elements begin: in one, or where there are many, in one for each thread."""
    begins = range(0, size, BLOCK)
    each = -(-len(begins) // num_threads()) if len(begins) >= MANY else len(begins)
    return [begins[at : at + each] for at in range(0, len(begins), each)]
