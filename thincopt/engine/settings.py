"""The settings of an optimizer: what there is, what may be given, and every mistake told at once."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, create_model

from ..errors import ScheduleError, SettingError, at_most, shown, suggestion
from ..errors.spellings import spelled
from ..language import Rule
from ..language.signature import Setting
from ..language.types import Range
from ..recipes.composing import declarations
from ..rules import all_rules
from ..schedules.declaring import Follower, as_schedule, is_schedule, unmade
from ..schedules.following import Played
from .idle import idle

L2_IS_WEIGHT_DECAY = Setting("L2_is_weight_decay", False, choices=(False, True))  # of rules that have both
SEED = Setting("seed", 0, Range(0, whole=True, fixed=True))  # of rules that draw random numbers
ENGINE = (
    L2_IS_WEIGHT_DECAY,
    Setting("nonfinite", "raise", choices=("raise", "skip", "propagate")),
    Setting("zero_gradient", True, choices=(False, True)),
    SEED,
)
IN_GROUPS = {  # settings that groups alone have
    "lr_scale": Setting("lr_scale", 1.0, Range(0)),
    "frozen": Setting("frozen", False, choices=(False, True)),
}
ALIASES = {"b1": "beta1", "b2": "beta2"}  # Thinc's names of attributes


def meant(name: str, known: Container[str]) -> str:
    """The setting that an attribute is; Thinc has other names for some."""
    return name if name in known else ALIASES.get(name, name)


@cache
def settings_of(rule: Rule) -> dict[str, Setting]:
    """Every setting of a rule, its stages and the engine, with this rule's defaults; `learn_rate` first."""
    declared = declarations(rule)
    decays = {"L2", "weight_decay"} <= {each.name for each in declared.settings}
    absent = {L2_IS_WEIGHT_DECAY.name: not decays, SEED.name: not declared.draws}
    known = [*declared.settings, *(each for each in ENGINE if not absent.get(each.name))]
    known.sort(key=lambda each: each.name != "learn_rate")
    settings = {each.name: replace(each, default=rule.defaults.get(each.name, each.default)) for each in known}
    for name in rule.defaults:
        if name not in settings:
            raise SettingError(
                f"@rule({rule.name!r}) gives a default to {name!r}, but there is no such setting."
                f" {suggestion(name, settings)}"
            )
    return settings


def validated(
    rule: Rule, given: Mapping[str, Any], schedules: Any = None, *, complete: bool = True, saved: bool = False
) -> dict[str, Any]:
    """The settings given (and, if complete, the defaults of the others); one error for all that is wrong."""
    _refuse(faults(rule, given, schedules, complete=complete, saved=saved))
    defaults = {name: each.default for name, each in settings_of(rule).items()} if complete else {}
    return {name: _taken(rule, name, value) for name, value in {**defaults, **given}.items()}


