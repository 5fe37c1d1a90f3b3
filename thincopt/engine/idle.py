"""Settings that do nothing beside the others: who gives one wants something, and is told what is missing for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from warnings import warn

from ..errors import shown
from ..language import Rule, When
from ..language.signature import Setting
from ..schedules.declaring import is_schedule


class Idle(NamedTuple):
    """A setting that does nothing, and what to say of it."""

    name: str
    text: str
    is_told: bool  # the switch that is off was given too, as by an override or in a filled config


def idle(rule: Rule, known: Mapping[str, Setting], given: Mapping[str, Any], later: Any = None) -> Iterator[Idle]:
    """What of these sound settings, other than at their defaults, does nothing beside the others.

    `later` has the schedules of numbers that are zero at first.
    """
    named, values = set(given), {**{name: each.default for name, each in known.items()}, **given}
    later = later if isinstance(later, Mapping) else {}
    values |= {name: each for name, each in later.items() if name in known and known[name].is_number}
    if values.get("L2_is_weight_decay") and "L2" in given:
        named.add("weight_decay")
        values["weight_decay"] = values["L2"] if _is_on(values["L2"]) else values["weight_decay"]
    found = set[str]()
    for name, setting in known.items():
        lacking = _lacking(known, setting, values) if _is_other(values[name], setting.default) else []
        if lacking and found.isdisjoint(each.setting for each in lacking):
            found.add(name)
            is_told = any(each.choice is None and each.setting in named for each in lacking)
            yield Idle(name, _told(rule, known, name, values, lacking), is_told)


def _lacking(known: Mapping[str, Setting], setting: Setting, values: Mapping[str, Any]) -> list[When]:
    """What must be otherwise for this setting to act, the outermost first."""
    found = list[When]()
    while when := setting.when:
        setting, value = known[when.setting], values[when.setting]
        if value != when.choice if when.choice else not _is_on(value):
            found.insert(0, when)
    return found


def warn_of(told: Idle) -> None:
    """Warn at the line that called thincopt."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("thincopt."):
        frame, level = frame.f_back, level + 1
    warn(told.text, stacklevel=level)


def _is_other(value: Any, default: Any) -> bool:
    return is_schedule(value) or value != default


def _is_on(value: Any) -> bool:
    return is_schedule(value) or bool(value)


def _told(rule: Rule, known: Mapping[str, Setting], name: str, values: Mapping[str, Any], lacking: list[When]) -> str:
    now = " and ".join(f"{each.setting} is {values[each.setting]!r}" for each in lacking)
    wanted = " and ".join(f"{each.setting}={_wanted(known[each.setting], each)}" for each in lacking)
    given = shown(values[name])
    return f"{rule.name}: {name} = {given} does nothing where {now}: pass {wanted} with it, or leave {name} out."


def _wanted(setting: Setting, when: When) -> str:
    return repr(when.choice) if when.choice else "…" if setting.is_number else "True"
