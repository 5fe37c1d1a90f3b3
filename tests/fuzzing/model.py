"""What the engine promises of settings, schedules, keys and counts, stated simply: a dictionary and some `if`s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import Any

import thincopt
from tests.fuzzing.formulas import AVERAGE, SLOW, On, kept_by
from thincopt import ArrayError, NonFiniteError, ScheduleError, SettingError
from thincopt.engine.settings import settings_of
from thincopt.language import Rule
from thincopt.language.signature import Setting

PATIENCE = 20
LARGEST = {"float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}


@dataclass(frozen=True)
class Given:
    """A value of a setting as a script has it: `kind` is number, list, iterator, or the name of a schedule."""

    kind: str
    value: Any

    def make(self) -> Any:
        """What an optimizer is given."""
        if self.kind in ("number", "list"):
            return self.value
        return iter(self.value) if self.kind == "iterator" else getattr(thincopt, self.kind)(*self.value)


@dataclass
class Driver:
    """A schedule of a setting, and how many values it has given."""

    values: list[float] | Callable[[int], float]
    count: int
    plays: bool = False  # an iterator
    lost: bool = False  # an iterator, in a copy, which knows no more than those that were taken
    taken: int = 0
    is_over: bool = False  # as far as was asked

    def ended(self) -> bool:
        if self.lost and self.count >= self.taken:
            raise ScheduleError
        ended = isinstance(self.values, list) and self.count >= len(self.values)
        self.taken = max(self.taken, self.count + (not ended))
        self.is_over |= ended
        return ended

    def next(self) -> float:
        return self.values[self.count] if isinstance(self.values, list) else self.values(self.count)


@dataclass
class Key:
    """What one key remembers, but for the values in arrays."""

    t: int = 0
    skipped: int = 0
    streak: int = 0
    arrays: frozenset[str] = frozenset()


def holds(setting: Setting, value: Any) -> bool:
    """Whether a setting may have this value."""
    if setting.choices:
        return any(type(value) is type(each) and value == each for each in setting.choices)
    if isinstance(value, bool | str) or value is None or not isfinite(value):
        return False
    declared = setting.range
    low = value > declared.low if declared.above_low else value >= declared.low
    high = value < declared.high if declared.below_high else value <= declared.high
    return bool(low and high and not (declared.whole and value != int(value)))


@dataclass
class Model:
    """One optimizer."""

    rule: Rule
    values: dict[str, Any]
    drivers: dict[str, Driver] = field(default_factory=dict)
    keys: dict[Any, Key] = field(default_factory=dict)

    def copied(self) -> Model:
        """As a copy is: iterators stay with the original."""
        made = replace(self, values=dict(self.values), keys=deepcopy(self.keys))
        made.drivers = {
            name: replace(each, lost=each.plays and not each.is_over) for name, each in self.drivers.items()
        }
        return made

    def assign(self, given: Mapping[str, Given]) -> None:
        """New values: a number keeps the schedule that drives it; all or none."""
        values, drivers = dict(self.values), dict(self.drivers)
        for name, each in given.items():
            driver = driver_of(each, 1)
            first = each.value if driver is None else (replace(driver, count=0)).next()
            if name not in values or not holds(settings_of(self.rule)[name], first):
                raise SettingError
            values[name] = first
            if driver is not None:
                drivers[name] = driver
        self._take(values, drivers)

    def step_schedules(self) -> None:
        """The next value of each schedule that has one; all or none."""
        values, drivers = dict(self.values), dict(self.drivers)
        going = {name: each for name, each in self.drivers.items() if not each.ended()}
        for name, each in going.items():
            values[name] = each.next()
            drivers[name] = replace(each, count=each.count + 1)
            if not holds(settings_of(self.rule)[name], values[name]):
                raise SettingError
        self._take(values, drivers)

    def _take(self, values: dict[str, Any], drivers: dict[str, Driver]) -> None:
        if values["L2_is_weight_decay"] and values["L2"] and values["weight_decay"]:
            raise SettingError
        self.values, self.drivers = values, drivers
        self.see_lookahead()

    def see_lookahead(self) -> None:
        """Switched off, it forgets its slow weights."""
        if not self.values["lookahead_k"]:
            for each in self.keys.values():
                each.arrays -= {SLOW}

    @property
    def effective(self) -> dict[str, Any]:
        """The values as formulas take them: L2 as weight decay is weight decay, momentum of 0 may go on."""
        found = dict(self.values)
        if found["L2_is_weight_decay"] and found["L2"]:
            found |= {"weight_decay": found["L2"], "L2": 0.0}
        coupled = set() if found["L2_is_weight_decay"] else {"L2"}
        return found | {name: On(found[name]) for name in self.going_on | (coupled & self.drivers.keys())}

    @property
    def going_on(self) -> set[str]:
        """The rule's numbers that count although they are zero: schedules drive them, or their state goes on."""
        held = {name for each in self.keys.values() for name in each.arrays}
        own = {each.name for each in self.rule.signature.settings if not each.choices}
        zeros = {name for name in own if not self.values[name]}
        kept = kept_by(self.rule, self.values)
        lost = {name for name in zeros if held & (kept_by(self.rule, {**self.values, name: On(0)}) - kept)}
        return lost | (own & self.drivers.keys())

    @property
    def kept(self) -> frozenset[str]:
        """The arrays that a key has after a step by these settings."""
        names = set(kept_by(self.rule, self.effective))
        names |= {SLOW} if self.values["lookahead_k"] else set()
        return frozenset(names | ({AVERAGE} if self.values["use_averages"] else set()))

    @property
    def wants_whole_model(self) -> bool:
        clips = bool(self.values["grad_clip"]) or "grad_clip" in self.drivers
        return clips and self.values["grad_clip_by"] == "model"

    def see_rate(self, scale: Any, dtypes: set[str]) -> None:
        """An error if a call's scale cannot be, or its rate is no number of the weights' type."""
        if isinstance(scale, bool | str) or scale is None or not 0 <= scale < inf:
            raise SettingError
        if any(abs(self.values["learn_rate"] * float(scale)) > LARGEST[dtype] for dtype in dtypes):
            raise SettingError

    def see_call(self, single: bool, fault: type[Exception] | None, scale: Any, dtypes: set[str]) -> None:
        """An error if a call that is not empty cannot be done, whatever the numbers in it."""
        if single and self.wants_whole_model:
            raise ArrayError
        if fault:
            raise fault
        self.see_rate(scale, dtypes)

    def step(self, keys: list[Any], is_finite: bool) -> bool:
        """Count a step of these keys; whether it was one, or was skipped."""
        policy = self.values["nonfinite"]
        if not is_finite and policy == "raise":
            raise NonFiniteError
        kept, done = self.kept, is_finite or policy == "propagate"
        for key in keys:
            known = self.keys.get(key, Key())
            arrays = known.arrays | kept
            self.keys[key] = (
                Key(known.t + 1, known.skipped, 0, arrays)
                if done
                else Key(known.t, known.skipped + 1, known.streak + 1, arrays)
            )
        if not done and max(self.keys[key].streak for key in keys) >= PATIENCE:
            raise NonFiniteError(PATIENCE)
        return done


def driver_of(given: Given, count: int) -> Driver | None:
    """The schedule that a value is, if it is one."""
    if given.kind == "number":
        return None
    listed = given.kind in ("list", "iterator")
    values = [*map(float, given.value)] if listed else given.make()
    return Driver(values, count, given.kind == "iterator", taken=count)


def begun(rule: Rule, settings: Mapping[str, Given], schedules: Mapping[str, Given]) -> Model:
    """A new optimizer; an error if these settings cannot be had."""
    made = Model(rule, {name: each.default for name, each in settings_of(rule).items()})
    made.assign({name: settings[name] for name in made.values if name in settings})
    made.drivers |= {name: driver for name, each in schedules.items() if (driver := driver_of(each, 0))}
    return made
