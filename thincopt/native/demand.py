"""Kernels on demand: a recipe that is not compiled runs in plain NumPy while a thread compiles it, once for all.

The thread holds no lock while it waits for the compiler, so a fork need not wait for that; a child has a queue of its
own, and what its parent was about to get it asks for anew. When the process ends, so does the compiler.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import allocate_lock, start_new_thread
from collections import deque
from contextlib import suppress
from typing import Any
from warnings import warn

from ..caching import found, why_nothing_is_kept
from ..concurrency.importing import late
from ..errors import OpsError, ThincoptError
from ..recipes.recipe import Recipe
from . import load, mode
from .building import bring
from .compiling import compiler, missing
from .generate import Printed, printed
from .order import Order
from .processes import end_all

PATIENCE = 2.0  # seconds in which the thread clears away what a killed compiler has left


class _Queue:
    """The orders of one process; who has `token` sees to them."""

    def __init__(self) -> None:
        self.orders: dict[Any, Order] = {}
        self.waiting: deque[tuple[Order, Printed]] = deque()
        self.token = allocate_lock()
        self.is_begun = self.has_failed = False


_queue = _Queue()


def ordered(recipe: Recipe) -> Order:
    """The order of the compiled kernels of this recipe; whoever asks for the same has the same one."""
    functions, module, queue = printed(recipe.kernels), load(), _queue
    known = functions.names(), module and module.level()
    made = Order()
    order = queue.orders.setdefault(known, made)
    if order is made:
        try:
            _place(queue, order, functions)
        except BaseException as error:  # such as Ctrl-C's
            del queue.orders[known]
            order.settle(str(error))
            raise
    if mode() == "wait":
        order.wait()
    return order


def told() -> str:
    """How kernels come on demand, in words."""
    if mode() == "0":
        return "never"
    try:
        words, _ = compiler()
        why_not = missing()
    except OpsError as error:
        why_not = str(error)
    if why_not:
        return why_not
    kept = why_nothing_is_kept()
    how = {"background": "in the background", "wait": "waited for"}[mode()]
    return f"{how}, by {words[0]}" + (f", anew in each process ({kept})" if kept else "")


def _place(queue: _Queue, order: Order, functions: Printed) -> None:
    """Settle an order from the cache, or have the thread do it."""
    try:
        if bring(functions, lambda path, _: found(path)):
            order.settle()
            return
        why_not = missing()
        if not why_not:
            if not queue.is_begun:
                queue.is_begun = True
                _see_to_the_end()
            queue.waiting.append((order, functions))
            start_new_thread(_work, (queue,))
            return
    except (ThincoptError, OSError, ImportError, RuntimeError) as error:  # of no use: what was kept, CC, more threads
        why_not = _first_line(error)
    order.settle(why_not)


def _work(queue: _Queue) -> None:
    """Do what waits, unless another thread is at it."""
    while queue.waiting and queue.token.acquire(blocking=False):
        try:
            while queue.waiting:
                _fulfil(queue, *queue.waiting.popleft())
        finally:
            queue.token.release()


def _fulfil(queue: _Queue, order: Order, functions: Printed) -> None:
    why_not = "it failed"
    try:
        bring(functions)
        why_not = ""
    except (OpsError, OSError, ImportError, RuntimeWarning) as error:  # the last where warnings are errors
        why_not = _first_line(error)
        if not queue.has_failed:
            queue.has_failed = True
            _tell(f"Kernels could not be compiled: {error}. They run in plain NumPy, with the same bits.")
    finally:
        order.settle(why_not)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".:")


def _tell(text: str) -> None:
    """Warn; where warnings are errors, training goes on all the same."""
    with late, suppress(RuntimeWarning):
        warn(text, RuntimeWarning, stacklevel=1)


def _see_to_the_end() -> None:
    """Have the compiler ended with this process."""
    atexit.unregister(_end)
    atexit.register(_end)
    if "multiprocessing.util" in sys.modules:  # its children end without what atexit does
        sys.modules["multiprocessing.util"].Finalize(None, _end, exitpriority=0)


def _end() -> None:
    _queue.has_failed = True  # nothing more is told
    _queue.waiting.clear()
    end_all()
    _queue.token.acquire(timeout=PATIENCE)


def _lapse() -> None:
    """In a child no thread goes on with the orders of its parent: whoever has one asks anew."""
    global _queue  # all of it is the parent's
    before, _queue = _queue, _Queue()
    for each in list(before.orders.values()):
        if each.is_open:
            each.settle()


os.register_at_fork(after_in_child=_lapse)
