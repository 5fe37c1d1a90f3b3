"""`@rule` and `@stage`: a plain function becomes something that can be run, traced and listed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import isfunction
from typing import Any, Literal

from .errors import RuleError, briefly
from .meanings import Called
from .signature import COMMON, Signature, signature_of, taken

Point = Literal["gradient", "clipped", "start", "step", "weights"]
OTHER_RATES = ("lr", "rate", "learning_rate", "eta", "step_size")
POINTS: tuple[Point, ...] = ("gradient", "clipped", "start", "step", "weights")
RETURNS: dict[Point, str] = {"gradient": "g", "clipped": "g", "start": "w", "step": "step", "weights": "w"}

RULES: dict[str, Rule] = {}


@dataclass(frozen=True, eq=False)
class Stage:
    """A pure function that wraps any rule at one point; `function` runs on numbers and arrays too."""

    function: Callable[..., Any]
    at: Point
    signature: Signature = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", signature_of(self.function, self.name))

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.__name__

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Run the function itself."""
        return self.function(*arguments, **settings)


@dataclass(frozen=True, eq=False)
class Rule(Called):
    """An optimizer's formula; calling it runs it on numbers or arrays and gives the step and the new state."""

    name: str
    function: Callable[..., Any]
    decay: Literal["start", "weights"] = "start"
    takes: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", signature_of(self.function, self.name))
        object.__setattr__(self, "__name__", self.function.__name__)  # for help and editors, as all that follows
        object.__setattr__(self, "__doc__", self.function.__doc__)
        object.__setattr__(self, "__signature__", inspect.signature(self.function))
        settings = [each.name for each in self.signature.settings]
        for name in COMMON:
            if name in settings:
                raise RuleError(taken(self.name, name))
        others = [each for each in OTHER_RATES if each in settings]
        if others and "learn_rate" not in settings:
            raise RuleError(
                f"{self.name} has {others[0]!r} but no 'learn_rate': the rate must have this name, for schedules,"
                " lr_scale and weight decay act on it."
            )

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Run the function itself."""
        if len(arguments) != len(self.signature.names):
            raise RuleError(
                f"{self.name} is a formula, of ({', '.join(self.signature.names)}), not of {len(arguments)} arguments;"
                f" an optimizer is made of it by thincopt.get({self.name!r})(learn_rate=…)."
            )
        return self.function(*arguments, **settings)

    def __repr__(self) -> str:
        return f"<rule {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _registered, (self.function.__module__, self.name)


def _registered(module: str, name: str) -> Rule:
    """The rule of this name, which its module defines."""
    import_module(module)
    if name not in RULES:
        raise RuleError(f"{module} defines no rule {name!r} now: define it before this is loaded.")
    return RULES[name]


@briefly
def rule(
    name: str,
    *,
    decay: Literal["start", "weights"] = "start",
    takes: str | tuple[str, ...] = (),
    **defaults: Any,
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a function of (w, g, state…) and settings into the rule `name`, found by that name from then on.

    `decay` says which weights a decoupled decay shrinks: those that the rule starts from, or those it ends with.
    `takes` names the stage whose work the formula does itself, or several: that stage is left out.
    Other keywords are defaults for the settings common to all rules (`weight_decay=0.01`).
    """
    if callable(name):
        raise RuleError("@rule needs a name: @rule('Mine.v1').")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*\.v[1-9]\d*", name):
        raise RuleError(f"A rule is named like 'Adam.v1', with a version; {name!r} is not.")
    if decay not in ("start", "weights"):
        raise RuleError(f"{name}: decay is 'start' or 'weights', not {decay!r}.")
    stages = (takes,) if isinstance(takes, str) else takes
    if not isinstance(stages, tuple) or not all(isinstance(each, str) for each in stages):
        raise RuleError(f"{name}: takes is the name of a stage, or a tuple of names, not {takes!r}.")

    @briefly
    def enrol(function: Callable[..., Any]) -> Rule:
        _see_function(function, f"@rule({name!r})")
        if not str(function.__module__).startswith("thincopt."):
            import_module("thincopt.rules").all_rules()  # their names are taken, whether they were asked for or not
        known = RULES.get(name)
        if known is not None and not _of_one_home(known.function, function):
            home = known.function.__module__
            raise RuleError(
                f"{name} is already the rule of {home}; choose another name, or another version. If it has moved from"
                " there, restart this process (in a notebook, the kernel)."
            )
        RULES[name] = Rule(name, function, decay, stages, defaults)
        return RULES[name]

    return enrol


def _of_one_home(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether a module defines both: each cell of a notebook has a file name of its own, and a file may be run twice.

    Optimizers that were made by the earlier one keep it.
    """
    file = one.__code__.co_filename
    named = not file.startswith("<")  # unlike <stdin> or <string>
    return one.__module__ == other.__module__ or (named and file == other.__code__.co_filename)


@briefly
def stage(*, at: Point) -> Callable[[Callable[..., Any]], Stage]:
    """Make a function of (w, g[, step], state…) into a stage at one of five points, passed in this order.

    `"gradient"`, as it comes; `"clipped"`, as the rule sees it; `"start"`, the weights that the rule starts from;
    `"step"`, which is subtracted; `"weights"`, after the step. It returns what its point names, then its state.
    """
    if at not in POINTS:
        raise RuleError(f"A stage attaches at {', '.join(POINTS)}, not at {at!r}.")

    @briefly
    def made(function: Callable[..., Any]) -> Stage:
        _see_function(function, "@stage")
        return Stage(function, at)

    return made


def _see_function(given: Any, decorator: str) -> None:
    if isinstance(given, Rule | Stage):
        raise RuleError(f"{decorator} takes a function, and {given.name} is made of one already: pass its .function.")
    if not isfunction(given):
        raise RuleError(f"{decorator} stands above a function, `def …(w, g, …)`, not above {given!r}.")
