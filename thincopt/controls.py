"""The settings of one optimizer as they stand now, and the schedules that drive them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import SettingError, shown
from .language import Rule
from .naming import rule_named
from .schedules.declaring import Follower
from .settings import about, clash, scheduled, validated, value_at


class Controls:
    """Values by name, and by name the schedule that will give the next value and how many it has given."""

    def __init__(self, rule: Rule, given: Mapping[str, Any], schedules: Mapping[str, Any] | None) -> None:
        if not isinstance(rule, Rule):
            raise SettingError(f"An optimizer is made by a rule, or by its name in quotes, not by {shown(rule)}.")
        self.rule = rule
        self.values: dict[str, Any] = {}
        self.schedules: dict[str, Follower] = {}
        self.given: dict[str, int] = {}
        self.take(validated(rule, given))
        later = scheduled(rule, schedules)
        self.schedules |= later
        self.given |= dict.fromkeys(later, 0)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "rule": self.rule.name}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__dict__.update(saved, rule=rule_named(saved["rule"]))

    def assign(self, settings: Mapping[str, Any]) -> None:
        """Give settings new values: a number keeps the schedule that drives it, a schedule takes its place."""
        self.take(validated(self.rule, settings, complete=False))

    def take(self, settings: Mapping[str, Any]) -> None:
        """Values as they are; of a schedule, its first."""
        driven = {name: value for name, value in settings.items() if callable(value)}
        firsts = {name: value_at(self.rule, name, each, 0) for name, each in driven.items()}
        values = {**self.values, **settings, **firsts}
        effective(self.rule, values)
        self.values = values
        self.schedules |= driven
        self.given |= dict.fromkeys(driven, 1)

    def step(self) -> None:
        """Take the next value of every schedule that has one; if one of them is refused, none is taken."""
        going = {name: each for name, each in self.schedules.items() if not self._ended(name, each)}
        nexts = {name: value_at(self.rule, name, each, self.given[name]) for name, each in going.items()}
        values = self.values | nexts
        effective(self.rule, values)
        self.values = values
        for name in nexts:
            self.given[name] += 1

    def asks(self, name: str) -> bool:
        """Whether this number may be other than zero; one that is scheduled may."""
        decays = self.values["L2_is_weight_decay"] and "L2" in self.schedules
        driven = self.schedules.keys() ^ {"L2", "weight_decay"} if decays else self.schedules
        return bool(effective(self.rule, self.values)[name]) or name in driven

    def _ended(self, name: str, schedule: Follower) -> bool:
        with about(self.rule, name):
            return schedule.ended(self.given[name])


def effective(rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as the kernels take them: L2 as weight decay is weight decay."""
    if not (values["L2_is_weight_decay"] and values["L2"]):
        return dict(values)
    if values["weight_decay"]:
        raise SettingError(clash(rule, values))
    return {**values, "weight_decay": values["L2"], "L2": 0.0}
