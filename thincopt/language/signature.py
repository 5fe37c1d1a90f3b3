"""A rule's signature is its schema: which state it keeps, which settings it has, and in which range."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from . import types
from .errors import RuleError, nearest
from .returning import see_order
from .types import Kind, Range, Starts, Times, When

SUPPLIED = ("w", "g", "step", "t", "machine_epsilon", "random")
OWN = ("t", "shape", "dtype", "skipped", "streak")  # what the engine remembers of each key
RESERVED = (*OWN, "signal")  # the last is kept for later
# What optimizers call their own settings, arguments and attributes, or will.
ENGINE = (
    *("L2_is_weight_decay", "nonfinite", "schedules", "ops", "rule", "settings", "state", "groups", "key", "keys"),
    *("weights", "gradient", "lr_scale", "of", "change", "update", "step_schedules", "load_state", "averaged"),
    *("averages", "mom1", "mom2", "nr_update", "to_cpu", "to_gpu", "use_radam", "zero_gradient"),
    *("bound", "explain", "flush", "observe", "seed"),
    *("blocks", "dims", "frozen", "optimizer", "view_shape"),  # what groups say
)
# Settings that all optimizers will have: no rule's own may be called so.
COMMON = (*("accumulate", "maximize", "storage", "partner"),)


_STARTS = 'write Starts("w") for the weights, a number, or the name of a setting that is a number'


@dataclass(frozen=True)
class State:
    """One thing that a rule remembers from step to step, or as many as the setting `times` says."""

    name: str
    kind: Literal["array", "scalar", "shared"]
    start: float | str
    times: str = ""
    owner: str = "rule"  # or the stage

    def names(self, values: Mapping[str, Any]) -> list[str]:
        """What it is called: `v`; or where there are several, with these settings, `v.0`, `v.1` and so on."""
        return [f"{self.name}.{place}" for place in range(int(values[self.times]))] if self.times else [self.name]


@dataclass(frozen=True)
class Setting:
    """One keyword of a rule: a number within a range, or one of a few choices."""

    name: str
    default: Any
    range: Range | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False  # a number that may be None, which is off
    when: When | None = None  # beside what it acts

    REQUIRED: ClassVar[Any] = inspect.Parameter.empty

    @property
    def is_number(self) -> bool:
        """Whether it is a number that a step is given and a schedule may drive, rather than fixed in the kernel."""
        return self.range is not None and not self.range.fixed

    @property
    def most_common(self) -> tuple[Any, ...]:
        """Of what is fixed in the kernel, the values for which kernels are made ahead."""
        return self.choices or (1 if self.default is Setting.REQUIRED else self.default,)

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        return f"{self.range}{self._or_none}" if self.range else "one of " + ", ".join(map(repr, self.choices))

    @property
    def _or_none(self) -> str:
        return ", or None" * self.optional

    def told(self, value: Any) -> str:
        """What may be given, for an error about what was given."""
        return self.range.told(value) + self._or_none if self.range else self.allowed

    def is_on(self, value: Any) -> bool:
        """Whether kernels must reckon with this value of a number: with 0 they need not, or else with None."""
        return value is not None if self.optional else bool(value)

    def holds(self, value: Any) -> bool:
        """Whether `value` may be given."""
        if self.range:
            return self.range.holds(value) or (self.optional and value is None)
        return any(type(value) is type(each) and value == each for each in self.choices)


@dataclass(frozen=True)
class Signature:
    """What a rule or stage takes."""

    names: tuple[str, ...]
    states: tuple[State, ...]
    settings: tuple[Setting, ...]


def signature_of(function: Callable[..., Any], label: str) -> Signature:
    """Read the signature of the rule or stage that `label` names; what it cannot mean is an error that says so."""
    names, states, settings = [], [], []
    for each in inspect.signature(function, eval_str=True).parameters.values():
        if each.kind is each.KEYWORD_ONLY:
            settings.append(_own_setting(label, each))
        elif each.kind is each.POSITIONAL_OR_KEYWORD:
            names.append(each.name)
            if each.name not in SUPPLIED:
                states.append(_state(label, each))
        else:
            raise RuleError(f"{label} takes {each}: a rule names every state and setting, no * or **.")
    if names[:2] != ["w", "g"]:
        raise RuleError(f"{label} begins with ({', '.join(names[:2])}): it must begin with (w, g, …).")
    see_order(function, label, [each.name for each in states])
    for state in states:
        _see_start(label, state, settings)
        _see_times(label, state, settings)
    for setting in settings:
        _see_when(label, setting, settings)
    return Signature(tuple(names), tuple(states), tuple(settings))


def _taken_apart(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(annotation) is Annotated:
        base, *extras = get_args(annotation)
        return base, tuple(extras)
    return annotation, ()


def _without_none(annotation: Any) -> Any:
    """What a setting is when it is not None: of `Rate | None` it is Rate."""
    kinds = [each for each in get_args(annotation) if each is not NoneType]
    is_optional = get_origin(annotation) in (Union, UnionType) and len(kinds) == 1
    return kinds[0] if is_optional else annotation


def _state(label: str, parameter: inspect.Parameter) -> State:
    name, (base, extras) = parameter.name, _taken_apart(parameter.annotation)
    if name in RESERVED:
        raise RuleError(f"{label} names {name!r}, which the engine keeps for itself: choose another name.")
    if not name.isascii():
        raise RuleError(f"{label}: state {name!r} is a name in files and in C: use plain ASCII.")
    if "__" in name:
        raise RuleError(f"{label}: state {name!r} is a name in C too: use one underscore at a time.")
    kinds = [each.name for each in extras if isinstance(each, Kind)]
    if not kinds and base is not parameter.empty:
        raise RuleError(_mistyped(label, parameter))
    odd = [each for each in extras if not isinstance(each, Kind | Starts | Times)]
    if odd:
        raise RuleError(f"{label}: state {name!r} is annotated with {odd[0]!r}, which means nothing: {_STARTS}.")
    if parameter.default is not parameter.empty:
        raise RuleError(
            f"{label}: state {name!r} has a default; write Annotated[Array, Starts({parameter.default!r})]. If it is a"
            " setting, it stands after `*`, with a type such as Rate."
        )
    kind = kinds[0] if kinds else "array"
    starts = [each.value for each in extras if isinstance(each, Starts)]
    times = [each.setting for each in extras if isinstance(each, Times)]
    return State(name, kind, starts[0] if starts else 0.0, *times[:1])


def _see_start(label: str, state: State, settings: list[Setting]) -> None:
    """An error if this state starts at nothing that there is."""
    start = state.start
    if not isinstance(start, str):
        if isinstance(start, bool) or not isinstance(start, int | float):
            raise RuleError(f"{label}: state {state.name!r} starts at {start!r}: {_STARTS}.")
        return
    if start == "w":
        if state.kind != "array":
            raise RuleError(
                f"{label}: {state.kind} state {state.name!r} is one number, and cannot start as the weights."
            )
        return
    numbers = [each.name for each in settings if each.range and not each.optional]
    if start not in numbers:
        known = {each.name: each.optional for each in settings}
        what = ("may be None" if known[start] else "is a choice, no number") if start in known else "it has not"
        raise RuleError(
            f"{label}: state {state.name!r} starts at the setting {start!r}, which {what}: {_STARTS}."
            f" {nearest(start, numbers)}"
        )


def _see_times(label: str, state: State, settings: list[Setting]) -> None:
    """An error if there are as many of this state as nothing says."""
    if not state.times:
        return
    if state.kind != "array":
        raise RuleError(
            f"{label}: there is one {state.kind} state {state.name!r}: only of arrays there may be several."
        )
    sizes = [each.name for each in settings if each.range and each.range.fixed]
    if state.times not in sizes:
        raise RuleError(
            f"{label}: of state {state.name!r} there are as many as {state.times!r}, which is no setting of type Size:"
            f" write Times with the name of one. {nearest(state.times, sizes)}"
        )


def _see_when(label: str, setting: Setting, settings: list[Setting]) -> None:
    """An error if this setting acts beside one that there is not, or beside a choice that it does not have."""
    when, known = setting.when, {each.name: each for each in settings}
    if when is None:
        return
    if when.setting not in known:
        raise RuleError(
            f"{label}: setting {setting.name!r} acts beside {when.setting!r}, which is no setting of it."
            f" {nearest(when.setting, list(known))}"
        )
    if when.choice is not None and not known[when.setting].holds(when.choice):
        raise RuleError(
            f"{label}: setting {setting.name!r} acts where {when.setting} is {when.choice!r}, which it never is: it is"
            f" {known[when.setting].allowed}."
        )


def _mistyped(label: str, parameter: inspect.Parameter) -> str:
    """The error of state that has another type, most often a setting's because the `*` was forgotten."""
    base, _ = _taken_apart(parameter.annotation)
    named = [name for name, each in vars(types).items() if each == parameter.annotation]
    typed = named[0] if named else inspect.formatannotation(base)
    if base not in (bool, int, float) and get_origin(base) is not Literal:
        return f"{label}: state {parameter.name!r} is typed {typed}; it is Array, Scalar or Shared."
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return (
        f"{label}: {parameter.name!r} is typed {typed}, the type of a setting, and settings come after `*`: write"
        f" (w, g, …, *, {parameter.name}: {typed}{default}). State is Array, Scalar or Shared."
    )


