"""Random numbers in rules: of the seed, the key, the step and the part alone, wherever and however often drawn."""

import hashlib
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from tests.probes import Random as Probe
from tests.probes import Uniform
from thincopt import NumpyOps, Optimizer, RuleError, SettingError, load, set_num_threads, stages
from thincopt.language import Count, Random, Rate, Rule, Scalar, Shared, normal, stage, uniform
from thincopt.language.keys import key_text
from thincopt.rules.sgd import SGD

MASK = 2**32 - 1


def words(*parts):
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return [int.from_bytes(digest[at : at + 4], "big") for at in (0, 4)]


def philox(counter, key):
    """Salmon et al. (2011), written a second time."""
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * counter[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * counter[2], 2**32)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) & MASK, (key[1] + 0xBB67AE85) & MASK]
    return counter


def stepped(rule, size=6, count=3, key="w", dtype="float64", **settings):
    optimizer, weights = Optimizer.of(rule, **settings), np.zeros(size, dtype)
    for _ in range(count):
        optimizer.update({key: (weights, np.zeros(size, dtype))})
    return weights


def test_the_words_are_those_that_the_language_states(ops):
    part, _ = words("ProbeUniform.v1", "0")
    drawn = [philox([place // 4, 0, 2, part], words("7", '"W"'))[place % 4] for place in range(11)]
    optimizer, weights = Optimizer.of(Uniform, seed=7, ops=ops), np.zeros(11)
    for _ in range(2):
        weights[:] = 0
        optimizer("W", weights, np.zeros(11))
    assert (-weights).tolist() == [(word + 0.5) / 2**32 for word in drawn]


def test_the_formula_is_the_oracle(ops):
    optimizer, weights = Optimizer.of(Probe, refresh=2, seed=3, ops=ops), np.ones(70)
    expected, m, seen = np.ones(70), np.zeros(70), 0.0
    gradients = np.random.default_rng(0).normal(size=(7, 70))
    for t, gradient in enumerate(gradients, 1):
        random = Random("ProbeRandom.v1", ("layer", 1), t=t, seed=3)
        step, m, seen = Probe(expected, gradient, m, seen, random, t, learn_rate=0.1, refresh=2)
        expected = expected - step
        optimizer(("layer", 1), weights, gradient.copy())
    assert np.allclose(weights, expected, rtol=1e-12, atol=0)  # sums in another order


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_and_threads_draw_as_one(compiled_probes, dtype):
    size, ends = 300_003, []
    for ops, threads in ((NumpyOps(None), 1), (compiled_probes, 1), (compiled_probes, 2)):
        set_num_threads(threads)
        ends.append(stepped(Probe, size, dtype=dtype, ops=ops))
    assert ends[0].tobytes() == ends[1].tobytes() == ends[2].tobytes()


def test_each_seed_key_step_part_and_draw_has_its_own():
    def two(w, g, random):
        return uniform(random, of=w) - uniform(random, of=w, draw="other")

    first = stepped(Uniform, count=1)
    others = [
        stepped(Uniform, count=1, seed=1),
        stepped(Uniform, count=1, key="v"),
        stepped(Uniform, count=2) - first,
        stepped(replace(Uniform, name="AnotherForTests.v1"), count=1),
    ]
    assert not any(np.isclose(first, each).any() for each in others)
    assert stepped(Rule("Two.v1", two)).all()
    assert np.array_equal(stepped(Uniform, size=4, count=1), first[:4])


@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_numbers_are_spread_as_their_name_says(name):
    word = {"uniform": uniform, "normal": normal}[name]

    def draw(w, g, random):
        return -word(random, of=w)

    share = stepped(Rule("Spread.v1", draw), 200_000, count=1)
    if name == "normal":
        share = np.array([*map(NormalDist().cdf, share)])
    farthest = np.abs(np.sort(share) - (np.arange(share.size) + 0.5) / share.size).max()
    assert farthest < 1.63 / share.size**0.5  # Kolmogorov and Smirnov, at 1 %
    counts, *_ = np.histogram2d(share[:-1], share[1:], bins=10)
    assert 55 < ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 148  # χ² of 99 degrees, at 0.1 % on either side


def test_numbers_of_a_step_may_be_held_for_some():
    def held(w, g, random, t, *, k: Count = 3):
        return uniform(random, of=w, at=t // k)

    made = Rule("Held.v1", held)
    one, two, three = (stepped(made, count=count) for count in (1, 2, 3))
    assert np.array_equal(two, one + one)
    assert not np.isclose(three - two, one).any()
    assert stepped(made, k=0).all()  # 0/0 is no whole number, and counts as 0


def test_a_run_that_goes_on_draws_what_it_would_have_drawn(ops):
    whole, weights = stepped(Probe, count=6, ops=ops, seed=5), np.zeros(6)
    optimizer = Optimizer.of(Probe, seed=5, ops=ops)
    for _ in range(3):
        optimizer("w", weights, np.zeros(6))
    state = optimizer.state()
    assert set(state["keys"]["w"]) == {"t", "shape", "dtype", "skipped", "streak", "seen", "m"}
    again = Optimizer.of(Probe, seed=5, ops=ops)
    again.load_state(state)
    for _ in range(3):
        again("w", weights, np.zeros(6))
    assert np.array_equal(weights, whole)


def test_another_seed_counts_from_the_next_step(ops):
    optimizer, weights = Optimizer.of(Uniform, ops=ops), np.zeros(6)
    optimizer("w", weights, np.zeros(6))
    optimizer.seed = 9
    optimizer("w", weights, np.zeros(6))
    second = stepped(Uniform, count=2, seed=9) - stepped(Uniform, count=1, seed=9)
    assert np.allclose(weights, stepped(Uniform, count=1) + second, rtol=1e-14)


def test_stages_draw_too(monkeypatch, ops):
    @stage(at="gradient")
    def shaken(w, g, random, *, shake: Rate = 0.0):
        return g + shake * normal(random, of=w) if shake else g

    plain = replace(SGD, name="Still.v2")
    assert "seed" not in Optimizer.of(plain, learn_rate=0.1).settings
    monkeypatch.setattr(stages, "ORDER", (shaken, *stages.ORDER))
    made = replace(SGD, name="Shaken.v2")
    weights = stepped(made, learn_rate=1.0, shake=0.5, ops=ops, count=1)
    random = Random("shaken", "w", t=1)
    assert np.array_equal(weights, -0.5 * normal(random, of=np.zeros(6)))


def test_configs_have_the_seed():
    text = "[optimizer]\n@optimizers = ProbeUniform.v1\nseed = {}\n"
    assert load(text.format(4))["optimizer"].seed == 4
    with pytest.raises(SettingError, match=r"seed must be a whole number >= 0, not 1\.5"):
        Optimizer.of(Uniform, seed=1.5)
    with pytest.raises(SettingError, match=r"^SGD\.v2 has no setting 'seed'\."):
        Optimizer.of("SGD.v2", learn_rate=0.1, seed=1)


def test_keys_have_texts():
    keys = ["a", "1", 1, b"a", None, ("a",), (), ("a", ("b", 2)), '("a",)', "é", -1]
    texts = [*map(key_text, keys)]
    assert len({*texts}) == len(keys)
    assert [key_text(key) for key in (True, np.int64(1), np.str_("a"))] == [key_text(1), key_text(1), key_text("a")]
    assert [key_text(key) for key in (1.0, object(), frozenset(), ("a", 2.0))] == [None] * 4


def test_a_key_of_any_characters_draws():
    assert stepped(Uniform, key="\ud800").all()


def test_a_key_without_a_text_draws_nothing():
    optimizer, weights = Optimizer.of(Uniform), np.zeros(3)
    with pytest.raises(RuleError, match=r"random numbers depend on the key, and 1\.5 \(float\) has no text"):
        optimizer(1.5, weights, np.ones(3))
    assert not weights.any()
    assert not optimizer.state()["keys"]


WRONG = {
    "uniform draws from what the engine supplies as `random`, not from <g>: name it beside w and g": (
        lambda w, g, random: uniform(g, of=w)
    ),
    "normal draws a second time with draw=0, which would give the same numbers": (
        lambda w, g, random: uniform(random, of=w) + normal(random, of=1.0)
    ),
    "uniform draws from what the engine supplies as `random`, not from None": lambda w, g, random: uniform(of=w),
    "normal must be told how many numbers are wanted: write normal(random, of=w)": lambda w, g, random: normal(random),
    "not of array([1.]) (ndarray); an array of your own, such as a mask, is state": (
        lambda w, g: g * np.ones(1)[()] * np.ones(1)
    ),
    "normal: draw= is a plain number or a text": lambda w, g, random: normal(random, of=w, draw=g),
    "normal: at= is a whole number, such as t or t // k, not <g>": lambda w, g, random: normal(random, of=w, at=g),
    "normal: at= is a whole number, such as t or t // k, not <0.5>": lambda w, g, random: normal(random, of=w, at=0.5),
    "a formula has no .normal: write normal(random, of=w), from": lambda w, g, random: random.normal(size=3),
    "not of <random numbers of Made.v1>": lambda w, g, random: g + random,
}


@pytest.mark.parametrize("text", WRONG)
def test_slips_are_told(text):
    with pytest.raises(RuleError) as caught:
        Optimizer.of(Rule("Made.v1", WRONG[text]))
    assert text in str(caught.value)


def test_what_all_keys_share_draws_nothing():
    def made(w, g, n: Shared, random):
        return g, n + uniform(random, of=1.0)

    with pytest.raises(RuleError, match=r"shared state 'n' depends on 'random\.0', which each key has its own of"):
        Optimizer.of(Rule("Made.v1", made))


def test_a_number_alone_is_one_for_each_key(ops):
    def made(w, g, last: Scalar, random):
        return 0.0 * w, uniform(random, of=1.0)

    optimizer = Optimizer.of(Rule("Alone.v1", made), ops=ops)
    optimizer.update({key: (np.ones(3), np.ones(3)) for key in "ab"})
    found = [optimizer.state()["keys"][key]["last"] for key in "ab"]
    assert found == [uniform(Random("Alone.v1", key, t=1), of=1.0) for key in "ab"]
    assert found[0] != found[1]
