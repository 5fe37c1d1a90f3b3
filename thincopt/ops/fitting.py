"""Checks of arrays, of any kind: whether weights, gradient and state fit each other; the errors are in words."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np

from .contract import DTYPES, Array, Batch, KeyState

HOST, CUDA, MANAGED = 1, 2, 13  # DLPack's numbers for where memory is
CHARACTERS = [np.dtype(each).char for each in DTYPES]
RangeOf = Callable[[Array], tuple[int, int]]  # an array's first address, and the one after its last


def pair_fault(weights: Array, gradient: Array, range_of: RangeOf) -> str | None:
    """Why these cannot be updated together."""
    if weights.dtype != gradient.dtype:
        return (
            f"the weights are {weights.dtype} but the gradient is {gradient.dtype}; they must be of one type: write"
            " gradient = gradient.astype(weights.dtype)"
        )
    if weights.size != gradient.size:
        return f"the weights have {weights.size} elements but the gradient has {gradient.size}"
    if not are_alike(weights.shape, gradient.shape):
        turned = "; is one transposed?" if weights.shape == gradient.shape[::-1] else "; they must be of one shape"
        return f"the weights have shape {weights.shape} but the gradient {gradient.shape}{turned}"
    (start, stop), (other_start, other_stop) = range_of(weights), range_of(gradient)
    if start < other_stop and other_start < stop:
        return "the weights and the gradient overlap in memory; they must be separate arrays"
    return None


def key_fault(weights: Array, state: KeyState | None) -> str | None:
    """Why these weights cannot be those that a key began with."""
    if state is None:
        return None
    if state.size != weights.size or weights.dtype != state.dtype:
        return (
            f"this key began with {state.size} elements of {state.dtype}, but now there are {weights.size} of"
            f" {weights.dtype}; use another key for other weights, the same in every process (an id is not)"
        )
    if not are_alike(weights.shape, state.shape):
        return f"this key began with shape {state.shape}, but now it is {weights.shape}; is it transposed?"
    return None


def type_fault(role: str, value: Array) -> str | None:
    """Why an array's type or its place in memory will not do."""
    if value.dtype.char not in CHARACTERS or not value.dtype.isnative:
        wanted = "in this machine's byte order" if value.dtype.name in DTYPES else " or ".join(DTYPES)
        cast = f'"{value.dtype.name if value.dtype.name in DTYPES else DTYPES[0]}"'
        own = "weights.dtype" if role == "gradient" else cast
        become = f"; write {role} = {role}.astype({own})" if value.dtype.kind in "biuf" else ""
        return f"the {role} must be {wanted}, not {value.dtype}{become}"
    if not value.flags.c_contiguous:
        told = f"the {role} must be contiguous in memory (C order), but the strides are {value.strides}"
        if role == "gradient":
            return f"{told}; write gradient = np.ascontiguousarray(gradient)"
        return f"{told}; pass the array that it is a view of, or train a contiguous copy"
    return None


def unaligned(role: str) -> str:
    """What is wrong with an array that begins within an element."""
    return f"the {role} must be aligned to its elements' size; copy the array"


def misfit(value: Array, state: KeyState) -> str | None:
    """Why this array cannot be a state of that key."""
    if (value.shape, value.dtype.name) == (state.shape, state.dtype) and state.dtype in DTYPES:
        return None if value.dtype.isnative else f"must be in this machine's byte order, not {value.dtype}"
    return f"is {value.dtype} of shape {value.shape}, but the key's weights are {state.dtype} of shape {state.shape}"


def overlap(batch: Batch, range_of: RangeOf) -> tuple[Hashable, Hashable] | None:
    """Two keys of a batch, none of whose arrays is empty, that share memory, if there are any."""
    keys = list(batch)
    ranges = sorted((*range_of(each), index) for index, key in enumerate(keys) for each in batch[key])
    for (_, stop, one), (start, _, other) in pairwise(ranges):
        if start < stop:
            return keys[min(one, other)], keys[max(one, other)]
    return None


def are_alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether shapes of the same size are one, or one of them is flat."""
    return one == other or min(len(one), len(other)) <= 1


def kind_of(value: object) -> str:
    """The name of a thing's type, as one finds it."""
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def on_host(value: Any) -> Any:
    """The NumPy array on the same memory of a tensor in main memory, whoever made it; or else the value itself.

    It is for writing: what others let nobody write, such as JAX's arrays, stays what it is, and is refused as that.
    """
    if isinstance(value, np.ndarray) or _device_of(value) != HOST or why_not(value):
        return value
    with suppress(Exception):  # others' code, which may object in any way
        found = value.detach().numpy() if _is_torchs(value) else np.from_dlpack(value, copy=False)
        if found.dtype.name in DTYPES and found.flags.writeable:
            return found
    return value


def is_on_device(value: object) -> bool:
    """Whether something is an array in a CUDA device's memory, whoever made it."""
    if hasattr(type(value), "__cuda_array_interface__") and not hasattr(type(value), "__dlpack_device__"):
        return True
    return _device_of(value) in (CUDA, MANAGED)


def _device_of(value: Any) -> int | None:
    """DLPack's number for where something is, if it says so: torch's meta tensors are nowhere."""
    with suppress(Exception):  # others' code
        return int(value.__dlpack_device__()[0])
    return None


def _is_torchs(value: object) -> bool:
    """Whether it is a tensor of torch, or one's own kind of those."""
    return any(each.__module__.partition(".")[0] == "torch" for each in type(value).__mro__)


def why_not(value: object) -> str:
    """What there is to say of an array that can be updated nowhere; nothing of others."""
    if type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
        return "; JAX's arrays cannot be changed in place: train a copy"
    return ""


def unfit(role: str, value: Any) -> str:
    """Why something that is no NumPy array cannot be updated, and what to write."""
    if value is None:
        return f"nothing was given as the {role}; write optimizer(key, weights, gradient)"
    told = f"the {role} must be a NumPy array, to be updated in place, not {kind_of(value)}"
    if is_on_device(value) and not why_not(value):
        return f"{told}; it is on a CUDA device: optimizer.to_gpu() moves the state there"
    if _is_torchs(value):
        return _unfit_tensor(role, value)
    is_data = isinstance(value, list | tuple | int | float) or hasattr(type(value), "__array__")
    unchanging = "; JAX's arrays cannot be changed in place" if why_not(value) else ""
    return f"{told}{unchanging}; {copy_to_train(role, f'np.array({role})')}" if is_data else told + why_not(value)


def _unfit_tensor(role: str, value: Any) -> str:
    """Why a tensor of torch cannot be updated."""
    layout, kinds = str(value.layout), [f"torch.{each}" for each in DTYPES]
    if layout != "torch.strided":
        return f"the {role} must be a plain tensor, not one of {layout}; {copy_to_train(role, f'{role}.to_dense()')}"
    if str(value.dtype) not in kinds:
        copy = copy_to_train(role, f"{role}.float()")
        return f"the {role} must be {' or '.join(kinds)}, not {value.dtype}; {copy}"
    return f"the {role} must be a plain tensor on the CPU, whose memory NumPy can share; this one is on {value.device}"


def readonly(role: str) -> str:
    """What is wrong with an array that nobody may write, such as np.asarray of one of JAX's."""
    return f"the {role} must be writable, but this array is read-only; {copy_to_train(role, f'np.array({role})')}"


def copy_to_train(role: str, copy: str) -> str:
    """What to write for a gradient each time, or for weights once, that cannot be changed where they are."""
    once = " once, and train that" if role == "weights" else ""
    return f"write {role} = {copy}{once}"
