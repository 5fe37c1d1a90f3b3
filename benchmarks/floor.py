"""The floor: what the memory alone takes for a step. The loop is in floor.c."""

from __future__ import annotations

import ctypes
from functools import partial
from weakref import WeakKeyDictionary

from .building import floor_libraries
from .contenders import THREADS, Program, Run
from .problems import LINE, WORKS, Floats, Problem, Work, aligned

NAMES = ("w", "g", "m", "v", "average")
PREFIX = "floor, "
_KEPT: WeakKeyDictionary[Problem, list[list[Floats]]] = WeakKeyDictionary()  # one set of arrays for all builds


class _Arrays(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_void_p) for name in NAMES), ("size", ctypes.c_int64))


class Floor:
    """One build of the loop, and the number of threads that run it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._seconds = library.seconds
        self._seconds.restype = ctypes.c_double
        library.open_threads(max(THREADS))
        self._threads = 1

    def use(self, threads: int) -> None:
        """Run with so many threads from now on."""
        self._threads = threads

    def start(self, problem: Problem, work: Work) -> Run:
        """Make arrays of its own; the gradient is the problem's."""
        own = _KEPT.get(problem) or _KEPT.setdefault(problem, _own(problem))
        entries = [_entry(gradient, *own[key]) for key, _, gradient in problem]
        table = (_Arrays * len(entries))(*entries)
        numbers = [ctypes.c_int64(each) for each in (len(problem.gradients), len(own), work.bytes)]
        run = partial(self._seconds, table, *numbers)
        return Run(lambda: float(run(self._threads)), zeroes=work.zeroes, keeps=own)


def floors() -> list[Program]:
    """The floor in every build that there is."""
    made = ((level, Floor(library)) for level, library in floor_libraries().items())
    return [Program(PREFIX + level, WORKS, each.start, THREADS, each.use) for level, each in made]


def _own(problem: Problem) -> list[list[Floats]]:
    return [[_apart(each.size, place) for place in range(1, len(NAMES))] for each in problem.weights]


def _apart(size: int, place: int) -> Floats:
    """Large arrays begin at places of their own in a page, as thincopt's states do."""
    skipped = 5 * LINE * place if size > 4096 else 0
    return aligned(size + skipped)[skipped:]


def _entry(g: Floats, w: Floats, m: Floats, v: Floats, average: Floats) -> _Arrays:
    return _Arrays(*(each.ctypes.data for each in (w, g, m, v, average)), g.size)
