"""Steps captured in a graph and replayed; streams, whose order is what events make it."""

import numpy as np
import pytest

from tests.devices.host import on_device
from tests.devices.twins import Twins, bytes_of, contents
from thincopt import NonFiniteError, OpsError, warmup_linear

RATES = dict(learn_rate=warmup_linear(0.1, 6, 40))
RUNS = {
    "AdamW.v1": RATES,
    "Adam.v1": dict(grad_clip_by="model", lookahead_k=3, **RATES),
    "LAMB.v1": dict(grad_clip=0.5, nonfinite="skip", **RATES),
    "NAdam.v1": RATES,
    "ProbeCounter.v1": dict(nonfinite="propagate"),
}
REFUSED = (
    "These arrays cannot be updated while a CUDA graph is captured: {}. Make one step with the very same arrays before"
    " the capture. Nothing was changed."
)


def model(gpu, name, **settings):
    """Two keys, and arrays for their gradients that stay where they are."""
    twins = Twins(gpu, name, **settings)
    twins.add("a", 5000)
    twins.add("b", 70, "float64")
    batch, _ = twins.batches(twins.gradients(0))
    twins.device.update(batch)
    twins.follow(twins.gradients(0))
    return twins, batch


def fill(batch, gradients):
    for key, each in gradients.items():
        batch[key][1][...] = each


@pytest.mark.parametrize(("name", "single"), [*((name, False) for name in RUNS), ("AdamW.v1", True), ("LAMB.v1", True)])
def test_replays_are_steps(name, single, gpu, driver):
    twins, batch = model(gpu, name, **RUNS[name])
    if single:
        for key, pair in batch.items():
            twins.device(key, *pair)
        twins.follow({key: np.zeros(host.shape, host.dtype) for key, (_, host) in twins.weights.items()})
    before, state = contents(batch), bytes_of(twins.device)
    with driver.capturing() as replay:
        if single:
            for key, pair in batch.items():
                twins.device(key, *pair)
        else:
            twins.device.update(batch)
    assert (contents(batch), bytes_of(twins.device)) == (before, state)
    for step in range(1, 12):
        fill(batch, twins.gradients(step))
        replay()
        twins.follow(twins.gradients(step))
        twins.assert_same()
        for each in (twins.device, twins.host):
            each.step_schedules()
        if step % 3 == 0:
            twins.step(twins.gradients(100 + step), single=single)
    assert twins.device.nr_update["a"] == 12 + 3 + single


def test_a_graph_is_not_harmed_by_steps_with_other_arrays(gpu, driver):
    """Nor by settings and state of its own that have gone since."""
    twins, batch = model(gpu, "AdamW.v1")
    with driver.capturing() as replay:
        twins.device.update(batch)
    for step in range(6):
        twins.step(twins.gradients(step))  # gradients that are new, and gone after it
        driver.pool.clear()
        fill(batch, twins.gradients(50 + step))
        replay()
        twins.follow(twins.gradients(50 + step))
        twins.assert_same()


def test_what_a_graph_uses_is_kept(gpu, driver):
    twins, batch = model(gpu, "AdamW.v1", use_averages=True)
    with driver.capturing() as replay:
        twins.device.update(batch)
    expected = bytes_of(twins.device)
    twins.device.load_state(twins.device.state())
    driver.pool.clear()
    replay()  # changes weights, and the state that was
    assert bytes_of(twins.device) == expected


@pytest.mark.parametrize("nonfinite", ["raise", "skip"])
def test_replays_of_bad_gradients(nonfinite, gpu, driver):
    twins, batch = model(gpu, "AdamW.v1", nonfinite=nonfinite)
    with driver.capturing() as replay:
        twins.device.update(batch)
    for step in range(9):
        fill(batch, twins.gradients(step))
        if step % 4 == 1:
            batch["b"][1][33] = np.nan
        before = contents(batch)
        replay()
        if step % 4 == 1 and nonfinite == "raise":
            assert contents(batch) == before
            replay()
            with driver.capturing() as again:
                twins.device.update(batch)  # nobody can be told here
            assert contents(batch) == before
            with pytest.raises(NonFiniteError, match=r"^Key 'b'"):
                twins.device.step_schedules()
            fill(batch, twins.gradients(step))
            again()
        if step % 4 != 1 or nonfinite == "raise":
            twins.follow(twins.gradients(step))
        twins.assert_same_weights()
    assert twins.device.nr_update == twins.host.nr_update
    assert driver.fetched < 9


@pytest.mark.parametrize("single", [False, True])
def test_arrays_that_were_not_met_before_are_refused(single, gpu, driver):
    twins, batch = model(gpu, "AdamW.v1")
    other, _ = twins.batches(twins.gradients(1))
    other["new"] = on_device(np.ones(3)), on_device(np.ones(3))
    before, state = contents(other), bytes_of(twins.device)
    cases = [{"a": other["a"]}, {"b": other["b"]}, {"new": other["new"]}] if single else [other, {"b": other["b"]}]
    with driver.capturing() as replay:
        for each in cases:
            with pytest.raises(OpsError) as caught:
                twins.device.update(each)
            assert str(caught.value) == REFUSED.format("they were not met before")
        twins.device.update(batch)
    assert (contents(other), bytes_of(twins.device)) == (before, state)
    replay()
    twins.follow({key: np.zeros(host.shape, host.dtype) for key, (_, host) in twins.weights.items()})
    twins.add("new", 3, "float64")
    for step in range(3):
        twins.step(twins.gradients(step), single=single)
        twins.assert_same()


def test_settings_cannot_change_within_a_graph(gpu, driver):
    twins, batch = model(gpu, "AdamW.v1", **RATES)
    with driver.capturing():
        twins.device.update(batch)
        with pytest.raises(OpsError) as caught:
            twins.device.step_schedules()
    assert str(caught.value).startswith("Settings cannot reach the device while a CUDA graph is captured: ")
    twins.host.step_schedules()
    twins.step(twins.gradients(1))
    twins.assert_same()
