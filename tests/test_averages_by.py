"""Averages by kind, stated again in float64: Thinc's, a running mean, and the equal mean of SWA."""

import pickle

import numpy as np
import pytest

from thincopt import ArrayError, Optimizer

STEPS = 100


def trained(ops, steps=STEPS, at=lambda step, optimizer: None, **chosen):
    """An optimizer, and the weights after each step."""
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, use_averages=True, ops=ops, **chosen)
    random = np.random.default_rng(0)
    weights, seen = random.normal(size=20), []
    for step in range(1, steps + 1):
        optimizer("w", weights, random.normal(size=20))
        seen.append(weights.copy())
        at(step, optimizer)
    return optimizer, np.array(seen)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("debias", [False, True])
def test_a_running_mean(beta, debias, ops):
    """With the first weights in full, or with nothing, as weights of a mean that add up to 1."""
    optimizer, seen = trained(ops, averages_by="ema", ema_decay=beta, ema_debias=debias)
    shares = (1 - beta) * beta ** np.arange(STEPS)[::-1]
    if debias:
        shares /= shares.sum()
    else:
        shares[0] = beta ** (STEPS - 1)
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(optimizer.averages["w"], shares @ seen, rtol=1e-11)


def test_a_debiased_mean_knows_what_its_pace_was(ops):
    """1 − βᵗ would only be right for one β."""
    betas = [0.5, 0.9, 0.8, 0.99]
    optimizer, seen = trained(
        ops, 4, lambda _, each: each.step_schedules(), averages_by="ema", ema_decay=betas, ema_debias=True
    )
    mean, mass = np.zeros(20), 0.0
    for beta, weights in zip(betas, seen, strict=True):
        mean, mass = beta * mean + (1 - beta) * weights, beta * mass + 1 - beta
    np.testing.assert_allclose(optimizer.averages["w"], mean / mass, rtol=1e-12)


@pytest.mark.parametrize("start", [0, 1, 10, 97])
@pytest.mark.parametrize("every", [1, 3, 10])
def test_an_equal_mean(start, every, ops):
    optimizer, seen = trained(ops, averages_by="swa", swa_start=start, swa_every=every)
    entered = [each for step, each in enumerate(seen, 1) if step >= start and step % every == 0]
    np.testing.assert_allclose(optimizer.averages["w"], np.mean(entered, 0), rtol=1e-12)
    assert optimizer.state()["keys"]["w"]["averages.mass"] == len(entered)


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("debias", [False, True])
def test_the_first_average_is_the_first_weights_to_the_last_bit(kind, debias, ops):
    chosen = dict(ema_decay=0.9, ema_debias=debias) if kind == "ema" else {}
    optimizer, seen = trained(ops, 1, averages_by=kind, **chosen)
    assert optimizer.averages["w"].tolist() == seen[0].tolist()


def test_till_swa_begins_one_evaluates_with_the_weights(ops):
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, use_averages=True, averages_by="swa", swa_start=3, ops=ops)
    model = {"w": np.zeros(2), "v": np.zeros(2)}
    optimizer.update({key: (each, np.ones(2)) for key, each in model.items()})
    for _ in range(2):
        optimizer("v", model["v"], np.ones(2))
    assert list(optimizer.averages) == ["v"]
    optimizer("v", model["v"], np.ones(2))
    with optimizer.averaged(model):
        assert [each.tolist() for each in model.values()] == [[-1, -1], [-3.5, -3.5]]
    assert [each.tolist() for each in model.values()] == [[-1, -1], [-4, -4]]
    with pytest.raises(ArrayError, match=r"^Key 'u' has no averages yet: it was never updated"):
        optimizer.averaged({"u": np.zeros(2)})


@pytest.mark.parametrize("chosen", [dict(averages_by="ema", ema_decay=0.9), dict(averages_by="swa", swa_every=2)])
def test_an_average_that_is_switched_on_late_begins_with_the_weights_of_then(chosen, ops):
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, ops=ops)
    weights = np.full(2, 100.0)
    for step in range(1, 55):
        optimizer("w", weights, np.ones(2))
        if step == 50:
            optimizer.change(use_averages=True, **chosen)
    ema = 0.9 * (0.9 * (0.9 * 49 + 0.1 * 48) + 0.1 * 47) + 0.1 * 46
    np.testing.assert_allclose(optimizer.averages["w"], ema if chosen["averages_by"] == "ema" else (48 + 46) / 2)


SAVED = [
    dict(averages_by="ema", ema_debias=True),
    dict(averages_by="ema"),
    dict(averages_by="swa", swa_start=5, swa_every=3),
]


@pytest.mark.parametrize("chosen", SAVED)
def test_a_run_that_is_saved_and_goes_on_has_the_same_bits(chosen, ops):
    def save(step, optimizer):
        saved = pickle.loads(pickle.dumps(optimizer)).state()
        optimizer.load_state({**saved, "keys": {}})
        optimizer.load_state(saved)

    whole, _ = trained(ops, 20, **chosen)
    again, _ = trained(ops, 20, save, **chosen)
    assert again.averages["w"].tolist() == whole.averages["w"].tolist()


def test_another_kind_may_be_chosen_and_saved(ops):
    """What was given for the kind of before does nothing then, and is no fault of what was saved."""
    optimizer, _ = trained(ops, 3, averages_by="ema", ema_decay=0.5)
    optimizer.averages_by = "swa"
    again = pickle.loads(pickle.dumps(optimizer))
    assert (again.averages_by, again.ema_decay) == ("swa", 0.5)


def test_a_switch_that_was_given_as_off_is_warned_of_alone(ops):
    with pytest.warns(UserWarning, match=r"^AdamW\.v1: ema_decay = 0\.5 does nothing where use_averages is False and"):
        Optimizer.of("AdamW.v1", use_averages=False, ema_decay=0.5, ops=ops)
    with pytest.warns(UserWarning, match=r"decay_kind = 'squared' does nothing where weight_decay is 0"):
        Optimizer.of("AdamW.v1", weight_decay=0, decay_kind="squared", ops=ops)
    Optimizer.of("SGD.v2", decay_kind="squared", schedules={"weight_decay": [0.0, 0.1]}, ops=ops)
