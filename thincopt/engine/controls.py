"""The settings of one optimizer at one moment, and its schedules: to change them or to step them makes others."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from warnings import warn

from ..errors import SettingError, StateError, shown, suggestion
from ..language import Rule
from ..language.fingerprint import fingerprint
from ..language.randomness import words_of
from ..rules import all_rules
from ..schedules.declaring import Follower
from .idle import idle, warn_of
from .settings import about, clash, scheduled, settings_of, validated, value_at


@dataclass(frozen=True)
class Controls:
    """Values by name, and by name the schedule that will give the next value and how many it has given."""

    rule: Rule
    values: Mapping[str, Any]
    schedules: Mapping[str, Follower]
    given: Mapping[str, int]
    are_stepped: bool = False  # whether the schedules ever were

    def assigned(self, settings: Mapping[str, Any]) -> Controls:
        """With new values: a number keeps the schedule that drives it, a schedule takes its place."""
        return self._taking(validated(self.rule, settings, complete=False))

    def _taking(self, settings: Mapping[str, Any]) -> Controls:
        """With values as they are; of a schedule, its first."""
        driven = {name: value for name, value in settings.items() if callable(value)}
        firsts = {name: value_at(self.rule, name, each, 0) for name, each in driven.items()}
        values = {**self.values, **settings, **firsts}
        given = {**self.given, **dict.fromkeys(driven, 1)}
        return replace(self, values=values, schedules={**self.schedules, **driven}, given=given)._sound()

    def stepped(self) -> Controls:
        """With the next value of every schedule that has one; if one of them is refused, so is all."""
        going = {name: each for name, each in self.schedules.items() if not self._ended(name, each)}
        nexts = {name: value_at(self.rule, name, each, self.given[name]) for name, each in going.items()}
        given = {**self.given, **{name: self.given[name] + 1 for name in nexts}}
        return replace(self, values={**self.values, **nexts}, given=given, are_stepped=True)._sound()

    def _sound(self) -> Controls:
        """The same, if its settings can be had together."""
        _ = self.effective
        return self

    @cached_property
    def effective(self) -> Mapping[str, Any]:
        """The settings as the kernels take them."""
        return effective(self.rule, self.values)

    def start(self, start: float | str) -> float:
        """The number that state begins with: of a setting, the present value."""
        return float(self.effective[start] if isinstance(start, str) else start)

    def words(self, key: Hashable) -> tuple[float, ...]:
        """What a key's random numbers are made of, if there are any."""
        return words_of(int(self.values["seed"]), key) if "seed" in self.values else ()

    def asks(self, name: str) -> bool:
        """Whether this number may be other than zero, or than None; one that is scheduled may be other than zero."""
        setting = settings_of(self.rule)[name]
        return setting.is_on(self.effective[name]) or (name in self._driven and not setting.optional)

    @cached_property
    def _driven(self) -> Container[str]:
        decays = self.values.get("L2_is_weight_decay") and "L2" in self.schedules
        return self.schedules.keys() ^ {"L2", "weight_decay"} if decays else self.schedules

    def _ended(self, name: str, schedule: Follower) -> bool:
        with about(self.rule, name):
            return schedule.ended(self.given[name])

    @property
    def formula(self) -> str:
        """The fingerprint of the formula, as these settings have it."""
        own = self.rule.signature.settings
        choices = tuple((each.name, self.values[each.name]) for each in own if not each.is_number)
        numbers = frozenset(each.name for each in own if each.range and self.asks(each.name))
        return fingerprint(self.rule, choices, numbers)

    def __str__(self) -> str:
        """The settings that are not at their defaults, and the learning rate."""
        settings = settings_of(self.rule)
        told = {
            name: f" by {self.schedules[name]!r}" if name in self.schedules else ""
            for name, value in self.values.items()
            if name == "learn_rate" or name in self.schedules or value != settings[name].default
        }
        return ", ".join(f"{name}={self.values[name]!r}{by}" for name, by in told.items())

    def apart(self) -> Controls:
        """The same for another optimizer, which an iterator cannot serve too: it is told how far that came."""
        return replace(self, schedules={name: copy(each) for name, each in self.schedules.items()})

    def __deepcopy__(self, memo: dict[int, Any]) -> Controls:
        return replace(self, schedules=deepcopy(self.schedules, memo))  # the rule is this one, defined anew or not

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (self.rule.name, self.formula, self.values, self.schedules, self.given, self.are_stepped)


def controls_of(rule: Rule, given: Mapping[str, Any], schedules: Mapping[str, Any] | None) -> Controls:
    """The first settings of an optimizer: what is given, and the defaults of the others."""
    begun = Controls(rule, {}, {}, {})._taking(validated(rule, given, schedules))
    for each in idle(rule, settings_of(rule), given, schedules):
        warn_of(each)
    later = scheduled(rule, schedules)
    return replace(begun, schedules={**begun.schedules, **later}, given={**begun.given, **dict.fromkeys(later, 0)})


def restored(
    name: str,
    formula: str,
    values: Mapping[str, Any],
    schedules: Mapping[str, Follower],
    given: Mapping[str, int],
    are_stepped: bool,
) -> Controls:
    """The settings that were saved, if the rule of this name can still have them; of new ones, the defaults.

    Another formula than that of then is told.
    """
    rules = all_rules()
    if name not in rules:
        raise StateError(
            f"No optimizer is named {shown(name)} here: define its rule before loading. {suggestion(name, rules)}"
        )
    rule = rules[name]
    known = settings_of(rule)
    gone = [each for each in {**values, **schedules} if each not in known]
    if gone:
        raise StateError(
            f"This optimizer was saved with {gone[0]} = {shown(values.get(gone[0]))}, but {name} has no such setting"
            f" now: its definition has changed. {suggestion(gone[0], known)} Give a rule that has changed another"
            " name or version, and define the old one as it was to load this."
        )
    found = Controls(rule, validated(rule, values, saved=True), schedules, given, are_stepped)
    if found.formula != formula:
        warn(
            f"The formula of {name} has changed since this optimizer was saved, and its steps will follow the new one."
            " Give a rule that has changed another name or version; to continue exactly, define the old one as it was.",
            stacklevel=2,
        )
    return found


def effective(rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as the kernels take them: L2 as weight decay is weight decay."""
    if not (values.get("L2_is_weight_decay") and values["L2"]):
        return dict(values)
    if values["weight_decay"]:
        raise SettingError(clash(rule, values))
    return {**values, "weight_decay": values["L2"], "L2": 0.0}
