"""Norms and sums: one defined order, the same bits everywhere, right at the ends of the range."""

import math

import numpy as np
import pytest

from thincopt import Optimizer
from thincopt.concurrency.whole import at_once, calls
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.ops.numpy.room import Room
from thincopt.ops.numpy.summing import Sum

NAMES = ("size", "added", "product", "largest", "middle")


def found(ops, weights, gradient) -> dict[str, float]:
    """What each reduction finds in these arrays."""
    optimizer = Optimizer.of("ProbeSums.v1", ops=ops, nonfinite="propagate")
    optimizer("w", weights.copy(), gradient)
    state = optimizer.state()["keys"]["w"]
    return {name: state[name] for name in NAMES}


def summed(values, block: int = 1 << 15) -> float:
    """What the calls of a sum find, block by block."""
    room = Room("float64")
    sum_ = Sum(room, "sum", len(values))
    for at in range(0, len(values), block):
        at_once(calls(*sum_.adding(room, at, values[at : at + block])))
    at_once(calls(*sum_.folding))
    return sum_.found


def defined_sum(values) -> float:
    """The definition, said in plain loops: lanes of 64 in chunks of 4096, folded by halves, recursively."""
    while True:
        chunks = []
        for start in range(0, len(values), 4096):
            lanes = [0.0] * 64
            for index, value in enumerate(values[start : start + 4096]):
                lanes[index % 64] += value
            while len(lanes) > 1:
                half = len(lanes) // 2
                lanes = [one + other for one, other in zip(lanes[:half], lanes[half:], strict=True)]
            chunks.append(lanes[0])
        if len(chunks) == 1:
            return chunks[0]
        values = chunks


@pytest.mark.parametrize("size", [1, 63, 64, 65, 128, 4095, 4096, 4097, 8192, 12_345, 300_000])
def test_numpy_sums_in_the_defined_order(size):
    values = np.random.default_rng(size).normal(size=size) * 10.0 ** np.random.default_rng(1).uniform(-9, 9, size)
    assert summed(values) == summed(values, 4096) == defined_sum(values.tolist())


def test_more_chunks_than_a_chunk():
    values = np.random.default_rng(0).normal(size=4096 * 4100 + 7)
    assert summed(values) == defined_sum(values.tolist())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_and_plain_agree_at_random_sizes_and_alignments(dtype, compiled_probes):
    random = np.random.default_rng(2)
    for _ in range(500):
        size = int(10 ** random.uniform(0, 4.3))
        memory = random.normal(size=(2, size + 16)) * 10.0 ** random.uniform(-20, 15, (2, size + 16))
        offset = random.integers(16)
        weights, gradient = memory.astype(dtype)[:, offset : offset + size]
        assert found(compiled_probes, weights, gradient.copy()) == found(NumpyOps(None), weights, gradient.copy())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("magnitude", [1e-45, 1e-40, 1e-30, 1.0, 1e25, 1e38, 3e38])
def test_norms_are_right_at_every_magnitude(dtype, magnitude, probe_ops):
    gradient = np.full(10_000, magnitude, dtype)
    truth = float(gradient[0]) * 100.0
    assert found(probe_ops, np.ones(10_000, dtype), gradient)["size"] == pytest.approx(truth, rel=1e-13)


@pytest.mark.parametrize("magnitude", [1e150, 1e155, 1e200, 1.7e308])
def test_float64_squares_that_overflow_are_taken_again(magnitude, probe_ops):
    gradient = np.full(9, magnitude)
    gradient[1:] = magnitude / 1e8
    norm = found(probe_ops, np.ones(9), gradient)["size"]
    assert norm == pytest.approx(math.hypot(*np.array([magnitude] + [magnitude / 1e8] * 8)), rel=1e-15)


def test_other_sums_stand_beside_a_norm_that_is_taken_again(probe_ops):
    sums = found(probe_ops, np.ones(3), np.array([-1e200, -1e200, 1.0]))
    assert (sums["added"], sums["product"], sums["largest"]) == (-2e200, -2e200, 1.0)
    assert sums["size"] == pytest.approx(math.sqrt(2) * 1e200, rel=1e-15)


def test_a_gradient_that_is_not_finite_has_no_finite_norm(probe_ops):
    for value in (np.inf, np.nan):
        for dtype in ("float32", "float64"):
            gradient = np.ones(5000, dtype)
            gradient[4321] = value
            assert not math.isfinite(found(probe_ops, np.ones(5000, dtype), gradient)["size"])


@pytest.mark.parametrize("magnitude", [1e-45, 1e-30, 1.0, 1e19, 1e25, 3e38])
@pytest.mark.parametrize("by", ["key", "model"])
def test_clip_keeps_the_direction_at_every_magnitude(magnitude, by, ops):
    """Thinc's norm overflows at 1e25 and updates nothing; ours does not."""
    weights, gradient = np.zeros(300, "float32"), np.full(300, magnitude, "float32")
    expected = float(gradient[0]) * min(1.0, 1.0 / (float(gradient[0]) * math.sqrt(300)))
    Optimizer.of("SGD.v2", learn_rate=1.0, grad_clip=1.0, grad_clip_by=by, ops=ops).update({"w": (weights, gradient)})
    np.testing.assert_allclose(weights, -np.full(300, expected, "float32"), rtol=2e-7)
