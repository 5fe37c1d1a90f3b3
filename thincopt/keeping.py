"""What a key remembers: how it begins, and what becomes of it where a gradient is not finite."""

from __future__ import annotations

from array import array
from collections.abc import Container, Hashable, Mapping
from typing import Any

from .checking import nonfinite_text
from .errors import NonFiniteError
from .language.tracing import Declared
from .ops.contract import PATIENCE, Array, Batch, KeyState, Ops


def complete(
    state: KeyState | None,
    weights: Array,
    wanted: Container[str],
    declared: Declared,
    settings: Mapping[str, Any],
    ops: Ops,
) -> KeyState:
    """The state of a key, with all arrays that are wanted."""
    if state is None:
        starts = [float(each.start) for each in declared.states if each.kind == "scalar"]
        state = KeyState(tuple(weights.shape), weights.dtype.name, array("d", starts))
    for each in declared.states:
        if each.name in wanted and each.name not in state.arrays:
            state.arrays[each.name] = ops.new_state(weights, _start(each.start, settings))
    return state


def _start(start: float | str, settings: Mapping[str, Any]) -> float | None:
    """The number that an array begins with; None where it begins as the weights."""
    if start == "w":
        return None
    return float(settings[start]) if isinstance(start, str) else start


def refuse_or_skip(batch: Batch, states: Mapping[Hashable, KeyState], ops: Ops, nonfinite: str) -> None:
    """Raise, or count a step that was skipped and zero its gradients; too many in a row are an error too."""
    text = nonfinite_text(batch, ops)
    if nonfinite == "raise":
        raise NonFiniteError(f"{text} Nothing was changed.")
    for key, (_, gradient) in batch.items():
        states[key].skip()
        ops.zero(gradient)
    worst = max(states[key].streak for key in batch)
    if worst >= PATIENCE:
        raise NonFiniteError(f"{text} The last {worst} steps in a row were skipped for such gradients.")
