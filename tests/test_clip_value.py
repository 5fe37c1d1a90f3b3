"""Clip by value: no element of a gradient is larger than a number."""

import numpy as np
import pytest

from thincopt import NonFiniteError, Optimizer


def clipped(gradient, ops, dtype="float64", **chosen):
    """The gradient as the rule sees it."""
    weights = np.zeros(len(gradient), dtype)
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, ops=ops, **chosen)
    optimizer("w", weights, np.array(gradient, dtype))
    return (-weights).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_element_is_brought_within(dtype, ops):
    given = [0.5, -0.5, 0.25, 2.0, -1e30, 0.0]
    assert clipped(given, ops, dtype, grad_clip_value=0.5) == [0.5, -0.5, 0.25, 0.5, -0.5, 0.0]


def test_the_norm_is_taken_of_what_is_left(ops):
    """Both limits hold; the other way about, 1e30 would have made all else nothing."""
    assert clipped([1e30, 4.0], ops, grad_clip_value=3.0, grad_clip=2.5) == pytest.approx([2.5 / 2**0.5] * 2)
    assert clipped([3.0, 40.0], ops, grad_clip_value=4.0, grad_clip=2.5) == pytest.approx([1.5, 2.0])


def test_it_follows_L2(ops):
    weights = np.array([10.0])
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, L2=0.5, grad_clip_value=2.0, ops=ops)
    optimizer("w", weights, np.array([1.0]))
    assert weights.tolist() == [8.0]


def test_a_schedule_that_comes_to_zero_switches_it_off(ops):
    optimizer, weights = Optimizer.of("SGD.v2", learn_rate=1.0, grad_clip_value=[1.0, 0.0], ops=ops), np.zeros(1)
    for _ in range(2):
        optimizer("w", weights, np.array([8.0]))
        optimizer.step_schedules()
    assert weights.tolist() == [-9.0]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("norm", [0.0, 1.0])
def test_it_hides_nothing_that_is_not_finite(bad, norm, ops):
    weights, gradient = np.zeros(3), np.array([1.0, bad, 1.0])
    with pytest.raises(NonFiniteError):
        Optimizer.of("SGD.v2", grad_clip_value=1.0, grad_clip=norm, ops=ops)("w", weights, gradient)
    assert not weights.any()
