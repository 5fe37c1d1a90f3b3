"""`@schedule`: a pure function of the step becomes something that can be called, iterated, compared and saved."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated, Any

from ..errors import RuleError, ScheduleError, SettingError, at_most, briefly, reason_of, shown, suggestion
from ..language.meanings import Called, documented
from ..language.signature import Setting, setting_of
from .following import FINITE, Listed, Played, as_float, number

FAMILIES: dict[str, Family] = {}


# The type of an argument that is itself a schedule, or serves as one: a list of numbers, an iterator.
Follows = Annotated[Any, "schedule"]


@dataclass(frozen=True, eq=False)
class Family(Called):
    """All schedules of one formula; calling it with arguments gives one of them."""

    name: str
    function: Callable[..., float]
    settings: tuple[Setting, ...] = field(init=False)

    def __post_init__(self) -> None:
        step, *rest = inspect.signature(self.function, eval_str=True).parameters.values()
        if step.name != "step":
            raise ScheduleError(f"{self.name} must be a function of (step, …); it begins with {step.name!r}.")
        try:
            settings = tuple(
                Setting(each.name, each.default) if each.annotation == Follows else setting_of(self.name, each)
                for each in rest
            )
        except RuleError as error:
            raise ScheduleError(str(error)) from None
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "__doc__", documented(self.function, {each.name: self.function for each in settings}))

    @property
    def __name__(self) -> str:
        return self.function.__name__

    @property
    def __signature__(self) -> inspect.Signature:
        _, *rest = inspect.signature(self.function).parameters.values()
        return inspect.Signature([each.replace(annotation=each.empty) for each in rest])

    def __call__(self, /, *args: Any, **kwargs: Any) -> Schedule:
        """The schedule with these arguments; an error that says what is wrong with them."""
        given = {**self._named(args, kwargs), **kwargs}
        wrong = self.problems(given)
        if wrong:
            raise SettingError("\n".join(text for _, text in wrong))
        made = Schedule(
            self, {each.name: self._taken(each, given.get(each.name, each.default)) for each in self.settings}
        )
        made(0)
        return made

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments that stand without their names, by name."""
        parameters = self.__signature__.parameters.values()
        names = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
        if len(args) > len(names):
            raise SettingError(f"{self.name} takes {', '.join(names)} without their names; name the other arguments.")
        given = dict(zip(names, args, strict=False))
        for name in given.keys() & kwargs.keys():
            raise SettingError(f"{self.name} was given {name} twice: {shown(given[name])} and {shown(kwargs[name])}.")
        return given

    def problems(self, given: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is wrong with these arguments: the name and a sentence, for each."""
        known = {each.name: each for each in self.settings}
        unknown = [name for name in given if name not in known]
        found = at_most(
            unknown,
            lambda name: (name, f"{self.name} has no argument {shown(name)}. {suggestion(name, known)}"),
            lambda name, more: (name, f"{self.name} has none of {more:,} more arguments either."),
        )
        for name, each in known.items():
            value = given.get(name, each.default)
            if value is Setting.REQUIRED:
                found.append((name, f"{self.name} needs {name}: pass {name}=…."))
            elif self.wants(name):
                try:
                    as_schedule(value, f"{self.name}: {name}")
                except ScheduleError as error:
                    found.append((name, str(error)))
            elif not each.holds(value):
                found.append((name, f"{self.name}: {name} must be {each.allowed}, not {shown(value)}."))
        return found

    def wants(self, name: str) -> str:
        """What a section of a config must begin with to be this argument; nothing for a number."""
        follows = any(each.name == name and not each.range and not each.choices for each in self.settings)
        return "@schedules" if follows else ""

    def _taken(self, setting: Setting, value: Any) -> Any:
        return as_schedule(value, f"{self.name}: {setting.name}") if self.wants(setting.name) else value

    def __repr__(self) -> str:
        return f"<schedule {self.name}>"


class Schedule:
    """A number for every step: call it with a step, or iterate over it. Two are equal if they say the same."""

    def __init__(self, family: Family, arguments: dict[str, Any], position: int = 0) -> None:
        self.family, self.arguments, self._position = family, arguments, position

    def __call__(self, step: int) -> float:
        """The value at this step, counted from 0."""
        try:
            value = self.family.function(step, **self.arguments)
            if FINITE.holds(value):
                return float(value)
        except Exception as error:  # whatever one's own function raises
            raise ScheduleError(f"{shown(self)} has no value at step {step}: {reason_of(error)}.") from error
        raise ScheduleError(
            f"{shown(self)} must give a finite number at step {step}, not {shown(value)}{as_float(value)}."
        )

    def ended(self, step: int) -> bool:  # noqa: ARG002  # as a list's
        """A schedule has a value for every step."""
        return False

    def __iter__(self) -> Iterator[float]:
        step = 0
        while True:
            yield self(step)
            step += 1

    def __next__(self) -> float:
        """The next value of this object's own count; an optimizer that uses the object has a count of its own."""
        self._position += 1
        return self(self._position - 1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return (self.family.name, self.arguments) == (other.family.name, other.arguments)

    def __hash__(self) -> int:
        return hash((self.family.name, *map(repr, self.arguments.values())))

    def __repr__(self) -> str:
        return f"{self.family.__name__}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.family.name, self.arguments, self._position)


Follower = Schedule | Listed | Played


def is_schedule(value: Any) -> bool:
    """Whether this is, or can serve as, a schedule."""
    return isinstance(value, Schedule | Listed | Played | list | tuple) or hasattr(value, "__next__") or _row(value)


def _row(value: Any) -> bool:
    """Whether this is an array of numbers in a row, which serves as a list does."""
    return getattr(value, "ndim", 0) == 1 and getattr(getattr(value, "dtype", None), "kind", "") in ("f", "i", "u")


def as_schedule(value: Any, label: str) -> Follower:
    """The schedule that this is, or that it serves as; `label` says in an error where it was given."""
    if isinstance(value, Schedule | Listed | Played):
        return value
    if _row(value):
        value = value.tolist()
    if isinstance(value, list | tuple):
        if not value:
            raise ScheduleError(f"{label}: a schedule must have at least one value, and this list is empty.")
        return Listed([number(f"{label}: the list must hold", each) for each in value])
    if hasattr(value, "__next__"):
        return Played(value)
    raise ScheduleError(f"{label} must be a schedule, a list of numbers or an iterator, not {unmade(value)}.")


def unmade(value: Any) -> str:
    """What was given in place of a schedule; of what makes one, how."""
    if isinstance(value, Family):
        needed = [each.name for each in value.settings if each.default is Setting.REQUIRED]
        call = ", ".join([*needed, *["…"] * (len(needed) < len(value.settings))])
        return f"{shown(value)}: call it with its arguments, {value.__name__}({call})"
    if inspect.isgeneratorfunction(value):
        return f"the function {value.__name__}: call it, {value.__name__}(…), for its iterator"
    if inspect.isroutine(value):
        return f"the function {value.__name__}: @schedule('mine.v1') makes a schedule of a function of (step, …)"
    return shown(value)


@briefly
def schedule(name: str) -> Callable[[Callable[..., float]], Family]:
    """Make a function of (step, …) into the schedule `name`, found by that name from then on, in configs too."""
    if callable(name):
        raise ScheduleError("@schedule needs a name: @schedule('mine.v1').")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*\.v[1-9]\d*", name):
        raise ScheduleError(f"A schedule is named like 'decaying.v1', with a version; {name!r} is not.")

    @briefly
    def enrol(function: Callable[..., float]) -> Family:
        known = _known(function).get(name)
        if known is not None and not _may_replace(function, known.function):
            raise ScheduleError(
                f"{name} is already the schedule of {known.function.__module__}; choose another name. If it has moved"
                " from there, restart this process (in a notebook, the kernel)."
            )
        FAMILIES[name] = Family(name, function)
        return FAMILIES[name]

    return enrol


def all_schedules() -> dict[str, Family]:
    """Every registered schedule by name, those of this folder first."""
    for module in sorted(each.name for each in iter_modules([str(Path(__file__).parent)])):
        import_module(f"{__package__}.{module}")
    return FAMILIES


def _may_replace(new: Callable[..., Any], old: Callable[..., Any]) -> bool:
    """Whether both are of one file, or of `__main__`, which has another file for each cell of a notebook."""
    if new.__module__ == old.__module__ == "__main__":
        return True
    codes = [getattr(each, "__code__", None) for each in (new, old)]
    files = [each.co_filename if each is not None else "" for each in codes]
    return files[0] == files[1] != ""


def _known(function: Callable[..., Any]) -> Mapping[str, Family]:
    """The schedules there are, with all of this folder, unless this function is one of them."""
    return FAMILIES if str(function.__module__).startswith(f"{__package__}.") else all_schedules()


def _again(name: str, arguments: Mapping[str, Any], position: int) -> Schedule:
    """Make a schedule again from what was saved of it."""
    known = all_schedules()
    if name not in known:
        raise ScheduleError(f"No schedule is named {name!r} here: define it before loading. {suggestion(name, known)}")
    return Schedule(known[name], dict(arguments), position)
