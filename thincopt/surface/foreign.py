"""Functions that other packages offer by entry points: what is wrong with one is told, and whose it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..errors import ConfigError, ThincoptError, reason_of, shown
from ..schedules.declaring import is_schedule


class MakingError(ConfigError):
    """A function that is not ours failed; `reference` is how a config names it."""

    def __init__(self, text: str, reference: tuple[str, str]) -> None:
        super().__init__(text)
        self.reference = reference


def loaded(point: Any, word: str) -> Any:
    """What an entry point names, if it can be imported and called."""
    try:
        found = point.load()
    except (Exception, SystemExit) as error:  # its module runs at its import
        raise ConfigError(f"{_named(point, word)} cannot be imported: {_said(error)}.") from error
    if not callable(found):
        raise ConfigError(f"{_named(point, word)} is {shown(found)}, which cannot be called; it must be a function.")
    return found


def guarded(function: Callable[..., Any], kind: str, name: str, point: Any) -> Callable[..., Any]:
    """A function that is not ours, so that whatever it raises is told; and of an entry point, what it makes is seen."""
    word, reference = kind.removesuffix("s"), (f"@{kind}", name)
    label = f"the {word} {shown(name)}" if point is None else _named(point, word)

    @wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        try:
            found = function(*args, **kwargs)
        except ThincoptError:
            raise
        except (Exception, SystemExit) as error:
            raise MakingError(f"{label} cannot be made: {_said(error)}.", reference) from error
        if point is not None and not _is(found, word):
            raise MakingError(f"{label} made {shown(found)}, which is none.", reference)
        return found

    return made


def see_signature(function: Callable[..., Any], name: str) -> None:
    """An error if it cannot be known which arguments this takes."""
    try:
        inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{shown(name)} does not say which arguments it takes: {_said(error)}.") from error


def _is(found: Any, word: str) -> bool:
    if word == "schedule":
        return is_schedule(found)
    return word != "optimizer" or (callable(found) and hasattr(found, "step_schedules"))


def _named(point: Any, word: str) -> str:
    package = getattr(getattr(point, "dist", None), "name", None)
    origin = f" of the package {package}" if package else ""
    return f"the {word} {shown(point.name)}{origin}, {getattr(point, 'value', 'an entry point')},"


def _said(error: BaseException) -> str:
    """Its name too, for it comes from elsewhere."""
    said, name = reason_of(error), type(error).__name__
    return said if said.startswith(name) else f"{name}: {said}"
