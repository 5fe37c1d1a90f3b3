"""Several devices: each key where its weights are, and a batch on one."""

import pytest

from tests.devices.host import on_device
from tests.devices.twins import Twins, bytes_of, contents
from thincopt import ArrayError, NonFiniteError

SETTINGS = dict(grad_clip=1.0, use_averages=True, lookahead_k=3)


def model(gpu, name="AdamW.v1", **settings):
    """Two keys on device 0, two on device 1."""
    twins = Twins(gpu, name, **settings)
    for index, key in enumerate("abcd"):
        twins.add(key, 60 + 4096 * index, "float64" if key in "bd" else "float32", index // 2)
    return twins


def test_keys_on_different_devices(gpu, driver):
    twins = model(gpu, **SETTINGS)
    for step in range(8):
        gradients = twins.gradients(step)
        if step % 2:
            twins.step(gradients, single=True)
        else:
            for keys in ("ab", "cd"):
                twins.step({key: gradients[key] for key in keys})
    twins.assert_same()
    assert driver.here == 0
    assert {key: each.device for key, each in twins.device.mom1.items()} == {"a": 0, "b": 0, "c": 1, "d": 1}


def test_settings_reach_every_device(gpu, driver):
    twins = model(gpu)
    for step in range(4):
        twins.step(twins.gradients(step), single=True)
        driver.sent.clear()
        twins.change(learn_rate=0.1 / (step + 1))
        assert len(driver.sent) == 2
    twins.assert_same()


def test_a_batch_on_two_devices_is_refused(gpu):
    twins = model(gpu)
    for is_new in (True, False):
        batch, _ = twins.batches(twins.gradients(1))
        before, state = contents(batch), bytes_of(twins.device)
        with pytest.raises(ArrayError) as caught:
            twins.device.update(batch)
        assert str(caught.value) == (
            "The weights of keys 'a' and 'c' are on devices 0 and 1: call update once for the keys of each device."
            " Nothing was changed."
        )
        assert (contents(batch), bytes_of(twins.device)) == (before, state)
        if is_new:
            twins.step(twins.gradients(0), single=True)
    for keys in ("ab", "cd"):
        twins.step(twins.gradients(2, keys))
    twins.assert_same()


@pytest.mark.parametrize("is_new", [True, False])
def test_weights_and_gradient_on_two_devices_are_refused(is_new, gpu):
    twins = model(gpu)
    if not is_new:
        twins.step(twins.gradients(0), single=True)
    batch = {"a": (twins.weights["a"][0], on_device(twins.gradients(1)["a"], 1))}
    before, state = contents(batch), bytes_of(twins.device)
    for call in (lambda: twins.device.update(batch), lambda: twins.device("a", *batch["a"])):
        with pytest.raises(ArrayError) as caught:
            call()
        assert str(caught.value) == (
            "Key 'a': the weights are on device 0 but the gradient is on device 1; they must be on one."
            " Nothing was changed."
        )
    assert (contents(batch), bytes_of(twins.device)) == (before, state)


@pytest.mark.parametrize("name", ["AdamW.v1", "NAdam.v1", "LAMB.v1"])
@pytest.mark.parametrize("single", [False, True])
def test_a_key_takes_its_state_along(name, single, gpu):
    twins = model(gpu, name, nonfinite="skip", **SETTINGS)
    twins.carry(0)
    for step in range(15):
        if step % 5 == 3:
            twins.carry(step % 2, "a" if single else None)
        if step % 5 == 4:
            twins.carry(step % 2)
        gradients = twins.gradients(step)
        if step in (2, 3, 7, 8, 9):
            gradients["a"][1] = float("nan")
        twins.step(gradients, single=single or len({each.device for each, _ in twins.weights.values()}) > 1)
        twins.assert_same()
        where = {key: each.device for key, each in twins.device.averages.items()}
        assert where == {key: each.device for key, (each, _) in twins.weights.items()}


def test_a_model_that_moved_back(gpu):
    """What was known of the batch when it was here before is known no more."""
    twins = model(gpu)
    twins.carry(0)
    before = dict(twins.weights)
    for step, device in enumerate([0, 0, 1, 0, 1, 1, 0]):
        twins.carry(device)
        twins.step(twins.gradients(step))
    twins.assert_same()
    for key, (array, _) in before.items():
        array[...] = twins.weights[key][0]
    twins.weights = {key: (before[key][0], host) for key, (_, host) in twins.weights.items()}
    twins.step(twins.gradients(9))
    twins.assert_same()


@pytest.mark.parametrize("by", ["step_schedules", "call"])
def test_each_device_tells_of_its_own(by, gpu):
    twins = model(gpu)
    twins.step(twins.gradients(0), single=True)
    for seed, key in enumerate("ad"):
        bad = twins.gradients(seed, key)
        bad[key][5] = float("inf")
        twins.device.update(twins.batches(bad)[0])
    for key in "ad":
        ask = {"step_schedules": twins.device.step_schedules, "call": lambda: twins.step(twins.gradients(2, key))}  # noqa: B023
        with pytest.raises(NonFiniteError, match=rf"^Key '{key}': the gradient was not finite\."):
            ask[by]()
    twins.change(learn_rate=0.02)
    twins.step(twins.gradients(3), single=True)
    twins.assert_same()


def test_settings_reach_every_device_though_one_has_something_to_tell(gpu):
    twins = model(gpu)
    twins.step(twins.gradients(0), single=True)
    bad = twins.gradients(1, "a")
    bad["a"][5] = float("inf")
    twins.device.update(twins.batches(bad)[0])
    with pytest.raises(NonFiniteError, match=r"^Key 'a'"):
        twins.device.change(learn_rate=0.5)
    twins.host.change(learn_rate=0.5)
    twins.step(twins.gradients(3), single=True)
    twins.assert_same()


def test_keys_that_share_state_are_on_one_device(gpu, found):
    twins = model(gpu, "ProbeCounter.v1")
    twins.step(twins.gradients(0, "ab"))
    batch, _ = twins.batches(twins.gradients(1, "cd"))
    before, state = contents(batch), bytes_of(twins.device)
    with pytest.raises(ArrayError) as caught:
        twins.device.update(batch)
    assert str(caught.value) == (
        "The weights of key 'c' are on device 1, but the state that all keys share is on device 0: keep all weights"
        " there, or move all of them, after optimizer.to_cpu() and to_gpu(). Nothing was changed."
    )
    assert (contents(batch), bytes_of(twins.device)) == (before, state)
    twins.carry(0)
    twins.step(twins.gradients(2))
    twins.device.to_cpu()
    twins.device.to_gpu()
    twins.carry(1)
    twins.step(twins.gradients(3))
    twins.assert_same()
