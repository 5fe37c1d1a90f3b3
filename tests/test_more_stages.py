"""Stages that no kernel was compiled with: they walk apart or in plain NumPy, till the fused kernels take over."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.compilers import until
from thincopt import NumpyOps, Optimizer, num_threads, set_num_threads, stages
from thincopt.language import maximum, mean, normal, sign, stage, where
from thincopt.native import building
from thincopt.native.generate import kernels_of, printed
from thincopt.rules.adam import AdamW
from thincopt.rules.lion import Lion

SETTINGS = dict(learn_rate=0.01, grad_clip=1.0, weight_decay=0.1, use_averages=True)


@stage(at="gradient")
def centred(w, g, *, is_centred: bool = False):
    return g - mean(g) if is_centred else g


@stage(at="step")
def careful(w, g, step, *, is_careful: bool = False):
    if not is_careful:
        return step
    agrees = where(step * g > 0, 1.0, 0.0)
    return step * agrees / maximum(mean(agrees), 1e-3)


@stage(at="weights")
def leaning(w, g, last, random, *, leans: bool = False):
    return (w + 1e-3 * normal(random, of=w) * sign(last), w) if leans else (w, last)


def again(name):
    """AdamW as a rule of its own, which nothing has been remembered of."""
    return replace(AdamW, name=name)


@pytest.fixture
def trial(monkeypatch):
    """AdamW with three stages more."""
    monkeypatch.setattr(stages, "ORDER", (*stages.ORDER, centred, careful, leaning))
    return again("Trial.v1")


def walks(*rules):
    return set(printed(kernels_of(rules)).walks)


def test_each_brings_a_few_walks_and_no_rule_any_more(monkeypatch):
    before = [walks(again("One.v1")), walks(Lion)]
    monkeypatch.setattr(stages, "ORDER", (*stages.ORDER, centred, careful, leaning))
    lion = replace(Lion, name="Other.v1")
    assert len(walks(again("One.v1")) - before[0]) <= 3 * 3
    assert walks(again("One.v1"), lion) - walks(again("One.v1")) <= before[1]


@pytest.mark.parametrize(("is_centred", "is_careful", "leans"), list(product([False, True], repeat=3)))
def test_every_combination_has_the_same_bits_before_at_and_after(trial, slow, is_centred, is_careful, leans):
    slow.go()
    building.compiled([trial])  # each stage alone
    (slow.folder / "go").unlink()
    chosen = dict(is_centred=is_centred, is_careful=is_careful, leans=leans, **SETTINGS)
    optimizer, plain = Optimizer.of(trial, **chosen), Optimizer.of(trial, ops=NumpyOps(None), **chosen)
    is_new = is_centred or is_careful or leans
    assert (kernels(optimizer) == 1) == (not is_new)
    before = num_threads()
    set_num_threads(2)
    random = np.random.default_rng(0)
    weights, others = ({"small": np.ones(37, "float32"), "large": np.ones(700_001, "float32")} for _ in "ab")
    for at in range(8):
        if at == 4 and is_new:
            slow.go()
            until(lambda: optimizer._now.runner.outrun)
        gradients = {key: random.normal(size=each.shape).astype("float32") for key, each in weights.items()}
        optimizer.update({key: (weights[key], each.copy()) for key, each in gradients.items()})
        plain.update({key: (others[key], each) for key, each in gradients.items()})
        assert all(weights[key].tobytes() == others[key].tobytes() for key in weights)
        assert kernels(optimizer) == 1 or at < 4
    set_num_threads(before)
    assert str(optimizer.state()) == str(plain.state())


def kernels(optimizer):
    """How many kernels a step runs; none in plain NumPy."""
    return max(len(plan) for plans in getattr(optimizer._now.runner, "plans", [[()]]) for plan in plans)
