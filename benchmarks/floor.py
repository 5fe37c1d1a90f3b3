"""The floor: what the memory alone takes for a step. The loop is in floor.c."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from .problems import Floats, Problem, Work, aligned


class _Arrays(ctypes.Structure):
    _fields_ = (
        ("w", ctypes.c_void_p),
        ("g", ctypes.c_void_p),
        ("m", ctypes.c_void_p),
        ("v", ctypes.c_void_p),
        ("average", ctypes.c_void_p),
        ("size", ctypes.c_int64),
    )


class FloorClock:
    """Takes all steps of a problem at the floor, and tells the seconds."""

    def __init__(self, library: ctypes.CDLL, problem: Problem, work: Work) -> None:
        self._own = [[aligned(problem.size.elements) for _ in range(4)] for _ in problem.weights]
        entries = [_entry(self._own[key], gradient) for key, _, gradient in problem]
        self._table = (_Arrays * len(entries))(*entries)
        self._bytes = work.bytes
        self._seconds = library.seconds
        self._seconds.restype = ctypes.c_double

    def __call__(self) -> float:
        """Take them."""
        return float(self._seconds(self._table, ctypes.c_int64(len(self._table)), ctypes.c_int64(self._bytes)))


def _entry(own: Sequence[Floats], g: Floats) -> _Arrays:
    w, m, v, average = own
    return _Arrays(*(each.ctypes.data for each in (w, g, m, v, average)), g.size)
