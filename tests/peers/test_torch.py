"""SGD.v2, Adam.v2, AdamW.v1, NAdam.v1 and RAdam.v2 against torch.optim."""

from inspect import signature
from itertools import chain
from typing import Any

import pytest

from .common import LARGE, SHAPES, Ours, assert_agree, gradients, initial_weights, spelled
from .torch_side import TorchPeer, class_of

MOMENTS = [
    dict(),
    dict(learn_rate=0.0),
    dict(learn_rate=0.5),
    dict(beta1=0.0),
    dict(beta1=0.5),
    dict(beta1=0.99),
    dict(beta2=0.0),
    dict(beta2=0.9),
    dict(eps=1e-15),
    dict(eps=1e-3),
    dict(eps=1.0),
    dict(weight_decay=0.3),
]
LONG = dict(beta2=0.9999)
COUPLED = [dict(L2=0.3), dict(L2=0.01, learn_rate=0.02, beta1=0.8, beta2=0.95, eps=1e-5)]
AMSGRAD = [dict(amsgrad=True), dict(amsgrad=True, beta1=0.5, beta2=0.9, eps=1e-4, weight_decay=0.1)]

# The settings to compare with, of which the first are typical: what does not depend on their values is seen with these.
VARIED: dict[str, list[dict[str, Any]]] = {
    "SGD.v2": [
        dict(learn_rate=0.01, momentum=0.9, L2=0.01),
        dict(),
        dict(learn_rate=0.0),
        dict(learn_rate=0.5),
        dict(momentum=0.5),
        dict(momentum=0.99),
        dict(momentum=1.0),
        dict(momentum=0.9, dampening=0.9),
        dict(momentum=0.9, dampening=1.0),
        dict(momentum=0.9, dampening=-0.5),
        dict(momentum=0.9, nesterov=True),
        dict(L2=0.3),
        dict(L2=0.3, momentum=0.9),
        dict(L2=0.01, momentum=0.9, dampening=0.5, learn_rate=0.1),
        dict(L2=0.01, momentum=0.9, nesterov=True, learn_rate=0.1),
    ],
    "Adam.v2": [dict(learn_rate=0.01, L2=0.01), *MOMENTS, *COUPLED, *AMSGRAD, dict(amsgrad=True, L2=0.1), LONG],
    "AdamW.v1": [
        dict(learn_rate=0.01, weight_decay=0.01),
        *MOMENTS,
        *AMSGRAD,
        LONG,
        dict(weight_decay=0.0),
        dict(weight_decay=0.1, learn_rate=0.1),
    ],
    "NAdam.v1": [
        dict(learn_rate=0.01, weight_decay=0.01),
        *MOMENTS,
        *COUPLED,
        LONG,
        dict(momentum_decay=0.0),
        dict(momentum_decay=0.1),
        dict(momentum_decay=1.0, beta1=0.99),
        dict(momentum_decay=0.01, weight_decay=0.1, learn_rate=0.1),
    ],
    "RAdam.v2": [
        dict(learn_rate=0.01, weight_decay=0.01),
        *MOMENTS,
        *COUPLED,
        *[dict(beta2=beta2) for beta2 in (1 / 3, 0.5, 0.6, 0.65, 2 / 3, 0.67)],  # ρ∞ from 2 to just over 5
        dict(weight_decay=0.1, learn_rate=0.1, beta1=0.8, beta2=0.95, eps=1e-5),
        LONG,
    ],
}
ALL = list(chain.from_iterable([(rule, settings) for settings in rows] for rule, rows in VARIED.items()))

TYPICAL = {rule: rows[0] for rule, rows in VARIED.items()}
CHANGES = dict(
    learn_rate=0.001, beta1=0.8, beta2=0.99, eps=1e-6, momentum=0.5, dampening=0.1, momentum_decay=0.01, L2=0.0,
    weight_decay=0.1,
)  # fmt: skip
FUSED = [rule for rule in VARIED if "fused" in signature(class_of(rule)).parameters]

STEADY = {key: shape for key, shape in SHAPES.items() if key != "rare"}

# Each step rounds the weights by at most half a unit in the last place, 2⁻²⁴ of the largest, on either side; so are
# moments, whose worst case is a key of one element, where they may be small beside the gradients that they average.
FLOAT32_STEPS = 200
FLOAT32 = 2 * FLOAT32_STEPS * 2.0**-24


def sides(rule: str, settings: dict[str, Any], *, at_once: bool = False, **execution: bool) -> tuple[Ours, TorchPeer]:
    """Both sides with the same settings, in float64."""
    weights = initial_weights()
    return Ours(rule, weights, settings, at_once=at_once), TorchPeer(rule, weights, settings, **execution)


@pytest.mark.parametrize(("rule", "settings"), ALL, ids=spelled)
def test_each_setting(rule: str, settings: dict[str, Any]) -> None:
    assert_agree(*sides(rule, settings), gradients(1000))


@pytest.mark.parametrize("rule", VARIED)
def test_a_whole_model_at_once(rule: str) -> None:
    assert_agree(*sides(rule, TYPICAL[rule], at_once=True), gradients(1000))


@pytest.mark.parametrize("rule", VARIED)
def test_torchs_loop_over_all_keys_together(rule: str) -> None:
    assert_agree(*sides(rule, TYPICAL[rule], foreach=True), gradients(1000))


@pytest.mark.parametrize("rule", FUSED)
def test_torchs_fused_kernels(rule: str) -> None:
    """Without "rare": where a key begins later than others, torch's fused SGD with momentum is a TypeError."""
    weights = initial_weights(shapes=STEADY)
    ours, peer = Ours(rule, weights, TYPICAL[rule]), TorchPeer(rule, weights, TYPICAL[rule], fused=True)
    assert_agree(ours, peer, gradients(1000, shapes=STEADY))


@pytest.mark.parametrize("at_once", [False, True], ids=["by key", "at once"])
@pytest.mark.parametrize("rule", VARIED)
def test_a_rate_scaled_at_each_call(rule: str, *, at_once: bool) -> None:
    lr_scales = (1.0, 0.5, 0.0, 2.0)
    assert_agree(*sides(rule, TYPICAL[rule], at_once=at_once), gradients(1000), lr_scales=lr_scales)


@pytest.mark.parametrize("rule", VARIED)
def test_settings_changed_on_the_way(rule: str) -> None:
    ours, peer = sides(rule, TYPICAL[rule])
    assert_agree(ours, peer, gradients(500))
    own = {each.name for each in ours.optimizer.rule.signature.settings}
    changes = {name: value for name, value in CHANGES.items() if name in own | TYPICAL[rule].keys()}
    ours.optimizer.change(**changes)
    peer.change(changes)
    assert_agree(ours, peer, gradients(500))


@pytest.mark.parametrize("rule", VARIED)
def test_large_arrays(rule: str) -> None:
    weights = initial_weights(shapes=LARGE)
    ours, peer = (side(rule, weights, TYPICAL[rule]) for side in (Ours, TorchPeer))
    assert_agree(ours, peer, gradients(50, shapes=LARGE), every=10)


@pytest.mark.parametrize(("rule", "settings"), [*TYPICAL.items(), *((rule, {}) for rule in VARIED)], ids=spelled)
def test_float32(rule: str, settings: dict[str, Any]) -> None:
    weights = initial_weights("float32")
    ours, peer = (side(rule, weights, settings) for side in (Ours, TorchPeer))
    assert_agree(ours, peer, gradients(FLOAT32_STEPS, "float32"), FLOAT32, every=20)
