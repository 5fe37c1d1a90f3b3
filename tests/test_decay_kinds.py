"""By how much weights decay, and which of them: each kind, stated again in float64, at both places."""

import pickle

import numpy as np
import pytest

from thincopt import AdamW, Optimizer, rule
from thincopt.language import Rate

KINDS = ("rate", "independent", "squared", "corrected")
STEPS = 200
RATES = [0.1 * (1 + step % 7) / 7 for step in range(STEPS)]  # as a warmup, again and again
SCALES = (1.0, 0.5, 2.0)


def stated(kind, rates, decay, *, is_late, is_cautious):
    """Plain gradient descent beside decay, step by step."""
    random = np.random.default_rng(0)
    weights, greatest = random.normal(size=50), 0.0
    for rate in rates:
        step, greatest = rate * random.normal(size=50), max(greatest, rate)
        share = decay * {
            "rate": rate, "independent": 1.0, "squared": rate**2, "corrected": rate**2 / greatest if greatest else 0.0
        }[kind]  # fmt: skip
        decays = step * weights >= 0 if is_cautious else True
        late = weights - step if is_late and not is_cautious else weights
        weights = weights - step - np.where(decays, share * late, 0.0)
    return weights, greatest


def trained(optimizer, rates=None):
    random = np.random.default_rng(0)
    weights = random.normal(size=50)
    for step in range(STEPS):
        optimizer("w", weights, random.normal(size=50), lr_scale=SCALES[step % 3])
        optimizer.step_schedules()
    return weights


@pytest.mark.parametrize("is_cautious", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["SGD.v2", "SGD.v1"])
def test_each_kind_at_both_places(name, kind, is_cautious, ops):
    """SGD.v1 decays the weights that a step ends with, and its L2 is weight decay."""
    decay = dict(weight_decay=0.05) if name == "SGD.v2" else dict(L2=0.05, grad_clip=0.0)
    chosen = dict(decay_kind=kind, cautious_decay=is_cautious, **decay)
    optimizer = Optimizer.of(name, learn_rate=RATES, ops=ops, **chosen)
    rates = [rate * SCALES[step % 3] for step, rate in enumerate(RATES)]
    expected, greatest = stated(kind, rates, 0.05, is_late=name == "SGD.v1", is_cautious=is_cautious)
    np.testing.assert_allclose(trained(optimizer), expected, rtol=1e-11)
    stage = "cautious_decay" if is_cautious else "weight_decay"
    known = {name: each for name, each in optimizer.state()["keys"]["w"].items() if name.endswith("max_rate")}
    assert known == ({f"{stage}.max_rate": pytest.approx(greatest)} if kind == "corrected" else {})


@pytest.mark.parametrize("is_cautious", [False, True])
def test_independent_decay_knows_no_rate(is_cautious, ops):
    optimizer = AdamW(0.0, weight_decay=0.25, decay_kind="independent", cautious_decay=is_cautious, ops=ops)
    weights = np.array([2.0, -4.0])
    optimizer("w", weights, np.ones(2), lr_scale=3.0)
    assert weights.tolist() == [1.5, -3.0]


def test_corrected_decay_of_a_rate_that_was_never_there(ops):
    """Nothing is divided by zero."""
    optimizer = AdamW([0.0, 0.0, 0.5, 0.25], weight_decay=0.5, decay_kind="corrected", ops=ops)
    weights, seen = np.array([8.0]), []
    for _ in range(4):
        optimizer("w", weights, np.zeros(1))
        optimizer.step_schedules()
        seen.append(weights[0])
    assert seen == [8.0, 8.0, 6.0, 8.0 * 0.75 * (1 - 0.0625)]


def test_cautious_decay_spares_what_the_step_makes_larger(ops):
    """A step of zero counts as agreeing, as in the paper."""
    optimizer = Optimizer.of("SGD.v2", learn_rate=0.5, weight_decay=0.5, cautious_decay=True, ops=ops)
    weights = np.array([4.0, 4.0, 4.0, -4.0, -4.0, 0.0])
    optimizer("w", weights, np.array([2.0, -2.0, 0.0, 2.0, -2.0, 2.0]))
    assert weights.tolist() == [2.0, 5.0, 3.0, -5.0, -2.0, -1.0]


@pytest.mark.parametrize("is_cautious", [False, True])
def test_the_greatest_rate_is_saved(is_cautious, ops):
    def made():
        chosen = dict(weight_decay=0.5, decay_kind="corrected", cautious_decay=is_cautious)
        return AdamW([0.5, 0.1, 0.1, 0.1], ops=ops, **chosen)

    whole, first = made(), made()
    one, other = np.full(3, 4.0), np.full(3, 4.0)
    for step in range(4):
        whole("w", one, np.ones(3))
        whole.step_schedules()
        if step == 2:
            first = pickle.loads(pickle.dumps(first))
        first("w", other, np.ones(3))
        first.step_schedules()
    assert one.tolist() == other.tolist()
    loaded = made()
    loaded.load_state(first.state())
    assert str(loaded.state()) == str(first.state())


def test_state_from_before_there_were_kinds_is_loaded(ops):
    optimizer = AdamW(ops=ops)
    optimizer("w", np.ones(2), np.ones(2))
    state = optimizer.state()
    assert not [name for name in state["keys"]["w"] if "." in name]
    corrected = AdamW(decay_kind="corrected", ops=ops)
    corrected.load_state(state)
    corrected("w", np.ones(2), np.ones(2))
    assert corrected.state()["keys"]["w"]["weight_decay.max_rate"] == 0.001


def test_what_takes_decay_over_takes_all_of_it(ops):
    @rule("Own.v1", takes="weight_decay")
    def Own(w, g, *, learn_rate: Rate = 0.5, weight_decay: Rate = 0.5):
        return learn_rate * (g + weight_decay * w)

    optimizer = Optimizer.of(Own, ops=ops)
    assert not optimizer.settings.keys() & {"decay_kind", "cautious_decay"}
    weights = np.ones(1)
    optimizer("w", weights, np.ones(1))
    assert weights.tolist() == [0.25]
