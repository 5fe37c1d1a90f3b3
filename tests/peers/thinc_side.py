"""Thinc's optimizers as peers: its compiled float32 kernels, and its portable code in float64."""

from typing import Any

import numpy as np
import pytest
from thinc.api import SGD, Adam, Optimizer, RAdam
from thinc.backends import Ops

from .common import Arrays, copied

FACTORIES = {"SGD.v1": SGD, "Adam.v1": Adam, "RAdam.v1": RAdam}


class ThincPeer:
    """One of Thinc's optimizers; it takes our settings as they are."""

    name = "thinc"

    def __init__(self, rule: str | Optimizer, weights: Arrays, settings: dict[str, Any] | None = None) -> None:
        self.weights = copied(weights)
        self.optimizer = FACTORIES[rule](**(settings or {})) if isinstance(rule, str) else rule

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update the keys that have a gradient."""
        for key, gradient in gradients.items():
            self.optimizer(key, self.weights[key], gradient, lr_scale=lr_scale)

    def states(self) -> dict[str, dict[Any, Any]]:
        """What Thinc remembers."""
        own = self.optimizer
        return {
            "nr_update": dict(own.nr_update),
            "mom1": own.mom1,
            "mom2": own.mom2,
            **({} if own.averages is None else {"averages": own.averages}),
        }


class PortablePeer(ThincPeer):
    """Thinc's portable code, which computes in the type of its arrays: here all are float64."""

    name = "thinc's portable code"

    def __init__(self, rule: str, weights: Arrays, settings: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
        super().__init__(rule, weights, settings)
        patch.setattr("thinc.optimizers.get_array_ops", lambda _: Ops())
        if rule != "SGD.v1":
            self.optimizer.mom1 = {key: np.zeros(array.size) for key, array in self.weights.items()}
            self.optimizer.mom2 = {key: np.zeros(array.size) for key, array in self.weights.items()}
        if self.optimizer.averages is not None:
            self.optimizer.averages = {key: np.zeros_like(array) for key, array in self.weights.items()}
