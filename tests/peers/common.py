"""What every comparison shares: the model that is trained, thincopt's side of it, and the measure of agreement."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any, Protocol

import numpy as np

from thincopt import Optimizer

Arrays = dict[Any, np.ndarray]
Shapes = dict[Any, tuple[int, ...]]

# "bias" starts at zero, "dormant" has zero gradients at first, and "rare" has one on every third step only.
SHAPES = {"bias": (7,), "matrix": (33, 5), ("layer", 1): (257,), "one": (1,), "dormant": (5,), "rare": (67,)}
LARGE = {"large": (40_001,), "small": (3,)}  # longer than any block or chunk that a sum is made of

EXACT = 1e-12  # float64: what some thousand roundings of 1e-16 may add up to
WORST: dict[str, dict[str, float]] = defaultdict(dict)  # of this session: by who was compared, then by what


class Peer(Protocol):
    """Another implementation at work on its own copy of the model."""

    name: str
    weights: Arrays

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update the keys that have a gradient."""

    def states(self) -> dict[str, dict[Any, Any]]:
        """What it remembers, by our names and by key."""


class Ours:
    """Thincopt at work on its own copy of the model, key by key or all keys at once."""

    def __init__(
        self, rule: str | Optimizer, weights: Arrays, settings: dict[str, Any] | None = None, *, at_once: bool = False
    ) -> None:
        self.weights, self.at_once = copied(weights), at_once
        self.optimizer = Optimizer.of(rule, **(settings or {})) if isinstance(rule, str) else rule

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update the keys that have a gradient; every gradient is zero then."""
        batch = {key: (self.weights[key], gradient) for key, gradient in gradients.items()}
        if self.at_once:
            self.optimizer.update(batch, lr_scale=lr_scale)
        else:
            for key, pair in batch.items():
                self.optimizer(key, *pair, lr_scale=lr_scale)
        assert not any(gradient.any() for gradient in gradients.values())

    def state(self, name: str) -> dict[Any, Any]:
        """One kind of state by key: by its public name where it has one, or from the tree of all state."""
        if name in ("mom1", "mom2", "averages", "nr_update"):
            return getattr(self.optimizer, name)
        return {key: state[name] for key, state in self.optimizer.state()["keys"].items() if name in state}

    def state_names(self) -> list[str]:
        """All that is remembered of a key, as the rule and its stages call it."""
        return sorted({name for state in self.optimizer.state()["keys"].values() for name in state})


def copied(arrays: Arrays) -> Arrays:
    """A copy of every array."""
    return {key: array.copy() for key, array in arrays.items()}


def initial_weights(dtype: str = "float64", shapes: Shapes = SHAPES) -> Arrays:
    """The weights that both sides start from."""
    rng = np.random.default_rng(1)
    return {key: rng.standard_normal(shape).astype(dtype) * (key != "bias") for key, shape in shapes.items()}


def gradients(steps: int, dtype: str = "float64", shapes: Shapes = SHAPES) -> Iterator[Arrays]:
    """The gradients of each step: noise of sizes from 1e-3 to 1, with a drift that takes the weights away from zero.

    Near zero a relative measure would mean little, and there Adam with L2 amplifies any rounding. Zero gradients,
    at index 0 of longer arrays and in all of "dormant", end after 50 steps for the same reason.
    """
    rng = np.random.default_rng(2)
    drift = {key: -0.3 * np.sign(weights) for key, weights in initial_weights(shapes=shapes).items()}
    scales = {key: 10 ** rng.uniform(-3, 0, shape) for key, shape in shapes.items()}
    for step in range(1, steps + 1):
        noise = {key: scale * (rng.standard_normal(scale.shape) + drift[key]) for key, scale in scales.items()}
        for key, gradient in noise.items():
            if step <= 50 and gradient.size > 1:
                gradient.flat[: None if key == "dormant" else 1] = 0
        yield {key: gradient.astype(dtype) for key, gradient in noise.items() if key != "rare" or step % 3 == 0}


def deviation(ours: Any, theirs: Any) -> float:
    """max|a − b| / max|b|, in float64; NaN where there is a NaN, which no tolerance admits."""
    a, b = (np.asarray(each, "float64").reshape(-1) for each in (ours, theirs))
    return float(np.max(np.abs(a - b)) / (np.max(np.abs(b)) or 1.0))


def deviations(ours: Ours, peer: Peer) -> dict[str, float]:
    """The worst deviation over the keys, of the weights and of each kind of state that the peer has."""
    pairs = {"weights": (ours.weights, peer.weights)}
    theirs = peer.states()
    pairs |= {name: (ours.state(name), state) for name, state in theirs.items()}
    for name, (a, b) in pairs.items():
        assert a.keys() == b.keys(), (
            f"{name}: ours is of the keys {list(a)}, that of {peer.name} of {list(b)}. Ours remembers"
            f" {ours.state_names()}, {peer.name} {sorted(theirs)}; `mom1` is our state `m`, `mom2` is `v`."
        )
    return {name: float(np.max([deviation(a[key], b[key]) for key in b])) for name, (a, b) in pairs.items() if b}


def assert_agree(
    ours: Ours,
    peer: Peer,
    stream: Iterable[Arrays],
    tolerance: float = EXACT,
    *,
    every: int = 100,
    lr_scales: tuple[float, ...] = (1.0,),
) -> None:
    """Take both through the same steps, and compare weights and state after every so many."""
    step = 0
    for step, (each, lr_scale) in enumerate(zip(stream, cycle(lr_scales), strict=False), start=1):
        ours.step(copied(each), lr_scale)
        peer.step(copied(each), lr_scale)
        if step % every == 0:
            found = deviations(ours, peer)
            note(ours, peer, found)
            assert np.max(list(found.values())) <= tolerance, f"step {step}: {found}"
    assert step >= every


def note(ours: Ours, peer: Peer, found: dict[str, float]) -> None:
    """Keep the worst deviations for the summary at the end of the session."""
    dtype = next(iter(ours.weights.values())).dtype
    worst = WORST[f"{ours.optimizer.rule.name} and {peer.name}, {dtype}"]
    worst |= {name: float(np.maximum(worst.get(name, 0.0), value)) for name, value in found.items()}


def spelled(settings: Any) -> str:
    """The name of a case: its settings as they are given."""
    if not isinstance(settings, dict):
        return str(settings)
    return ",".join(f"{name}={value}" for name, value in settings.items()) or "defaults"
