"""`every(k)`: what belongs to each k-th step of a key, in rules and stages, for any number of periods."""

import numpy as np
import pytest

from tests.conftest import same
from tests.probes import Periods
from thincopt import NumpyOps, Optimizer, RuleError
from thincopt.language import Count, Number, Rate, Rule, Shared, at_step, every, norm, total
from thincopt.stages.lookahead import lookahead


def stepped(weights, gradients, settings):
    """The formula itself, in float64, with its settings of each step."""
    scale, length = np.zeros_like(weights), 0.0
    for t, (gradient, each) in enumerate(zip(gradients, settings, strict=True), start=1):
        with at_step(t):
            step, scale, length = Periods(weights, gradient, scale, length, t, **each)
        weights = weights - step
    return weights


@pytest.fixture
def gradients():
    return list(np.random.default_rng(0).normal(size=(20, 6)))


@pytest.mark.parametrize("periods", [dict(refresh=3, jump=5), dict(refresh=1, jump=2), dict(refresh=2, jump=0), {}])
def test_the_formula_is_the_oracle(gradients, periods):
    optimizer, weights = Optimizer.of(Periods, **periods), np.ones(6)
    for each in gradients:
        optimizer("w", weights, each.copy())
    assert np.allclose(weights, stepped(np.ones(6), gradients, 20 * [periods]), rtol=1e-14, atol=0)


def test_each_key_counts_its_own_steps(gradients):
    together, alone = Optimizer.of(Periods), Optimizer.of(Periods)
    weights, others = ({key: np.ones(6) for key in "ab"} for _ in "xy")
    for step, each in enumerate(gradients):
        keys = "ab" if step % 2 else "a"
        together.update({key: (weights[key], each.copy()) for key in keys})
        for key in keys:
            alone(key, others[key], each.copy())
    assert all(same(weights[key], others[key]) for key in "ab")
    assert together.nr_update == {"a": 20, "b": 10}


def test_a_period_may_come_to_be_and_change(gradients):
    optimizer, weights, settings = Optimizer.of(Periods, refresh=0, jump=0), np.ones(6), []
    for periods in (dict(refresh=0, jump=0), dict(refresh=3, jump=0), dict(refresh=2, jump=5), dict(refresh=0, jump=1)):
        optimizer.change(**periods)
        assert len(optimizer._now.of(None).recipe.kernels) == 2 ** len([each for each in periods.values() if each])
        for each in gradients[len(settings) : len(settings) + 5]:
            optimizer("w", weights, each.copy())
        settings += 5 * [periods]
    assert np.allclose(weights, stepped(np.ones(6), gradients, settings), rtol=1e-14, atol=0)


def test_state_of_a_period_is_kept_only_where_it_can_come():
    assert "lookahead.slow" not in Optimizer.of("SGD.v2", learn_rate=0.1)._now.of(None).recipe.kept
    assert "lookahead.slow" in Optimizer.of("SGD.v2", learn_rate=0.1, lookahead_k=5)._now.of(None).recipe.kept


def test_stages_are_formulas_of_arrays_too():
    with at_step(6):
        assert lookahead(3.0, 0.0, 1.0, lookahead_k=3) == (2.0, 2.0)
        assert lookahead(3.0, 0.0, 1.0, lookahead_k=4) == (3.0, 1.0)
        assert lookahead(3.0, 0.0, 1.0, lookahead_k=0) == (3.0, 1.0)


def made(function):
    return Optimizer.of(Rule("Odd.v1", function), ops=NumpyOps(None))


def test_only_settings_that_are_whole_numbers_are_asked():
    def of_number(w, g, *, learn_rate: Rate = 0.1):
        return g if every(3) else w

    def of_formula(w, g, *, learn_rate: Rate = 0.1, k: Count = 3):
        return g if every(k + 1) else w

    def of_fraction(w, g, *, learn_rate: Rate = 0.1, k: Number = 3):
        return g if every(k) else w

    for function in (of_number, of_formula, of_fraction):
        with pytest.raises(RuleError, match=r"^Odd\.v1: every\(k\) asks of a setting that is a whole number, not of "):
            made(function)


def test_it_is_answered_in_steps_only():
    with pytest.raises(RuleError, match=r"^every\(k\) is answered in a step: .* `with at_step\(t\):`\.$"):
        Periods(1.0, 1.0, 0.0, 0.0, 1)


def test_what_keys_have_in_common_is_not_for_some_steps():
    def of_total(w, g, *, learn_rate: Rate = 0.1, k: Count = 2):
        return g * total(norm(g)) if every(k) else g

    def of_shared(w, g, n: Shared, *, learn_rate: Rate = 0.1, k: Count = 2):
        if every(k):
            n = n + 1
        return g, n

    for function in (of_total, of_shared):
        with pytest.raises(RuleError, match=r"^Odd\.v1: total\(…\) and shared state cannot be in what `if every"):
            made(function)


def test_too_many_periods_are_refused():
    def eager(w, g, *, learn_rate: Rate = 0.1, a: Count = 1, b: Count = 1, c: Count = 1, d: Count = 1, e: Count = 1):
        for each in (a, b, c, d, e):
            if every(each):
                g = g + 1
        return g

    with pytest.raises(RuleError, match=r"^Odd\.v1: one step asks every\(k\) of a, b, c, d, e; 4 are the most\."):
        made(eager)
