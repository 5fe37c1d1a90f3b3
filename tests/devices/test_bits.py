"""A device gives the bits of plain NumPy: every rule, choice, set of stages, size and type, alone and mixed."""

from itertools import cycle, product

import numpy as np
import pytest

from tests import probes
from tests.conftest import same
from tests.devices.host import DeviceArray
from tests.devices.twins import Twins
from tests.sampling import drawn, sampled
from tests.test_bits import OFF, RULES, STAGES, combinations, odd_gradient
from thincopt import Optimizer
from thincopt.ops.contract import DTYPES
from thincopt.ops.numpy.ops import NumpyOps

SMALL = (1, 63, 64, 65)
LARGE = (4095, 4096, 4097, 8200, 70_001)
HUGE = 4096 * 4096 + 4097  # its chunks' sums are folded twice


def train(gpu, name, settings, keys, kinds, steps):
    """Train keys, each a type and a size, on odd gradients: those of one type, or of both, in turn."""
    twins = Twins(gpu, name, is_fixed=len(kinds) > 1, nonfinite="propagate", **settings)
    for dtype, size in keys:
        twins.add((dtype, size), size, dtype)
    for step, dtypes in zip(range(steps), cycle(kinds), strict=False):
        twins.step({key: odd_gradient(step, key[1], key[0]) for key in keys if key[0] in dtypes})
        twins.assert_same_weights()
    twins.assert_same()


@sampled("name, settings, dtype", combinations())
def test_every_combination(name, settings, dtype, gpu, request):
    """Keys of one type are ahead of the others, so that lookahead's turn comes to them at other steps."""
    large = LARGE[drawn(request.node.name)[0] % len(LARGE)]
    train(gpu, name, settings, [*product(DTYPES, [*SMALL, large])], [[dtype], DTYPES, DTYPES], 36)


def clipped(name):
    """A rule with the stages that sum, by key or by model."""
    return name, dict(learn_rate=0.01, grad_clip=1.0, grad_clip_by=["key", "model"][len(name) % 2], use_averages=True)


@pytest.mark.parametrize(("name", "settings"), [clipped(each) for each in RULES], ids=RULES)
def test_every_size(name, settings, gpu):
    train(gpu, name, settings, [*product(DTYPES, range(1, 258))], [DTYPES], 4)
    train(gpu, name, settings, [*product(DTYPES, LARGE)], [DTYPES], 4)


@pytest.mark.parametrize("name", [each.name for each in probes.RULES])
@pytest.mark.parametrize("settings", [{**OFF, **STAGES[each]} for each in ("alone", "all by model")])
def test_probe_rules(name, settings, gpu):
    train(gpu, name, settings, [*product(DTYPES, [*SMALL, 300, 4097, 9000])], [DTYPES, DTYPES[:1], DTYPES[1:]], 36)


@pytest.mark.parametrize("by", ["key", "model"])
def test_sums_that_are_folded_twice(by, gpu):
    """Elements of different sizes and signs: another order would give another sum."""
    clip = dict(grad_clip=0.01, grad_clip_by=by)
    twins = Twins(gpu, "SGD.v2", learn_rate=1.0, nonfinite="propagate", **clip)
    twins.add("huge", HUGE)
    twins.add("small", 70_001)
    for step in range(2):
        twins.step(twins.gradients(step))
        twins.assert_same_weights()
    probe = Twins(gpu, "ProbeSums.v1", nonfinite="propagate", **OFF)
    probe.weights = twins.weights
    probe.step(probe.gradients(3))
    probe.assert_same()


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_that_begin_anywhere(dtype, gpu):
    """Elements four or two at a time, where all arrays begin at a multiple of 16 bytes, or one at a time."""
    settings = dict(grad_clip=1.0, use_averages=True, nonfinite="propagate")
    for offsets in product(range(4), range(4)):
        device, host = (Optimizer.of("AdamW.v1", ops=ops, **settings) for ops in (gpu, NumpyOps(None)))
        weights, gradient, beyond = memory(5003, dtype, offsets)
        plain = weights.host.copy()
        for step in range(3):
            given = odd_gradient(step, 5003, dtype)
            gradient[...] = given
            device("w", weights, gradient)
            host("w", plain, given)
            assert same(weights.host, plain), offsets
            assert not gradient.host.any()
        assert all((each == 7).all() for each in beyond), "written beyond an array"


def memory(size, dtype, offsets):
    """Two arrays on a device that begin so many elements after a multiple of 16 bytes, and what lies around them."""
    arrays, beyond = [], []
    for offset in offsets:
        room = np.full(size + 24, 7, dtype)
        begin = -(room.__array_interface__["data"][0] // room.itemsize) % (16 // room.itemsize) + 8 + offset
        arrays.append(DeviceArray(room[begin : begin + size]))
        beyond += [room[:begin], room[begin + size :]]
    arrays[0][...] = np.random.default_rng(1).normal(size=size)
    return *arrays, beyond


@pytest.mark.parametrize("exponent", [-160, 0, 150, 155, 300, 307])
@pytest.mark.parametrize("by", ["key", "model"])
def test_norms_whose_squares_overflow(by, exponent, gpu):
    """In float64 they are taken again at a smaller scale; a float32 beside them is not in need of it."""
    twins = Twins(gpu, "SGD.v2", learn_rate=1.0, grad_clip=1.0, grad_clip_by=by, nonfinite="propagate")
    for dtype in DTYPES:
        twins.add(dtype, 9000, dtype)
    gradients = twins.gradients(0)
    gradients["float64"] *= 10.0**exponent
    gradients["float32"] *= 1e37
    twins.step(gradients)
    twins.assert_same()
    assert np.isfinite(twins.weights["float64"][1]).all()


def test_the_rate_is_scaled_call_by_call(gpu):
    twins = Twins(gpu, "AdamW.v1", lookahead_k=2)
    twins.add("a")
    twins.add("b", 70)
    for step, scale in enumerate([1.0, 0.5, 0.0, 2.0, 1, 0.25]):
        twins.step(twins.gradients(step), single=step % 2, lr_scale=scale)
        twins.assert_same()