def _own_setting(label: str, parameter: inspect.Parameter) -> Setting:
    """The setting of a rule or stage, whose name must not be one that the engine gives another meaning."""
    name = parameter.name
    if name in (*SUPPLIED, *RESERVED, *ENGINE):
        raise RuleError(taken(label, name))
    if name.startswith("_"):
        raise RuleError(f"{label} names a setting {name!r}: a setting's name begins with a letter.")
    return setting_of(label, parameter)


def taken(label: str, name: str) -> str:
    """The error of a setting whose name means something else."""
    return f"{label} names a setting {name!r}, which the engine keeps for itself: choose another name."


def setting_of(label: str, parameter: inspect.Parameter) -> Setting:
    """The setting that a keyword declares by its type."""
    name, plain = parameter.name, _without_none(parameter.annotation)
    optional, (base, extras) = plain is not parameter.annotation, _taken_apart(plain)
    ranges = [each for each in extras if isinstance(each, Range)]
    when = next((each for each in extras if isinstance(each, When)), None)
    if base is bool:
        setting = Setting(name, parameter.default, choices=(False, True), when=when)
    elif get_origin(base) is Literal:
        setting = Setting(name, parameter.default, choices=get_args(base), when=when)
    elif base in (int, float):
        among = ranges[0] if ranges else Range(whole=base is int)
        setting = Setting(name, parameter.default, among, (), optional, when)
    else:
        raise RuleError(
            f"{label}: setting {name!r} needs a type with a range (Rate, Unit, Positive, Count, …), bool or Literal."
        )
    if optional and (not setting.is_number or name == "learn_rate"):
        raise RuleError(f"{label}: setting {name!r} cannot be None: only a number can, and not the rate.")
    if setting.default is not parameter.empty and not setting.holds(setting.default):
        raise RuleError(f"{label}: {name} = {setting.default!r}, but it must be {setting.told(setting.default)}.")
    return setting
