"""Every rule, the clip, lookahead and averages against optax; `optax_side.py` says where the two depart."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from .common import LARGE, SHAPES, Ours, assert_agree, gradients, initial_weights, spelled
from .optax_side import NO_CLAMP, NO_WARMUP, Called, OptaxPeer
from .test_clip import CLIPS
from .test_statements import LAMB, LION
from .test_torch import COUPLED, LONG, MOMENTS, VARIED

# Either side rounds the weights at every step by at most 2⁻⁵³ of the largest; a decay's factor 1 − ηλ is rounded too,
# and alike at every step. Measured: 1.2e-13 with a decoupled decay, 6.5e-15 without, and 3.5e-14 in the state.
STEPS = 1000
FLOAT64 = 2 * STEPS * 2.0**-53
# The same in float32. Measured: 7.8e-6 with a decoupled decay, 4.8e-7 without, and 1.0e-6 in the state.
FLOAT32_STEPS = 200
FLOAT32 = 2 * FLOAT32_STEPS * 2.0**-24

BARE = dict(grad_clip=0.0, use_averages=False)
PLAIN = [each for each in (*MOMENTS, LONG) if "weight_decay" not in each]
THINCS = [
    dict(learn_rate=0.01),
    {},
    LONG,
    *[each | BARE for each in PLAIN],
    *[each | dict(L2_is_weight_decay=False) for each in COUPLED],
]
DECAYED = dict(learn_rate=0.01, weight_decay=0.1)
CONFIDENT = dict(debias=True, clamp=NO_CLAMP)

# As in test_torch.py: the first settings are typical.
VARIED_HERE: dict[str, list[dict[str, Any]]] = {
    "SGD.v1": [
        dict(learn_rate=0.01),
        dict(learn_rate=0.1, **BARE),
        dict(learn_rate=0.5, L2=0.3, L2_is_weight_decay=False),
    ],
    "SGD.v2": [
        *[each for each in VARIED["SGD.v2"] if "dampening" not in each],
        dict(weight_decay=0.3),
        dict(weight_decay=0.1, momentum=0.9, nesterov=True, learn_rate=0.1),
    ],
    "Adam.v1": THINCS,
    "Adam.v2": VARIED["Adam.v2"],
    "AdamW.v1": VARIED["AdamW.v1"],
    "NAdam.v1": [each | dict(momentum_decay=NO_WARMUP) for each in VARIED["NAdam.v1"] if "momentum_decay" not in each],
    "RAdam.v1": [*THINCS, *[dict(beta2=beta2) for beta2 in (1 / 3, 0.5, 0.65, 2 / 3, 0.67)]],
    "RAdam.v2": VARIED["RAdam.v2"],
    "Lion.v1": LION,
    "LAMB.v1": [each | CONFIDENT for each in (DECAYED, {}, dict(weight_decay=0.1), *LAMB) if "clamp" not in each],
}
ALL = [(rule, settings) for rule, rows in VARIED_HERE.items() for settings in rows]
TYPICAL = {rule: rows[0] for rule, rows in VARIED_HERE.items()}
CHANGES: dict[str, float] = dict(learn_rate=0.002, beta1=0.8, beta2=0.95, eps=1e-6, momentum=0.5, grad_clip=0.3)

# Optax as its users call it, and our rule and settings that mean the same; where ε stands elsewhere, it is next to 0.
TINY = 1e-30
CALLED: list[tuple[str, tuple[Any, ...], dict[str, Any], str, dict[str, Any]]] = [
    ("sgd", (0.1,), {}, "SGD.v2", dict(learn_rate=0.1)),
    ("sgd", (0.1, 0.9), {}, "SGD.v2", dict(learn_rate=0.1, momentum=0.9)),
    ("sgd", (0.1, 0.9), dict(nesterov=True), "SGD.v2", dict(learn_rate=0.1, momentum=0.9, nesterov=True)),
    ("adam", (0.01,), {}, "Adam.v2", dict(learn_rate=0.01)),
    ("adam", (0.01,), dict(eps=TINY), "Adam.v1", dict(learn_rate=0.01, eps=TINY, **BARE)),
    ("adamw", (0.01,), {}, "AdamW.v1", dict(learn_rate=0.01, weight_decay=1e-4)),
    ("adamw", (0.01, 0.8, 0.95), dict(weight_decay=0.3), "AdamW.v1", dict(beta1=0.8, beta2=0.95, weight_decay=0.3)),
    ("nadam", (0.01,), {}, "NAdam.v1", dict(momentum_decay=NO_WARMUP)),
    ("nadamw", (0.01,), {}, "NAdam.v1", dict(momentum_decay=NO_WARMUP, weight_decay=1e-4)),
    ("radam", (0.01,), dict(eps=TINY), "RAdam.v2", dict(eps=TINY)),
    ("lion", (0.01,), {}, "Lion.v1", dict(weight_decay=1e-3)),
    ("lamb", (0.01,), {}, "LAMB.v1", CONFIDENT),
    ("lamb", (0.01,), dict(weight_decay=0.1), "LAMB.v1", dict(weight_decay=0.1, **CONFIDENT)),
]
STEADY = {key: shape for key, shape in SHAPES.items() if key not in ("rare", "dormant")}


def sides(rule: str, settings: dict[str, Any], *, at_once: bool = False) -> tuple[Ours, OptaxPeer]:
    """Both sides with the same settings, in float64."""
    weights = initial_weights()
    return Ours(rule, weights, settings, at_once=at_once), OptaxPeer(rule, weights, settings)


@pytest.mark.parametrize(("rule", "settings"), ALL, ids=spelled)
def test_each_setting(rule: str, settings: dict[str, Any]) -> None:
    assert_agree(*sides(rule, settings), gradients(STEPS), FLOAT64)


@pytest.mark.parametrize(("name", "args", "theirs", "rule", "settings"), CALLED, ids=spelled)
def test_optax_as_it_is_called(
    name: str, args: tuple[Any, ...], theirs: dict[str, Any], rule: str, settings: dict[str, Any]
) -> None:
    weights = initial_weights(shapes=STEADY)
    ours = Ours(rule, weights, dict(learn_rate=args[0]) | settings)
    peer = Called(name, getattr(optax, name)(*args, **theirs), weights)
    assert_agree(ours, peer, gradients(STEPS, shapes=STEADY), FLOAT64)


@pytest.mark.parametrize(("rule", "settings"), TYPICAL.items(), ids=spelled)
def test_rates_scaled_at_each_call_and_settings_changed_on_the_way(rule: str, settings: dict[str, Any]) -> None:
    """But for NAdam's β₁: its product of μ so far is kept, where optax takes the power of the β₁ of now."""
    ours, peer = sides(rule, settings)
    assert_agree(ours, peer, gradients(500), FLOAT64, lr_scales=(1.0, 0.5, 0.0, 2.0))
    kept = "beta1" if rule == "NAdam.v1" else ""
    changes = {name: value for name, value in CHANGES.items() if name in peer.settings and name != kept}
    ours.optimizer.change(**changes)
    peer.change(changes)
    assert_agree(ours, peer, gradients(500), FLOAT64)


