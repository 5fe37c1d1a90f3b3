"""Kinds of weight decay against torch's AdamW, whose weight decay is set anew before each step."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from .common import Arrays, Ours, assert_agree, gradients, initial_weights
from .torch_side import TorchPeer

RATES = [0.02 * (1 + step % 9) / 9 for step in range(300)]  # rising again and again, so that the greatest counts
DECAY = 0.1
# What torch multiplies by its rate, given the rate and the greatest so far, by kind.
DECAYS: dict[str, Callable[[float, float], float]] = {
    "rate": lambda rate, most: DECAY,
    "independent": lambda rate, most: DECAY / rate,
    "squared": lambda rate, most: DECAY * rate,
    "corrected": lambda rate, most: DECAY * rate / most,
}


class Decaying(TorchPeer):
    """Torch's AdamW with another rate and decay at each step."""

    name = "torch, told its decay"

    def __init__(self, kind: str, weights: Arrays) -> None:
        super().__init__("AdamW.v1", weights, dict(weight_decay=0.0))
        self.kind, self.steps = kind, iter(enumerate(RATES))

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Set the rate and the decay, and step."""
        place, rate = next(self.steps)
        self.change(dict(learn_rate=rate, weight_decay=DECAYS[self.kind](rate, max(RATES[: place + 1]))))
        super().step(gradients, lr_scale)


class Cautious(Decaying):
    """The same, but decay is given back where the step and the weight are of two signs."""

    name = "torch, told its decay and where"

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Step without decay, and shrink what the step has made smaller."""
        place, rate = next(self.steps)
        share = rate * DECAYS[self.kind](rate, max(RATES[: place + 1]))
        before = {key: self.parameters[key].detach().clone() for key in gradients}
        self.change(dict(learn_rate=rate))
        TorchPeer.step(self, gradients, lr_scale)
        for key, old in before.items():
            new = self.parameters[key].detach()
            new -= torch.where((old - new) * old >= 0, share * old, 0.0)


@pytest.mark.parametrize("peer", [Decaying, Cautious])
@pytest.mark.parametrize("kind", DECAYS)
def test_each_kind(kind: str, peer: type[Decaying]) -> None:
    weights = initial_weights(shapes={"bias": (7,), "matrix": (33, 5), ("layer", 1): (257,)})
    settings: dict[str, Any] = dict(weight_decay=DECAY, decay_kind=kind, cautious_decay=peer is Cautious)
    ours = Ours("AdamW.v1", weights, settings, at_once=True)

    def stream() -> Any:
        for rate, each in zip(RATES, gradients(300), strict=True):
            ours.optimizer.learn_rate = rate
            yield {key: gradient for key, gradient in each.items() if key in weights}

    assert_agree(ours, peer(kind, weights), stream())
