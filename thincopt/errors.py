"""Every error that thincopt raises on purpose; all derive from `ThincoptError`."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from .language.errors import RuleError, ThincoptError

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
    "registered_suggestion",
    "shown",
    "suggestion",
]

MOST_SHOWN = 120  # characters of a value in an error
MOST_NAMED = 200
LOOKALIKES = str.maketrans("lo", "10")


class SettingError(ThincoptError, ValueError):
    """A setting that does not exist, or a value that it cannot have."""


class StateError(ThincoptError, ValueError):
    """State that does not fit the optimizer; nothing was changed."""


class ScheduleError(SettingError):
    """A schedule that has no value to give."""


class ConfigError(ThincoptError, ValueError):
    """A config that cannot be built; the text names file, section and key."""


class OpsError(ThincoptError, RuntimeError):
    """A backend that is not here."""


class ArrayError(ThincoptError, ValueError):
    """Weights or a gradient that cannot be updated in place; nothing was changed."""


class BusyError(ThincoptError, RuntimeError):
    """A call in the midst of another of the same thread and optimizer; nothing was changed."""


class NonFiniteError(ArrayError):
    """A gradient with NaN or infinity in it; nothing was changed."""


for _each in (ThincoptError, *ThincoptError.__subclasses__(), ScheduleError, NonFiniteError):
    _each.__module__ = "thincopt"  # where users find them; so tracebacks say


def shown(value: object) -> str:
    """The value as an error tells it: as in Python, in one line, and cut where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a repr may fail in any way, and an int's does beyond 4300 digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def suggestion(given: object, known: Iterable[str]) -> str:
    """The nearest known names as a question, or the list of all where none is near."""
    names = sorted(map(str, known))[:MOST_NAMED]
    likeness = {name: _likeness(str(given), name) for name in names}
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
