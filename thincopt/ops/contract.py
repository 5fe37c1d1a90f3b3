"""What a backend is. To plug in another, write an `Ops` and a `Runner` and pass `ops=YourOps()` to an optimizer.

The engine owns settings, keys and policies; a backend owns arrays. `Ops.runner` turns the recipes of cohorts (kernels,
which are plain data: see `thincopt.language.kernel`) into something that runs them. A runner promises: weights,
gradient and state change in place; after success each key's `t` is one more; otherwise nothing has changed, not a
byte. The arrays need `shape`, `size`, `dtype`, `reshape`, `copy` and item assignment. tests/test_backend.py is a whole
backend, in 100 lines.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any, NamedTuple, Protocol

from ..concurrency.turns import Turns
from ..recipes.recipe import Recipe

Array = Any
Batch = Mapping[Hashable, tuple[Array, Array]]
Held = Callable[[bytes, float], int]  # numbers, lr_scale
DTYPES = ("float32", "float64")  # of weights, gradients and state
EPSILONS = {"float32": 2.0**-23, "float64": 2.0**-52}
POLICIES = ("propagate", "skip", "raise")  # what becomes of a gradient that is not finite
PATIENCE = 20  # a key whose gradient was skipped this often in a row has a fault that skipping will not mend


class Outcome(IntEnum):
    """What became of a call. After anything but DONE nothing has changed."""

    DONE = 0
    UNKNOWN = 1  # a key without state yet
    REFUSED = 2  # something that cannot be updated, or that the runner leaves to the engine to check
    NONFINITE = 3  # a gradient that is not finite, where that is checked


@dataclass(eq=False)
class KeyState:
    """All that one key remembers; numbers and arrays are shared with the runner, not copied.

    `counts` holds t, the steps skipped, how many of these in a row, and the t of the last of them. `taken[0]` says
    whether a step was taken, or skipped, with these arrays; until then what was `before` still stands.
    """

    shape: tuple[int, ...]
    dtype: str
    scalars: array[float]
    arrays: dict[str, Array] = field(default_factory=dict)
    counts: array[int] = field(default_factory=lambda: array("q", [0, 0, 0, -1]))
    taken: array[int] = field(default_factory=lambda: array("q", [0]))
    before: KeyState | None = None

    @property
    def standing(self) -> KeyState | None:
        """What the key remembers of steps that were taken; nothing if there were none."""
        return self if self.taken[0] else self.before

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def t(self) -> int:
        """How many updates this key has had."""
        return self.counts[0]

    @property
    def supplied(self) -> list[float]:
        """What the next step is told of this key: its t, the size, the machine epsilon of the type."""
        return [self.counts[0] + 1.0, *self.lasting]

    @cached_property
    def lasting(self) -> tuple[float, float]:
        """Of that, what never changes."""
        return float(self.size), EPSILONS[self.dtype]

    @property
    def skipped(self) -> int:
        """How many steps were skipped."""
        return self.counts[1]

    @property
    def streak(self) -> int:
        """How many of them were the last ones."""
        return self.counts[2] if self.counts[3] == self.t else 0


def counts(t: int, skipped: int, streak: int) -> array[int]:
    """What `KeyState.counts` holds."""
    return array("q", [t, skipped, streak, t if streak else -1])


class Cohort(NamedTuple):
    """Keys that have the same settings: the recipe of their steps, and the numbers that all keys of its rule share."""

    recipe: Recipe
    shared: array[float]


class Numbers(NamedTuple):
    """The present settings of a cohort: a factor of the rate, and its recipe's numbers."""

    scale: float
    settings: tuple[float, ...]


def packed(numbers: Iterable[Numbers]) -> bytes:
    """The settings of all cohorts as one, which a call brings."""
    return array("d", [each for scale, settings in numbers for each in (scale, *settings)]).tobytes()


def unpacked(numbers: bytes, cohorts: Iterable[Cohort]) -> tuple[Numbers, ...]:
    """The settings of each cohort."""
    rest = iter(array("d", numbers))
    return tuple(Numbers(next(rest), tuple(islice(rest, each.recipe.numbers))) for each in cohorts)


class Runner(Protocol):
    """Runs the recipes of cohorts; made anew when an optimizer's settings ask for other kernels, or keys for cohorts.

    Each call brings the present numbers of the settings, packed: see `unpacked`.
    """

    @property
    def way(self) -> str:
        """By which kind of kernels it runs, in a word or two."""

    @property
    def remark(self) -> str:
        """What there is to say of how it runs, at the end of a list."""

    @property
    def outrun(self) -> bool:
        """Whether its backend can make a faster one by now, of the same bits: between two steps it takes the place."""

    def bind(self, key: Hashable, state: KeyState, cohort: int) -> None:
        """Keep this key's state, to be found at each call, and of which cohort the key is."""

    def step(self, numbers: bytes, key: Hashable, weights: Array, gradient: Array, lr_scale: float) -> int:
        """Check and update one key; a runner that has no quick way to check declines, and the engine calls `run`."""

    def update(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """Check and update every key of a model, or none; or decline, as `step`."""

    def run(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """Update every key of a batch that the engine has checked, all bound and none empty, in its turn."""

    def hold(self, batch: Batch) -> Held:
        """A step of these arrays again and again, as `update`; the engine has checked them, and all have had a step."""

    def told(self, numbers: bytes) -> None:
        """These are the numbers now: a runner that has a copy of them takes it anew."""

    def collect(self) -> None:
        """Bring t, counts and scalar state to where `KeyState` and `Cohort.shared` keep them, if they are elsewhere."""


class Updating:
    """A runner that holds no arrays: it updates them."""

    update: Callable[[bytes, Batch, float], int]

    def hold(self, batch: Batch) -> Held:
        """Update this batch."""
        return lambda numbers, scale: self.update(numbers, batch, scale)


class OnHost(Updating):
    """A runner that works on `Cohort.shared` and `KeyState` themselves, and leaves all checks to the engine."""

    way = "kernels of its own"

    @property
    def remark(self) -> str:
        """Nothing."""
        return ""

    @property
    def outrun(self) -> bool:
        """There is no faster one."""
        return False

    def step(self, *_: Any) -> int:
        """Leave it to the engine."""
        return Outcome.REFUSED

    update = step

    def told(self, numbers: bytes) -> None:
        """There is no copy."""

    def collect(self) -> None:
        """All is in its place."""


class Ops(Protocol):
    """A kind of array and the way to compute on it."""

    name: str

    def runner(self, cohorts: Sequence[Cohort], turns: Turns, *, nonfinite: str) -> Runner:
        """A runner of these; `turns` are the optimizer's, `nonfinite` is one of `POLICIES`."""

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
