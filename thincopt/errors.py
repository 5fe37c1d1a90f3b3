"""Every error that thincopt raises on purpose; all derive from `ThincoptError`."""

from collections.abc import Iterable
from difflib import get_close_matches

from .language.errors import RuleError, ThincoptError

__all__ = ["ArrayError", "NonFiniteError", "RuleError", "SettingError", "ThincoptError", "suggestion"]


class SettingError(ThincoptError, ValueError):
    """A setting that does not exist, or a value that it cannot have."""


class ArrayError(ThincoptError, ValueError):
    """Weights or a gradient that cannot be updated in place; nothing was changed."""


class NonFiniteError(ArrayError):
    """A gradient with NaN or infinity in it; nothing was changed."""


def suggestion(given: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or the list of all where none is near."""
    names = sorted(known)
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(given.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {by_lower[near[0]]!r}?" if near else f"Known: {', '.join(names)}."
