"""`every(k)`: a part of a formula that belongs to each k-th step of a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from .errors import RuleError

R = TypeVar("R")
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


def answering(by: Callable[[Any], bool], call: Callable[[], R]) -> R:
    """What `call()` gives where this answers `every(k)`: in a context of its own, of which nothing can be left."""
    context = copy_context()
    context.run(_answer.set, by)
    return context.run(call)


@contextmanager
def at_step(t: int) -> Iterator[None]:
    """Run formulas on numbers and arrays, in a `with` block, as they are in the t-th step of a key."""
    token = _answer.set(lambda k: bool(k) and t % k == 0)
    try:
        yield
    finally:
        _answer.reset(token)
