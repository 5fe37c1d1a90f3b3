"""What an optimizer is at one moment: settings, state and kernels. A change makes the next, which takes its place."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..concurrency.turns import Turns
from ..errors import ArrayError
from ..language import Rule
from ..language.tracing import Declared
from ..ops.contract import Batch, Ops, Outcome, Runner, packed
from .controls import Controls
from .groupings import Grouping, States, declared_by, first_shared, fitting, grouped, shared_starts
from .groups import home_of, see_all_taken
from .watching import is_unmoved, watched

Names = tuple[str, ...]  # of groups


@dataclass(frozen=True)
class Present:
    """Settings, state, and the kernels that they ask for; `bound` is the state that the runner has, by key.

    `groupings` are by the names of the groups that their keys are in, the first those of keys in none; `homes` has
    what keys are in, if there are groups; `all_taken` says that each was seen to take some. `loaded` are the keys whose
    state was loaded, until one of them comes. A call brings `numbers` to `step` or `update`. Only `states`, `homes` and
    `bound` grow in place, by keys that stand once they have had a step.
    """

    controls: Controls
    ops: Ops
    follows: bool  # the first weights decide the backend
    states: States
    homes: dict[Hashable, Names]
    groupings: Mapping[Names, Grouping]
    runner: Runner
    bound: States
    loaded: frozenset[Hashable]
    all_taken: bool
    numbers: bytes
    step: Callable[..., int]
    update: Callable[[bytes, Batch, float], int]

    @property
    def rule(self) -> Rule:
        """The formula."""
        return self.controls.rule

    @property
    def shared(self) -> tuple[Names, array[float]]:
        """The numbers that all keys share, and their names."""
        outer = self.groupings[()]
        return outer.declared.named("shared"), outer.cohort.shared

    def home(self, key: Hashable, shape: tuple[int, ...]) -> Names:
        """The groups that a key of this shape is in."""
        return home_of(self.rule, self.controls.groups, key, shape) if self.controls.groups else ()

    def declared_at(self, key: Hashable, shape: tuple[int, ...]) -> Declared:
        """The state that a key of this shape may have."""
        return declared_by(self.controls.within(self.home(key, shape)))

    def of(self, key: Hashable) -> Grouping:
        """The settings and kernels of a key."""
        return self.groupings[self.homes.get(key, ())]

    def cohort(self, key: Hashable) -> int:
        """Which of the runner's cohorts a key is of."""
        return list(self.groupings).index(self.homes[key]) if key in self.homes else 0

    @property
    def keeps_averages(self) -> bool:
        """Whether any keys' averages are kept."""
        return any(each.controls.values.get("use_averages") for each in self.groupings.values())

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
    shared = first_shared(controls)
    return _made(
        turns, controls=controls, ops=ops, follows=follows, states={}, homes={}, shared=shared, loaded=frozenset()
    )


def _begins_elsewhere(now: Present, controls: Controls) -> bool:
    """Whether shared numbers begin at settings that are others now, before the first step."""
    settings = [each for each in shared_starts(now.rule) if isinstance(each, str)]
    moved = any(now.controls.start(each) != controls.start(each) for each in settings)
    return moved and not now.has_stepped


def anew(now: Present, turns: Turns, **parts: Any) -> Present:
    """The same with some parts replaced (controls, ops, follows, homes, shared, loaded states), with a runner."""
    shared = now.shared[1] if now.has_stepped else first_shared(parts.get("controls", now.controls))
    kept = ("controls", "ops", "follows", "homes", "all_taken")
    same = {**{name: getattr(now, name) for name in kept}, "states": now.standing, "shared": shared}
    loaded = frozenset(parts["states"]) if "states" in parts else now.loaded
    return _made(turns, loaded=loaded, **{**same, **parts})


def housed(now: Present, turns: Turns, batch: Batch, *, is_model: bool) -> Present:
    """With new keys in their groups; an error if a group takes none of a whole model's keys."""
    if not now.controls.groups:
        return now
    new = {key: now.home(key, weights.shape) for key, (weights, _) in batch.items() if not _stands(now, key)}
    homes = {**now.homes, **new}
    if is_model:
        now = with_all_groups(now, homes)
    if not now.groupings.keys() >= set(new.values()):
        now.runner.collect()
        return anew(now, turns, homes=homes)
    now.homes.update(new)
    return now


