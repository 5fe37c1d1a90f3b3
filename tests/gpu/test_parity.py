"""A device gives the bits of plain NumPy: every rule, choice, type, set of stages and size."""

import numpy as np
import pytest

import thincopt
from tests import probes
from tests.gpu.common import Twins, same_bits
from tests.sampling import sampled
from tests.test_bits import LARGE, OFF, RULES, STAGES, combinations, odd_gradient

NUMBERS = (*range(13), 14, 34, 13)  # of gradients, the last but one not finite
CLIPPED = dict(learn_rate=0.01, grad_clip=1.0, use_averages=True)
HUGE = 4096 * 4096 + 10 * 4096 + 5  # elements, for which the sums of chunks fill more than one chunk


@sampled("name, settings, dtype", combinations())
def test_every_combination(name, settings, dtype, cp):
    some = np.random.default_rng([len(name), len(dtype), len(settings)]).choice(257, 8, replace=False) + 1
    twins = Twins(name, [*map(int, some), 4096, 8200], dtype, **settings)
    for number in NUMBERS:
        twins.step(twins.odd(number))
        twins.agree(f"at step {number}")
    twins.settled()


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_size(name, dtype, cp):
    for sizes, steps in ((list(range(1, 258)), 5), ([LARGE], 3)):
        twins = Twins(name, sizes, dtype, **CLIPPED)
        for number in range(steps):
            twins.step(twins.odd(number))
        twins.settled()


@pytest.mark.parametrize("by", ["key", "model"])
@pytest.mark.parametrize("name", ["AdamW.v1", "LAMB.v1"])
def test_huge(name, by, cp):
    random = np.random.default_rng(0)
    twins = Twins(name, [HUGE, 300], grad_clip=1.0, grad_clip_by=by)
    for _ in range(2):
        twins.step({key: random.standard_normal(key, "float32") for key in twins.weights})
    twins.settled()


@pytest.mark.parametrize("by", ["key", "model"])
@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_norms_of_float64_beyond_the_range_of_squares(by, scale, cp):
    twins = Twins("AdamW.v1", [5, 300, 9000], "float64", grad_clip=1.0, grad_clip_by=by)
    for number in range(3):
        random = np.random.default_rng(number)
        twins.step({key: random.normal(size=key) * scale for key in twins.weights})
    twins.settled()


@pytest.mark.parametrize("name", [each.name for each in probes.RULES])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stages", ["alone", "all by model"])
def test_probe_rules(name, dtype, stages, cp):
    twins = Twins(name, [1, 63, 64, 65, 300, 4097], dtype, **{**OFF, **STAGES[stages]})
    for number in NUMBERS[:13]:
        twins.step(twins.odd(number))
        twins.agree(f"at step {number}")
    twins.settled()


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_misaligned(dtype, each, cp):
    """Weights and gradients that begin at any element give the same bits, and what lies beside them is not touched."""
    size, rooms = 1040, []

    def placed(array):
        room = cp.asarray(np.full(size + 8, 7, dtype))
        offset = len(rooms) // 2 % 4 if len(rooms) % 2 == 0 else len(rooms) // 8 % 4
        view = room[offset : offset + array.size]
        view.set(array)
        rooms.append((room, offset, array.size))
        return view

    sizes = [size - one for one in range(16)]
    twins = Twins("AdamW.v1", sizes, dtype, grad_clip=1.0, use_averages=True)
    twins.place(placed)
    assert {offset for _, offset, _ in rooms} == {0, 1, 2, 3}
    for number in range(4):
        twins.step(twins.odd(number), each)
    twins.settled()
    for room, offset, length in rooms:
        beside = np.delete(room.get(), slice(offset, offset + length))
        assert (beside == 7).all()


@pytest.mark.parametrize("stages", [each for each in STAGES if "model" not in each])
def test_calls_for_each_key_and_for_all(stages, cp):
    """The two may take turns."""
    twins = Twins("NAdam.v1", [3, 100, 5000], learn_rate=0.01, **{**OFF, **STAGES[stages]})
    for number in range(9):
        twins.step(twins.odd(number), each=number % 3 != 0, lr_scale=1.0 if number % 2 else 0.3)
    twins.settled()


