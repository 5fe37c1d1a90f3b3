"""Sums in one defined order, so that every target finds the same bits.

Numbers in float64, 64 lanes, chunks of 4096: lane j adds elements j, j + 64, … of its chunk in order; lanes are
folded by halves; the chunks' sums are summed by the same rule. The greatest element is found in the same walk.
"""

from typing import Any

import numpy as np

LANES, CHUNK = 64, 4096
TOGETHER = {"sum": np.add, "dot": np.add, "norm": np.add, "amax": np.maximum}


def lanes(kind: str, values: list[Any], scale: float = 1.0) -> Any:
    """The 64 lanes of each chunk: sums of elements, of products (dot) or of squares at a scale (norm), or maxima."""
    terms = _in_chunks(values[0], -np.inf if kind == "amax" else 0.0)
    if kind == "norm":
        if scale != 1.0:
            terms *= scale
        terms *= terms
    if kind == "dot":
        terms *= _in_chunks(values[1], 0.0)
    return TOGETHER[kind].reduce(terms, axis=1)


def fold(kind: str, found: Any) -> float:
    """The result of all from the lanes of every chunk."""
    while True:
        width = LANES // 2
        while width:
            found = TOGETHER[kind](found[:, :width], found[:, width : 2 * width])
            width //= 2
        if len(found) == 1:
            return float(found[0, 0])
        found = lanes("amax" if kind == "amax" else "sum", [found[:, 0]])


def _in_chunks(values: Any, filling: float) -> Any:
    """A copy in float64, filled up to whole chunks, as chunks × rows × lanes."""
    missing = -values.size % CHUNK
    terms = values.astype(np.float64)
    if missing:
        terms = np.concatenate([terms, np.full(missing, filling)])
    return terms.reshape(-1, CHUNK // LANES, LANES)
