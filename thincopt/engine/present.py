"""What an optimizer is at one moment: settings, state and kernels. A change makes the next, which takes its place."""

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
from .controls import Controls
from .settings import settings_of
from .watching import is_unmoved, watched

States = dict[Hashable, KeyState]
DECAYS = {"L2", "weight_decay", "L2_is_weight_decay"}


@dataclass(frozen=True)
class Present:
    """Settings, state, and the kernels that they ask for; `bound` is the state that the runner has, by key.

    `answers` are what the kernels are made by: of a choice its value, of a number whether it may be other than zero;
    and `comes`, of the k of an `every(k)`, whether it is now: until a schedule says so, what never comes is not there.
    Those that are `kept_on` count as such although they are zero. `loaded` are the keys whose state was loaded, until
    one of them comes. A call brings `numbers` to `step` or `update`. Only `states` and `bound` grow in place, by keys
    that stand once they have had a step.
    """

    controls: Controls
    ops: Ops
    follows: bool  # the first weights decide the backend
    states: States
    shared: array[float]
    answers: Mapping[str, Any]
    comes: Mapping[str, bool]
    kept_on: frozenset[str]
    recipe: Recipe
    runner: Runner
    bound: States
    loaded: frozenset[Hashable]
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
        return _declared(self.controls)

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
    shared = _first(controls)
    return _made(turns, controls=controls, ops=ops, follows=follows, states={}, shared=shared, loaded=frozenset())


@cache
def _shared_starts(rule: Rule) -> tuple[float | str, ...]:
    return tuple(each.start for each in declarations(rule).states if each.kind == "shared")


def _first(controls: Controls) -> array[float]:
    """What the shared numbers begin with."""
    return array("d", map(controls.start, _shared_starts(controls.rule)))


def _begins_elsewhere(now: Present, controls: Controls) -> bool:
    """Whether shared numbers begin at settings that are others now, before the first step."""
    settings = [each for each in _shared_starts(now.rule) if isinstance(each, str)]
    moved = any(now.controls.start(each) != controls.start(each) for each in settings)
    return moved and not now.has_stepped


def anew(now: Present, turns: Turns, **parts: Any) -> Present:
    """The same with some parts replaced (controls, ops, follows, shared, loaded states), and a runner for these."""
    shared = now.shared if now.has_stepped else _first(parts.get("controls", now.controls))
    same = dict(controls=now.controls, ops=now.ops, follows=now.follows, states=now.standing, shared=shared)
    loaded = frozenset(parts["states"]) if "states" in parts else now.loaded
    return _made(turns, loaded=loaded, **{**same, **parts})


def met(now: Present, batch: Batch) -> Present:
    """With the loaded keys that are awaited still: all, until one of them comes, or as many others, two at least."""
    if not now.loaded:
        return now
    others = len(now.states.keys() | batch.keys()) - len(now.loaded)
    waits = now.loaded.isdisjoint(batch) and others < max(len(now.loaded), 2)
    return now if waits else replace(now, loaded=frozenset())


def asks_for_others(now: Present, controls: Controls) -> bool:
    """Whether these settings ask for other kernels than the present ones."""
    before, names = now.controls, set(now.answers)
    if _begins_elsewhere(now, controls) or any(come != bool(controls.values[name]) for name, come in now.comes.items()):
        return True
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


def tuned(now: Present, controls: Controls) -> Present:
    """With other settings that ask for the same kernels."""
    step, update = _ways(now.runner, now.recipe, now.ops, controls)
    return replace(now, controls=controls, numbers=_packed(controls), step=step, update=update)


def _made(
    turns: Turns,
    *,
    controls: Controls,
    ops: Ops,
    follows: bool,
    states: States,
    shared: array[float],
    loaded: frozenset[Hashable],
) -> Present:
    """A runner by these settings; the keys' state will be bound to it."""
    kept_on = _kept_on(controls, states)
    recipe, answers, comes = _composed(controls, kept_on)
    runner = ops.runner(recipe, shared, turns, nonfinite=controls.values["nonfinite"])
    step, update = _ways(runner, recipe, ops, controls)
    return Present(
        controls=controls,
        ops=ops,
        follows=follows,
        states=_seeded(controls, _without_stale(controls, states, recipe.kept)),
        shared=shared,
        answers=answers,
        comes=comes,
        kept_on=kept_on,
        recipe=recipe,
        runner=runner,
        bound={},
        loaded=loaded,
        numbers=_packed(controls),
        step=step,
        update=update,
    )


def _packed(controls: Controls) -> bytes:
    values = controls.effective
    numbers = [values[name] for name in declarations(controls.rule).numbers]
    return array("d", [0.0 if each is None else float(each) for each in numbers]).tobytes()


def _asked(controls: Controls, kept_on: Container[str], name: str) -> Any:
    value = controls.values[name]
    if not settings_of(controls.rule)[name].is_number:
        return value
    return name in kept_on or controls.asks(name)


def _composed(controls: Controls, kept_on: Container[str]) -> tuple[Recipe, dict[str, Any], dict[str, bool]]:
    """The kernels for these settings, and what of the settings they are made by."""
    settings = declarations(controls.rule).settings
    own = [each.name for each in settings if not each.is_number]
    choices = {name: controls.values[name] for name in (*own, "zero_gradient")}
    answers = {**choices, **{name: controls.values[name] for name in ("nonfinite", "seed") if name in controls.values}}
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


def _declared(controls: Controls) -> Declared:
    return declarations(controls.rule).sized(controls.values)


def _copies(controls: Controls) -> set[str]:
    """The arrays that begin as the weights: a step without them leaves them behind, and they begin anew."""
    return {each.name for each in _declared(controls).states if each.start == "w"}


def _without_stale(controls: Controls, states: States, kept: Container[str]) -> States:
    """The same without such copies, and without what there were more of once."""
    stale = {name for name in _copies(controls) if name not in kept}
    fresh = set(_declared(controls).named("array")) - stale
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


def _ways(
    runner: Runner, recipe: Recipe, ops: Ops, controls: Controls
) -> tuple[Callable[..., int], Callable[[bytes, Batch, float], int]]:
    """How one key and a whole model are updated."""
    step = partial(_refuse_single, controls.rule.name, ops) if recipe.whole_model else runner.step
    return watched(step, runner.update, controls) if is_unmoved(controls) else (step, runner.update)


def _refuse_single(name: str, ops: Ops, *call: Any) -> int:
    *_, gradient, _ = call
    if ops.is_empty(gradient):
        return Outcome.DONE
    raise ArrayError(
        f"{name} with these settings needs the whole model at once (a sum over all keys, or state that they share, is"
        " part of it):"
        " call optimizer.update({key: (weights, gradient), …}) instead of optimizer(key, weights, gradient). Loops that"
        " give one array at a time, such as spaCy's, cannot have them; a clip can be grad_clip_by='key' there."
    )
