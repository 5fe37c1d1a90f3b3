"""State: what is kept by key and name, shared, counted, and loaded again."""

import numpy as np
import pytest

from tests.conftest import steps
from thincopt import Optimizer
from thincopt.rules import all_rules


def test_state_is_whole_and_views_are_for_reading(ops):
    optimizer = Optimizer.of("NAdam.v1", use_averages=True, ops=ops)
    steps(optimizer, count=2, size=(2, 3))
    state = optimizer.state()["keys"]["w"]
    assert set(state) == {"t", "shape", "dtype", "skipped", "streak", "mu_product", "m", "v", "average"}
    assert state["t"] == optimizer.nr_update["w"] == 2
    assert state["m"].shape == (2, 3)
    assert np.shares_memory(state["m"], optimizer.mom1["w"])
    with pytest.raises(ValueError, match="read-only"):
        optimizer.mom2["w"][0] = 1
    assert Optimizer.of("NAdam.v1").averages is None


@pytest.mark.parametrize("name", [name for name in all_rules() if not name.startswith("Probe")])
@pytest.mark.parametrize("stop", [0, 1, 2, 7])
def test_a_run_that_stops_and_goes_on_gives_the_same_bits(name, stop, ops):
    settings = dict(learn_rate=0.01, lookahead_k=3, use_averages=True, ops=ops)
    whole, part, resumed = (Optimizer.of(name, **settings) for _ in range(3))
    weights = {each: np.linspace(-1, 1, 70, dtype="float32") for each in ("whole", "part")}

    def step(optimizer, array, index):
        optimizer.update({"w": (array, np.random.default_rng(index).normal(size=70).astype("float32"))})

    for index in range(12):
        step(whole, weights["whole"], index)
    for index in range(stop):
        step(part, weights["part"], index)
    resumed.load_state(part.state())
    for index in range(stop, 12):
        step(resumed, weights["part"], index)
    assert weights["part"].tobytes() == weights["whole"].tobytes()
    assert str(resumed.state()) == str(whole.state())


def test_loading_state_of_another_kind_is_refused_whole(ops):
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    steps(optimizer)
    before = str(optimizer.state())
    good = {"t": 1, "shape": (3,), "dtype": "float64", "skipped": 0, "streak": 0, "m": np.ones(3), "v": np.ones(3)}
    for wrong, text in (
        ({"keys": {"w": {**good, "velocity": np.ones(3)}}, "shared": {}}, r"has \['velocity'\], which this optimizer"),
        ({"keys": {"w": {"t": 1}}, "shared": {}}, r"Key 'w' lacks \['shape', 'dtype', 'skipped', 'streak'\]"),
        ({"keys": {"w": {**good, "t": -1}}, "shared": {}}, "Key 'w': t must be a whole number >= 0, not -1"),
        ({"keys": {"w": {**good, "v": np.ones(4)}}, "shared": {}}, r"Key 'w': v is float64 of shape \(4,\), but"),
        ({"keys": {"w": {**good, "v": [1.0]}}, "shared": {}}, "Key 'w': v must be a NumPy array, not list"),
        ({"keys": {}, "shared": {"d": 1.0}}, r"has \['d'\], which this optimizer does not know"),
        ([], "A state is a mapping of 'keys' and 'shared'"),
    ):
        with pytest.raises(ValueError, match=text):
            optimizer.load_state(wrong)
        assert str(optimizer.state()) == before


