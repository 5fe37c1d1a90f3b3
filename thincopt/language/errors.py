"""The base of every error, the error of the language itself, and how they are told."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ThincoptError(Exception):
    """The base class of every error that thincopt raises on purpose."""


class RuleError(ThincoptError, TypeError):
    """A rule or stage that the language cannot express; the text says what to write instead."""


def briefly(call: Callable[P, R]) -> Callable[P, R]:
    """The same call, whose errors of ours are told where it was made: how checking came there is of no use."""

    @wraps(call)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ThincoptError as error:
            raise error.with_traceback(None) from error.__cause__

    return told


def nearest(given: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, as a question; or all of them."""
    names = list(known)
    return " or ".join(f"Did you mean {each!r}?" for each in get_close_matches(given, names, 1)) or (
        f"There is {', '.join(names)}." if names else "There is none."
    )
