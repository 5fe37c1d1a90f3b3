"""State that goes between main memory and a device, in mid-run or by a file: the bits of a run that stayed."""

import copy
import pickle

import numpy as np
import pytest

from tests.devices.twins import Twins, bytes_of
from thincopt import CupyOps, NonFiniteError, NumpyOps, OpsError, Optimizer, StateError

RUNS = {
    "AdamW.v1": dict(use_averages=True, lookahead_k=3),
    "LAMB.v1": dict(grad_clip=1.0, grad_clip_by="model", use_averages=True),
    "NAdam.v1": dict(lookahead_k=2),
    "ProbeCounter.v1": {},
    "ProbeProdigy.v1": {},
}


def model(name, is_there, **settings):
    """Two keys of different types and shapes; the first twin begins on a device or in main memory."""
    twins = Twins(CupyOps() if is_there else NumpyOps(None), name, **{"nonfinite": "skip", **RUNS[name], **settings})
    twins.add("a", 300, "float32", 0 if is_there else None)
    twins.add(("b", 0), (7, 9), "float64", 0 if is_there else None)
    return twins


def step(twins, seed):
    """One step; two of four are skipped."""
    gradients = twins.gradients(seed)
    if seed % 4 in (2, 3):
        gradients["a"][7] = np.nan
    twins.step(gradients)


def move(twins):
    """To where it is not."""
    is_there = twins.device.ops.name == "cupy"
    (twins.device.to_cpu if is_there else twins.device.to_gpu)()
    twins.carry(None if is_there else 0)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("moves", [(0,), (1, 2), (3, 4, 7), (2, 5, 6, 8)])
@pytest.mark.parametrize("is_there", [False, True])
def test_moves_in_mid_run(name, moves, is_there, found):
    twins = model(name, is_there)
    for seed in range(12):
        if seed in moves:
            move(twins)
        step(twins, seed)
        twins.assert_same()
    assert twins.host.state()["keys"]["a"]["skipped"] == 6


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("how", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_go_on_alike(name, how, found):
    twins = model(name, is_there=True)
    for seed in range(4):
        step(twins, seed)
    first, state = twins.device, bytes_of(twins.device)
    twins.device = how(first)
    for seed in range(4, 8):
        step(twins, seed)
    twins.assert_same()
    assert twins.device.ops.name == "cupy"
    assert bytes_of(first) == state


@pytest.mark.parametrize("name", RUNS)
def test_a_pickle_from_a_device_is_for_main_memory_where_there_is_no_device(name, found, monkeypatch):
    twins = model(name, is_there=True)
    for seed in range(4):
        step(twins, seed)
    saved = pickle.dumps(twins.device)

    def missing():
        raise OpsError("no device")

    monkeypatch.setattr("thincopt.ops.cuda.driver.cuda", missing)
    twins.device = pickle.loads(saved)
    assert twins.device.ops.name == "numpy"
    twins.carry(None)
    for seed in range(4, 8):
        step(twins, seed)
    twins.assert_same()


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("ways", ["device to device", "device to host", "host to device"])
def test_state_is_loaded(name, ways, found):
    one, other = (each == "device" for each in ways.split(" to "))
    twins = model(name, is_there=one)
    for seed in range(5):
        step(twins, seed)
    source, twins.device = twins.device, model(name, is_there=other).device
    if ways == "device to host":
        source.to_cpu()
    twins.device.load_state(source.state())
    twins.carry(0 if other else None)
    for seed in range(5, 9):
        step(twins, seed)
    twins.assert_same()


def test_state_of_a_device_is_not_for_main_memory_as_it_is(found):
    twins = model("AdamW.v1", is_there=True)
    step(twins, 0)
    before = bytes_of(twins.host)
    with pytest.raises(StateError) as caught:
        twins.host.load_state(twins.device.state())
    assert str(caught.value) == "AdamW.v1: key 'a': m must be a NumPy array, not DeviceArray. Nothing was changed."
    assert bytes_of(twins.host) == before


SWITCHES = [
    dict(grad_clip=0.5),
    dict(use_averages=True),
    dict(grad_clip=0.5, grad_clip_by="model"),
    dict(lookahead_k=2),
    dict(nonfinite="raise"),
    dict(learn_rate=0.5),
    dict(amsgrad=True),  # which NAdam has not
]


@pytest.mark.parametrize(
    ("name", "switched"), [*(("AdamW.v1", each) for each in SWITCHES), *(("NAdam.v1", each) for each in SWITCHES[:-1])]
)
def test_settings_that_ask_for_other_kernels_keep_all_state(name, switched, found):
    twins = model(name, is_there=True, use_averages=False, lookahead_k=0)
    before = {each: getattr(twins.host, each) for each in switched}
    for seed in range(9):
        step(twins, seed) if seed != 6 else twins.step(twins.gradients(6))  # which would raise
        twins.assert_same()
        if seed % 2:
            twins.change(**(before if seed % 4 == 1 else switched))


@pytest.mark.parametrize("switched", SWITCHES)
def test_what_is_told_late_is_told_when_kernels_change(switched, found):
    """The settings have changed all the same, and the next step is by them."""
    twins = model("AdamW.v1", is_there=True, nonfinite="raise")
    for seed in range(3):
        twins.step(twins.gradients(seed))
    bad = twins.gradients(3)
    bad["a"][0] = np.nan
    twins.device.update(twins.batches(bad)[0])
    with pytest.raises(NonFiniteError, match=r"^Key 'a'"):
        twins.device.change(**switched)
    twins.host.change(**switched)
    for seed in range(4, 8):
        twins.step(twins.gradients(seed))
        twins.assert_same()


@pytest.mark.parametrize("by", ["to_cpu", "pickle", "state"])
def test_what_is_told_late_is_told_before_state_moves(by, found):
    twins = model("AdamW.v1", is_there=True, nonfinite="raise")
    twins.step(twins.gradients(0))
    bad = twins.gradients(1)
    bad[("b", 0)][0] = np.inf
    twins.device.update(twins.batches(bad)[0])
    ask = {"to_cpu": twins.device.to_cpu, "pickle": lambda: pickle.dumps(twins.device), "state": twins.device.state}[by]
    with pytest.raises(NonFiniteError, match=r"^Key \('b', 0\)"):
        ask()
    ask()
    if by == "to_cpu":
        twins.carry(None)
    twins.step(twins.gradients(2))
    twins.assert_same()


def test_averages_are_swapped_in_and_out(found):
    twins = model("AdamW.v1", is_there=True)
    for seed in range(4):
        step(twins, seed)
    before = [device.host.copy() for device, _ in twins.weights.values()]
    weights = [{key: pair[side] for key, pair in twins.weights.items()} for side in (0, 1)]
    with twins.device.averaged(weights[0]), twins.host.averaged(weights[1]):
        twins.assert_same_weights()
        assert not any(
            (device.host == was).all() for (device, _), was in zip(twins.weights.values(), before, strict=True)
        )
    assert all((device.host == was).all() for (device, _), was in zip(twins.weights.values(), before, strict=True))


def test_moments_are_views_of_the_state(found):
    twins = model("AdamW.v1", is_there=True)
    step(twins, 0)
    moment = twins.device.mom1["a"]
    before = moment.host.copy()
    step(twins, 1)
    assert (moment.host != before).all()
    assert (moment.host == twins.host.mom1["a"]).all()


def test_moving_to_where_it_is_does_nothing(found):
    optimizer = Optimizer.of("AdamW.v1", ops=CupyOps())
    ops = optimizer.ops
    optimizer.to_gpu()
    assert optimizer.ops is ops
    assert repr(ops) == "<CupyOps>"
