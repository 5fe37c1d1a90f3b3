"""An optimizer's state as one plain tree, by key and name, and back."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping
from typing import Any

from .errors import StateError
from .language.tracing import Declared
from .language.types import Range
from .ops.contract import KeyState, Ops

OWN = ("t", "shape", "dtype", "skipped", "streak")
WHOLE = Range(0, whole=True)


def tree_of(states: Mapping[Hashable, KeyState], shared: array[float], declared: Declared, ops: Ops) -> dict[str, Any]:
    """All that a resumed run needs; arrays are read-only views of the state itself."""
    keys = {key: _branch(state, declared, ops) for key, state in states.items()}
    return {"keys": keys, "shared": dict(zip(declared.named("shared"), shared, strict=True))}


def _branch(state: KeyState, declared: Declared, ops: Ops) -> dict[str, Any]:
    return {
        "t": state.t,
        "shape": state.shape,
        "dtype": state.dtype,
        "skipped": state.skipped,
        "streak": state.streak if state.skipped_at == state.t else 0,
        **dict(zip(declared.named("scalar"), state.scalars, strict=True)),
        **{name: ops.view(each).reshape(state.shape) for name, each in state.arrays.items()},
    }


def copied(tree: dict[str, Any]) -> dict[str, Any]:
    """The same tree with arrays of its own."""
    keys = {
        key: {name: value.copy() if hasattr(value, "copy") else value for name, value in branch.items()}
        for key, branch in tree["keys"].items()
    }
    return {**tree, "keys": keys}


def states_from(tree: Any, declared: Declared, ops: Ops) -> tuple[dict[Hashable, KeyState], array[float]]:
    """The states and shared numbers that a tree holds, copied; an error if it does not fit to the last name."""
    if not isinstance(tree, Mapping) or set(tree) != {"keys", "shared"}:
        raise StateError("A state is a mapping of 'keys' and 'shared', as optimizer.state() gives it.")
    _same_names("The state", tree["shared"], declared.named("shared"), ())
    shared = array("d", [_number("The state", name, tree["shared"][name]) for name in declared.named("shared")])
    return {key: _state(key, branch, declared, ops) for key, branch in tree["keys"].items()}, shared


def _state(key: Hashable, branch: Any, declared: Declared, ops: Ops) -> KeyState:
    label = f"Key {key!r}"
    _same_names(label, branch, (*OWN, *declared.named("scalar")), declared.named("array"))
    for name in ("t", "skipped", "streak"):
        if not WHOLE.holds(branch[name]):
            raise StateError(f"{label}: {name} must be {WHOLE}, not {branch[name]!r}.")
    scalars = array("d", [_number(label, name, branch[name]) for name in declared.named("scalar")])
    state = KeyState(tuple(branch["shape"]), branch["dtype"], scalars, count=array("q", [int(branch["t"])]))
    state.skipped, state.streak = int(branch["skipped"]), int(branch["streak"])
    state.skipped_at = state.t if state.streak else -1
    for name in declared.named("array"):
        if name in branch:
            fault = ops.misfit(branch[name], state)
            if fault:
                raise StateError(f"{label}: {name} {fault}.")
            state.arrays[name] = ops.new_state(branch[name], None)
    return state


def _same_names(label: str, given: Any, needed: tuple[str, ...], possible: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in given]
    extra = [name for name in given if name not in needed and name not in possible]
    if missing or extra:
        told = [f"lacks {missing}"] * bool(missing) + [f"has {extra}, which this optimizer does not know"] * bool(extra)
        raise StateError(f"{label} {' and '.join(told)}.")


def _number(label: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StateError(f"{label}: {name} must be a number, not {value!r}.")
    return float(value)