def taken_in_group(rule: Rule, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a group gives; one error for all that is wrong."""
    _refuse(faults_in_group(rule, given))
    return {name: _taken(rule, name, value) for name, value in given.items()}


def faults_in_group(rule: Rule, given: Mapping[str, Any]) -> list[tuple[str, SettingError]]:
    """What is wrong with the settings that a group gives: the name and the error, for each."""
    own = {name: value for name, value in given.items() if name in IN_GROUPS}
    rest = {name: value for name, value in given.items() if name not in own}
    found = faults(rule, rest, complete=False, besides=IN_GROUPS)
    for name, value in own.items():
        try:
            _check(rule, IN_GROUPS[name], value)
        except SettingError as error:
            found.append((name, error))
    return found


def scheduled(rule: Rule, schedules: Mapping[str, Any] | None) -> dict[str, Follower]:
    """What was given as `schedules=`, by name."""
    _refuse(schedule_faults(rule, schedules))
    return {name: as_schedule(each, f"{rule.name}: {name}") for name, each in (schedules or {}).items()}


def faults(
    rule: Rule,
    given: Mapping[str, Any],
    schedules: Any = None,
    *,
    complete: bool = True,
    saved: bool = False,
    besides: Mapping[str, Setting] | None = None,
) -> list[tuple[str, SettingError]]:
    """What is wrong with these settings, beside schedules by name: the name and the error, for each.

    Those that were `saved` may have come to do nothing since they were given; those given may not. `besides` might have
    been meant too.
    """
    try:
        _model(rule).model_validate(dict(given))
    except ValidationError as error:
        found = [each for each in error.errors(include_url=False) if complete or each["type"] != "missing"]
        return at_most(found, partial(_fault, rule, besides or {}), partial(_further, rule))
    values = {**{name: each.default for name, each in settings_of(rule).items()}, **given}
    asked = [values.get(name) for name in ("L2_is_weight_decay", "L2", "weight_decay")]
    if complete and not any(map(is_schedule, asked)) and all(asked):
        return [("weight_decay", SettingError(clash(rule, values)))]
    does_nothing = idle(rule, settings_of(rule), given, schedules) if complete and not saved else []
    return [(each.name, SettingError(each.text)) for each in does_nothing if not each.is_told]


def schedule_faults(rule: Rule, schedules: Any) -> list[tuple[str, SettingError]]:
    """What is wrong with what was given as `schedules=`: the name and the error, for each."""
    if not isinstance(schedules, Mapping | None):
        text = f"{rule.name}: schedules must be schedules by name, {{'learn_rate': …}}, not {shown(schedules)}."
        return [("", SettingError(text))]
    numbers = [each.name for each in settings_of(rule).values() if each.is_number]
    unknown = [name for name in schedules or {} if name not in numbers]
    found = at_most(unknown, partial(_no_number, rule, numbers), partial(_no_more_numbers, rule))
    for name, each in (schedules or {}).items():
        try:
            if name in numbers:
                as_schedule(each, f"{rule.name}: {name}")
        except ScheduleError as error:
            found.append((name, error))
    return found


def _no_number(rule: Rule, numbers: list[str], name: Any) -> tuple[str, SettingError]:
    what_to_do = spelled(name, numbers) or suggestion(name, numbers)
    return str(name), SettingError(f"{rule.name} has no number {shown(name)} to schedule. {what_to_do}")


def _no_more_numbers(rule: Rule, name: Any, more: int) -> tuple[str, SettingError]:
    return str(name), SettingError(f"{rule.name} has none of {more:,} more numbers to schedule either.")


def value_at(rule: Rule, name: str, schedule: Follower, step: int) -> float:
    """The value that a schedule gives at a step, if the setting may have it."""
    with about(rule, name):
        value = schedule(step)
    setting = IN_GROUPS[name] if name in IN_GROUPS else settings_of(rule)[name]
    if not (setting.range and setting.range.holds(value)):
        raise SettingError(
            f"{rule.name}: {name} must be {setting.range}, not {value!r}"
            f" (the value of {shown(schedule)} at step {step})."
        )
    return float(value)


@contextmanager
def about(rule: Rule, name: str) -> Iterator[None]:
    """Say of a schedule's error which setting it drives."""
    try:
        yield
    except ScheduleError as error:
        raise ScheduleError(f"{rule.name}: {name}: {error}") from error


def clash(rule: Rule, values: Mapping[str, Any]) -> str:
    """The error of two weight decays at once."""
    return (
        f"{rule.name}: L2 = {values['L2']!r} counts as weight decay here (L2_is_weight_decay), and weight_decay ="
        f" {values['weight_decay']!r} was given too, or is the default; set one of the two to 0."
    )


def _refuse(found: list[tuple[str, SettingError]]) -> None:
    if len(found) == 1:
        raise found[0][1]
    if found:
        raise SettingError("\n".join(str(error) for _, error in found))


@cache
def _model(rule: Rule) -> type[BaseModel]:
    """The schema of a rule's settings, which collects every mistake; its fields have no names that pydantic uses."""
    fields: dict[str, Any] = {
        f"field{place}": (
            Annotated[Any, PlainValidator(partial(_check, rule, each))],
            Field(... if each.default is Setting.REQUIRED else each.default, alias=name),
        )
        for place, (name, each) in enumerate(settings_of(rule).items())
    }
    return create_model(rule.function.__name__, __config__=ConfigDict(extra="forbid"), **fields)


def _check(rule: Rule, setting: Setting, value: Any) -> Any:
    """The value, if it may be given; of a schedule its first, but an iterator is not played yet."""
    if setting.is_number and is_schedule(value):
        schedule = _taken(rule, setting.name, value)
        if not isinstance(schedule, Played):
            value_at(rule, setting.name, schedule, 0)
    elif not setting.holds(value):
        schedules = ", or a schedule of such" if setting.is_number and not isinstance(value, int | float) else ""
        given = unmade(value) if setting.is_number else shown(value)
        raise SettingError(f"{rule.name}: {setting.name} must be {setting.told(value)}{schedules}, not {given}.")
    return value


def _fault(rule: Rule, besides: Mapping[str, Setting], error: Any) -> tuple[str, SettingError]:
    """The setting that a schema's complaint is of, and the error that it stands for."""
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return name, SettingError(f"{rule.name} needs {name}: pass {name}=….")
    if error["type"] != "extra_forbidden":
        return name, error["ctx"]["error"]
    family = rule.name.partition(".")[0]
    others = [each for each in all_rules().values() if each.name.partition(".")[0] == family]
    if name in settings_of(all_rules().get(rule.name, rule)):
        text = f"{rule.name} had no setting {shown(name)} when this was made, but has been defined anew: get it again."
        return name, SettingError(text)
    having = [each.name for each in others if name in settings_of(each)]
    if having:
        return name, SettingError(f"{rule.name} has no setting {shown(name)}, but {' and '.join(having)} has.")
    known = {**settings_of(rule), **besides}
    what_to_do = spelled(name, known) or suggestion(name, known)
    return name, SettingError(f"{rule.name} has no setting {shown(name)}. {what_to_do}")


def _further(rule: Rule, error: Any, more: int) -> tuple[str, SettingError]:
    return str(error["loc"][0]), SettingError(f"{rule.name}: and {more:,} more settings are wrong.")


def _taken(rule: Rule, name: str, value: Any) -> Any:
    return as_schedule(value, f"{rule.name}: {name}") if is_schedule(value) else value
