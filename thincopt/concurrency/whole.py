"""What is done in one go: calls of compiled code, between which no signal's handler and no tracer comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, starmap
from operator import call
from typing import Any


def at_once(*work: Iterable[Any]) -> None:
    """Go through iterators of compiled code, one after the other."""
    deque(chain.from_iterable(work), maxlen=0)


def calls(*each: tuple[Any, ...]) -> Iterator[Any]:
    """An iterator that calls (function, argument, …) one by one; functions of compiled code, for `at_once`."""
    return starmap(call, each)
