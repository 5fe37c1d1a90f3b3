"""What an optimizer is at one moment. A change makes all that follows from it first; then it takes this one's place."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from ..concurrency.turns import Turns
from ..errors import ArrayError
from ..language import Rule
from ..language.tracing import Declared
from ..ops.contract import Batch, KeyState, Ops, Outcome, Runner
from ..recipes.composing import compose, declarations
from ..recipes.recipe import Recipe
from ..stages import stages_around
from .controls import Controls
from .watching import is_unmoved, watched

States = dict[Hashable, KeyState]
DECAYS = {"L2", "weight_decay", "L2_is_weight_decay"}


@dataclass(frozen=True)
class Present:
    """Settings, state, and the kernels that they ask for; `bound` is the state that the runner has, by key.

    `answers` are what the kernels are made by: of a choice its value, of a number whether it may be other than zero.
    Those that are `kept_on` count as such although they are zero. A call brings `numbers` to `step` or `update`. Only
    `states` and `bound` grow in place, by keys that stand once they have had a step.
    """

    controls: Controls
    ops: Ops
    follows: bool  # the first weights decide the backend
    states: States
    shared: array[float]
    answers: Mapping[str, Any]
    kept_on: frozenset[str]
    recipe: Recipe
    runner: Runner
    bound: States
    numbers: bytes
    step: Callable[..., int]
    update: Callable[[bytes, Batch, float], int]

    @property
    def rule(self) -> Rule:
        """The formula."""
        return self.controls.rule

    @property
    def declared(self) -> Declared:
        """The settings and state of the rule within its stages."""
        return declarations(self.rule)

    @property
    def has_stepped(self) -> bool:
        """Whether any key has had a step."""
        return any(state.standing for state in self.states.copy().values())

    @property
    def standing(self) -> States:
        """The state of every key that has had a step."""
        found = {key: state.standing for key, state in self.states.copy().items()}
        return {key: state for key, state in found.items() if state is not None}


def begun(controls: Controls, ops: Ops, turns: Turns, *, follows: bool) -> Present:
    """An optimizer without state."""
    declared = declarations(controls.rule)
    shared = array("d", [float(each.start) for each in declared.states if each.kind == "shared"])
    return _made(turns, controls=controls, ops=ops, follows=follows, states={}, shared=shared)


def anew(now: Present, turns: Turns, **parts: Any) -> Present:
    """The same with some parts replaced (controls, ops, follows, states, shared), and a runner for these."""
    same = dict(controls=now.controls, ops=now.ops, follows=now.follows, states=now.standing, shared=now.shared)
    return _made(turns, **{**same, **parts})


def asks_for_others(now: Present, controls: Controls) -> bool:
    """Whether these settings ask for other kernels than the present ones."""
    before, names = now.controls, set(now.answers)
    if controls.schedules is before.schedules:  # then it depends on the values that are others now
        others = {name for name, value in controls.values.items() if value is not before.values[name]}
        names &= others | DECAYS if others & DECAYS else others  # of the decays, one may stand for the other
    return any(now.answers[name] != _asked(controls, now.kept_on, name) for name in names)


def fastest(now: Present, turns: Turns, ops: Ops) -> Present:
    """The same on this backend, with the faster runner if there is one by now; the keys' state will be bound to it."""
    if ops is not now.ops:
        return anew(now, turns, ops=ops)
    if not now.runner.outrun:
        return now
    runner = now.ops.runner(now.recipe, now.shared, turns, nonfinite=now.controls.values["nonfinite"])
    step, update = _ways(runner, now.recipe, now.ops, now.controls)
    return replace(now, runner=runner, bound={}, step=step, update=update)


def changed(now: Present, controls: Controls, turns: Turns) -> Present:
    """With other settings, and another runner if they ask for other kernels."""
    if asks_for_others(now, controls):
        return anew(now, turns, controls=controls)
    step, update = _ways(now.runner, now.recipe, now.ops, controls)
    return replace(now, controls=controls, numbers=_packed(controls), step=step, update=update)


