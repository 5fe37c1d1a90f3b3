"""Steps on several streams: settings and state are ordered among them, and no more than is needed."""

import numpy as np
import pytest

from tests.devices.twins import Twins
from thincopt import NonFiniteError


def model(gpu, **settings):
    """A key for each of two streams."""
    twins = Twins(gpu, "AdamW.v1", **settings)
    twins.add("a", 70)
    twins.add("b", 4097, "float64")
    return twins


def step(twins, seed, keys=None):
    twins.step(twins.gradients(seed, keys))


def test_streams_wait_once(gpu, driver):
    twins = model(gpu)
    with driver.on_stream(1):
        step(twins, 0, "a")
    assert driver.ordered == []
    with driver.on_stream(2):
        step(twins, 1, "b")
        assert driver.ordered == [(1, 2)]
        step(twins, 2, "b")
        step(twins, 3, "a")
    assert driver.ordered == [(1, 2)]
    for stream in (1, 2, 1, 1):
        with driver.on_stream(stream):
            step(twins, 4)
    assert driver.ordered == [(1, 2)]
    twins.assert_same_weights()


def test_settings_wait_for_steps_and_steps_for_settings(gpu, driver):
    twins = model(gpu)
    for stream in (1, 2):
        with driver.on_stream(stream):
            step(twins, stream, "ab"[stream - 1])
    driver.ordered.clear()
    with driver.on_stream(2):
        twins.change(learn_rate=0.02)
        assert driver.ordered == [(1, 2), (2, 1)]
    with driver.on_stream(3):
        step(twins, 3, "a")
    assert driver.ordered == [(1, 2), (2, 1), (2, 3)]


@pytest.mark.parametrize("backwards", [False, True])
def test_whatever_the_order_that_events_allow(backwards, gpu, driver):
    """Streams run one after the other, the last or the first at first."""
    twins = model(gpu)
    order = [5, 4, 3] if backwards else [3, 4, 5]
    for each in order:
        driver.streams[each] = type(driver.current)(each)
    with driver.later():
        for seed in range(12):
            with driver.on_stream(3 + seed % 2):
                step(twins, seed, "ab"[seed % 2])
            with driver.on_stream(5 if seed % 3 else 3):
                twins.change(learn_rate=0.1 / (1 + seed))
    twins.assert_same_weights()


@pytest.mark.parametrize("ask", [lambda each: each.state(), lambda each: each.nr_update])
def test_state_waits_for_all_streams(ask, gpu, driver):
    twins = model(gpu, use_averages=True)
    step(twins, 9)
    with driver.later():
        for stream, key in ((1, "a"), (2, "b")):
            for seed in range(3):
                with driver.on_stream(stream):
                    step(twins, seed, key)
        with driver.on_stream(2):
            ask(twins.device)
            twins.assert_same()


def test_a_stream_that_knew_nothing_goes_on_after_an_error(gpu, driver):
    """What lets steps be taken again is ordered as settings are."""
    twins = model(gpu)
    for seed, key in enumerate("ab"):
        with driver.on_stream(seed):
            step(twins, seed, key)
    bad = twins.gradients(5, "a")
    bad["a"][3] = np.inf
    with driver.on_stream(1):
        twins.device.update(twins.batches(bad)[0])
        with driver.later():
            with pytest.raises(NonFiniteError, match=r"^Key 'a'"), driver.on_stream(0):
                step(twins, 6, "b")
            driver.streams = dict(reversed(driver.streams.items()))
            step(twins, 7, "b")
    twins.assert_same()


def test_a_key_that_moves_to_another_device_waits_for_its_streams(gpu, driver):
    twins = model(gpu)
    with driver.later():
        with driver.on_stream(1):
            step(twins, 0, "a")
        with driver.on_stream(2):
            driver.synchronize()
            twins.carry(1, "a")
            step(twins, 1, "a")
    twins.assert_same()
