"""torch.optim as a peer, built from our settings."""

from collections.abc import Callable
from typing import Any

import torch

from .common import Arrays, copied

RENAMED = {"learn_rate": "lr", "L2": "weight_decay"}  # settings that torch calls otherwise
STATES = {  # what it remembers, and what we call that
    "step": "nr_update",
    "exp_avg": "mom1",
    "exp_avg_sq": "mom2",
    "max_exp_avg_sq": "vmax",
    "momentum_buffer": "velocity",
    "mu_product": "mu_product",
}

Clip = Callable[[list[torch.nn.Parameter]], Any]


def class_of(rule: str) -> type[torch.optim.Optimizer]:
    """Torch's optimizer of the same name."""
    return getattr(torch.optim, rule.partition(".")[0])


def spelled_for_torch(rule: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Our settings of this rule by torch's names."""
    theirs = {RENAMED.get(name, name): value for name, value in settings.items()}
    if "beta1" in theirs or "beta2" in theirs:
        theirs["betas"] = theirs.pop("beta1", 0.9), theirs.pop("beta2", 0.999)
    if "weight_decay" in settings and rule != "AdamW.v1":
        theirs["decoupled_weight_decay"] = True
    return theirs


class TorchPeer:
    """One of torch's optimizers; `execution` chooses among its loops, and `clip` treats the gradients first."""

    name = "torch"

    def __init__(
        self,
        rule: str,
        weights: Arrays,
        settings: dict[str, Any],
        *,
        clip: Clip = lambda _: None,
        **execution: bool,
    ) -> None:
        self.weights, self.rule, self.clip = copied(weights), rule, clip
        self.parameters = {key: torch.nn.Parameter(torch.from_numpy(array)) for key, array in self.weights.items()}
        theirs = spelled_for_torch(rule, settings)
        self.optimizer = class_of(rule)(self.parameters.values(), **theirs, **execution)
        self.learn_rate = self.optimizer.param_groups[0]["lr"]

    def change(self, settings: dict[str, Any]) -> None:
        """Give settings new values; state is kept."""
        group = self.optimizer.param_groups[0]
        group.update(spelled_for_torch(self.rule, settings))
        self.learn_rate = group["lr"]

    def step(self, gradients: Arrays, lr_scale: float = 1.0) -> None:
        """Update the keys that have a gradient."""
        for key, parameter in self.parameters.items():
            parameter.grad = torch.from_numpy(gradients[key]) if key in gradients else None
        self.clip([each for each in self.parameters.values() if each.grad is not None])
        self.optimizer.param_groups[0]["lr"] = self.learn_rate * lr_scale
        self.optimizer.step()

    def states(self) -> dict[str, dict[Any, Any]]:
        """All that torch remembers, by our names and by key."""
        found: dict[str, dict[Any, Any]] = {}
        for key, parameter in self.parameters.items():
            for theirs, value in self.optimizer.state[parameter].items():
                if value is not None:
                    found.setdefault(STATES[theirs], {})[key] = value.numpy()
        return found