def _made(
    turns: Turns, *, controls: Controls, ops: Ops, follows: bool, states: States, shared: array[float]
) -> Present:
    """A runner by these settings; the keys' state will be bound to it."""
    kept_on = _kept_on(controls, states)
    recipe, answers = _composed(controls, kept_on)
    runner = ops.runner(recipe, shared, turns, nonfinite=controls.values["nonfinite"])
    step, update = _ways(runner, recipe, ops, controls)
    return Present(
        controls=controls,
        ops=ops,
        follows=follows,
        states=_without_stale(controls.rule, states, recipe.kept),
        shared=shared,
        answers=answers,
        kept_on=kept_on,
        recipe=recipe,
        runner=runner,
        bound={},
        numbers=_packed(controls),
        step=step,
        update=update,
    )


def _packed(controls: Controls) -> bytes:
    values = controls.effective
    return array("d", [float(values[name]) for name in declarations(controls.rule).numbers]).tobytes()


def _asked(controls: Controls, kept_on: Container[str], name: str) -> Any:
    value = controls.values[name]
    if isinstance(value, bool | str):
        return value
    return name in kept_on or (bool(value) if name in _periods(controls.rule) else controls.asks(name))


@cache
def _periods(rule: Rule) -> frozenset[str | None]:
    """The numbers that say how often a stage comes: at 0 it is not there, whatever their schedule may say later."""
    return frozenset(each.every for each in stages_around(rule))


def _composed(controls: Controls, kept_on: Container[str]) -> tuple[Recipe, dict[str, Any]]:
    """The kernels for these settings, and what of the settings they are made by."""
    settings = declarations(controls.rule).settings
    choices = {each.name: controls.values[each.name] for each in settings if each.choices}
    answers = {**choices, "nonfinite": controls.values["nonfinite"]}
    recipe = compose(
        controls.rule, choices, lambda name: bool(answers.setdefault(name, _asked(controls, kept_on, name)))
    )
    return recipe, answers


def _kept_on(controls: Controls, states: States) -> frozenset[str]:
    """The numbers that are zero now, but whose state goes on: momentum 0 is v ← g, not the velocity of long ago."""
    held = {name for state in states.values() for name in state.arrays} - _copies(controls.rule)
    if not held:
        return frozenset()
    recipe, answers = _composed(controls, ())
    lost, off = held - recipe.kept, [name for name, answer in answers.items() if answer is False]
    numbers = [name for name in off if lost and name in declarations(controls.rule).numbers]
    return frozenset(name for name in numbers if lost & _composed(controls, {name})[0].kept)


def _copies(rule: Rule) -> set[str]:
    """The arrays that begin as the weights: a step without them leaves them behind, and they begin anew."""
    return {each.name for each in declarations(rule).states if each.start == "w"}


def _without_stale(rule: Rule, states: States, kept: Container[str]) -> States:
    stale = {name for name in _copies(rule) if name not in kept}
    return {
        key: replace(
            state, arrays={name: each for name, each in state.arrays.items() if name not in stale}, before=None
        )
        for key, state in states.items()
    }


def _ways(
    runner: Runner, recipe: Recipe, ops: Ops, controls: Controls
) -> tuple[Callable[..., int], Callable[[bytes, Batch, float], int]]:
    """How one key and a whole model are updated."""
    step = partial(_refuse_single, controls.rule.name, ops) if recipe.main.whole_model else runner.step
    return watched(step, runner.update, controls) if is_unmoved(controls) else (step, runner.update)


def _refuse_single(name: str, ops: Ops, *call: Any) -> int:
    *_, gradient, _ = call
    if ops.is_empty(gradient):
        return Outcome.DONE
    raise ArrayError(
        f"{name} with these settings needs the whole model at once (a sum over all keys is part of it):"
        " call optimizer.update({key: (weights, gradient), …}) instead of optimizer(key, weights, gradient)."
    )
