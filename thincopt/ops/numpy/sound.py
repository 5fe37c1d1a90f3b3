"""Whether a call is plainly sound, at a glance: what is not, may be so all the same, and the engine looks closely."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from ctypes import addressof, c_char
from itertools import pairwise
from typing import Any

import numpy as np

from ..contract import DTYPES, Batch, KeyState

TYPES = {each: np.dtype(each) for each in DTYPES}


def are_sound(batch: Batch, states: Mapping[Hashable, KeyState]) -> bool:
    """Whether each key has stepped and its arrays are as they were then, and none of all these share memory."""
    ranges: list[tuple[int, int]] = []
    for key, pair in batch.items():
        if not _fits(states.get(key), pair):
            return False
        ranges += map(memory_of, pair)
    ranges.sort()
    return all(stop <= start for (_, stop), (start, _) in pairwise(ranges))


def _fits(state: KeyState | None, pair: Any) -> bool:
    if state is None or not state.taken[0] or type(pair) is not tuple or len(pair) != 2:
        return False
    weights, gradient = pair
    return (
        type(weights) is type(gradient) is np.ndarray
        and weights.dtype == gradient.dtype == TYPES[state.dtype]
        and weights.shape == gradient.shape == state.shape
        and weights.flags.carray
        and gradient.flags.carray
    )


def memory_of(array: Any) -> tuple[int, int]:
    """The first address of a contiguous array that may be written, and the one after its last."""
    start = addressof(c_char.from_buffer(array))
    return start, start + array.nbytes
