"""Sums in one defined order, so that every target finds the same bits.

Numbers in float64, 64 lanes, chunks of 4096: lane j adds elements j, j + 64, … of its chunk in order; lanes are
folded by halves; the chunks' sums are summed by the same rule. The greatest element is found in the same walk.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

LANES, CHUNK = 64, 4096
HALVES = (32, 16, 8, 4, 2, 1)
TOGETHER = {"sum": np.add, "dot": np.add, "norm": np.add, "amax": np.maximum}


def lanes(kind: str, values: Sequence[Any], scale: float = 1.0) -> Any:
    """The 64 lanes of each chunk: sums of elements, of products (dot) or of squares at a scale (norm), or maxima."""
    terms = _in_chunks(values[0], -np.inf if kind == "amax" else 0.0)
    if kind == "norm":
        if scale != 1.0:
            terms *= scale
        terms *= terms
    if kind == "dot":
        terms *= _in_chunks(values[1], 0.0)
    return TOGETHER[kind].reduce(terms, axis=1)


def fold(kind: str, blocks: Sequence[Any]) -> float:
    """The result of all from the lanes of every chunk of every block."""
    together = TOGETHER[kind]
    found = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    while True:
        folded = found.T
        for half in HALVES:
            folded = together(folded[:half], folded[half:])
        if len(found) == 1:
            return float(folded[0, 0])
        found = lanes("amax" if kind == "amax" else "sum", [folded[0]])


def _in_chunks(values: Any, filling: float) -> Any:
    """A copy in float64, filled up to whole chunks, or within the first to whole rows, as chunks × rows × lanes."""
    size = values.size
    terms = np.empty(size - size % -(CHUNK if size > CHUNK else LANES))
    terms[:size], terms[size:] = values, filling
    return terms.reshape(-1, min(terms.size, CHUNK) // LANES, LANES)
