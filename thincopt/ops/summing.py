"""Sums in one defined order, so that every target finds the same bits.

Numbers in float64, 64 lanes, chunks of 4096: lane j adds elements j, j + 64, … of its chunk in order; lanes are
folded by halves; the chunks' sums are summed by the same rule. The greatest element is found in the same walk.
"""

from typing import Any

import numpy as np

LANES, CHUNK = 64, 4096


def chunk_sums(kind: str, values: list[Any], scale: float = 1.0) -> Any:
    """Each chunk's sum of elements, of products (dot), or of squares at a scale (norm)."""
    if kind == "norm" and scale != 1.0:
        values = [values[0] * scale]
    terms = _padded(values[0], 0.0)
    if kind == "norm":
        terms *= terms
    if kind == "dot":
        terms *= _padded(values[1], 0.0)
    return _folded(np.add.reduce(terms.reshape(-1, CHUNK // LANES, LANES), axis=1), np.add)


def chunk_maxima(values: Any) -> Any:
    """Each chunk's greatest element."""
    return np.maximum.reduce(_padded(values, -np.inf).reshape(-1, CHUNK), axis=1)


def fold(chunks: Any, *, is_max: bool) -> float:
    """The result of all from the results of the chunks."""
    if is_max:
        return float(np.maximum.reduce(chunks))
    while len(chunks) > 1:
        chunks = chunk_sums("sum", [chunks])
    return float(chunks[0])


def _padded(values: Any, filling: float) -> Any:
    """A copy in float64, filled up to whole chunks."""
    padded = np.full(-(-values.size // CHUNK) * CHUNK, filling)
    padded[: values.size] = values
    return padded


def _folded(lanes: Any, together: Any) -> Any:
    width = LANES // 2
    while width:
        lanes = together(lanes[:, :width], lanes[:, width : 2 * width])
        width //= 2
    return lanes[:, 0]
