"""The base of every error, and the error of the language itself."""

from collections.abc import Iterable
from difflib import get_close_matches


class ThincoptError(Exception):
    """The base class of every error that thincopt raises on purpose."""


class RuleError(ThincoptError, TypeError):
    """A rule or stage that the language cannot express; the text says what to write instead."""


def nearest(given: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, as a question; or all of them."""
    names = list(known)
    return " or ".join(f"Did you mean {each!r}?" for each in get_close_matches(given, names, 1)) or (
        f"There is {', '.join(names)}." if names else "There is none."
    )
