"""A step is a few launches whatever the number of keys, and asks nothing of the host that it knows already."""

from weakref import ref

import pytest

from tests.devices.host import on_device
from tests.devices.twins import Twins
from thincopt import Optimizer, warmup_linear

CLIP = dict(grad_clip=1.0)
MODEL = dict(grad_clip=1.0, grad_clip_by="model")
COUNTS = [
    ("AdamW.v1", "propagate", {}, ["scalars", "store"]),
    ("AdamW.v1", "raise", {}, ["reduce", "scalars", "store"]),
    ("AdamW.v1", "skip", {}, ["reduce", "scalars", "store"]),
    ("AdamW.v1", "raise", CLIP, ["reduce", "scalars", "store"]),
    ("AdamW.v1", "propagate", CLIP, ["reduce", "scalars", "store"]),
    ("AdamW.v1", "raise", MODEL, ["reduce", "scalars", "between", "scalars", "store"]),
    ("NAdam.v1", "propagate", {}, ["scalars", "store"]),
    ("Lion.v1", "raise", dict(use_averages=True), ["reduce", "scalars", "store"]),
]


def kinds(driver):
    """What was launched since the last time."""
    found = [each.partition("_")[0] for each in driver.launched]
    driver.launched.clear()
    return found


def trained(gpu, keys=3, name="AdamW.v1", **settings):
    """An optimizer that has met its arrays, and what it is given."""
    twins = Twins(gpu, name, **settings)
    for key in range(keys):
        twins.add(key, 5 + key)
    batch, _ = twins.batches(twins.gradients(0))
    twins.device.update(batch)
    return twins.device, batch


@pytest.mark.parametrize(("name", "nonfinite", "settings", "expected"), COUNTS)
@pytest.mark.parametrize("keys", [1, 3, 500])
def test_launches_of_a_step(name, nonfinite, settings, expected, keys, gpu, driver):
    optimizer, batch = trained(gpu, keys, name, nonfinite=nonfinite, **settings)
    driver.launched.clear()
    optimizer.update(batch)
    walked = {"scalars": "scalars", "between": "between", "reduce": "walk", "store": "walk"}
    assert kinds(driver) == [walked[each] for each in expected]
    if settings is not MODEL:
        optimizer(0, *batch[0])
        driver.launched.clear()
        optimizer(0, *batch[0])
        assert len(kinds(driver)) == len(expected)


@pytest.mark.parametrize("keys", [1, 3])
@pytest.mark.parametrize("single", [False, True])
def test_nothing_is_sent_in_a_step_whose_arrays_were_seen(keys, single, gpu, driver):
    optimizer, batch = trained(gpu, keys, **({} if single else MODEL))
    for _ in range(2):
        driver.sent.clear()
        for key in batch:
            if single:
                optimizer(key, *batch[key], lr_scale=0.5)
            else:
                optimizer.update(dict(batch), lr_scale=0.5)
    assert (driver.sent, driver.fetched) == ([], 0)


@pytest.mark.parametrize("keys", [1, 3, 500])
def test_new_addresses_are_sent_at_once(keys, gpu, driver):
    optimizer, batch = trained(gpu, keys)
    for _ in range(3):
        batch = {key: (weights, gradient.copy()) for key, (weights, gradient) in batch.items()}
        driver.sent.clear()
        optimizer.update(batch)
        assert len(driver.sent) == 1
    assert driver.fetched == 0


def test_settings_are_sent_once(gpu, driver):
    twins = Twins(gpu, "AdamW.v1", learn_rate=warmup_linear(0.1, 5, 50))
    twins.add("w")
    for step in range(12):
        twins.step(twins.gradients(step))
        driver.sent.clear()
        twins.device.step_schedules()
        assert len(driver.sent) == 1
        twins.host.step_schedules()
    twins.assert_same()


def test_gradients_may_be_new_at_each_step_and_old_ones_go(gpu):
    twins = Twins(gpu, "AdamW.v1", use_averages=True)
    twins.add("a", 5000)
    twins.add("b", 70)
    old = []
    for step in range(6):
        twins.step(twins.gradients(step), single=step % 2)
        assert not any(each() for each in old)
        old += [ref(each) for each in twins.left]
    twins.assert_same()


def test_a_batch_in_another_order_or_of_other_keys(gpu):
    """What is kept of a batch is for that batch alone."""
    twins = Twins(gpu, "LAMB.v1", **MODEL)
    for key in "abcd":
        twins.add(key, 60 + 9 * ord(key), "float32" if key < "c" else "float64")
    for step, keys in enumerate(["abcd", "dcba", "ab", "abcd", "a", "a", "cd", "d", "bd", "abcd", "abcd"]):
        twins.step(twins.gradients(step, keys))
        twins.assert_same_weights()
    twins.assert_same()


def test_keys_one_by_one_and_together(gpu):
    twins = Twins(gpu, "AdamW.v1", lookahead_k=3)
    for key in "abc":
        twins.add(key, 60)
    for step, keys in enumerate(["abc", "a", "ab", "c", "abc", "b", "abc"] * 3):
        twins.step(twins.gradients(step, keys), single=step % 2)
    twins.assert_same()


def test_arrays_that_have_changed_places(gpu):
    """The same arrays, but another key's; and an array that only lies where the one before did."""
    twins = Twins(gpu, "AdamW.v1")
    for key in "ab":
        twins.add(key, 60)
    twins.step(twins.gradients(0))
    twins.weights = {"a": twins.weights["b"], "b": twins.weights["a"]}
    twins.step(twins.gradients(1))
    twins.weights = {key: (device.view(), host) for key, (device, host) in twins.weights.items()}
    twins.step(twins.gradients(2))
    twins.assert_same()


def test_shapes_may_be_any(gpu):
    twins = Twins(gpu, "AdamW.v1", grad_clip=1.0)
    twins.add("w", (3, 4, 5))
    for step in range(3):
        twins.step(twins.gradients(step))
        twins.assert_same()
    assert twins.device.mom1["w"].shape == (3, 4, 5)
    given = twins.gradients(3)["w"]
    twins.device("w", twins.weights["w"][0].reshape(60), on_device(given.reshape(60)))
    twins.host("w", twins.weights["w"][1].reshape(60), given.reshape(60).copy())
    twins.assert_same()


def test_an_empty_gradient_and_an_empty_batch_are_nothing(gpu, driver):
    optimizer = Optimizer.of("AdamW.v1", ops=gpu, **MODEL)
    empty = on_device([]), on_device([])
    optimizer("w", *empty)
    optimizer.update({"w": empty})
    optimizer.update({})
    assert driver.launched == []
    assert optimizer.state()["keys"] == {}
