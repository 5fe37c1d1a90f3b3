"""Mappings for reading: what is written into one would be lost without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Reading(dict[K, V]):
    """What an optimizer tells of itself at one moment; `instead` says how to change it. Its copies are plain dicts."""

    def __init__(self, told: Mapping[K, V], instead: str) -> None:
        super().__init__(told)
        self.instead = instead

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(f"This is for reading, and nothing changes where one writes into it: {self.instead}.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def of_settings(told: Mapping[str, V]) -> Reading[str, V]:
    """What there is by the name of a setting."""
    return Reading(told, "assign the attribute, as in optimizer.learn_rate = …, which takes a number or a schedule")


def of_state(told: Mapping[K, V]) -> Reading[K, V]:
    """What there is by key."""
    return Reading(told, "optimizer.load_state(…) takes what optimizer.state() gave")
