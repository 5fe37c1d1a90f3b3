"""Groups on a device: each key by the kernels of its own settings, with NumPy's bits."""

import numpy as np
import pytest

from tests.devices.twins import Twins
from tests.test_groups import GROUPS, OURS, SHAPES, fitting, settings

FROZEN = {"ice": {"keys": ["body.bias"], "frozen": True}}


@pytest.mark.parametrize("nonfinite", ["raise", "skip"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_each_key_has_the_settings_of_its_groups(name, dtype, nonfinite, gpu):
    groups = fitting(name) | {"ice": {"keys": ["body.bias"], "frozen": True}}
    groups["ours"] = {"keys": ["norm.g"], "grad_clip": 0.3, "lookahead_k": 3}
    groups["clipped"] = {**groups["clipped"], "keys": ["body.W"]}
    given = settings(name, grad_clip=1.0, grad_clip_by="model", lookahead_k=2, nonfinite=nonfinite)
    twins = Twins(gpu, name, groups=groups, **given)
    for key, shape in SHAPES.items():
        twins.add(key, shape, dtype)
    for step in range(6):
        twins.step(twins.gradients(step), lr_scale=0.5 if step == 3 else 1.0)
        for each in (twins.device, twins.host):
            each.step_schedules()
        twins.assert_same()
    twins.change(group="ice", frozen=False, lr_scale=0.5)
    twins.step(twins.gradients(7))
    twins.assert_same()


def test_a_key_that_comes_later_brings_its_groups(gpu):
    twins = Twins(gpu, "AdamW.v1", groups={name: GROUPS[name] for name in ("no_decay", "slow")}, learn_rate=0.1)
    for key in ("body.W", "body.bias", "recurrent.W", "norm.g"):
        twins.add(key, SHAPES[key])
    first = ["body.W", "norm.g"]
    for key in first:
        twins.step(twins.gradients(0, [key]), single=True)
    twins.step(twins.gradients(1), single=True)
    twins.step(twins.gradients(2))
    twins.assert_same()


def test_a_frozen_gradient_may_hold_anything(gpu):
    twins = Twins(gpu, "SGD.v2", groups=FROZEN, learn_rate=0.1, grad_clip=1.0, grad_clip_by="model")
    for key in ("body.W", "body.bias"):
        twins.add(key, SHAPES[key])
    for step in range(3):
        gradients = twins.gradients(step)
        gradients["body.bias"][0] = np.nan
        twins.step(gradients)
        twins.assert_same()
    twins.device.state()
