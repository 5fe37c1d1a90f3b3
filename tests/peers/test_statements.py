"""LAMB.v1 and Lion.v1 against second statements of their formulas."""

from typing import Any

import pytest

from .common import LARGE, Ours, assert_agree, gradients, initial_weights, spelled
from .statements import Stated, lamb, lion

STATED = {"LAMB.v1": lamb, "Lion.v1": lion}
LAMB: list[dict[str, Any]] = [
    dict(learn_rate=0.1),
    dict(beta1=0.5),
    dict(beta2=0.9),
    dict(eps=1e-3),
    dict(clamp=0.1),
    dict(clamp=1e6),
    dict(clamp=1.0, learn_rate=0.05, weight_decay=0.01, beta1=0.8, beta2=0.98, eps=1e-8),
]
LION: list[dict[str, Any]] = [
    dict(learn_rate=0.001, weight_decay=0.1),
    dict(),
    dict(learn_rate=0.1),
    dict(beta1=0.0),
    dict(beta1=0.5, beta2=0.5),
    dict(beta2=0.9),
    dict(weight_decay=1.0, learn_rate=0.01, beta1=0.95, beta2=0.98),
]
CASES = [
    *[("LAMB.v1", dict(debias=debias, weight_decay=decay)) for debias in (False, True) for decay in (0.0, 0.1)],
    *[("LAMB.v1", settings | dict(debias=debias)) for settings in LAMB for debias in (False, True)],
    *[("Lion.v1", settings) for settings in LION],
]


@pytest.mark.parametrize(("rule", "settings"), [("LAMB.v1", {}), *CASES], ids=spelled)
def test_each_setting(rule: str, settings: dict[str, Any]) -> None:
    weights = initial_weights()
    assert_agree(Ours(rule, weights, settings), Stated(STATED[rule], weights, settings), gradients(500))


@pytest.mark.parametrize("rule", STATED)
def test_large_arrays(rule: str) -> None:
    weights = initial_weights(shapes=LARGE)
    settings = dict(learn_rate=0.01, weight_decay=0.1)
    ours = Ours(rule, weights, settings, at_once=True)
    assert_agree(ours, Stated(STATED[rule], weights, settings), gradients(20, shapes=LARGE), every=5)
