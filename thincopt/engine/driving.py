"""Values that schedules drive: the first of each, then the next ones."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Protocol

from ..language import Rule
from ..schedules.declaring import Follower
from .settings import about, value_at


class Driven(Protocol):
    """Values, and the schedules that drive some of them: an optimizer's, or a group's."""

    @property
    def values(self) -> Mapping[str, Any]:
        """The present ones, by name."""

    @property
    def schedules(self) -> Mapping[str, Follower]:
        """By the name of what each will give the next value of."""

    @property
    def given(self) -> Mapping[str, int]:
        """How many values each has given."""


def taken(rule: Rule, now: Driven, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Values, schedules and how many they have given, with these settings as they are; of a schedule, its first."""
    driven = {name: value for name, value in settings.items() if callable(value)}
    firsts = {name: value_at(rule, name, each, 0) for name, each in driven.items()}
    return {
        "values": {**now.values, **settings, **firsts},
        "schedules": {**now.schedules, **driven},
        "given": {**now.given, **dict.fromkeys(driven, 1)},
    }


def stepped(rule: Rule, now: Driven) -> dict[str, Any]:
    """Values, and how many schedules have given, with the next of every schedule that has one."""
    going = {name: each for name, each in now.schedules.items() if not _ended(rule, now, name, each)}
    nexts = {name: value_at(rule, name, each, now.given[name]) for name, each in going.items()}
    given = {**now.given, **{name: now.given[name] + 1 for name in nexts}}
    return {"values": {**now.values, **nexts}, "given": given}


def _ended(rule: Rule, now: Driven, name: str, schedule: Follower) -> bool:
    with about(rule, name):
        return schedule.ended(now.given[name])


def copied(schedules: Mapping[str, Follower]) -> dict[str, Follower]:
    """The same for another optimizer, which an iterator cannot serve too: it is told how far that came."""
    return {name: copy(each) for name, each in schedules.items()}
