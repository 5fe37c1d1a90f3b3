"""The arrays that all programs on a device are given."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import cupy
import numpy as np

from ..problems import Size
from .device import Device

LINE = 64  # elements: every array begins where an allocator would let it


class Problem:
    """Weights and gradients, which programs share, and what the gradients are filled with again and again."""

    def __init__(self, device: Device, size: Size) -> None:
        self.device, self.size = device, size
        starts = [0, *accumulate(length + -length % LINE for length in size.lengths)]
        self.arenas = [cupy.empty(starts[-1], np.float32) for _ in range(3)]
        cut = [
            [arena[at : at + length] for at, length in zip(starts, size.lengths, strict=False)] for arena in self.arenas
        ]
        self.weights, self.gradients, self.fresh = cut
        device.fill(self.arenas[2], 1)
        self.restore()

    def restore(self) -> None:
        """Have the weights that it began with."""
        self.device.fill(self.arenas[0], 0)

    def refill(self) -> None:
        """Have fresh gradients."""
        self.device.copy(self.arenas[1], self.arenas[2])

    def pairs(self) -> dict[int, tuple[Any, Any]]:
        """Weights and gradients by key."""
        return dict(enumerate(zip(self.weights, self.gradients, strict=True)))

    @property
    def is_spent(self) -> bool:
        """Whether all gradients are zero."""
        return not any(each.get().any() for each in self.gradients)
