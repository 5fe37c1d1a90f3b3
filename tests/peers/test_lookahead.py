"""Lookahead and averages, stated a second time around the optimizers of others."""

from typing import Any

import numpy as np
import pytest

from .common import Ours, assert_agree, gradients, initial_weights, spelled
from .statements import Averages, Lookahead
from .thinc_side import PortablePeer
from .torch_side import TorchPeer

BASES = [
    ("SGD.v2", dict(learn_rate=0.1)),
    ("SGD.v2", dict(learn_rate=0.1, momentum=0.9, L2=0.01)),
    ("Adam.v2", dict(learn_rate=0.01)),
    ("AdamW.v1", dict(learn_rate=0.01, weight_decay=0.1)),
    ("RAdam.v2", dict(learn_rate=0.01, weight_decay=0.1)),
]
STRIDES = [(1, 0.5), (5, 0.8), (6, 0.0), (7, 1.0), (250, 0.5)]  # the last comes once, and never to the key "rare"
STEPS = 300


@pytest.mark.parametrize("use_averages", [False, True], ids=["plain", "averaged"])
@pytest.mark.parametrize(("k", "alpha"), STRIDES)
@pytest.mark.parametrize(("rule", "settings"), BASES, ids=spelled)
def test_around_torch(rule: str, settings: dict[str, Any], k: int, alpha: float, *, use_averages: bool) -> None:
    weights = initial_weights()
    peer = Lookahead(TorchPeer(rule, weights, settings), k, alpha)
    stages = dict(lookahead_k=k, lookahead_alpha=alpha, use_averages=use_averages)
    assert_agree(Ours(rule, weights, settings | stages), Averages(peer) if use_averages else peer, gradients(STEPS))


@pytest.mark.parametrize(("rule", "settings"), BASES, ids=spelled)
def test_a_whole_model_at_once(rule: str, settings: dict[str, Any]) -> None:
    """The key "rare" looks ahead on steps of its own, in the same calls as others that do not."""
    weights = initial_weights()
    ours = Ours(rule, weights, settings | dict(lookahead_k=5, use_averages=True), at_once=True)
    assert_agree(ours, Averages(Lookahead(TorchPeer(rule, weights, settings), 5, 0.5)), gradients(STEPS))


@pytest.mark.parametrize(("k", "alpha"), STRIDES)
@pytest.mark.parametrize("rule", ["SGD.v1", "Adam.v1", "RAdam.v1"])
def test_around_thinc(rule: str, k: int, alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thinc's decay comes after its step; lookahead follows the decay, and averages follow lookahead."""
    weights, settings = initial_weights(), dict(learn_rate=0.01, L2=0.1, grad_clip=0.5)
    thinc = PortablePeer(rule, weights, settings | dict(use_averages=False), monkeypatch)
    ours = Ours(rule, weights, settings | dict(lookahead_k=k, lookahead_alpha=alpha))
    assert_agree(ours, Averages(Lookahead(thinc, k, alpha)), gradients(STEPS))


def test_averages_move_by_a_ten_thousandth_at_least() -> None:
    """From t = 89,989 on; float32 could not tell, so this is not left to Thinc."""
    weights = {"w": np.ones(2)}
    settings = dict(learn_rate=1e-6)
    ours = Ours("SGD.v2", weights, settings | dict(use_averages=True))
    peer = Averages(TorchPeer("SGD.v2", weights, settings))
    assert_agree(ours, peer, ({"w": np.ones(2)} for _ in range(90_200)), every=45_100)
