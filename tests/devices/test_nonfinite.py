"""Gradients that are not finite: the device skips or stops by itself, and tells the host late."""

import re
from itertools import product

import numpy as np
import pytest

from tests.devices.twins import Twins, contents
from thincopt import NonFiniteError
from thincopt.ops.contract import PATIENCE

SIZE = 9000  # three chunks
PLACES = [0, 63, 4096, 8191, SIZE - 1]
SETTINGS = {
    "plain": {},
    "clip": dict(grad_clip=1.0),
    "clip model": dict(grad_clip=1.0, grad_clip_by="model"),
    "lookahead": dict(lookahead_k=3),
    "all": dict(grad_clip=1.0, grad_clip_by="model", use_averages=True, lookahead_k=3, L2=0.1),
}
RULES = ["AdamW.v1", "LAMB.v1", "NAdam.v1", "ProbeCounter.v1"]
WHOLE = {"ProbeCounter.v1", "clip model", "all"}  # which are for no single calls
SKIPPING = [
    pytest.param(name, SETTINGS[stages], "skip", single, id=f"{name} {stages} {single}")
    for name, stages, single in product(RULES, SETTINGS, [False, True])
    if not single or WHOLE.isdisjoint((name, stages))
]
LATE = "Nothing was changed by that step, nor by those that were asked for since; the device tells of it late."


def model(gpu, name, nonfinite, **settings):
    """Three keys, of both types."""
    twins = Twins(gpu, name, nonfinite=nonfinite, **settings)
    for key, dtype in (("a", "float32"), ("b", "float64"), ("c", "float32")):
        twins.add(key, SIZE, dtype)
    return twins


def spoilt(gradients, key, step):
    """These, of which one has a number that is not finite."""
    gradients[key][PLACES[step % len(PLACES)]] = [np.nan, np.inf, -np.inf][step % 3]
    return gradients


@pytest.mark.parametrize(("name", "settings", "nonfinite", "single"), SKIPPING)
@pytest.mark.parametrize("is_fixed", [False, True])
def test_skip_as_numpy_does(name, settings, nonfinite, single, is_fixed, gpu, driver):
    twins = model(gpu, name, nonfinite, is_fixed=is_fixed, **settings)
    for step in range(30):
        gradients = twins.gradients(step)
        twins.step(spoilt(gradients, "abc"[step % 3], step) if step % 4 in (1, 2) else gradients, single=single)
        twins.assert_same_weights()
        assert not any(each.host.any() for each in twins.left)
    assert driver.fetched == 0
    twins.assert_same()
    assert twins.host.state()["keys"]["a"]["skipped"] > 0


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("keys", ["ab", "ba"])
def test_too_many_skips_in_a_row(keys, single, gpu):
    twins = model(gpu, "AdamW.v1", "skip")
    bad = [spoilt(twins.gradients(step, keys), "a", step) for step in range(PATIENCE)]
    for gradients in bad[:-1]:
        twins.step(gradients, single=single)
    device, host = twins.batches(bad[-1])
    twins.device.update(device)
    text = f"The last {PATIENCE} steps in a row were skipped for such gradients"
    with pytest.raises(NonFiniteError, match=f"^Key 'a': the gradient is not finite in 1 of 9000 elements.*{text}"):
        twins.host.update(host)
    with pytest.raises(NonFiniteError, match=f"^Key 'a': the gradient was not finite. {text}; the device tells of it"):
        twins.step(twins.gradients(99))
    twins.step(twins.gradients(99))
    twins.assert_same()
    assert twins.host.state()["keys"]["a"]["skipped"] == PATIENCE
    assert twins.host.state()["keys"]["a"]["streak"] == 0


NEWS = {
    "call": lambda twins: twins.device("c", *twins.batches(twins.gradients(9))[0]["c"]),
    "update": lambda twins: twins.device.update(twins.batches(twins.gradients(9))[0]),
    "another batch": lambda twins: twins.device.update(twins.batches(twins.gradients(9, "ca"))[0]),
    "step_schedules": lambda twins: twins.device.step_schedules(),
    "state": lambda twins: twins.device.state(),
    "nr_update": lambda twins: twins.device.nr_update,
    "change": lambda twins: twins.device.change(learn_rate=0.02),
}


RAISING = [
    each
    for each in product(SETTINGS, [False, True], [False, True], NEWS)
    if each[0] not in WHOLE or not (each[2] or each[3] == "call")
]


@pytest.mark.parametrize(("stages", "is_late", "single", "news"), RAISING)
def test_raise_changes_nothing_until_it_is_told(stages, is_late, single, news, gpu, driver):
    twins = model(gpu, "AdamW.v1", "raise", **SETTINGS[stages])
    for step in range(4):
        twins.step(twins.gradients(step), single=single)
    refused = [spoilt(twins.gradients(4), "b", len(news) + single)]
    refused += [twins.gradients(step) for step in range(5, 8)] * is_late
    batches = [twins.batches(each)[0] for each in refused]
    before = [contents(each) for each in batches]
    if single:  # b comes first, so that it stops the others too
        batches = [{key: batch[key]} for batch in batches for key in "bac"[: 3 if is_late else 1]]
        before = [contents(each) for each in batches]
    with driver.later() if is_late else driver.on(0):
        for each in batches:
            twins.device.update(each)
    assert [contents(each) for each in batches] == before
    with pytest.raises(NonFiniteError, match=re.escape(f"Key 'b': the gradient was not finite. {LATE}")):
        NEWS[news](twins)
    assert [contents(each) for each in batches] == before
    twins.host.change(learn_rate=twins.device.learn_rate)
    for step in range(8, 14):
        twins.step(twins.gradients(step), single=single)
        twins.assert_same()


@pytest.mark.parametrize("nonfinite", ["skip", "raise"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [{}, dict(grad_clip=1.0)])
def test_one_bad_element_is_found_wherever_it_is(nonfinite, dtype, clip, gpu):
    twins = Twins(gpu, "SGD.v2", learn_rate=0.1, nonfinite=nonfinite, **clip)
    twins.add("w", SIZE, dtype)
    before = twins.weights["w"][1].copy()
    for place in range(0, SIZE, 97):
        gradient = np.zeros(SIZE, dtype)
        gradient[place] = np.nan
        twins.device("w", *twins.batches({"w": gradient})[0]["w"])
        assert (twins.weights["w"][0].host == before).all()
        if nonfinite == "raise":
            with pytest.raises(NonFiniteError):
                twins.device.step_schedules()
        else:
            twins.device("w", *twins.batches({"w": np.zeros(SIZE, dtype)})[0]["w"])
            assert twins.device.state()["keys"]["w"]["skipped"] == place // 97 + 1


def test_the_largest_finite_gradient_is_fine(gpu):
    for dtype in ("float32", "float64"):
        twins = Twins(gpu, "SGD.v2", learn_rate=0.5, grad_clip=1e300)
        twins.add("w", 100, dtype)
        twins.step({"w": np.full(100, np.finfo(dtype).max)})
        twins.assert_same()


def test_the_scalars_of_the_host_are_as_if_the_step_were_never_asked_for(gpu, driver):
    twins = model(gpu, "NAdam.v1", "raise", lookahead_k=3)
    for step in range(12):
        if step % 3 == 1:
            with driver.later():
                for seed in range(2):
                    twins.device.update(twins.batches(spoilt(twins.gradients(seed), "c", step))[0])
            with pytest.raises(NonFiniteError, match=r"^Key 'c'"):
                twins.device.step_schedules()
        twins.step(twins.gradients(step))
        twins.assert_same_weights()
    twins.assert_same()
