"""Whether a call is plainly sound, at a glance: what is not, may be so all the same, and the engine looks closely."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from ctypes import addressof, c_char
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..contract import DTYPES, Batch, KeyState


class Bound(NamedTuple):
    """What a runner keeps of a key: its state, of which cohort it is, and whether it is frozen."""

    state: KeyState
    cohort: int
    stands: bool


Found = tuple[Bound, Any, Any]  # and weights and gradient

TYPES = {each: np.dtype(each) for each in DTYPES}


def at_a_glance(batch: Batch, states: Mapping[Hashable, Bound]) -> list[Found] | None:
    """What is to be updated, if each key has stepped, its arrays are as they were then, and none share memory."""
    found: list[Found] = []
    arrays: list[Any] = []
    known = list(map(states.get, batch))  # a key's own Python is done before arrays are looked at
    for place, pair in enumerate(batch.values()):
        bound = known[place]
        if bound is None or not (bound.state.taken[0] or bound.stands) or type(pair) is not tuple or len(pair) != 2:
            return None
        weights, gradient = pair
        if not (
            type(weights) is type(gradient) is np.ndarray
            and weights.dtype == gradient.dtype == TYPES[bound.state.dtype]
            and weights.shape == gradient.shape == bound.state.shape
            and weights.flags.carray
            and gradient.flags.carray
        ):
            return None
        found.append((bound, weights, gradient))
        arrays += pair
    are_apart = not np.may_share_memory(*arrays) if len(arrays) == 2 else _are_apart(arrays)
    return found if are_apart else None


def _are_apart(arrays: Iterable[Any]) -> bool:
    ranges = sorted(map(memory_of, arrays))
    return all(stop <= start for (_, stop), (start, _) in pairwise(ranges))


def memory_of(array: Any) -> tuple[int, int]:
    """The first address of a contiguous array that may be written, and the one after its last."""
    start = addressof(c_char.from_buffer(array))
    return start, start + array.nbytes
