"""Keys that are in the same groups: their settings, the kernels that these ask for, and the state that they want."""

from __future__ import annotations

from array import array
from collections.abc import Container, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ..language import Rule
from ..language.tracing import Declared
from ..ops.contract import Cohort, KeyState, Numbers
from ..recipes.composing import compose, declarations, frozen
from ..recipes.recipe import Recipe
from .controls import Controls
from .settings import IN_GROUPS, settings_of

States = dict[Hashable, KeyState]
DECAYS = {"L2", "weight_decay", "L2_is_weight_decay"}


@dataclass(frozen=True)
class Grouping:
    """Settings of some keys, and their kernels.

    `answers` are what the kernels are made by: of a choice its value, of a number whether it may be other than zero;
    and `comes`, of the k of an `every(k)`, whether it is now: until a schedule says so, what never comes is not there.
    Those that are `kept_on` count as such although they are zero.
    """

    controls: Controls
    answers: Mapping[str, Any]
    comes: Mapping[str, bool]
    kept_on: frozenset[str]
    cohort: Cohort

    @property
    def recipe(self) -> Recipe:
        """The kernels of a step."""
        return self.cohort.recipe

    @property
    def declared(self) -> Declared:
        """The settings and state of the rule within its stages."""
        return declared_by(self.controls)

    @property
    def numbers(self) -> Numbers:
        """The settings as a runner is brought them."""
        values = self.controls.effective
        numbers = [values[name] for name in declarations(self.controls.rule).numbers]
        return Numbers(values.get("lr_scale", 1.0), tuple(0.0 if each is None else float(each) for each in numbers))

    def asks_for_others(self, controls: Controls) -> bool:
        """Whether these settings ask for other kernels."""
        before, names = self.controls, set(self.answers)
        if any(come != bool(controls.values[name]) for name, come in self.comes.items()):
            return True
        if controls.schedules is before.schedules:  # then it depends on the values that are others now
            others = {name for name, value in controls.values.items() if value is not before.values[name]}
            names &= others | DECAYS if others & DECAYS else others  # of the decays, one may stand for the other
        return any(self.answers[name] != _asked(controls, self.kept_on, name) for name in names)


def grouped(controls: Controls, states: States, shared: array[float]) -> Grouping:
    """What these settings ask for, where some keys have state already."""
    if controls.values.get("frozen"):
        answers = {"frozen": True, "zero_gradient": controls.values["zero_gradient"]}
        return Grouping(controls, answers, {}, frozenset(), Cohort(frozen(controls.rule, controls.values), shared))
    kept_on = _kept_on(controls, states)
    recipe, answers, comes = _composed(controls, kept_on)
    return Grouping(controls, answers, comes, kept_on, Cohort(recipe, shared))


def fitting(states: States, now: Grouping) -> States:
    """The states as these settings want them: without what is stale, with what random numbers are made of."""
    return _seeded(now.controls, _without_stale(now.controls, states, now.recipe.kept))


@cache
def shared_starts(rule: Rule) -> tuple[float | str, ...]:
    """What the numbers that all keys of a rule share begin with: numbers, or settings."""
    return tuple(each.start for each in declarations(rule).states if each.kind == "shared")


def first_shared(controls: Controls) -> array[float]:
    """What the shared numbers begin with."""
    return array("d", map(controls.start, shared_starts(controls.rule)))


def declared_by(controls: Controls) -> Declared:
    """The settings and state of the rule within its stages, as these settings have them."""
    return declarations(controls.rule).sized(controls.values)


def _asked(controls: Controls, kept_on: Container[str], name: str) -> Any:
    value = controls.values[name]
    if name in IN_GROUPS or not settings_of(controls.rule)[name].is_number:
        return value
    return name in kept_on or controls.asks(name)


def _composed(controls: Controls, kept_on: Container[str]) -> tuple[Recipe, dict[str, Any], dict[str, bool]]:
    """The kernels for these settings, and what of the settings they are made by."""
    settings = declarations(controls.rule).settings
    own = [each.name for each in settings if not each.is_number]
    choices = {name: controls.values[name] for name in (*own, "zero_gradient")}
    answers = {
        **choices,
        **{name: controls.values[name] for name in ("nonfinite", "seed", "frozen") if name in controls.values},
    }
    comes: dict[str, bool] = {}
    recipe = compose(
        controls.rule,
        choices,
        lambda name: bool(answers.setdefault(name, _asked(controls, kept_on, name))),
        lambda name: comes.setdefault(name, bool(controls.values[name])),
    )
    return recipe, answers, comes


def _kept_on(controls: Controls, states: States) -> frozenset[str]:
    """The numbers that are zero now, but whose state goes on: momentum 0 is v ← g, not the velocity of long ago."""
    held = {name for state in states.values() for name in state.arrays} - _copies(controls)
    if not held:
        return frozenset()
    recipe, answers, _ = _composed(controls, ())
    lost, off = held - recipe.kept, [name for name, answer in answers.items() if answer is False]
    known = settings_of(controls.rule)
    numbers = [name for name in off if lost and known[name].is_number and not known[name].optional]
    return frozenset(name for name in numbers if lost & _composed(controls, {name})[0].kept)


def _copies(controls: Controls) -> set[str]:
    """The arrays that begin as the weights: a step without them leaves them behind, and they begin anew."""
    return {each.name for each in declared_by(controls).states if each.start == "w"}


def _without_stale(controls: Controls, states: States, kept: Container[str]) -> States:
    """The same without such copies, and without what there were more of once."""
    stale = {name for name in _copies(controls) if name not in kept}
    fresh = set(declared_by(controls).named("array")) - stale
    return {
        key: replace(state, arrays={name: each for name, each in state.arrays.items() if name in fresh}, before=None)
        for key, state in states.items()
    }


def _seeded(controls: Controls, states: States) -> States:
    """The same, with what each key's random numbers are made of, where there are any."""
    if "seed" not in controls.values:
        return states
    kept = len(declarations(controls.rule).named("scalar"))
    scalars = {key: array("d", [*state.scalars[:kept], *controls.words(key)]) for key, state in states.items()}
    return {
        key: state if state.scalars == scalars[key] else replace(state, scalars=scalars[key], before=None)
        for key, state in states.items()
    }
