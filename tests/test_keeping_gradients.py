"""`zero_gradient=False`: a step leaves the gradient as it was, whatever becomes of it."""

import numpy as np
import pytest

from tests.conftest import is_compiled, same
from thincopt import Adam, AdamW, NonFiniteError, Optimizer, SettingError

GRADIENT = np.array([3.0, -4.0, 0.0])


@pytest.mark.parametrize("settings", [{}, dict(L2=0.1), dict(use_averages=True, lookahead_k=1), dict(grad_clip=1.0)])
def test_the_weights_are_the_same(ops, settings):
    one, other = AdamW(0.1, ops=ops, **settings), AdamW(0.1, ops=ops, zero_gradient=False, **settings)
    mine, others, kept = np.ones(3), np.ones(3), GRADIENT.copy()
    for _ in range(3):
        one("w", mine, GRADIENT.copy())
        other("w", others, kept)
    assert same(mine, others)
    assert same(kept, GRADIENT)


def test_it_can_be_changed_between_steps(ops):
    optimizer, gradient = Adam(0.1, ops=ops), GRADIENT.copy()
    for keeps in (True, False, True):
        optimizer.zero_gradient = not keeps
        gradient[...] = GRADIENT
        optimizer("w", np.ones(3), gradient)
        assert same(gradient, GRADIENT if keeps else np.zeros(3))


def test_a_gradient_that_is_not_finite_is_kept_too(ops):
    gradient = np.array([1.0, np.nan, 2.0])
    for policy in ("skip", "raise"):
        optimizer = AdamW(0.1, nonfinite=policy, zero_gradient=False, ops=ops)
        try:
            optimizer("w", np.ones(3), gradient)
        except NonFiniteError:
            assert policy == "raise"
        assert same(gradient, np.array([1.0, np.nan, 2.0]))


def test_what_is_compiled_ahead(compiled):
    for settings in ({}, dict(use_averages=True), dict(lookahead_k=2, use_averages=True, grad_clip=1.0)):
        assert is_compiled(Optimizer.of("AdamW.v1", zero_gradient=False, ops=compiled, **settings))


def test_other_values_are_refused():
    with pytest.raises(SettingError, match=r"^AdamW\.v1: zero_gradient must be one of False, True, not 0\.$"):
        AdamW(0.1, zero_gradient=0)
