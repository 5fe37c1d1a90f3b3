"""NumPy arrays: compiled kernels where there are any for the recipe, blocked NumPy calls otherwise."""

from __future__ import annotations

from array import array
from collections.abc import Hashable
from itertools import pairwise
from typing import Any

import numpy as np

from .contract import DTYPES, Batch, KeyState, Recipe, Runner
from .plain import PlainRunner


class NumpyOps:
    """Arrays in main memory. `native` is the compiled module; None runs all in plain NumPy."""

    name = "numpy"

    def __init__(self, native: Any = None) -> None:
        self.native = native

    def __repr__(self) -> str:
        return f"<NumpyOps, {'compiled' if self.native is not None else 'plain'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return numpy_ops, (self.native is not None,)

    def runner(self, recipe: Recipe, numbers: array[float], shared: array[float], *, check_finite: bool) -> Runner:
        """The compiled runner if every part of the recipe is compiled, else the plain one."""
        from ..native import modules
        from .compiled import CompiledRunner, is_compiled

        for native in modules(self.native):
            if is_compiled(native, recipe):
                return CompiledRunner(native, recipe, numbers, shared, check_finite=check_finite)
        return PlainRunner(recipe, numbers, shared, check_finite=check_finite)

    def fault(self, weights: Any, gradient: Any, state: KeyState | None = None) -> str | None:
        """Why these cannot be updated in place; None if they can, or if the gradient is empty."""
        if self.is_empty(gradient):
            return None
        alone = _array_fault("weights", weights) or _array_fault("gradient", gradient)
        return alone or _pair_fault(weights, gradient) or _key_fault(weights, state)

    def overlap(self, batch: Batch) -> tuple[Hashable, Hashable] | None:
        """Two keys whose arrays share memory, if there are any."""
        keys = [key for key, (_, gradient) in batch.items() if not self.is_empty(gradient)]
        ranges = sorted((*_range(each), index) for index, key in enumerate(keys) for each in batch[key])
        for (_, stop, one), (start, _, other) in pairwise(ranges):
            if start < stop:
                return keys[min(one, other)], keys[max(one, other)]
        return None

    def nonfinite(self, gradient: Any) -> tuple[int, int] | None:
        """The first index that is not finite, and how many are not; None if all are finite."""
        flat = gradient.reshape(-1)
        first, count = None, 0
        for begin in range(0, flat.size, 1 << 20):
            (found,) = np.nonzero(~np.isfinite(flat[begin : begin + (1 << 20)]))
            count += len(found)
            if len(found) and first is None:
                first = begin + int(found[0])
        return None if first is None else (first, count)

    def new_state(self, weights: Any, start: float | None) -> Any:
        """A flat array like the weights, filled with a number; with None, a copy of the weights."""
        if start is None:
            return weights.reshape(-1).copy()
        return np.full(weights.size, start, weights.dtype) if start else np.zeros(weights.size, weights.dtype)

    def misfit(self, value: Any, state: KeyState) -> str | None:
        """Why this array cannot be a state of that key, in words; None if it can."""
        if not isinstance(value, np.ndarray):
            return f"must be a NumPy array, not {type(value).__name__}"
        if (value.shape, value.dtype.name) == (state.shape, state.dtype) and state.dtype in DTYPES:
            return None if value.dtype.isnative else f"must be in this machine's byte order, not {value.dtype}"
        return (
            f"is {value.dtype} of shape {value.shape}, but the key's weights are {state.dtype} of shape {state.shape}"
        )

    def zero(self, gradient: Any) -> None:
        """Store 0 everywhere."""
        gradient[...] = 0

    def view(self, state: Any) -> Any:
        """The same memory, for reading only."""
        view = state.view()
        view.flags.writeable = False
        return view

    def is_empty(self, gradient: Any) -> bool:
        """Whether there is nothing to do for this gradient."""
        return isinstance(gradient, np.ndarray) and gradient.size == 0


def numpy_ops(compiled: bool = True) -> NumpyOps:
    """The backend as it can be here: compiled, if that is asked for and there are compiled kernels."""
    from ..native import load

    return NumpyOps(load() if compiled else None)


def _array_fault(role: str, value: Any) -> str | None:
    if not isinstance(value, np.ndarray):
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        return f"the {role} must be a NumPy array, to be updated in place, not {kind}"
    if value.dtype.name not in DTYPES or not value.dtype.isnative:
        wanted = "in this machine's byte order" if value.dtype.name in DTYPES else " or ".join(DTYPES)
        cast = value.dtype.name if value.dtype.name in DTYPES else DTYPES[0]
        become = f'; write {role} = {role}.astype("{cast}")' if value.dtype.kind in "biuf" else ""
        return f"the {role} must be {wanted}, not {value.dtype}{become}"
    if not value.flags.c_contiguous:
        return (
            f"the {role} must be contiguous in memory (C order), but the strides are {value.strides};"
            " pass the array that it is a view of, or train a contiguous copy"
        )
    if not value.flags.writeable:
        return f"the {role} must be writable, but this array is read-only"
    if not value.flags.aligned:
        return f"the {role} must be aligned to its elements' size; copy the array"
    return None


def _pair_fault(weights: Any, gradient: Any) -> str | None:
    if weights.dtype != gradient.dtype:
        return f"the weights are {weights.dtype} but the gradient is {gradient.dtype}; they must be of one type"
    if weights.size != gradient.size:
        return f"the weights have {weights.size} elements but the gradient has {gradient.size}"
    if not _are_alike(weights.shape, gradient.shape):
        return f"the weights have shape {weights.shape} but the gradient {gradient.shape}; is one transposed?"
    if np.may_share_memory(weights, gradient):
        return "the weights and the gradient overlap in memory; they must be separate arrays"
    return None


def _key_fault(weights: Any, state: KeyState | None) -> str | None:
    if state is None:
        return None
    if (state.size, state.dtype) != (weights.size, weights.dtype.name):
        return (
            f"this key began with {state.size} elements of {state.dtype}, but now there are {weights.size} of"
            f" {weights.dtype}; use another key for other weights"
        )
    if not _are_alike(weights.shape, state.shape):
        return f"this key began with shape {state.shape}, but now it is {weights.shape}; is it transposed?"
    return None


def _are_alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether shapes of the same size are one, or one of them is flat."""
    return one == other or min(len(one), len(other)) <= 1


def _range(value: Any) -> tuple[int, int]:
    start = value.__array_interface__["data"][0]
    return start, start + value.nbytes
