"""State that moves in mid-run, between main memory and devices, gives the bits of a run that stayed."""

import pickle

import numpy as np
import pytest

import thincopt
from tests.gpu.common import Twins, assert_same_state, same_bits, stepped
from tests.test_bits import odd_gradient
from thincopt import ArrayError, CupyOps, NumpyOps, Optimizer, StateError

SIZES = [5, 64, 4100]
KINDS = [
    ("AdamW.v1", dict(amsgrad=True, grad_clip=1.0, use_averages=True)),
    ("NAdam.v1", dict(lookahead_k=3)),
    ("SGD.v2", dict(momentum=0.9, nesterov=True)),
    ("LAMB.v1", dict(nonfinite="skip")),
    ("ProbeProdigy.v1", {}),
    ("ProbeCounter.v1", dict(grad_clip=0.5)),
]
MOVES = {2: "to_gpu", 4: "to_cpu", 5: "to_gpu", 6: "to_gpu", 8: "to_cpu"}


def started(name, settings):
    """Settings that every optimizer here has, a schedule among them where there is a rate."""
    return Optimizer.of(name, ops=NumpyOps(None), **settings), Optimizer.of(name, **settings)


@pytest.mark.parametrize(("name", "settings"), KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moved_and_moved_back(name, settings, dtype, cp):
    staying, moving = started(name, settings)
    here = {size: np.random.default_rng(size).normal(size=size).astype(dtype) for size in SIZES}
    there = {size: each.copy() for size, each in here.items()}
    for number in range(10):
        if number in MOVES:
            getattr(moving, MOVES[number])()
            kind = cp if moving.ops.name == "cupy" else np
            there = {size: _as(kind, each) for size, each in there.items()}
        gradients = {size: odd_gradient(number, size, dtype) for size in SIZES}
        kind = cp if moving.ops.name == "cupy" else np
        with np.errstate(all="ignore"):
            stepped(moving, {size: (there[size], _as(kind, each.copy())) for size, each in gradients.items()})
            stepped(staying, {size: (here[size], each) for size, each in gradients.items()})
        assert all(same_bits(_as(np, there[size]), here[size]) for size in SIZES), f"weights differ at step {number}"
    assert_same_state(moving.state(), staying.state())


def _as(kind, array):
    """An array of CuPy or of NumPy."""
    is_there = hasattr(array, "get")
    if kind is np:
        return array.get() if is_there else array
    return array if is_there else kind.asarray(array)


@pytest.mark.parametrize(("name", "settings"), KINDS)
def test_saved_and_loaded(name, settings, cp):
    """By pickle; by state() of a device into another optimizer there; and of main memory into one on a device."""
    twins = Twins(name, SIZES, **settings)
    for number in range(3):
        twins.step(twins.odd(number))
    twins.device = pickle.loads(pickle.dumps(twins.device))
    assert twins.device.ops.name == "cupy"
    twins.step(twins.odd(3))
    for source in (twins.device, twins.host):
        state = source.state()
        twins.device = Optimizer.of(name, ops=CupyOps(), **{"nonfinite": "propagate", **settings})
        twins.device.load_state(state)
        twins.step(twins.odd(4))
    twins.settled()


def test_state_of_a_device_is_for_the_host_only_as_a_copy(cp):
    twins = Twins("AdamW.v1", SIZES)
    twins.step(twins.odd(0))
    with pytest.raises(StateError, match="must be a NumPy array"):
        twins.host.load_state(twins.device.state())
    twins.device.to_cpu()
    assert_same_state(twins.device.state(), twins.host.state())
    twins.host.load_state(twins.device.state())


def test_what_loaded_state_begins_with_is_a_copy(cp):
    twins = Twins("AdamW.v1", SIZES)
    twins.step(twins.odd(0))
    other = thincopt.AdamW(ops=CupyOps())
    other.load_state(twins.device.state())
    other.update(twins.batch)
    assert_same_state(twins.device.state(), twins.host.state())


@pytest.fixture
def two(cp):
    if cp.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("there is one device only")
    return cp.cuda.Device(0), cp.cuda.Device(1)


def test_keys_on_two_devices(cp, two):
    twins = Twins("AdamW.v1", [50, 4100, 60, 4200], learn_rate=thincopt.warmup_linear(0.01, 4, 30), grad_clip=1.0)
    for number in range(4):
        gradients = twins.odd(number)
        for device, keys in zip(two, ((50, 4100), (60, 4200)), strict=True):
            with device:
                pairs = {key: (cp.asarray(twins.batch[key][0]), cp.asarray(gradients[key])) for key in keys}
                twins.batch |= pairs
                twins.device.update(pairs)
        twins.follow(gradients)
        for each in (twins.device, twins.host):
            each.step_schedules()
    for device, keys in zip(two, ((50, 4100), (60, 4200)), strict=True):
        assert {int(twins.batch[key][0].device) for key in keys} == {device.id}
    twins.settled()


def test_the_current_device_may_be_another(cp, two):
    twins = Twins("AdamW.v1", [50, 4100])
    for number in range(4):
        gradients = twins.odd(number)
        twins.fill(gradients)
        cp.cuda.runtime.deviceSynchronize()
        with two[number % 2]:
            twins.device.update(twins.batch)
        twins.follow(gradients)
    twins.settled()


def test_a_key_follows_its_weights(cp, two):
    twins = Twins("NAdam.v1", [50, 4100], use_averages=True)
    for number in range(6):
        with two[number // 2 % 2]:
            twins.place(cp.asarray)
            twins.step(twins.odd(number))
            cp.cuda.runtime.deviceSynchronize()
    twins.settled()


def test_one_batch_is_on_one_device(cp, two):
    optimizer = thincopt.AdamW()
    pairs = []
    for device in two:
        with device:
            pairs.append(tuple(cp.asarray(np.ones(5, "float32")) for _ in range(2)))
    with pytest.raises(ArrayError, match="are on devices 0 and 1"):
        optimizer.update(dict(enumerate(pairs)))
    with pytest.raises(ArrayError, match="they must be on one"):
        optimizer("w", pairs[0][0], pairs[1][1])
