"""The settings of one optimizer at one moment, and its schedules: to change them or to step them makes others."""

from __future__ import annotations

from collections.abc import Container, Hashable, Mapping
from copy import deepcopy
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
from .driving import copied, stepped, taken
from .groups import Group, groups_of
from .idle import idle, warn_of
from .settings import IN_GROUPS, clash, scheduled, settings_of, taken_in_group, validated


@dataclass(frozen=True)
class Controls:
    """Values by name, and by name the schedule that will give the next value and how many it has given."""

    rule: Rule
    values: Mapping[str, Any]
    schedules: Mapping[str, Follower]
    given: Mapping[str, int]
    are_stepped: bool = False  # whether the schedules ever were
    groups: tuple[Group, ...] = ()

    def assigned(self, settings: Mapping[str, Any]) -> Controls:
        """With new values: a number keeps the schedule that drives it, a schedule takes its place."""
        return self._taking(validated(self.rule, settings, complete=False))

    def _taking(self, settings: Mapping[str, Any]) -> Controls:
        """With values as they are; of a schedule, its first."""
        return replace(self, **taken(self.rule, self, settings))._sound()

    def grouped(self, groups: tuple[Group, ...]) -> Controls:
        """With these groups, of whose schedules each gives its first value."""
        rule = self.rule
        begun = tuple(replace(each, **taken(rule, replace(each, values={}), each.values)) for each in groups)
        for group in groups:
            own = {name: value for name, value in group.values.items() if name not in IN_GROUPS}
            for each in idle(rule, settings_of(rule), {**self.values, **own}):
                if each.name in own:
                    raise SettingError(f"group {group.name!r}: {each.text}")
        return replace(self, groups=begun)._sound()

    def assigned_in(self, name: str, settings: Mapping[str, Any]) -> Controls:
        """With new values for one group."""
        known = [each.name for each in self.groups]
        if name not in known:
            raise SettingError(f"{self.rule.name} has no group {shown(name)}. {suggestion(name, known)}")
        new = taken_in_group(self.rule, settings)
        groups = (replace(g, **taken(self.rule, g, new)) if g.name == name else g for g in self.groups)
        return replace(self, groups=tuple(groups))._sound()

    def stepped(self) -> Controls:
        """With the next value of every schedule that has one; if one of them is refused, so is all."""
        groups = tuple(replace(each, **stepped(self.rule, each)) for each in self.groups)
        return replace(self, **stepped(self.rule, self), groups=groups, are_stepped=True)._sound()

    def within(self, names: tuple[str, ...]) -> Controls:
        """The settings of keys that are in these groups."""
        if names not in self._within:
            mine = [each for each in self.groups if each.name in names]
            own = {name for each in mine for name in each.values}
            schedules = {name: each for name, each in self.schedules.items() if name not in own}
            parts = {
                part: {name: each for group in mine for name, each in getattr(group, part).items()}
                for part in ("values", "schedules", "given")
            }
            self._within[names] = replace(
                self,
                values={**self.values, **parts["values"]},
                schedules={**schedules, **parts["schedules"]},
                given={**self.given, **parts["given"]},
                groups=(),
            )
        return self._within[names] if names else self

    @cached_property
    def _within(self) -> dict[tuple[str, ...], Controls]:
        return {}

    def _sound(self) -> Controls:
        """The same, if its settings can be had together."""
        for each in (self, *(self.within((group.name,)) for group in self.groups)):
            _ = each.effective
        for group in self.groups:
            if "weight_decay" in group.values and "L2" not in group.values and self._decays_by_l2:
                raise SettingError(
                    f"group {group.name!r}: {self.rule.name}: L2 counts as weight decay here (L2_is_weight_decay), so"
                    " weight_decay in a group would change nothing: set L2 there."
                )
        return self

    @property
    def _decays_by_l2(self) -> bool:
        return bool(self.values.get("L2_is_weight_decay") and (self.values["L2"] or "L2" in self.schedules))

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
        groups = (replace(each, schedules=copied(each.schedules)) for each in self.groups)
        return replace(self, schedules=copied(self.schedules), groups=tuple(groups))

    def __deepcopy__(self, memo: dict[int, Any]) -> Controls:
        schedules, groups = deepcopy((self.schedules, self.groups), memo)
        return replace(self, schedules=schedules, groups=groups)  # the rule is this one, defined anew or not

    def __reduce__(self) -> tuple[Any, ...]:
        settings = self.values, self.schedules, self.given, self.are_stepped, self.groups
        return restored, (self.rule.name, self.formula, *settings)


def controls_of(
    rule: Rule, given: Mapping[str, Any], schedules: Mapping[str, Any] | None, groups: Any = None
) -> Controls:
    """The first settings of an optimizer: what is given, and the defaults of the others."""
    begun = Controls(rule, {}, {}, {})._taking(validated(rule, given, schedules, saved=bool(groups)))
    for each in [] if groups else idle(rule, settings_of(rule), given, schedules):
        warn_of(each)
    begun = begun.grouped(groups_of(rule, groups))
    later = scheduled(rule, schedules)
    return replace(begun, schedules={**begun.schedules, **later}, given={**begun.given, **dict.fromkeys(later, 0)})


def restored(
    name: str,
    formula: str,
    values: Mapping[str, Any],
    schedules: Mapping[str, Follower],
    given: Mapping[str, int],
    are_stepped: bool,
    groups: tuple[Group, ...] = (),
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
    in_groups = [each for group in groups for each in group.values if each not in IN_GROUPS]
    gone = [each for each in [*values, *schedules, *in_groups] if each not in known]
    if gone:
        raise StateError(
            f"This optimizer was saved with {gone[0]} = {shown(values.get(gone[0]))}, but {name} has no such setting"
            f" now: its definition has changed. {suggestion(gone[0], known)} Give a rule that has changed another"
            " name or version, and define the old one as it was to load this."
        )
    found = Controls(rule, validated(rule, values, saved=True), schedules, given, are_stepped, groups)
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
