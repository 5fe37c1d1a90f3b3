"""Formulas stated a second time, in float64, from their papers: peers where no live implementation is at hand."""

from collections import defaultdict
from collections.abc import Callable
from math import fsum, sqrt
from typing import Any

import numpy as np

from .common import Arrays, Peer, copied

Array = np.ndarray
Memory = dict[str, Array]


def length(array: Array) -> float:
    """The Euclidean norm, from an exact sum."""
    return sqrt(fsum((array * array).reshape(-1).tolist()))


def lamb(
    w: Array,
    g: Array,
    memory: Memory,
    t: int,
    *,
    learn_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    clamp: float = 10.0,
    debias: bool = False,
) -> None:
    """LAMB (You et al., 2019, Algorithm 2), with φ(z) = min(z, clamp) and ratio 1 where a norm is zero."""
    m = memory.setdefault("mom1", np.zeros_like(w))
    v = memory.setdefault("mom2", np.zeros_like(w))
    m += (g - m) * (1 - beta1)
    v += (g * g - v) * (1 - beta2)
    corrections = (1 - beta1**t, 1 - beta2**t) if debias else (1.0, 1.0)
    direction = (m / corrections[0]) / (np.sqrt(v / corrections[1]) + eps)
    direction += weight_decay * w
    ratio = 1.0
    if length(w) and length(direction):
        ratio = min(length(w), clamp) / length(direction)
    w -= learn_rate * ratio * direction


def lion(
    w: Array,
    g: Array,
    memory: Memory,
    _t: int,
    *,
    learn_rate: float = 1e-4,
    beta1: float = 0.9,
    beta2: float = 0.99,
    weight_decay: float = 0.0,
) -> None:
    """Lion (Chen et al., 2023, Algorithm 2): the decay stands beside the sign, within the step."""
    m = memory.setdefault("mom1", np.zeros_like(w))
    interpolated = g + (m - g) * beta1
    m += (g - m) * (1 - beta2)
    w -= learn_rate * (np.sign(interpolated) + weight_decay * w)


class Stated:
    """A formula at work on its own copy of the model; it changes the weights and memory of a key in place."""

    def __init__(self, formula: Callable[..., None], weights: Arrays, settings: dict[str, Any]) -> None:
        self.name = f"stated {formula.__name__}"
        self.weights, self.formula, self.settings = copied(weights), formula, settings
        self.memory: dict[Any, Memory] = defaultdict(dict)
        self.counts: dict[Any, int] = defaultdict(int)

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update the keys that have a gradient."""
        assert lr_scale == 1.0
        for key, gradient in gradients.items():
            self.counts[key] += 1
            self.formula(self.weights[key], gradient, self.memory[key], self.counts[key], **self.settings)

    def states(self) -> dict[str, dict[Any, Any]]:
        """What the formula remembers, and how often each key was updated."""
        names = next(iter(self.memory.values()))
        arrays = {name: {key: memory[name] for key, memory in self.memory.items()} for name in names}
        return {"nr_update": dict(self.counts), **arrays}


class Wrapper:
    """A peer around a peer: after its step, something is done for each key that had a gradient."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.weights = peer, peer.weights
        self.name = f"{peer.name} in stated {type(self).__name__.lower()}"
        self.counts: dict[Any, int] = defaultdict(int)

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Let the inner peer step, then follow it."""
        keys = list(gradients)
        self.peer.step(gradients, lr_scale)
        for key in keys:
            self.counts[key] += 1
            self.follow(key, self.counts[key])

    def follow(self, key: Any, t: int) -> None:
        """What is done for one key after its t-th step."""
        raise NotImplementedError


class Lookahead(Wrapper):
    """Lookahead (Zhang et al., 2019, Algorithm 1): slow weights start as the weights, and both meet on k-th steps."""

    def __init__(self, peer: Peer, k: int, alpha: float) -> None:
        super().__init__(peer)
        self.k, self.alpha, self.slow = k, alpha, copied(peer.weights)

    def follow(self, key: Any, t: int) -> None:
        """On k-th steps: slow ← slow + α(fast − slow); fast ← slow."""
        if t % self.k == 0:
            self.slow[key] += self.alpha * (self.weights[key] - self.slow[key])
            self.weights[key][...] = self.slow[key]

    def states(self) -> dict[str, dict[Any, Any]]:
        """The inner peer's state, and the slow weights."""
        return {**self.peer.states(), "lookahead.slow": self.slow}


class Swept(Wrapper):
    """A running mean of weights whose shares add up to 1, from nothing, as Adam's means are corrected."""

    def __init__(self, peer: Peer, beta: float) -> None:
        super().__init__(peer)
        self.beta, self.means = beta, {key: np.zeros_like(array) for key, array in peer.weights.items()}

    def follow(self, key: Any, t: int) -> None:
        """m ← βm + (1−β)w."""
        self.means[key] = self.beta * self.means[key] + (1 - self.beta) * self.weights[key]

    def states(self) -> dict[str, dict[Any, Any]]:
        """The inner peer's state, and the means without what they began with."""
        means = {key: self.means[key] / (1 - self.beta**t) for key, t in self.counts.items()}
        return {**self.peer.states(), "averages": means}


class Averages(Wrapper):
    """Running averages from zero, that move by 9/(10+t) of the way to the weights, at least by 1/10000."""

    def __init__(self, peer: Peer) -> None:
        super().__init__(peer)
        self.averages = {key: np.zeros_like(array) for key, array in peer.weights.items()}

    def follow(self, key: Any, t: int) -> None:
        """Move towards the weights as they are after all else."""
        self.averages[key] += max(9 / (10 + t), 1e-4) * (self.weights[key] - self.averages[key])

    def states(self) -> dict[str, dict[Any, Any]]:
        """The inner peer's state, and the averages."""
        return {**self.peer.states(), "averages": self.averages}
