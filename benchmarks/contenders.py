"""What takes part: a program, the number of threads that it is given, and its run of steps under the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import thincopt

from .problems import Problem, Work

CORES = thincopt.num_threads()
THREADS = (1, CORES) if CORES > 1 else (1,)
Now = Callable[[], float]  # seconds since some moment


@dataclass(frozen=True)
class Run:
    """All steps of a problem: `clock` takes them once and tells the seconds, after `prepare`, which is not timed."""

    clock: Callable[[], float]
    prepare: Callable[[], object] = lambda: None
    zeroes: bool = True
    keeps: Any = None


@dataclass(frozen=True)
class Program:
    """Something that takes steps, the kinds of work that it can do, and how to begin one and to set its threads."""

    name: str
    works: Sequence[Work]
    start: Callable[[Problem, Work], Run]
    threads: Sequence[int] = (1,)
    use: Callable[[int], object] = lambda _: None
    arrays: int = 1000  # the most that it is tried with


def timed(work: Callable[[], object], now: Now = perf_counter) -> Callable[[], float]:
    """A clock over something that takes all steps."""

    def clock() -> float:
        start = now()
        work()
        return now() - start

    return clock


def one_by_one(
    optimizer: Callable[..., object], calls: Iterable[tuple[Any, ...]], now: Now = perf_counter
) -> Callable[[], float]:
    """A clock over one call for each array."""
    calls = list(calls)

    def work() -> None:
        for key, weights, gradient in calls:
            optimizer(key, weights, gradient)

    return timed(work, now)
