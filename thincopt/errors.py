"""Every error that thincopt raises on purpose; all derive from `ThincoptError`."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from .language.errors import RuleError, ThincoptError

__all__ = ["ArrayError", "NonFiniteError", "RuleError", "SettingError", "StateError", "ThincoptError", "suggestion"]


class SettingError(ThincoptError, ValueError):
    """A setting that does not exist, or a value that it cannot have."""


class StateError(ThincoptError, ValueError):
    """State that does not fit the optimizer; nothing was changed."""


class ArrayError(ThincoptError, ValueError):
    """Weights or a gradient that cannot be updated in place; nothing was changed."""


class NonFiniteError(ArrayError):
    """A gradient with NaN or infinity in it; nothing was changed."""


def suggestion(given: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or the list of all where none is near."""
    names = sorted(known)
    likeness = {name: SequenceMatcher(None, given.lower(), name.lower()).ratio() for name in names}
    nearest = max(names, key=likeness.__getitem__, default="")
    return f"Did you mean {nearest!r}?" if likeness.get(nearest, 0) > 0.6 else f"Known: {', '.join(names)}."
