"""What a backend is. To plug in another, write an `Ops` and a `Runner` and pass `ops=YourOps()` to an optimizer.

The engine owns settings, keys and policies; a backend owns arrays. `Ops.runner` turns a `Recipe` (kernels, which
are plain data: see `thincopt.language.kernel`) into something that runs them. A runner promises: weights, gradient
and state change in place; after success each key's `t` is one more; otherwise nothing has changed, not a byte.
The arrays need `shape`, `size`, `dtype`, `reshape`, `copy` and item assignment. tests/test_backend.py is a whole
backend, in 100 lines.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import prod
from typing import Any, Protocol

from ..language.kernel import Kernel

Array = Any
Batch = Mapping[Hashable, tuple[Array, Array]]
DTYPES = ("float32", "float64")  # of weights, gradients and state
POLICIES = ("propagate", "skip", "raise")  # what becomes of a gradient that is not finite
PATIENCE = 20  # a key whose gradient was skipped this often in a row has a fault that skipping will not mend


class Outcome(IntEnum):
    """What became of a call. After anything but DONE nothing has changed."""

    DONE = 0
    UNKNOWN = 1  # a key without state yet
    REFUSED = 2  # something that cannot be updated, or that the runner leaves to the engine to check
    NONFINITE = 3  # a gradient that is not finite, where that is checked


@dataclass
class KeyState:
    """All that one key remembers. `count` holds t; numbers and arrays are shared with the runner, not copied."""

    shape: tuple[int, ...]
    dtype: str
    scalars: array[float]
    arrays: dict[str, Array] = field(default_factory=dict)
    count: array[int] = field(default_factory=lambda: array("q", [0]))
    skipped: int = 0
    streak: int = 0
    skipped_at: int = -1

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    def skip(self) -> None:
        """Count a step that was not taken."""
        self.streak = self.streak + 1 if self.skipped_at == self.t else 1
        self.skipped_at = self.t
        self.skipped += 1

    @property
    def t(self) -> int:
        """How many updates this key has had."""
        return self.count[0]


@dataclass(frozen=True)
class Recipe:
    """The kernels of a step: `main`; or, on each k-th step of a key, `before` and then `after`.

    A kernel's scalars begin with the optimizer's numbers, then t, size, the key's scalars, the shared numbers.
    `rate` and `period` are places among the numbers: the learning rate, which a call may scale, and k.
    """

    main: Kernel
    arrays: tuple[str, ...]
    scalars: tuple[str, ...]
    shared: tuple[str, ...]
    rate: int | None
    period: int | None = None  # none where lookahead is off
    before: Kernel | None = None
    after: Kernel | None = None

    @property
    def kernels(self) -> list[Kernel]:
        """The kernels of this recipe, one to three."""
        return [each for each in (self.main, self.before, self.after) if each is not None]


class Runner(Protocol):
    """Runs one recipe; made anew when an optimizer's settings ask for other kernels."""

    def bind(self, state: KeyState) -> Any:
        """A handle for this key's state."""

    def step(
        self, handles: dict[Hashable, Any], key: Hashable, weights: Array, gradient: Array, lr_scale: float
    ) -> int:
        """Check and update one key; a runner that has no quick way to check declines, and the engine calls `run`."""

    def update(self, handles: dict[Hashable, Any], batch: Batch, lr_scale: float) -> int:
        """Check and update every key of a model, or none; or decline, as `step`."""

    def run(self, handles: dict[Hashable, Any], batch: Batch, lr_scale: float) -> int:
        """Update every key of a batch that the engine has checked, all with handles and none empty."""

    def told(self) -> None:
        """The numbers have changed: a runner that has a copy of them takes it anew."""

    def collect(self) -> None:
        """Bring t, counts and scalar state to where `KeyState` and `shared` keep them, if they are elsewhere."""


class OnHost:
    """A runner that works on `numbers`, `shared` and `KeyState` themselves."""

    def told(self) -> None:
        """There is no copy."""

    def collect(self) -> None:
        """All is in its place."""


class Ops(Protocol):
    """A kind of array and the way to compute on it."""

    name: str

    def runner(self, recipe: Recipe, numbers: array[float], shared: array[float], *, nonfinite: str) -> Runner:
        """A runner that reads `numbers` at each call, and keeps `shared`; `nonfinite` is one of `POLICIES`."""

    def seen(self, value: Array) -> Array:
        """What is given as an array, as the backend's own kind of array on the same memory, if it can be."""

    def fault(self, weights: Array, gradient: Array, state: KeyState | None = None) -> str | None:
        """Why these cannot be updated, in words; None if they can, or if the gradient is empty."""

    def overlap(self, batch: Batch) -> tuple[Hashable, Hashable] | None:
        """Two keys whose arrays share memory, if there are any."""

    def nonfinite(self, gradient: Array) -> tuple[int, int] | None:
        """The first index that is not finite, and how many are not; None if all are finite."""

    def new_state(self, weights: Array, start: float | None) -> Array:
        """A flat array like the weights, filled with a number; with None, a copy of the weights."""

    def misfit(self, value: Array, state: KeyState) -> str | None:
        """Why this array cannot be a state of that key, in words; None if it can. Arrays of NumPy always can."""

    def zero(self, gradient: Array) -> None:
        """Store 0 everywhere."""

    def view(self, state: Array) -> Array:
        """The same memory, for reading only."""

    def to_host(self, array: Array) -> Array:
        """A copy of a backend's array as NumPy's."""

    def is_empty(self, gradient: Array) -> bool:
        """Whether there is nothing to do for this gradient."""
