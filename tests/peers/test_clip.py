"""Clipping by value, by the norm of each key and of the whole model, against torch.nn.utils."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from .common import EXACT, LARGE, Arrays, Ours, Shapes, assert_agree, copied, gradients, initial_weights, spelled
from .torch_side import Clip, TorchPeer

CLIPS = [1e-3, 0.5, 3.5, 5.5, 1e6]  # the norms are about 3 to 5 for a large key, and 4 to 8 for the whole model
BASES = [
    ("SGD.v2", dict(learn_rate=0.1, momentum=0.9)),
    ("Adam.v2", dict(learn_rate=0.01)),
    ("AdamW.v1", dict()),
    ("NAdam.v1", dict()),
    ("RAdam.v2", dict()),
]
BY = ["key", "model"]

Parameters = list[torch.nn.Parameter]


def scaled_by_hand(threshold: float, by: str, coupled: float = 0.0) -> Clip:
    """Couple a decay, then scale gradients down to the threshold where their norm, found by torch, reaches it."""

    def clip(parameters: Parameters) -> None:
        for each in parameters:
            each.grad.add_(each.detach(), alpha=coupled)
        for group in [parameters] if by == "model" else [[each] for each in parameters]:
            norm = torch.nn.utils.get_total_norm([each.grad for each in group])
            for each in group:
                each.grad.mul_(threshold / norm if norm >= threshold else 1.0)

    return clip


def clipped_step(given: Arrays, threshold: float) -> Arrays:
    """How far one call with a rate of 1 moves the weights of a whole model from zero."""
    start = {key: np.zeros_like(gradient) for key, gradient in given.items()}
    ours = Ours("SGD.v2", start, dict(learn_rate=1.0, grad_clip=threshold, grad_clip_by="model"), at_once=True)
    ours.step(copied(given))
    return {key: -weights for key, weights in ours.weights.items()}


def flat(arrays: Arrays) -> np.ndarray:
    """All elements of all arrays in one."""
    return np.concatenate([each.reshape(-1) for each in arrays.values()])


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("threshold", CLIPS)
@pytest.mark.parametrize(("rule", "settings"), BASES, ids=spelled)
def test_clipped_training(rule: str, settings: dict[str, Any], threshold: float, by: str) -> None:
    clipped = {**settings, "grad_clip": threshold, "grad_clip_by": by}
    ours = Ours(rule, initial_weights(), clipped, at_once=True)
    peer = TorchPeer(rule, initial_weights(), settings, clip=scaled_by_hand(threshold, by))
    assert_agree(ours, peer, gradients(300))


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("threshold", CLIPS)
def test_a_coupled_decay_is_clipped_too(threshold: float, by: str) -> None:
    ours = Ours("SGD.v2", initial_weights(), dict(L2=0.3, grad_clip=threshold, grad_clip_by=by), at_once=True)
    peer = TorchPeer("SGD.v2", initial_weights(), {}, clip=scaled_by_hand(threshold, by, coupled=0.3))
    assert_agree(ours, peer, gradients(300))


@pytest.mark.parametrize("threshold", CLIPS)
def test_torchs_own_clip(threshold: float) -> None:
    """Torch divides by the norm plus 1e-6, so its factor is less by a share of 1e-6/norm; the norms exceed 4."""
    settings = dict(learn_rate=0.1, momentum=0.9)
    clipped = {**settings, "grad_clip": threshold, "grad_clip_by": "model"}
    ours = Ours("SGD.v2", initial_weights(), clipped, at_once=True)
    torchs = partial(torch.nn.utils.clip_grad_norm_, max_norm=threshold)
    peer = TorchPeer("SGD.v2", initial_weights(), settings, clip=torchs)
    peer.name = "torch's clip_grad_norm_"
    assert_agree(ours, peer, gradients(300), tolerance=1e-6)


@pytest.mark.parametrize("threshold", [1e-3, 0.5, 1e6])
def test_torchs_clip_by_value(threshold: float) -> None:
    settings = dict(learn_rate=0.1, momentum=0.9)
    ours = Ours("SGD.v2", initial_weights(), {**settings, "grad_clip_value": threshold})
    torchs = partial(torch.nn.utils.clip_grad_value_, clip_value=threshold)
    assert_agree(ours, TorchPeer("SGD.v2", initial_weights(), settings, clip=torchs), gradients(300))


@pytest.mark.parametrize("by", BY)
def test_both_clips_are_torchs_one_after_the_other(by: str) -> None:
    settings = dict(learn_rate=0.1, momentum=0.9)
    clipped = {**settings, "grad_clip_value": 0.5, "grad_clip": 1.0, "grad_clip_by": by}

    def both(parameters: Parameters) -> None:
        torch.nn.utils.clip_grad_value_(parameters, 0.5)
        scaled_by_hand(1.0, by)(parameters)

    peer = TorchPeer("SGD.v2", initial_weights(), settings, clip=both)
    assert_agree(Ours("SGD.v2", initial_weights(), clipped, at_once=True), peer, gradients(300))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shapes", [dict(bias=(7,), matrix=(33, 5), one=(1,)), LARGE], ids=["small", "large"])
@pytest.mark.parametrize("share", [0.1, 0.999, 1.001, 10.0])
@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_direction_is_kept_and_length_is_the_clip(size: float, share: float, shapes: Shapes, dtype: str) -> None:
    """One factor for all keys, at sizes whose squares float32 cannot hold; there factor and products are rounded."""
    given = {key: gradient * np.dtype(dtype).type(size) for key, gradient in next(gradients(1, dtype, shapes)).items()}
    whole = flat(given).astype("float64")
    norm = float(np.linalg.norm(whole))
    moved = flat(clipped_step(given, share * norm))
    tolerance = EXACT if dtype == "float64" else 3 * 2.0**-24
    assert np.abs(moved - min(share, 1.0) * whole).max() <= tolerance * np.abs(whole).max()
    assert np.linalg.norm(moved.astype("float64")) == pytest.approx(min(share, 1.0) * norm, rel=tolerance)
