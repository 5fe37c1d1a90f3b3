"""`every(k)`: a part of a formula that belongs to each k-th step of a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .errors import RuleError

_answer: ContextVar[Callable[[Any], bool] | None] = ContextVar("answer", default=None)


def every(k: Any) -> bool:
    """Whether this step is a k-th one of its key, where a setting such as `refresh: Count = 10` says k.

    Write `if every(refresh):`. Step k is the first, and each key counts its own; with 0 no step is. The setting may
    change. The answer picks a kernel: what is not asked for in a step costs nothing there.
    """
    answer = _answer.get()
    if answer is None:
        raise RuleError("every(k) is answered in a step: run a formula on numbers and arrays `with at_step(t):`.")
    return answer(k)


@contextmanager
def answered(by: Callable[[Any], bool]) -> Iterator[None]:
    """Let this answer `every(k)`."""
    token = _answer.set(by)
    try:
        yield
    finally:
        _answer.reset(token)


@contextmanager
def at_step(t: int) -> Iterator[None]:
    """Run formulas on numbers and arrays, in a `with` block, as they are in the t-th step of a key."""
    with answered(lambda k: bool(k) and t % k == 0):
        yield
