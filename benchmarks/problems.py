"""What is measured: sizes, the work of a step, and the arrays that all programs are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LINE = 16  # elements


@dataclass(frozen=True)
class Size:
    """So many arrays of so many elements. A step updates them all once."""

    name: str
    elements: int
    arrays: int = 1

    @property
    def total(self) -> int:
        """All elements together."""
        return self.elements * self.arrays

    @property
    def steps(self) -> int:
        """How many steps one reading of the clock covers: more for small arrays, while all stays in the cache."""
        return min(64, max(1, 8192 // self.total))

    @property
    def readings(self) -> int:
        """How many readings of the clock make a round."""
        return min(50, max(3, 2_000_000 // (self.total * self.steps)))

    def __str__(self) -> str:
        return f"{self.elements:,} elements" if self.arrays == 1 else f"{self.arrays:,} arrays × {self.elements:,}"


@dataclass(frozen=True)
class Work:
    """One way to be asked for a step of Adam, and the bytes that it must move for each element."""

    title: str
    bytes: int
    rule: str = "AdamW.v1"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)


SIZES = (
    Size("16", 16),
    Size("1k", 1_000),
    Size("100k", 100_000),
    Size("1M", 1_000_000),
    Size("10M", 10_000_000),
    Size("1000x300", 300, arrays=1_000),
)

PLAIN = Work('AdamW, nonfinite="propagate"', 32, settings={"nonfinite": "propagate"})
BARE = Work(
    'Adam.v1, nonfinite="propagate", no clip, no averages',
    32,
    rule="Adam.v1",
    settings={"nonfinite": "propagate", "grad_clip": 0.0, "use_averages": False},
)
CHECKED = Work("AdamW, defaults (the gradient is checked)", 36)
FULL = Work("AdamW, clip + decay + averages", 44, settings={"grad_clip": 1.0, "use_averages": True})
THINC = Work("Adam.v1, defaults (clip + averages)", 44, rule="Adam.v1")
WORKS = (PLAIN, BARE, CHECKED, FULL, THINC)


def aligned(*shape: int) -> Floats:
    """Zeros that begin at a cache line, so that no figure hangs on where the memory happened to be."""
    count = prod(shape)
    room = np.zeros(count + LINE, np.float32)
    begin = -room.ctypes.data % (4 * LINE) // 4
    return room[begin : begin + count].reshape(shape)


class Problem:
    """Weights, and for each step between two readings of the clock a gradient of its own."""

    def __init__(self, size: Size, seed: int = 0) -> None:
        self.size = size
        self._random = np.random.default_rng(seed)
        self._fresh = aligned(size.steps, size.arrays, size.elements)
        self._gradients = aligned(size.steps, size.arrays, size.elements)
        self.weights = list(self._random.standard_normal(dtype=np.float32, out=aligned(size.arrays, size.elements)))
        self.gradients = [list(step) for step in self._gradients]

    def __iter__(self) -> Iterator[tuple[int, Floats, Floats]]:
        """Every update of one array, as key, weights and gradient, step after step."""
        for step in self.gradients:
            yield from zip(range(self.size.arrays), self.weights, step, strict=True)

    def draw(self) -> None:
        """Draw the gradients of a round."""
        self._random.standard_normal(dtype=np.float32, out=self._fresh)

    def refill(self) -> None:
        """Copy the gradients of this round in."""
        np.copyto(self._gradients, self._fresh)

    @property
    def is_spent(self) -> bool:
        """Whether every gradient was used and zeroed."""
        return not self._gradients.any()
