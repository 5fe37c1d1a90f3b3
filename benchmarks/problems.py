"""What is measured: sizes, the work of a step, and the arrays that all programs are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LINE = 16  # elements


@dataclass(frozen=True)
class Work:
    """One way to be asked for a step of Adam, and the bytes that it must move for each element."""

    name: str
    title: str
    bytes: int
    rule: str = "AdamW.v1"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def zeroes(self) -> bool:
        """Whether a step leaves zeros in place of the gradient."""
        return bool(self.settings.get("zero_gradient", True))


@dataclass(frozen=True)
class Size:
    """So many arrays, of so many elements each. A step updates them all once."""

    name: str
    title: str
    lengths: Sequence[int]
    works: Sequence[Work]

    @property
    def total(self) -> int:
        """All elements together."""
        return sum(self.lengths)

    @property
    def steps(self) -> int:
        """How many steps one reading of the clock covers: more for one small array, while all stays in the cache."""
        return min(64, max(1, 8192 // self.total)) if len(self.lengths) == 1 else 1

    @property
    def readings(self) -> int:
        """How many readings of the clock make a round, at most."""
        return min(10, max(1, 30_000_000 // (self.total * self.steps)))


def resnet50() -> list[int]:
    """The lengths of the 161 parameters of ResNet-50 (He et al., 2015), in order."""
    lengths = [64 * 3 * 7 * 7, 64, 64]
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            kernels = [(inputs, width), (9 * width, width), (width, 4 * width)]
            kernels += [(inputs, 4 * width)] if block == 0 else []
            lengths += [each for fan, out in kernels for each in (fan * out, out, out)]
            inputs = 4 * width
    return [*lengths, inputs * 1000, 1000]


def _one(name: str, length: int) -> Size:
    return Size(name, f"{length:,} elements", (length,), WORKS)


PLAIN = Work("plain", 'AdamW, nonfinite="propagate"', 32, settings={"nonfinite": "propagate"})
KEPT = Work(
    "kept",
    'AdamW, nonfinite="propagate", zero_gradient=False',
    28,
    settings={"nonfinite": "propagate", "zero_gradient": False},
)
CHECKED = Work("checked", "AdamW, default policy: the gradient is checked first", 36)
FULL = Work(
    "full",
    "AdamW, default policy, clip + decay + averages",
    44,
    settings={"grad_clip": 1.0, "weight_decay": 0.01, "use_averages": True},
)
BARE = Work(
    "bare",
    'Adam.v1, nonfinite="propagate", no clip, no averages',
    32,
    rule="Adam.v1",
    settings={"nonfinite": "propagate", "grad_clip": 0.0, "use_averages": False},
)
THINC = Work("thinc", "Adam.v1, default policy, clip + decay + averages", 44, rule="Adam.v1", settings={"L2": 0.01})
WORKS = (PLAIN, KEPT, CHECKED, FULL, BARE, THINC)
OF_A_CALL = (CHECKED, BARE)
SWEEP = (
    _one("16", 16),
    _one("100", 100),
    _one("1k", 1_000),
    _one("3k", 3_000),
    _one("10k", 10_000),
    _one("30k", 30_000),
    _one("100k", 100_000),
    _one("300k", 300_000),
    _one("1M", 1_000_000),
    _one("3M", 3_000_000),
    _one("10M", 10_000_000),
    _one("50M", 50_000_000),
)
SIZES = (
    Size("1", "1 element", (1,), OF_A_CALL),
    *SWEEP,
    Size("1000x1", "1,000 arrays of 1 element", (1,) * 1000, OF_A_CALL),
    Size("1000x300", "1,000 arrays of 300 elements", (300,) * 1000, WORKS),
    Size("resnet50", "ResNet-50: 161 arrays, 25.6 million elements", tuple(resnet50()), WORKS),
)


def aligned(count: int) -> Floats:
    """Zeros that begin at a cache line, so that no figure hangs on where the memory happened to be."""
    room = np.zeros(count + LINE, np.float32)
    begin = -room.ctypes.data % (4 * LINE) // 4
    return room[begin : begin + count]


class Problem:
    """Weights, and for each step between two readings of the clock a gradient of its own."""

    def __init__(self, size: Size, seed: int = 0) -> None:
        self.size = size
        self._random = np.random.default_rng(seed)
        self._fresh = aligned(size.steps * _room(size))
        self._gradients = aligned(self._fresh.size)
        weights = aligned(_room(size))
        self._random.standard_normal(dtype=np.float32, out=weights)
        (self.weights,) = _cut(weights, size)
        self.gradients = list(_cut(self._gradients, size))

    def __iter__(self) -> Iterator[tuple[int, Floats, Floats]]:
        """Every update of one array, as key, weights and gradient, step after step."""
        for step in self.gradients:
            yield from zip(range(len(step)), self.weights, step, strict=True)

    def draw(self) -> None:
        """Draw the gradients of a round."""
        self._random.standard_normal(dtype=np.float32, out=self._fresh)

    def clear(self) -> None:
        """Have zeros for the gradients of a round."""
        self._fresh.fill(0)

    def refill(self) -> None:
        """Copy the gradients of this round in."""
        np.copyto(self._gradients, self._fresh)

    @property
    def is_spent(self) -> bool:
        """Whether every gradient was used and zeroed."""
        return not any(each.any() for step in self.gradients for each in step)


def _room(size: Size) -> int:
    """The elements of a step, with every array begun at a cache line."""
    return sum(map(_padded, size.lengths))


def _padded(length: int) -> int:
    return length + -length % LINE


def _cut(memory: Floats, size: Size) -> Iterator[list[Floats]]:
    """Memory as the arrays of one step after another."""
    begin = 0
    while begin < memory.size:
        arrays = []
        for length in size.lengths:
            arrays.append(memory[begin : begin + length])
            begin += _padded(length)
        yield arrays
