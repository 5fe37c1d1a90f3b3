"""Sums in one defined order, so that every target finds the same bits.

Numbers in float64, 64 lanes, chunks of 4096: lane j adds elements j, j + 64, … of its chunk in order; lanes are
folded by halves; the chunks' sums are summed by the same rule. The greatest element is found in the same walk.
"""

from __future__ import annotations

from functools import partial
from math import sqrt
from operator import setitem
from typing import Any

import numpy as np

from .room import Room

LANES, CHUNK = 64, 4096
HALVES = (32, 16, 8, 4, 2, 1)

Calls = list[tuple[Any, ...]]


class Sum:
    """A sum of so many elements, of products (dot) or of squares (norm), or the greatest (amax), as calls that find it.

    A norm's squares may be taken at a scale.
    """

    together: np.ufunc
    neutral: float

    def __init__(self, room: Room, kind: str, size: int, scale: float = 1.0) -> None:
        self.kind, self.scale = kind, scale
        self.together, self.neutral = (np.maximum, -np.inf) if kind == "amax" else (np.add, 0.0)
        self.lanes = np.full((-(-size // CHUNK), LANES), self.neutral)
        halves = [(self.lanes[:, :half], self.lanes[:, half : 2 * half]) for half in HALVES if half < 2 * size]
        self.folding: Calls = [(partial(self.together, out=one), one, other) for one, other in halves]
        self.last = self.lanes[:, 0]
        if len(self.last) > 1:
            of_chunks = Sum(room, "amax" if kind == "amax" else "sum", len(self.last))
            self.folding += [*of_chunks.adding(room, 0, self.last), *of_chunks.folding]
            self.last = of_chunks.last

    @property
    def found(self) -> float:
        """The result, once all blocks are added and all is folded."""
        found = float(self.last[0])
        return sqrt(found) / self.scale if self.kind == "norm" else found

    def adding(self, room: Room, at: int, values: Any, *factors: Any) -> Calls:
        """Bring a block to the lanes of its chunks, the first of which it begins."""
        terms, calls = room[_added, self, at, values.size]
        products = [(np.multiply, terms, each, terms) for each in factors]
        return [(setitem, terms, ..., values), *products, *calls]


def _added(room: Room, to: Sum, at: int, size: int) -> tuple[Any, Calls]:
    """Where a block is put, in float64, and the calls by which it then comes to lanes.

    It is filled up to whole chunks, or within the first to whole rows, as chunks × rows × lanes; one row is lanes.
    """
    whole, lanes = size - size % -(CHUNK if size > CHUNK else LANES), to.lanes[at // CHUNK :]
    filled = room.scratch("terms", whole, "float64") if whole > LANES else lanes[0]
    terms, rest = filled[:size], filled[size:]
    squares: Calls = [(np.multiply, terms, to.scale, terms)] if to.scale != 1.0 else []
    squares += [(np.multiply, terms, terms, terms)]
    rows = filled.reshape(-1, min(whole, CHUNK) // LANES, LANES)
    adding: Calls = [(setitem, rest, ..., to.neutral), (to.together.reduce, rows, 1, None, lanes[: len(rows)])]
    return terms, [*(squares if to.kind == "norm" else []), *(adding if whole > LANES else [])]