def test_batches_that_change(cp):
    """Keys come and go, in any order, in arrays that are new each time."""
    twins = Twins("AdamW.v1", [3, 100, 5000, 70_000])
    every = dict(twins.batch)
    for number in range(8):
        keys = [key for place, key in enumerate(every) if (number + place) % 3]
        keys = keys[::-1] if number % 2 else keys
        gradients = {key: odd_gradient(number, key, "float32") for key in keys}
        batch = {key: (every[key][0], cp.asarray(gradients[key])) for key in keys}
        twins.device.update(batch)
        twins.follow(gradients)
        assert not any(gradient.get().any() for _, gradient in batch.values())
    twins.settled()


def test_both_types_in_one_batch(cp):
    host = thincopt.Optimizer.of("AdamW.v1", ops=thincopt.NumpyOps(None), grad_clip=1.0, grad_clip_by="model")
    device = thincopt.Optimizer.of("AdamW.v1", ops=thincopt.CupyOps(), grad_clip=1.0, grad_clip_by="model")
    start = {key: np.random.default_rng(key).normal(size=70 * key) for key in range(1, 7)}
    here = {key: each.astype(["float32", "float64"][key % 2]) for key, each in start.items()}
    there = {key: cp.asarray(each) for key, each in here.items()}
    for number in range(3):
        gradients = {key: odd_gradient(number, each.size, each.dtype.name) for key, each in here.items()}
        device.update({key: (there[key], cp.asarray(each)) for key, each in gradients.items()})
        host.update({key: (here[key], each) for key, each in gradients.items()})
    assert all(same_bits(there[key].get(), each) for key, each in here.items())


def test_shapes_and_settings_that_change(cp):
    """Any shape is updated in place; settings and schedules take effect from call to call."""
    optimizers = [thincopt.AdamW(learn_rate=thincopt.warmup_linear(0.01, 3, 20), ops=thincopt.NumpyOps(None))]
    optimizers.append(thincopt.AdamW(learn_rate=thincopt.warmup_linear(0.01, 3, 20)))
    here = np.random.default_rng(0).normal(size=(30, 7, 5)).astype("float32")
    there = cp.asarray(here)
    for number in range(8):
        gradient = odd_gradient(number, here.size, "float32").reshape(here.shape)
        if number == 4:
            for each in optimizers:
                each.weight_decay, each.beta1 = 0.2, 0.8
        pair = (there, cp.asarray(gradient))
        assert optimizers[1]("w", *pair) == pair
        optimizers[0]("w", here, gradient)
        for each in optimizers:
            each.step_schedules()
    assert optimizers[1].ops.name == "cupy"
    assert same_bits(there.get(), here)


def test_the_first_weights_decide_the_backend(cp):
    optimizer = thincopt.AdamW()
    weights, gradient = cp.asarray(np.ones(5, "float32")), cp.asarray(np.ones(5, "float32"))
    found = optimizer("w", weights, gradient)
    assert found[0] is weights
    assert found[1] is gradient
    assert optimizer.ops.name == "cupy"
    assert isinstance(optimizer.mom1["w"], cp.ndarray)
    assert optimizer.nr_update == {"w": 1}


def test_what_cannot_be_updated_is_refused_in_words(cp):
    optimizer = thincopt.AdamW()
    weights = cp.asarray(np.ones((4, 6), "float32"))
    optimizer("w", weights, cp.asarray(np.ones((4, 6), "float32")))
    others = {
        "CuPy array": np.ones((4, 6), "float32"),
        "float64": cp.asarray(np.ones((4, 6))),
        "24 elements": cp.asarray(np.ones((4, 5), "float32")),
        "contiguous": cp.asarray(np.ones((6, 4), "float32")).T,
        "overlap": weights,
    }
    before = weights.get()
    for words, gradient in others.items():
        with pytest.raises(thincopt.ArrayError, match=words):
            optimizer("w", weights, gradient)
    assert same_bits(weights.get(), before)
    assert optimizer.nr_update == {"w": 1}


def test_averages_for_a_while(cp):
    twins = Twins("Adam.v1", [5, 700], use_averages=True)
    for number in range(3):
        twins.step(twins.odd(number))
    with twins.host.averaged(twins.weights), twins.device.averaged({key: pair[0] for key, pair in twins.batch.items()}):
        twins.agree("while they are averages")
    twins.settled()
