"""What a key remembers: how its state begins, and whether a gradient that is not finite is refused or skipped."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping
from operator import setitem

from ..concurrency.whole import at_once, calls
from ..errors import NonFiniteError
from ..ops.contract import PATIENCE, Array, Batch, KeyState, Runner, counts
from .checking import nonfinite_text
from .present import Present


def ready(now: Present, batch: Batch) -> dict[Hashable, KeyState]:
    """The state of each key, made where it was not, and bound to the runner."""
    states = {}
    for key, (weights, _) in batch.items():
        states[key] = state = _state(now, key, weights)
        if now.bound.get(key) is not state:
            now.states[key] = state
            now.runner.bind(key, state, now.cohort(key))
            now.bound[key] = state
    return states


def _state(now: Present, key: Hashable, weights: Array) -> KeyState:
    """The state of a key with every array that the kernels want: what stands, or what will once a step is taken."""
    state = now.states[key].standing if key in now.states else None
    home = now.of(key)
    declared = [each for each in home.declared.states if each.kind != "shared"]
    if state is None:
        starts = [home.controls.start(each.start) for each in declared if each.kind == "scalar"]
        scalars = array("d", [*starts, *home.controls.words(key)])
        state = KeyState(tuple(weights.shape), weights.dtype.name, scalars)
    missing = [each for each in declared if each.name in home.recipe.kept and each.name not in state.arrays]
    if not missing and state.taken[0]:
        return state
    firsts = {each.name: None if each.start == "w" else home.controls.start(each.start) for each in missing}
    made = {name: now.ops.new_state(weights, first) for name, first in firsts.items()}
    arrays = {**state.arrays, **made}
    return KeyState(state.shape, state.dtype, state.scalars, arrays, state.counts, before=state.standing)


def refuse_or_skip(now: Present, batch: Batch, states: Mapping[Hashable, KeyState]) -> None:
    """Raise, or count a step that was skipped and zero its gradients; too many in a row are an error too."""
    text = nonfinite_text(batch, now.ops)
    if now.controls.values["nonfinite"] == "raise":
        raise NonFiniteError(f"{text} Nothing was changed.")
    zeroed = (gradient for key, (_, gradient) in batch.items() if now.of(key).controls.values["zero_gradient"])
    zeroing = [(setitem, gradient, ..., 0) for gradient in zeroed]
    counting = [
        call
        for state in (states[key] for key in batch)
        for call in (
            (setitem, state.counts, slice(None), counts(state.t, state.skipped + 1, state.streak + 1)),
            (setitem, state.taken, 0, 1),
        )
    ]
    at_once(calls(*zeroing, *counting))
    worst = max(states[key].streak for key in batch)
    if worst >= PATIENCE:
        raise NonFiniteError(f"{text} The last {worst} steps in a row were skipped for such gradients.")


def told_late(runner: Runner) -> NonFiniteError | None:
    """What a device tells, when it brings back all that it keeps, of gradients in steps before."""
    try:
        runner.collect()
    except NonFiniteError as error:
        return error
    return None
