"""`optimizer.bound(…)`: a step of the same arrays again and again, which are checked once."""

from __future__ import annotations

from typing import Protocol

from ..ops.contract import Batch, Held, Runner
from .present import Present


class Updates(Protocol):
    """An optimizer, as far as it is asked here."""

    _now: Present

    def update(self, batch: Batch, *, lr_scale: float) -> None:
        """Update a whole model."""


class Bound:
    """What `optimizer.bound({key: (weights, gradient), …})` gives: call it once per batch, with new gradients in place.

    It holds the arrays as a view of NumPy's does: they are not freed, nor resized, while it is there.
    """

    def __init__(self, optimizer: Updates, batch: Batch) -> None:
        self._optimizer, self._batch = optimizer, batch
        self._runner: Runner | None = None
        self._held: Held | None = None

    def __call__(self, *, lr_scale: float = 1.0) -> None:
        """Update all of these weights, as `optimizer.update` does."""
        now = self._optimizer._now
        if now.runner is not self._runner or self._held is None or self._held(now.numbers, lr_scale):
            self._update(lr_scale)

    def _update(self, lr_scale: float) -> None:
        """A step by way of all checks; the next one can go without."""
        self._optimizer.update(self._batch, lr_scale=lr_scale)
        now = self._optimizer._now
        if now.update == now.runner.update:  # and nobody counts the calls
            self._runner, self._held = now.runner, now.runner.hold(self._batch)

    def __repr__(self) -> str:
        return f"<step of {len(self._batch)} keys by {self._optimizer!r}>"
