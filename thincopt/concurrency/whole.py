"""What is done in one go: calls of compiled code, between which no signal's handler and no tracer comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, starmap
from operator import call
from typing import Any

go_through: Callable[[Iterable[Any]], object] = partial(deque, maxlen=0)  # in compiled code alone


def at_once(*work: Iterable[Any]) -> None:
    """Go through iterators of compiled code, one after the other."""
    go_through(chain.from_iterable(work))


def calls(*each: tuple[Any, ...]) -> Iterator[Any]:
    """An iterator that calls (function, argument, …) one by one; functions of compiled code, for `at_once`."""
    return starmap(call, each)
