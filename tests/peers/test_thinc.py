"""SGD.v1, Adam.v1 and RAdam.v1 against Thinc."""

from typing import Any

import pytest

from .common import LARGE, Ours, assert_agree, gradients, initial_weights, spelled
from .thinc_side import PortablePeer, ThincPeer

STEPS = {"SGD.v1": 400, "Adam.v1": 400, "RAdam.v1": 1000}

# Two scalars are rounded to float32, by half of 2⁻²⁴ at most: Thinc's 1 − β₂, off by 1.3e-5 of itself at 0.999 and
# less at the other betas below; and our factor of decay, 1 − ηλ, off by the same at each of 400 steps: 1.2e-5 in all.
# Thinc's RAdam subtracts in float64; there 1 − ηλ = 0.9999, off by 1.7e-8 at each of 1000 steps, is 1.7e-5 in all.
ROUNDED_SCALARS = 2e-5
# With scalars that float32 holds exactly, what remains is the rounding of the arrays.
BETAS = dict(learn_rate=2.0**-10, beta1=0.875, beta2=1 - 2.0**-10)
HELD = {"SGD.v1": dict(learn_rate=2.0**-7), "Adam.v1": BETAS, "RAdam.v1": BETAS}
ROUNDED_ARRAYS = 2e-6


def stages(decay: float) -> list[dict[str, Any]]:
    """Settings of all that surrounds a rule."""
    return [
        dict(),
        dict(L2=decay, L2_is_weight_decay=True),
        dict(L2=decay, L2_is_weight_decay=False),
        dict(grad_clip=0.0),
        dict(grad_clip=0.1),
        dict(grad_clip=0.1, L2=decay, L2_is_weight_decay=False),
        dict(grad_clip=0.1, L2=decay, L2_is_weight_decay=True),
        dict(use_averages=False),
        dict(use_averages=False, grad_clip=0.0, L2=decay),
    ]


MOMENTS: list[dict[str, Any]] = [
    dict(learn_rate=0.1),
    dict(beta1=0.5),
    dict(beta1=0.99),
    dict(beta2=0.9),
    dict(beta2=0.99),
    dict(eps=1e-4),
    dict(eps=0.1),
    dict(learn_rate=0.05, beta1=0.8, beta2=0.98, eps=1e-3, L2=0.01, grad_clip=0.5),
]
SHORT = [dict(beta2=beta2) for beta2 in (1 / 3, 0.5, 0.6, 0.65, 2 / 3, 0.67)]  # RAdam's ρ∞ from 2 to just over 5
CASES = [
    *[("SGD.v1", dict(learn_rate=0.01) | settings) for settings in [*stages(0.1), dict(learn_rate=0.3)]],
    *[("Adam.v1", settings) for settings in [*stages(0.1), *MOMENTS]],
    *[("RAdam.v1", settings) for settings in [*stages(0.1), *MOMENTS, *SHORT]],
]
TYPICAL = dict(learn_rate=0.01, L2=0.01)


def sides(rule: str, settings: dict[str, Any], **shapes: Any) -> tuple[Ours, ThincPeer]:
    """Both sides with the same settings, in float32."""
    weights = initial_weights("float32", **shapes)
    return Ours(rule, weights, settings), ThincPeer(rule, weights, settings)


@pytest.mark.parametrize(("rule", "settings"), CASES, ids=spelled)
def test_each_setting(rule: str, settings: dict[str, Any]) -> None:
    ours, peer = sides(rule, settings)
    assert_agree(ours, peer, gradients(STEPS[rule], "float32"), ROUNDED_SCALARS)
    assert (ours.optimizer.averages is None) == (peer.optimizer.averages is None)


@pytest.mark.parametrize(("rule", "settings"), CASES, ids=spelled)
def test_each_setting_in_float64(rule: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    weights = initial_weights()
    ours, peer = Ours(rule, weights, settings), PortablePeer(rule, weights, settings, monkeypatch)
    assert_agree(ours, peer, gradients(STEPS[rule]))


@pytest.mark.parametrize("settings", stages(0.125), ids=spelled)
@pytest.mark.parametrize("rule", HELD)
def test_scalars_that_float32_holds(rule: str, settings: dict[str, Any]) -> None:
    ours, peer = sides(rule, HELD[rule] | settings)
    peer.name = "thinc, exact scalars"
    assert_agree(ours, peer, gradients(STEPS[rule], "float32"), ROUNDED_ARRAYS)


@pytest.mark.parametrize("rule", ["SGD.v1", "Adam.v1"])
def test_a_rate_scaled_at_each_call(rule: str) -> None:
    """Thinc's RAdam takes no notice of the scale, which is a fault; ours does."""
    scales = (1.0, 0.5, 0.0, 2.0)
    assert_agree(*sides(rule, TYPICAL), gradients(STEPS[rule], "float32"), ROUNDED_SCALARS, lr_scales=scales)


@pytest.mark.parametrize("rule", STEPS)
def test_large_arrays(rule: str) -> None:
    stream = gradients(50, "float32", LARGE)
    assert_agree(*sides(rule, TYPICAL, shapes=LARGE), stream, ROUNDED_SCALARS, every=10)
