"""`optimizer.bound({…})`: the arrays are checked once and held, and all else is as with `update`."""

import threading

import numpy as np
import pytest

from tests.conftest import same
from thincopt import SGD, Adam, AdamW, ArrayError, NonFiniteError, NumpyOps, Optimizer, warmup_linear

SHAPES = {"W": (7, 5), "b": (5,), "big": (70_001,), "none": (0,)}


def model(seed=0, dtype="float32"):
    random = np.random.default_rng(seed)
    return {key: (random.normal(size=shape).astype(dtype), np.zeros(shape, dtype)) for key, shape in SHAPES.items()}


def fill(batch, seed):
    random = np.random.default_rng(seed)
    for _, gradient in batch.values():
        gradient[...] = random.normal(size=gradient.shape)


def twins(ops, **settings):
    """Two optimizers alike, a model for each, and a step of the second one's."""
    one, other = (Adam(0.01, ops=ops, **settings) for _ in "ab")
    mine, others = model(), model()
    return one, mine, other, others, other.bound(others)


def assert_alike(one, mine, other, others):
    assert all(same(mine[key][0], others[key][0]) for key in mine)
    assert not any(gradient.any() for _, gradient in others.values())
    assert one.nr_update == other.nr_update


def test_steps_are_those_of_update(ops):
    one, mine, other, others, step = twins(ops, schedules={"learn_rate": warmup_linear(0.01, 3, 10)}, lookahead_k=2)
    for seed in range(6):
        fill(mine, seed), fill(others, seed)
        one.update(mine, lr_scale=0.5)
        step(lr_scale=0.5)
        one.step_schedules(), other.step_schedules()
    assert_alike(one, mine, other, others)


def test_other_calls_may_come_between(ops):
    one, mine, other, others, step = twins(ops)
    for seed in range(4):
        fill(mine, seed), fill(others, seed)
        one.update(mine)
        step()
        for each, batch in ((one, mine), (other, others)):
            fill(batch, seed + 10)
            each.update(batch)
            each.change(learn_rate=0.02, use_averages=seed % 2 == 0, L2=0.01 * seed)
            each("c", np.ones(3), np.ones(3))
        if seed == 2:
            one.load_state(one.state())
            other.load_state(other.state())
    assert_alike(one, mine, other, others)


def test_faults_are_told_when_it_is_made(ops):
    optimizer = AdamW(ops=ops)
    weights = np.ones(4)
    with pytest.raises(ArrayError, match=r"^Key 'w': the gradient must be contiguous"):
        optimizer.bound({"w": (weights, np.ones(8)[::2])})
    with pytest.raises(ArrayError, match="overlap in memory"):
        optimizer.bound({"w": (weights, weights)})
    assert optimizer.nr_update == {}
    assert same(weights, np.ones(4))


def test_a_gradient_that_is_not_finite(ops):
    optimizer, batch = SGD(0.1, ops=ops), model()
    step = optimizer.bound(batch)
    fill(batch, 0), step()
    fill(batch, 1)
    batch["b"][1][2] = np.nan
    before = batch["W"][0].copy()
    for _ in range(2):
        with pytest.raises(NonFiniteError, match=r"^Key 'b': the gradient .* Nothing was changed\.$"):
            step()
        assert same(batch["W"][0], before)
    optimizer.nonfinite = "skip"
    step()
    assert optimizer.nr_update == {"W": 1, "b": 1, "big": 1}
    assert not batch["W"][1].any()
    fill(batch, 2), step()
    assert optimizer.nr_update == {"W": 2, "b": 2, "big": 2}


def test_the_arrays_are_held(compiled):
    optimizer, weights, gradient = SGD(0.1, ops=compiled), np.ones(4), np.ones(4)
    step = optimizer.bound({"w": (weights, gradient)})
    step()
    with pytest.raises(ValueError, match="resize"):
        weights.resize(400)
    del weights, gradient
    step()
    del step
    assert optimizer.nr_update == {"w": 2}


def test_the_batch_is_that_of_then(ops):
    optimizer, batch = SGD(1.0, L2=0, grad_clip=0, ops=ops), {"w": (np.zeros(2), np.ones(2))}
    step, (weights, _) = optimizer.bound(batch), batch["w"]
    batch["w"] = (np.ones(2), np.ones(2))
    batch["v"] = (np.ones(2), np.ones(2))
    step()
    assert same(weights, -np.ones(2))
    assert optimizer.nr_update == {"w": 1}


def test_nothing_to_update_is_no_step(ops):
    optimizer = SGD(0.1, ops=ops)
    for batch in ({}, {"w": (np.ones(0), np.ones(0))}):
        step = optimizer.bound(batch)
        step(), step()
    assert optimizer.nr_update == {}


def test_two_threads_take_turns(compiled):
    optimizer = SGD(1.0, grad_clip=0.0, ops=compiled)
    batch = {"w": (np.zeros(200_000, "float32"), np.zeros(200_000, "float32"))}
    step = optimizer.bound(batch)

    def train():
        for _ in range(50):
            step()

    threads = [threading.Thread(target=train) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert optimizer.nr_update == {"w": 200}


def test_a_bad_scale_is_refused(ops):
    optimizer, weights = SGD(0.1, ops=ops), np.ones(2)
    step = optimizer.bound({"w": (weights, np.zeros(2))})
    step()
    for scale in (-1.0, float("nan"), "1", None):
        with pytest.raises(Exception, match="lr_scale"):
            step(lr_scale=scale)
    assert optimizer.nr_update == {"w": 1}


def test_within_averages_it_is_refused(ops):
    optimizer, weights = Adam(0.1, ops=ops), np.ones(2)
    step = optimizer.bound({"w": (weights, np.zeros(2))})
    step(), step()
    with optimizer.averaged({"w": weights}), pytest.raises(ArrayError, match="averaged"):
        step()
    step()
    assert optimizer.nr_update == {"w": 3}


def test_it_says_what_it_is():
    optimizer = AdamW(ops=NumpyOps(None))
    assert repr(optimizer.bound({"w": (np.ones(2), np.ones(2))})) == f"<step of 1 keys by {optimizer!r}>"
    assert Optimizer.bound.__doc__.startswith("A step of the same arrays")