@pytest.mark.parametrize("rule", TYPICAL)
def test_large_arrays(rule: str) -> None:
    weights = initial_weights(shapes=LARGE)
    ours, peer = (side(rule, weights, TYPICAL[rule]) for side in (Ours, OptaxPeer))
    assert_agree(ours, peer, gradients(50, shapes=LARGE), FLOAT64, every=10)


@pytest.mark.parametrize("rule", TYPICAL)
def test_float32(rule: str) -> None:
    weights = initial_weights("float32")
    ours, peer = (side(rule, weights, TYPICAL[rule]) for side in (Ours, OptaxPeer))
    assert_agree(ours, peer, gradients(FLOAT32_STEPS, "float32"), FLOAT32, every=20)


@pytest.mark.parametrize("by", ["key", "model"])
@pytest.mark.parametrize("threshold", CLIPS)
@pytest.mark.parametrize("rule", ["SGD.v2", "AdamW.v1", "LAMB.v1"])
def test_clipped_training(rule: str, threshold: float, by: str) -> None:
    """A coupled decay is clipped too; Adam's direction hides any scale, but for the ε beside it."""
    settings = TYPICAL[rule] | dict(L2=0.1, grad_clip=threshold, grad_clip_by=by)
    assert_agree(*sides(rule, settings, at_once=True), gradients(300), FLOAT64)


@pytest.mark.parametrize("share", [1 - 1e-9, 1.0, 1 + 1e-9])
@pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
def test_a_norm_at_the_clip(size: float, share: float) -> None:
    """Both count an equal norm as clipped: by a factor of 1 here, by the roundings of g/n and (g/n)·c in optax."""
    gradient, threshold = np.array([0.3, 0.4, -1.2]) * size, share * 1.3 * size
    clip = optax.clip_by_global_norm(threshold)
    theirs, _ = clip.update(jnp.asarray(gradient), clip.init(gradient))
    ours = Ours("SGD.v2", {"w": np.zeros(3)}, dict(learn_rate=1.0, grad_clip=threshold))
    ours.step({"w": gradient.copy()})
    np.testing.assert_allclose(-ours.weights["w"], theirs, rtol=4 * 2.0**-53, atol=0)


@pytest.mark.parametrize(("k", "alpha"), [(5, 0.8), (7, 1.0), (250, 0.5)])
@pytest.mark.parametrize("rule", ["SGD.v2", "AdamW.v1"])
def test_lookahead_and_averages(rule: str, k: int, alpha: float) -> None:
    """Optax's running mean has one share for all steps; here it is told ours, which warms up, at each.

    Not with α = 0: weights that go back to where they began, at 0, leave a rounding behind in optax.
    """
    settings = TYPICAL[rule] | dict(lookahead_k=k, lookahead_alpha=alpha, use_averages=True)
    assert_agree(*sides(rule, settings, at_once=True), gradients(300), FLOAT64)
