"""Groups beside torch's parameter groups: no decay, a rate for each layer, a schedule, a clip over the whole model."""

import math

import numpy as np
import pytest
import torch

from tests.peers.common import EXACT, Arrays, deviation
from thincopt import AdamW, warmup_linear

LAYERS, STEPS = 12, 300
SHAPES = {
    f"layer.{n}.{name}": shape
    for n in range(LAYERS)
    for name, shape in (
        ("attention.W", (16, 16)),
        ("attention.bias", (16,)),
        ("norm.scale", (16,)),
        ("mlp.W", (32, 16)),
    )
}
DECAY = 0.75  # of the rate, from each layer to the one below it
GROUPS = {
    "no_decay": {"keys": ["*.bias", "*.norm.*"], "weight_decay": 0.0},
    "layers": {"keys": ["layer.{n}.*"], "layers": LAYERS, "layer_decay": DECAY},
}


def cosine(step: int) -> float:
    return 0.01 * 0.5 * (1 + math.cos(math.pi * step / STEPS))


def arrays(seed: int) -> Arrays:
    random = np.random.default_rng(seed)
    return {key: random.normal(size=shape) for key, shape in SHAPES.items()}


@pytest.mark.parametrize("clip", [0.0, 5.0])
def test_adamw_with_groups_is_torchs_with_parameter_groups(clip: float) -> None:
    ours = arrays(0)
    theirs = {key: torch.tensor(each, requires_grad=True) for key, each in ours.items()}
    optimizer = AdamW(
        [cosine(step) for step in range(STEPS)],
        weight_decay=0.1,
        groups=GROUPS,
        grad_clip=clip,
        grad_clip_by="model",
    )
    scales = {key: DECAY ** (LAYERS - 1 - int(key.split(".")[1])) for key in SHAPES}
    peer = torch.optim.AdamW(
        [
            {"params": [each], "weight_decay": 0.1 if key.endswith(".W") else 0.0, "lr": 0.01 * scales[key]}
            for key, each in theirs.items()
        ]
    )
    for step in range(STEPS):
        for group, scale in zip(peer.param_groups, scales.values(), strict=True):
            group["lr"] = cosine(step) * scale
        gradients = arrays(1 + step)
        for key, each in theirs.items():
            each.grad = torch.tensor(gradients[key])
        if clip:
            torch.nn.utils.clip_grad_norm_(theirs.values(), clip)
        peer.step()
        optimizer.update({key: (ours[key], gradients[key]) for key in SHAPES})
        optimizer.step_schedules()
    worst = max(deviation(ours[key], each.detach().numpy()) for key, each in theirs.items())
    assert worst <= (1e-6 if clip else EXACT)  # torch adds 1e-6 to the norm


def test_a_recurrent_layer_learns_at_a_tenth_through_a_schedule() -> None:
    """As DynVision has it: 0.001, and 0.0001 for what is recurrent."""
    rate = warmup_linear(0.001, 10, 100)
    optimizer = AdamW(rate, groups={"recurrent": {"keys": ["*recurrent*"], "lr_scale": 0.1}})
    weights = {"V1.recurrent.weight": np.ones(3), "V1.weight": np.ones(3)}
    for step in range(50):
        optimizer.update({key: (each, np.ones(3)) for key, each in weights.items()})
        told = optimizer.explain()
        assert told["V1.recurrent.weight"].settings["learn_rate × lr_scale"].value == rate(step) * 0.1
        assert told["V1.weight"].settings["learn_rate"].value == rate(step)
        optimizer.step_schedules()
    moved = {key: 1 - float(each[0]) for key, each in weights.items()}
    assert moved["V1.recurrent.weight"] / moved["V1.weight"] == pytest.approx(0.1, rel=0.01)
