"""Weights and gradients of every sort: what can be updated, in many guises, and what cannot."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

KEYS = ("w", 0, ("b", 1), None, b"x", frozenset({3}), 1.5, "")
SIZES = (0, 1, 2, 63, 64, 65, 200)
PAGE, MANY = (4095, 4096, 4097), (65_536, 70_003, 98_305)  # as chunks end; where compiled code lets go of the lock
BATCHES = (dict, dict, dict, OrderedDict, MappingProxyType)
SCALES = (1, 1.0, 0.5, 0.0, 0.25, 2, np.float32(1.5))
BAD_SCALES = (np.inf, -np.inf, np.nan, -1, -0.5, "1", None, True)


@dataclass(frozen=True)
class Spec:
    """What the weights of a key are like."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return prod(self.shape)


def shaped(random: Any, size: int) -> tuple[int, ...]:
    """A shape of this size, of no more than three dimensions."""
    if size == 1 and random.random() < 0.3:
        return ()
    factors = [each for each in (2, 3, 5, 7, 13) if size % each == 0]
    if random.random() < 0.4 or not factors:
        return (size,)
    one = random.choice(factors)
    return (one, size // one) if random.random() < 0.7 else (one, 1, size // one)


def specs(random: Any) -> dict[Any, Spec]:
    """Some keys, few of them large."""
    found = {}
    for key in random.sample(KEYS, random.randint(1, 5)):
        chance = random.random()
        size = random.choice(SIZES if chance < 0.9 else PAGE if chance < 0.98 else MANY)
        found[key] = Spec(shaped(random, size), random.choice(("float32", "float64")))
    return found


def values(random: Any, spec: Spec, bad: float | None = None) -> Any:
    """Numbers like weights or gradients; with a bad one, somewhere, if that is given."""
    draw = np.random.default_rng(random.getrandbits(32))
    made = draw.normal(size=spec.shape) * random.choice((1e-3, 0.1, 1.0, 1.0, 30.0))
    made = np.array(made, spec.dtype)
    if random.random() < 0.2:
        made[draw.random(spec.shape) < 0.5] = 0
    if bad is not None and made.size:
        made.reshape(-1)[random.randrange(made.size)] = bad
    return made


def flat(array: Any) -> Any:
    return array.reshape(-1)


def written(array: Any) -> Any:
    """In this machine's order of bytes, and marked so."""
    return array.view(array.dtype.newbyteorder("<" if np.little_endian else ">"))


def masked(array: Any) -> Any:
    seen = array.view(np.ma.MaskedArray)
    seen.mask = np.ones(array.shape, bool)
    return seen.harden_mask()


def matrix(array: Any) -> Any:
    return array.view(np.matrix) if array.ndim == 2 else array


def record(array: Any) -> Any:
    return array.view(np.recarray)


GUISES = (flat, written, masked, matrix, record)


def guise(random: Any) -> Any:
    """What an array is shown as; most often itself."""
    return random.choice(GUISES) if random.random() < 0.25 else lambda array: array


def readonly(array: Any) -> Any:
    seen = array.view()
    seen.flags.writeable = False
    return seen


def strided(array: Any) -> Any:
    return np.repeat(flat(array), 2)[::2]


def unaligned(array: Any) -> Any:
    return np.frombuffer(bytearray(array.nbytes + 1), np.uint8)[1:].view(array.dtype)


def swapped(array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder())


def other(array: Any) -> Any:
    return array.astype("float64" if array.dtype == "float32" else "float32")


def turned(array: Any) -> Any:
    return array.reshape(array.shape[::-1])


FAULTS = {
    "other type": lambda w, g: (w, other(g)),
    "both whole numbers": lambda w, g: (np.ones(w.shape, "int64"), np.ones(g.shape, "int64")),
    "read-only weights": lambda w, g: (readonly(w), g),
    "read-only gradient": lambda w, g: (w, readonly(g)),
    "weights twice": lambda w, g: (w, flat(w)),
    "list": lambda w, g: (w.tolist(), g),
    "no gradient": lambda w, g: (w, None),
    "swapped bytes": lambda w, g: (swapped(w), swapped(g)),
    "unaligned": lambda w, g: (w, unaligned(g)),
    "longer gradient": lambda w, g: (w, np.append(g, g)),
    "strided": lambda w, g: (strided(w), g),  # from here on, of more than one element
    "shorter": lambda w, g: (w, flat(g)[:-1]),
    "half in common": lambda w, g: ((room := np.append(w, w))[: w.size], room[1 : w.size + 1]),
    "turned": lambda w, g: (w, turned(g)),  # of several dimensions
    "longer than known": lambda w, g: (np.append(w, w), np.append(g, g)),  # of a known key
}


def fault(random: Any, spec: Spec, is_known: bool) -> str:
    """A fault that arrays of this kind can have."""
    names = list(FAULTS)[: 10 if spec.size < 2 else 13]
    if len(spec.shape) > 1 and spec.shape != spec.shape[::-1]:
        names.append("turned")
    if is_known:
        names.append("longer than known")
    return random.choice(names)
