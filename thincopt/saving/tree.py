"""`state()` and `load_state()`: an optimizer's state as one plain tree, by key and name, and back."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from math import prod
from numbers import Real
from typing import Any

from ..errors import StateError, shown
from ..language.signature import OWN, State
from ..language.tracing import Declared
from ..language.types import Range
from ..ops.contract import DTYPES, Array, KeyState, Ops, counts

MOST = 2**53  # kernels read t and size as float64, which counts no further
MOST_DIMENSIONS = 64  # NumPy's
WHOLE = Range(0, whole=True)
Shared = tuple[tuple[str, ...], "array[float]"]  # the names and the numbers that all keys share


def tree_of(
    rule: str, states: Mapping[Hashable, KeyState], shared: Shared, declared: Callable[[Hashable], Declared], ops: Ops
) -> dict[str, Any]:
    """All that a resumed run needs, and the rule that it is for; arrays are read-only views of the state itself."""
    keys = {key: _branch(state, declared(key), ops) for key, state in states.items()}
    return {"rule": rule, "keys": keys, "shared": dict(zip(*shared, strict=True))}


def _branch(state: KeyState, declared: Declared, ops: Ops) -> dict[str, Any]:
    scalars = zip(_scalars(declared), state.scalars, strict=False)  # random numbers need no saving
    return {
        "t": state.t,
        "shape": state.shape,
        "dtype": state.dtype,
        "skipped": state.skipped,
        "streak": state.streak,
        **{each.name: value for each, value in scalars if not _can_rest(each) or value != each.start},
        **{name: ops.view(each).reshape(state.shape) for name, each in state.arrays.items()},
    }


def _scalars(declared: Declared) -> list[State]:
    return [each for each in declared.states if each.kind == "scalar"]


def _can_rest(scalar: State) -> bool:
    """Whether it is not told where it began, for its stage may be off."""
    return scalar.owner != "rule" and not isinstance(scalar.start, str)


def copied(tree: dict[str, Any], ops: Ops) -> dict[str, Any]:
    """The same tree with arrays of its own, in main memory."""
    keys = {
        key: {name: ops.to_host(value) if hasattr(value, "copy") else value for name, value in branch.items()}
        for key, branch in tree["keys"].items()
    }
    return {**tree, "keys": keys}


def states_from(
    tree: Any, rule: str, shared: tuple[str, ...], declared: Callable[[Hashable, tuple[int, ...]], Declared], ops: Ops
) -> tuple[dict[Hashable, KeyState], array[float]]:
    """The states and shared numbers that a tree holds, copied; an error if it does not fit to the last name.

    `declared` says what a key of a shape may have.
    """
    try:
        _see_names("the state", tree, ("keys", "shared"), ("rule",))
        _see_rule(tree.get("rule", rule), rule)
        _see_names("shared", tree["shared"], shared)
        _see_mapping("keys", tree["keys"])
        numbers = _numbers("shared", tree["shared"], shared)
        return {key: _state(key, branch, declared, ops) for key, branch in tree["keys"].items()}, numbers
    except StateError as error:
        raise StateError(f"{rule}: {error} Nothing was changed.") from None


def _state(
    key: Hashable, branch: Any, declared_of: Callable[[Hashable, tuple[int, ...]], Declared], ops: Ops
) -> KeyState:
    label = f"key {shown(key)}"
    _see_mapping(label, branch)
    declared = declared_of(key, _shape(label, branch["shape"]) if "shape" in branch else ())
    resting = {each.name: each.start for each in _scalars(declared) if _can_rest(each)}
    needed = [name for name in declared.named("scalar") if name not in resting]
    _see_names(label, branch, (*OWN, *needed), (*declared.named("array"), *resting))
    t, skipped, streak = (_count(label, name, branch[name]) for name in ("t", "skipped", "streak"))
    shape, dtype = _shape(label, branch["shape"]), branch["dtype"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise StateError(f"{label}: dtype must be one of {', '.join(map(repr, DTYPES))}, not {shown(dtype)}.")
    scalars = _numbers(label, {**resting, **branch}, declared.named("scalar"))
    state = KeyState(shape, str(dtype), scalars, counts=counts(t, skipped, streak), taken=array("q", [1]))
    for name in declared.named("array"):
        if name in branch:
            state.arrays[name] = _array(f"{label}: {name}", branch[name], state, ops)
    return state


def _array(label: str, value: Any, state: KeyState, ops: Ops) -> Array:
    """A copy that is a plain array, whatever subclass was given."""
    seen = ops.seen(value)
    fault = ops.misfit(seen, state)
    if fault:
        raise StateError(f"{label} {fault}.")
    return ops.new_state(seen, None)


def _see_mapping(label: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise StateError(f"{label} must be a mapping, as optimizer.state() gives it, not {shown(given)}.")


def _see_rule(given: Any, rule: str) -> None:
    """State of the same names may mean something else to another rule."""
    if not isinstance(given, str) or given != rule:
        raise StateError(
            f"the state is of {shown(given)}, to which its numbers may mean something else; load it into an optimizer"
            " by that rule, or, if they mean the same to both, without its 'rule'."
        )


def _see_names(label: str, given: Any, needed: tuple[str, ...], possible: tuple[str, ...] = ()) -> None:
    _see_mapping(label, given)
    missing = [name for name in needed if name not in given]
    extra = [name for name in given if name not in needed and name not in possible]
    if missing or extra:
        told = [f"lacks {shown(missing)}"] * bool(missing) + [f"has unknown {shown(extra)}"] * bool(extra)
        must = f"must have {', '.join(needed)}" if needed else "must be empty"
        may = f" and may have {', '.join(possible)}" * bool(possible)
        raise StateError(f"{label} {' and '.join(told)}; it {must}{may}.")


def _is_count(value: Any) -> bool:
    return WHOLE.holds(value) and bool(value == int(value) <= MOST)


def _count(label: str, name: str, value: Any) -> int:
    if not _is_count(value):
        raise StateError(f"{label}: {name} must be a whole number >= 0 and <= {MOST}, not {shown(value)}.")
    return int(value)


def _shape(label: str, value: Any) -> tuple[int, ...]:
    if isinstance(value, tuple | list) and len(value) <= MOST_DIMENSIONS and all(map(_is_count, value)):
        shape = tuple(map(int, value))
        if prod(shape) <= MOST:
            return shape
    raise StateError(
        f"{label}: shape must be a tuple or list of whole numbers >= 0, at most {MOST_DIMENSIONS} and of a product"
        f" <= {MOST}, not {shown(value)}."
    )


def _numbers(label: str, given: Mapping[str, Any], names: tuple[str, ...]) -> array[float]:
    return array("d", [_number(label, name, given[name]) for name in names])


def _number(label: str, name: str, value: Any) -> float:
    """The number as a float; NaN and infinity may be what a rule has come to."""
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            found = float(value)
            if found == value or value != value:
                return found
    raise StateError(f"{label}: {name} must be a number that a float64 holds exactly, not {shown(value)}.")
