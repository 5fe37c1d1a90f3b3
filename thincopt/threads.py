"""How many threads may work at once at a large update, in compiled kernels and in plain NumPy alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from .environment import number
from .errors import SettingError, shown

MOST = 256
LEAST = 12 << 20  # bytes of arrays in a step: below, waking a thread takes longer than it saves
_chosen: list[int] = []
_modules: list[Any] = []  # compiled modules: each has workers of its own
_under_way: WeakSet[Future[Any]] = WeakSet()

P = TypeVar("P")
R = TypeVar("R")


def num_threads() -> int:
    """How many threads may work at once: what was set, or THINCOPT_NUM_THREADS, or the processors there are."""
    return _chosen[0] if _chosen else _at_first()


def set_num_threads(count: int) -> None:
    """Let so many threads work at once from now on; results do not depend on it, to the bit."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise SettingError(f"The number of threads must be a whole number from 1 to {MOST}, not {shown(count)}.")
    _chosen[:] = [count]
    _executor.cache_clear()
    for each in _modules:
        each.set_threads(count, LEAST)


def serve(module: Any) -> None:
    """Keep a compiled module told."""
    module.set_threads(num_threads(), LEAST)
    _modules.append(module)


def spread(work: Callable[[P], R], parts: Iterable[P], then: Callable[[], None] | None = None) -> list[R]:
    """The results of some work on each part, in order, done by as many threads as may be; and then the rest.

    All is done to the end whatever signals come meanwhile; what they raise is raised after it.
    """
    executor = _executor(num_threads())
    futures = [executor.submit(work, part) for part in parts]
    ends: list[Future[Any]] = [*futures, *([executor.submit(_after, futures, then)] if then else [])]
    _under_way.update(ends)
    _settle(ends)
    return [each.result() for each in ends][: len(futures)]


def _after(futures: Iterable[Future[Any]], then: Callable[[], None]) -> None:
    wait(futures)
    then()


def end_all() -> None:
    """Wait until no thread has anything left to do."""
    _settle(list(_under_way))


def forget_threads() -> None:
    """Begin with new threads at need: those that there were are not in a forked child."""
    _executor.cache_clear()


def _settle(futures: Iterable[Future[Any]]) -> None:
    """Wait for all of these, again and again if a signal's exception comes meanwhile."""
    try:
        wait(futures)
    finally:
        if not all(each.done() for each in futures):
            _settle(futures)


@cache
def _executor(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "thincopt")


@cache
def _at_first() -> int:
    return number("THINCOPT_NUM_THREADS", MOST) or min(_processors(), MOST)


def _processors() -> int:
    """The processors that this process may use, within its container's share of time."""
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(known, int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or no limit ("max")
        return known