def _stands(now: Present, key: Hashable) -> bool:
    """Whether a key has had a step, and so has its home; one that was refused may come again in another shape."""
    return key in now.homes and key in now.states and now.states[key].standing is not None


def with_all_groups(now: Present, homes: Mapping[Hashable, Names] | None = None) -> Present:
    """The same, once every group and every pattern has taken a key; an error that says which has not, by now."""
    if now.all_taken or not (homes or now.homes):
        return now
    see_all_taken(now.rule, now.controls.groups, homes or now.homes)
    return replace(now, all_taken=True)


def met(now: Present, batch: Batch) -> Present:
    """With the loaded keys that are awaited still: all, until one of them comes, or as many others, two at least."""
    if not now.loaded:
        return now
    others = len(now.states.keys() | batch.keys()) - len(now.loaded)
    waits = now.loaded.isdisjoint(batch) and others < max(len(now.loaded), 2)
    return now if waits else replace(now, loaded=frozenset())


def asks_for_others(now: Present, controls: Controls) -> bool:
    """Whether these settings ask for other kernels than the present ones."""
    return _begins_elsewhere(now, controls) or any(
        each.asks_for_others(controls.within(names)) for names, each in now.groupings.items()
    )


def fastest(now: Present, turns: Turns, ops: Ops) -> Present:
    """The same on this backend, with the faster runner if there is one by now; the keys' state will be bound to it."""
    if ops is not now.ops:
        return anew(now, turns, ops=ops)
    if not now.runner.outrun:
        return now
    runner = _runner(now.ops, now.groupings, turns, now.controls)
    step, update = _ways(runner, now.groupings, now.ops, now.controls)
    return replace(now, runner=runner, bound={}, step=step, update=update)


def tuned(now: Present, controls: Controls) -> Present:
    """With other settings that ask for the same kernels."""
    groupings = {names: replace(each, controls=controls.within(names)) for names, each in now.groupings.items()}
    step, update = _ways(now.runner, groupings, now.ops, controls)
    return replace(now, controls=controls, groupings=groupings, numbers=_packed(groupings), step=step, update=update)


def _made(
    turns: Turns,
    *,
    controls: Controls,
    ops: Ops,
    follows: bool,
    states: States,
    homes: dict[Hashable, Names],
    shared: array[float],
    loaded: frozenset[Hashable],
    all_taken: bool = False,
) -> Present:
    """A runner by these settings; the keys' state will be bound to it."""
    inside: dict[Names, States] = {(): {}, **{names: {} for names in homes.values()}}
    for key, state in states.items():
        inside[homes.get(key, ())][key] = state
    groupings = {names: grouped(controls.within(names), those, shared) for names, those in inside.items()}
    runner = _runner(ops, groupings, turns, controls)
    step, update = _ways(runner, groupings, ops, controls)
    return Present(
        controls=controls,
        ops=ops,
        follows=follows,
        states={
            key: state for names, those in inside.items() for key, state in fitting(those, groupings[names]).items()
        },
        homes=homes,
        groupings=groupings,
        runner=runner,
        bound={},
        loaded=loaded,
        all_taken=all_taken or not controls.groups,
        numbers=_packed(groupings),
        step=step,
        update=update,
    )


def _runner(ops: Ops, groupings: Mapping[Names, Grouping], turns: Turns, controls: Controls) -> Runner:
    return ops.runner([each.cohort for each in groupings.values()], turns, nonfinite=controls.values["nonfinite"])


def _packed(groupings: Mapping[Names, Grouping]) -> bytes:
    return packed(each.numbers for each in groupings.values())


def _ways(
    runner: Runner, groupings: Mapping[Names, Grouping], ops: Ops, controls: Controls
) -> tuple[Callable[..., int], Callable[[bytes, Batch, float], int]]:
    """How one key and a whole model are updated."""
    whole = any(each.recipe.whole_model for each in groupings.values())
    step = partial(_refuse_single, controls.rule.name, ops) if whole else runner.step
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
