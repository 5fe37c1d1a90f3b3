"""Every error that thincopt raises on purpose; all derive from `ThincoptError`."""

from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from heapq import nsmallest
from typing import TypeVar

from ..language.errors import RuleError, ThincoptError, briefly
from .showing import MOST_SHOWN, shown

__all__ = [
    "ArrayError",
    "BusyError",
    "ConfigError",
    "NonFiniteError",
    "OpsError",
    "RuleError",
    "ScheduleError",
    "SettingError",
    "StateError",
    "ThincoptError",
    "at_most",
    "briefly",
    "reason_of",
    "registered_suggestion",
    "shown",
    "suggestion",
]

MOST_NAMED = 200
MOST_REASON = 1000  # characters of another's text
MOST_TOLD = 10  # mistakes of one kind
T = TypeVar("T")
R = TypeVar("R")
LOOKALIKES = str.maketrans("lo", "10")


class SettingError(ThincoptError, ValueError):
    """A setting that does not exist, or a value that it cannot have."""


class StateError(ThincoptError, ValueError):
    """State that does not fit the optimizer; nothing was changed."""


class ScheduleError(SettingError):
    """A schedule that has no value for a step, or that cannot be one."""


class ConfigError(ThincoptError, ValueError):
    """A config that cannot be built; the text names file, section and key."""


class OpsError(ThincoptError, RuntimeError):
    """Where steps should run is not available here: no compiler, no CuPy, no device."""


class ArrayError(ThincoptError, ValueError):
    """Weights or a gradient that cannot be updated in place; nothing was changed."""


class BusyError(ThincoptError, RuntimeError):
    """A call in the midst of another of the same thread and optimizer; nothing was changed."""


class NonFiniteError(ArrayError):
    """A gradient with NaN or infinity in it; nothing was changed."""


for _each in (ThincoptError, *ThincoptError.__subclasses__(), ScheduleError, NonFiniteError):
    _each.__module__ = "thincopt"  # where users find them; so tracebacks say


def reason_of(error: BaseException) -> str:
    """What another's exception says, without its full stop; of those that say little alone, with its name."""
    try:
        text = str(error).removesuffix(".")
    except Exception:  # it is another's
        text = ""
    text = " ".join(text[: 2 * MOST_REASON].split())
    text = text if len(text) <= MOST_REASON else f"{text[:MOST_REASON]}…"
    if text and isinstance(error, ArithmeticError | TypeError | ValueError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def at_most(each: Sequence[T], told: Callable[[T], R], others: Callable[[T, int], R]) -> list[R]:
    """What is told of each, of the first ones only; and once, at the next, of how many more there are."""
    more = len(each) - MOST_TOLD
    return [*map(told, each[:MOST_TOLD]), *([others(each[MOST_TOLD], more)] if more > 0 else [])]


def suggestion(given: object, known: Iterable[str]) -> str:
    """The nearest known names as a question, or the list of all where none is near."""
    names = nsmallest(MOST_NAMED, (str(each)[:MOST_SHOWN] for each in known))
    text = given[:MOST_SHOWN] if isinstance(given, str) else shown(given)
    likeness = {name: _likeness(text, name) for name in names}
    best = max(likeness.values(), default=0.0)
    if best <= 0.6:
        return f"Known: {', '.join(names)}."
    return f"Did you mean {' or '.join(repr(name) for name in names if likeness[name] == best)}?"


def registered_suggestion(given: object, known: Iterable[str]) -> str:
    """As `suggestion`, for names that come to be known where a module is imported."""
    near = suggestion(given, known)
    return near if near.endswith("?") else f"{near} One of your own is known once its module is imported."


def _likeness(given: str, name: str) -> float:
    """How near a name is to what was given, above all without the version; its initials mean it too: lr, wd."""
    parts = name.split("_")
    if len(parts) > 1 and given.lower() == "".join(part[:1] for part in parts).lower():
        return 1.0
    (base, _, version), (known, _, other) = given.partition(".v"), name.partition(".v")
    return _ratio(base, known) + 0.01 * (version == other)


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, _plain(one), _plain(other)).ratio()


def _plain(name: str) -> str:
    return name[:MOST_SHOWN].lower().translate(LOOKALIKES)
