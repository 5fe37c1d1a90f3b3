"""Gradients with NaN or infinity on a device, which tells of them late."""

import numpy as np
import pytest

from tests.gpu.common import Twins, assert_same_state, same_bits, stepped
from tests.test_bits import odd_gradient
from thincopt import CupyOps, NonFiniteError, Optimizer
from thincopt.ops.contract import PATIENCE

VALUES = [np.nan, np.inf, -np.inf]
KINDS = [
    ("AdamW.v1", {}),
    ("AdamW.v1", dict(grad_clip=1.0)),
    ("AdamW.v1", dict(grad_clip=1.0, grad_clip_by="model")),
    ("LAMB.v1", {}),
    ("NAdam.v1", dict(lookahead_k=2, use_averages=True)),
]


def copied(batch):
    return {key: tuple(each.get() for each in pair) for key, pair in batch.items()}


def assert_unchanged(batch, before):
    for key, pair in batch.items():
        assert all(same_bits(each.get(), old) for each, old in zip(pair, before[key], strict=True)), key


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize(("name", "settings"), KINDS)
@pytest.mark.parametrize("value", VALUES)
def test_raise_comes_at_a_later_call_and_nothing_has_changed(name, settings, value, each, cp):
    if each and settings.get("grad_clip_by") == "model":
        pytest.skip("needs the whole model at once")
    twins = Twins(name, [50, 100, 5000], nonfinite="raise", **settings)
    for number in range(2):
        twins.step(twins.odd(number), each)
    state = twins.device.state()
    kept = {"shared": state["shared"], "keys": {key: dict(own) for key, own in state["keys"].items()}}
    kept["keys"] = {
        key: {field: each.get() if hasattr(each, "get") else each for field, each in own.items()}
        for key, own in kept["keys"].items()
    }
    bad = twins.odd(2)
    bad[100][97:] = value
    twins.fill(bad)
    if each:
        only = {100: twins.batch[100]}
        before = copied(only)
        stepped(twins.device, only, each)
    else:
        only, before = twins.batch, copied(twins.batch)
        stepped(twins.device, twins.batch)
    cp.cuda.runtime.deviceSynchronize()
    with pytest.raises(NonFiniteError, match="Key 100: the gradient was not finite"):
        stepped(twins.device, only, each)
    assert_unchanged(only, before)
    assert_same_state(twins.device.state(), kept)
    for number in range(3, 6):
        twins.step(twins.odd(number), each)
    twins.settled()


def test_steps_that_were_asked_for_since_are_not_taken_either(cp):
    optimizer = Optimizer.of("AdamW.v1", ops=CupyOps())
    weights, gradients = ([cp.asarray(np.ones(99, "float32")) for _ in range(2)] for _ in range(2))
    for key in range(2):
        optimizer(key, weights[key], gradients[key])
    before = [each.get() for each in weights]
    gradients[0].set(np.full(99, np.nan, "float32"))
    gradients[1].set(np.ones(99, "float32"))
    cp.cuda.runtime.deviceSynchronize()
    optimizer(0, weights[0], gradients[0])
    try:
        optimizer(1, weights[1], gradients[1])  # the device may have told already, or not
    except NonFiniteError:
        pass
    else:
        cp.cuda.runtime.deviceSynchronize()
        with pytest.raises(NonFiniteError, match="Key 0"):
            optimizer(1, weights[1], gradients[1])
    assert all(same_bits(each.get(), old) for each, old in zip(weights, before, strict=True))
    assert (gradients[1].get() == 1).all()
    assert optimizer.nr_update == {0: 1, 1: 1}


@pytest.mark.parametrize("ask", [Optimizer.state, Optimizer.step_schedules, lambda optimizer: optimizer.nr_update])
def test_it_is_told_whenever_the_optimizer_is_asked(ask, cp):
    optimizer = Optimizer.of("AdamW.v1", ops=CupyOps())
    weights, gradient = cp.asarray(np.ones(9, "float32")), cp.asarray(np.full(9, np.nan, "float32"))
    optimizer("w", weights, gradient)
    cp.cuda.runtime.deviceSynchronize()
    with pytest.raises(NonFiniteError, match="Key 'w'"):
        ask(optimizer)
    assert (weights.get() == 1).all()
    assert optimizer.nr_update == {"w": 0}


@pytest.mark.parametrize("position", [0, 1, 63, 64, 4095, 4096, 70_000, 99_999])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_bad_element_is_found_wherever_it_is(position, dtype, cp):
    optimizer = Optimizer.of("AdamW.v1", ops=CupyOps())
    weights, gradient = cp.asarray(np.ones(100_000, dtype)), np.ones(100_000, dtype)
    gradient[position] = np.inf
    optimizer("w", weights, cp.asarray(gradient))
    cp.cuda.runtime.deviceSynchronize()
    with pytest.raises(NonFiniteError):
        optimizer("w", weights, cp.asarray(gradient))
    assert (weights.get() == 1).all()


def test_the_largest_finite_gradient_is_fine(cp):
    for dtype in ("float32", "float64"):
        weights, gradient = (cp.asarray(np.full(100, each, dtype)) for each in (0, np.finfo(dtype).max))
        optimizer = Optimizer.of("SGD.v2", learn_rate=0.5, ops=CupyOps())
        optimizer("w", weights, gradient)
        assert optimizer.nr_update == {"w": 1}
        assert (weights.get() == -np.finfo(dtype).max / 2).all()


@pytest.mark.parametrize(("name", "settings"), KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_skipped_steps_are_as_on_the_host(name, settings, dtype, cp):
    twins = Twins(name, [50, 100, 5000], dtype, nonfinite="skip", **settings)
    for number in range(10):
        gradients = {key: odd_gradient(number, key, dtype) for key in twins.weights}
        if number in (0, 3, 4, 7, 9):
            gradients[(50, 100, 5000)[number % 3]][-1] = VALUES[number % 3]
        twins.step(gradients)
        twins.agree(f"at step {number}")
    twins.settled()


def test_too_many_skips_in_a_row_are_an_error(cp):
    optimizer = Optimizer.of("AdamW.v1", ops=CupyOps(), nonfinite="skip")
    weights, gradient = cp.asarray(np.ones(3, "float32")), cp.asarray(np.ones(3, "float32"))

    def step(value):
        gradient.set(np.full(3, value, "float32"))
        optimizer("w", weights, gradient)
        cp.cuda.runtime.deviceSynchronize()

    for _ in range(PATIENCE - 1):
        step(np.nan)
    step(1.0)  # a good one: the count in a row begins anew
    for _ in range(PATIENCE):
        step(np.inf)
    with pytest.raises(NonFiniteError, match=f"The last {PATIENCE} steps in a row were skipped"):
        step(1.0)
    assert optimizer.nr_update == {"w": 1}
    assert optimizer.state()["keys"]["w"]["skipped"] == 2 * PATIENCE - 1
