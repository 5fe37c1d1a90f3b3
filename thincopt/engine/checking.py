"""See that a call can be done, key by key: its arrays and `lr_scale`; the errors say what to do."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Mapping
from sys import float_info
from typing import Any

from ..errors import ArrayError, SettingError, shown
from ..language.types import Range
from ..ops.contract import Array, Batch, Ops
from .present import Present

SCALE = Range(0)
LARGEST = {4: (2 - 2**-23) * 2.0**127, 8: float_info.max}  # numbers, by their bytes


def sound(batch: Any, lr_scale: Any, now: Present, lent: Container[Hashable]) -> Batch:
    """The batch without empty gradients, if everything in it can be updated; an error that says why if not."""
    if not isinstance(batch, Mapping):
        raise ArrayError(f"update takes {{key: (weights, gradient), …}}, not {type(batch).__name__}.")
    found = {}
    for key, pair in batch.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ArrayError(f"Key {key!r}: a pair (weights, gradient) is wanted. Nothing was changed.")
        weights, gradient = map(now.ops.seen, pair)
        if now.ops.is_empty(gradient):
            continue
        if key in lent:
            raise ArrayError(
                f"Key {key!r}: its weights hold averages, to evaluate with, until the block of optimizer.averaged(…)"
                " ends: train after it. Nothing was changed."
            )
        known = now.states.get(key)
        fault = now.ops.fault(weights, gradient, known and known.standing)
        if fault:
            raise ArrayError(f"Key {key!r}: {sentence(fault)} Nothing was changed.")
        found[key] = (weights, gradient)
    shared = now.ops.overlap(found)
    if shared:
        raise ArrayError(f"Keys {shared[0]!r} and {shared[1]!r} overlap in memory. Nothing was changed.")
    if found:
        _see_rate(now.controls.values.get("learn_rate", 0.0), lr_scale, [weights for weights, _ in found.values()])
    return found


def _see_rate(rate: float, lr_scale: Any, weights: Iterable[Array]) -> None:
    """An error if the rate that a call asks for is no number of the weights' type."""
    if not SCALE.holds(lr_scale):
        raise SettingError(f"lr_scale must be {SCALE}, not {shown(lr_scale)}. Nothing was changed.")
    for dtype in {each.dtype for each in weights}:
        if abs(float(rate) * float(lr_scale)) > LARGEST[dtype.itemsize]:
            raise SettingError(
                f"learn_rate × lr_scale is {rate!r} × {lr_scale!r}, and {dtype} holds numbers up to"
                f" {LARGEST[dtype.itemsize]:.2g}: make one of them smaller. Nothing was changed."
            )


def sentence(text: str) -> str:
    """The text with a full stop, unless it ends already."""
    return text if text.endswith(("?", ".")) else f"{text}."


def see_key(key: Any) -> None:
    """An error if this cannot be a key; most often weights came first."""
    try:
        hash(key)
    except TypeError:
        raise ArrayError(
            f"A key is a name, a number or a tuple of such, not {type(key).__name__}: the key is missing; call"
            " optimizer(key, weights, gradient). Nothing was changed."
        ) from None


def nonfinite_text(batch: Batch, ops: Ops) -> str:
    """Which gradient is not finite, and where."""
    for key, (weights, gradient) in batch.items():
        found = ops.nonfinite(gradient)
        if found:
            return (
                f"Key {key!r}: the gradient is not finite in {found[1]} of {gradient.size} elements, the first at"
                f" index {found[0]} ({gradient.reshape(-1)[found[0]]})."
                + " The weights are not finite either: a step before has made them so."
                * bool(ops.nonfinite(weights))
            )
    return "A gradient is not finite."
