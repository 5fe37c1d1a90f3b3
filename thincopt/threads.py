"""How many threads may work at once at a large update, in compiled kernels and in plain NumPy alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Condition
from typing import Any

from .environment import number
from .errors import SettingError, shown

MOST = 256
LEAST = 12 << 20  # bytes of arrays in a step: below, waking a thread takes longer than it saves
_chosen: list[int] = []
_modules: list[Any] = []  # compiled modules: each has workers of its own
_under_way: list[None] = []
_ended = Condition()


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


def spread(work: Callable[[Any], Any], parts: Iterable[Any]) -> list[Any]:
    """The results of some work on each part, in order, done by as many threads as may be."""
    return list(_executor(num_threads()).map(work, parts))


@contextmanager
def whole() -> Iterator[None]:
    """Let no fork come in the midst of this: a child must not see half a step. The compiled kernels see to it too."""
    with _ended:
        _under_way.append(None)
    try:
        yield
    finally:
        with _ended:
            _under_way.pop()
            _ended.notify_all()


def _before_fork() -> None:
    _ended.acquire()
    _ended.wait_for(lambda: not _under_way)


def _in_child() -> None:
    _ended.release()
    _executor.cache_clear()  # its threads are not there


os.register_at_fork(before=_before_fork, after_in_parent=_ended.release, after_in_child=_in_child)


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