def test_prodigy_finds_its_step_over_the_whole_model(probe_ops):
    """Against the authors' algorithm in plain float64 over two keys (Algorithm 4 of arXiv:2306.06101)."""
    random = np.random.default_rng(0)
    model = {key: random.normal(size=size) for key, size in (("a", 5), ("b", 9))}
    x = {key: each.copy() for key, each in model.items()}
    m, v, s = ({key: np.zeros(each.size) for key, each in x.items()} for _ in range(3))
    d, r, b1, b2, root = 1e-6, 0.0, 0.9, 0.999, np.sqrt(0.999)
    optimizer = Optimizer.of("ProbeProdigy.v1", ops=probe_ops)
    for k in range(1, 200):
        g = {key: 2 * each + random.normal(size=each.size) * 0.01 for key, each in x.items()}
        optimizer.update({key: (each, g[key].copy()) for key, each in model.items()})
        rate = d * np.sqrt(1 - b2**k) / (1 - b1**k)
        r = root * r + (1 - root) * rate * d * sum(g[key] @ (start(key) - x[key]) for key in x)
        for key in x:  # noqa: PLC0206  # four dictionaries side by side
            m[key] = b1 * m[key] + (1 - b1) * d * g[key]
            v[key] = b2 * v[key] + (1 - b2) * (d * g[key]) ** 2
            s[key] = root * s[key] + (1 - root) * rate * d * g[key]
            x[key] = x[key] - rate * m[key] / (np.sqrt(v[key]) + d * 1e-8)
        d = max(d, r / sum(np.abs(each).sum() for each in s.values()))
        for key in x:  # noqa: PLC0206  # as above
            # w₀ − w cancels to 1e-6 of w at first, and that rounding stays in d
            assert np.abs(model[key] - x[key]).max() < 1e-9 * np.abs(x[key]).max()
    assert optimizer.state()["shared"]["k"] == 199
    assert optimizer.state()["shared"]["d"] == pytest.approx(d, rel=1e-9)
    assert d > 0.01  # from 1e-6


def start(key):
    random = np.random.default_rng(0)
    return {name: random.normal(size=size) for name, size in (("a", 5), ("b", 9))}[key]


def test_shared_and_scalar_state(probe_ops):
    optimizer = Optimizer.of("ProbeCounter.v1", ops=probe_ops)
    for _ in range(3):
        optimizer.update({key: (np.ones(size), np.full(size, -float(size))) for key, size in (("a", 2), ("b", 3))})
    state = optimizer.state()
    assert state["shared"] == {"seen": 3.0}
    assert [state["keys"][key]["own"] for key in "ab"] == [((2 * 0.5 + 1) * 0.5 + 2) * 0.5 + 3] * 2
    assert [state["keys"][key]["largest"] for key in "ab"] == [2.0, 3.0]


def test_state_that_swaps_places(probe_ops):
    optimizer = Optimizer.of("ProbeSwap.v1", level=7.0, ops=probe_ops)
    optimizer("w", np.full(3, 5.0), np.zeros(3))
    state = optimizer.state()["keys"]["w"]
    assert [state[name][0] for name in ("one", "other", "third")] == [0.0, 7.0, 5.0]


def test_state_that_a_trace_does_not_need_is_not_allocated(ops):
    for name, settings, expected in (
        ("SGD.v2", {}, set()),
        ("SGD.v2", {"momentum": 0.9}, {"velocity"}),
        ("Adam.v2", {}, {"m", "v"}),
        ("Adam.v2", {"amsgrad": True}, {"m", "v", "vmax"}),
        ("Adam.v2", {"lookahead_k": 5}, {"m", "v", "slow"}),
    ):
        optimizer = Optimizer.of(name, ops=ops, **settings)
        steps(optimizer, count=1)
        assert set(optimizer.state()["keys"]["w"]) - {"t", "shape", "dtype", "skipped", "streak"} == expected


@pytest.mark.parametrize("t", [1, 2**24 + 1, 2**31 + 5, 2**40])
def test_counters_do_not_stick(t, ops):
    optimizer = Optimizer.of("Adam.v2", ops=ops, learn_rate=0.1)
    steps(optimizer, count=1, size=1)
    optimizer._states["w"].count[0] = t - 1
    weights = np.ones(1)
    optimizer("w", weights, np.ones(1))
    assert optimizer.nr_update["w"] == t
    m, v = optimizer.mom1["w"], optimizer.mom2["w"]
    expected = 1 - 0.1 * (m / -np.expm1(t * np.log(0.9))) / (np.sqrt(v / -np.expm1(t * np.log(0.999))) + 1e-8)
    np.testing.assert_allclose(weights, expected, rtol=1e-13)
