"""Averages by kind, against torch.optim.swa_utils: its AveragedModel, a running mean or an equal one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn

from .common import Arrays, Ours, Peer, assert_agree, gradients, initial_weights, spelled
from .statements import Swept, Wrapper
from .torch_side import TorchPeer

BASES = [("SGD.v2", dict(learn_rate=0.1, momentum=0.9)), ("AdamW.v1", dict(learn_rate=0.01, weight_decay=0.1))]
STEPS = 300
Averaging = Callable[..., Any]


class Averaged(Wrapper):
    """Torch's AveragedModel around each key: it takes the weights at every k-th step from a first one on."""

    def __init__(self, peer: Peer, start: int = 0, every: int = 1, **averaging: Averaging) -> None:
        super().__init__(peer)
        self.start, self.every, self.averaging = start, every, averaging
        self.models: dict[Any, AveragedModel] = {}

    def follow(self, key: Any, t: int) -> None:
        """Take the weights, as a loop with torch does; what enters first is copied."""
        if t < self.start or t % self.every:
            return
        model = torch.nn.ParameterList([torch.from_numpy(self.weights[key])])
        if key not in self.models:
            self.models[key] = AveragedModel(model, **self.averaging)
        self.models[key].update_parameters(model)

    def states(self) -> dict[str, dict[Any, Any]]:
        """The inner peer's state, and the averages."""
        averages = {key: next(model.module.parameters()).detach().numpy() for key, model in self.models.items()}
        return {**self.peer.states(), "averages": averages}


@pytest.mark.parametrize("find", [get_ema_avg_fn, get_ema_multi_avg_fn])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999])
@pytest.mark.parametrize(("rule", "settings"), BASES, ids=spelled)
def test_a_running_mean(rule: str, settings: dict[str, Any], beta: float, find: Callable[[float], Averaging]) -> None:
    weights = initial_weights()
    ours = Ours(rule, weights, settings | dict(use_averages=True, averages_by="ema", ema_decay=beta))
    kind = "avg_fn" if find is get_ema_avg_fn else "multi_avg_fn"
    assert_agree(ours, Averaged(TorchPeer(rule, weights, settings), **{kind: find(beta)}), gradients(STEPS))


@pytest.mark.parametrize(("start", "every"), [(0, 1), (100, 1), (75, 25), (0, 7), (90, 10)])
@pytest.mark.parametrize(("rule", "settings"), BASES, ids=spelled)
def test_an_equal_mean(rule: str, settings: dict[str, Any], start: int, every: int) -> None:
    weights = initial_weights()
    chosen = dict(use_averages=True, averages_by="swa", swa_start=start, swa_every=every)
    ours = Ours(rule, weights, settings | chosen, at_once=True)
    assert_agree(ours, Averaged(TorchPeer(rule, weights, settings), start, every), gradients(STEPS))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999])
def test_a_debiased_mean(beta: float) -> None:
    weights, settings = initial_weights(), dict(learn_rate=0.1)
    chosen: Arrays | dict[str, Any] = dict(use_averages=True, averages_by="ema", ema_decay=beta, ema_debias=True)
    ours = Ours("SGD.v2", weights, {**settings, **chosen})
    assert_agree(ours, Swept(TorchPeer("SGD.v2", weights, settings), beta), gradients(STEPS))
