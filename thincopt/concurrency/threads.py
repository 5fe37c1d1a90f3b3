"""How many threads may work at once at a large update, in compiled kernels and in plain NumPy alike."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ..environment import number
from ..errors import SettingError, shown
from .whole import at_once, calls

MOST = 256
LEAST = 12 << 20  # bytes of arrays in a step: below, waking a thread takes longer than it saves
_chosen: list[int] = []
_modules: list[Any] = []  # compiled modules: each has workers of its own
_under_way: set[Any] = set()  # the locks of jobs that are not done

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
    for each in _modules:
        each.set_threads(count, LEAST)


def serve(module: Any) -> None:
    """Keep a compiled module told."""
    module.set_threads(num_threads(), LEAST)
    _modules.append(module)


def spread(work: Callable[[P], R], parts: Sequence[P], then: Callable[[], None] | None = None) -> list[R] | None:
    """The results of some work on each part, in order, done by as many threads as may be; and then the rest.

    All is done to the end whatever signals come meanwhile; what they raise is raised after it. Where there can be no
    thread, there is no result, and nothing was done.
    """
    job = _Job(work, parts, then)
    begun: list[Any] = []
    begin = (_under_way.add, job.done), (start_new_thread, job.lead, ()), (begun.append, job)
    try:
        try:  # all in one go: between the job's beginning and the wait for it, there is no place for an exception
            at_once(calls(*begin, (job.done.acquire,), (job.done.release,)))
        finally:
            if begun:
                _settle(job.done)
    except RuntimeError:
        if begun or job.done not in _under_way:
            raise
        return None  # there can be no more threads
    finally:  # another exception came before it was waited for
        if begun:
            _settle(job.done)
        else:
            _under_way.discard(job.done)
    return job.found()


def end_all() -> None:
    """Wait until no thread has anything left to do."""
    for each in list(_under_way):
        _settle(each)


def _settle(done: Any) -> None:
    """Wait until this lock is given back, whatever signals' exceptions come meanwhile; the first is raised then."""
    raised: list[BaseException] = []
    while True:
        try:
            while done.locked():
                try:
                    at_once(calls((done.acquire,), (done.release,)))
                except BaseException as error:
                    raised += [error]
            break
        except BaseException as error:  # between two of them: the least there can be of a place
            raised += [error]
    if raised:
        raise raised[0]


class _Job:
    """Parts that threads take one by one; whoever ends the last one does the rest, and gives `done` back.

    There are no locks but that one: a signal's handler that finds its thread waiting may wait for the same, or fork.
    """

    def __init__(self, work: Callable[[Any], Any], parts: Sequence[Any], then: Callable[[], None] | None) -> None:
        self.work, self.then = work, then
        self.waiting, self.unfinished = deque(enumerate(parts)), list(range(len(parts)))
        self.results: list[Any] = [None] * len(parts)
        self.raised: list[BaseException] = []
        self.done = allocate_lock()
        self.done.acquire()

    def lead(self) -> None:
        """Call other threads, and take part."""
        with suppress(RuntimeError):  # so many threads cannot be: those that there are do all
            for _ in range(min(num_threads(), len(self.results)) - 1):
                start_new_thread(self.help, ())
        self.help()

    def help(self) -> None:
        """Do parts until all are taken."""
        while self.waiting:
            with suppress(IndexError):  # another thread was quicker
                self._do(*self.waiting.popleft())

    def _do(self, place: int, part: Any) -> None:
        try:
            self.results[place] = self.work(part)
        except BaseException as error:  # it is raised where the results are wanted
            self.raised.append(error)
        if self.unfinished.pop() == 0:
            self._end()

    def _end(self) -> None:
        try:
            if self.then and not self.raised:
                self.then()
        except BaseException as error:  # as above
            self.raised.append(error)
        finally:
            _under_way.discard(self.done)
            self.done.release()

    def found(self) -> list[Any]:
        """The results; or what was raised in place of one."""
        if self.raised:
            raise self.raised[0]
        return self.results


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
