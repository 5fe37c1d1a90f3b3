"""The engine: keys, state, settings, the order of the stages, whole-model rules."""

import numpy as np
import pytest

from tests import probes
from thincopt import ArrayError, Optimizer, SettingError, stage
from thincopt.rules import all_rules


def steps(optimizer, count=3, size=5, dtype="float64", key="w"):
    """Train one key on fixed gradients; its weights."""
    random = np.random.default_rng(0)
    weights = random.normal(size=size).astype(dtype)
    for _ in range(count):
        optimizer.update({key: (weights, random.normal(size=size).astype(dtype))})
    return weights


def test_the_same_objects_come_back_updated_and_zeroed(ops):
    weights, gradient = np.ones((2, 3), "float32"), np.ones((2, 3), "float32")
    result = Optimizer.of("SGD.v2", learn_rate=0.5, ops=ops)("w", weights, gradient)
    assert result[0] is weights
    assert result[1] is gradient
    assert (weights == 0.5).all()
    assert (gradient == 0).all()


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 1, 3), (5, 0)])
def test_any_shape(shape, ops):
    weights = np.ones(shape)
    Optimizer.of("SGD.v2", learn_rate=0.25, ops=ops)("w", weights, np.ones(shape))
    assert weights.shape == shape
    assert (weights == 0.75).all()


def test_a_flat_gradient_of_weights_of_any_shape(ops):
    weights = np.ones((2, 3))
    Optimizer.of("SGD.v2", learn_rate=0.5, ops=ops)("w", weights, np.arange(6.0))
    assert (weights == 1 - np.arange(6.0).reshape(2, 3) / 2).all()


def test_an_empty_gradient_returns_before_any_other_check_and_is_not_counted(ops):
    optimizer = Optimizer.of("Adam.v1", ops=ops)
    weights = np.ones(3, "int8")
    assert optimizer("w", weights, np.ones(0))[0] is weights
    optimizer.update({"w": ("not even an array", np.ones(0)), "v": (np.ones(2), np.ones(2))})
    assert optimizer.nr_update == {"v": 1}


def test_keys_are_apart_and_of_any_hashable_kind(ops):
    optimizer = Optimizer.of("Adam.v2", ops=ops)
    for key in ("w", 1, (2, "b"), None, b"x", frozenset({3})):
        steps(optimizer, key=key, count=2)
    assert list(optimizer.nr_update.values()) == [2] * 6
    assert len({value.tobytes() for value in optimizer.mom1.values()}) == 1


def test_single_calls_and_update_give_the_same_bits(ops):
    ends = []
    for whole in (False, True):
        random = np.random.default_rng(3)
        optimizer = Optimizer.of("Adam.v1", ops=ops, L2=0.1, L2_is_weight_decay=False)
        model = {key: random.normal(size=(key, 7)).astype("float32") for key in range(1, 6)}
        for _ in range(5):
            batch = {key: (each, random.normal(size=each.shape).astype("float32")) for key, each in model.items()}
            if whole:
                optimizer.update(batch)
            else:
                for key, pair in batch.items():
                    optimizer(key, *pair)
        ends.append([each.tobytes() for each in model.values()])
    assert ends[0] == ends[1]


def test_lr_scale_scales_the_rate_of_rule_and_decay(ops):
    ends = []
    for rate, scale in ((0.1, 0.5), (0.05, 1), (0.05, np.float32(1))):
        optimizer = Optimizer.of("AdamW.v1", learn_rate=rate, weight_decay=0.3, ops=ops)
        weights = np.ones(4)
        for _ in range(3):
            optimizer("w", weights, np.full(4, 0.7), lr_scale=scale)
        ends.append(weights.tobytes())
    assert len(set(ends)) == 1


def test_clip_by_model_needs_the_whole_model(ops):
    optimizer = Optimizer.of("AdamW.v1", grad_clip=1.0, grad_clip_by="model", ops=ops)
    weights = np.ones(3)
    with pytest.raises(ArrayError, match=r"AdamW.v1 with these settings needs the whole model at once .*update"):
        optimizer("w", weights, np.ones(3))
    assert (weights == 1).all()


def test_clip_by_model_scales_all_keys_alike(ops):
    a, b = np.zeros(1), np.zeros(1)
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, grad_clip=1.0, grad_clip_by="model", ops=ops)
    optimizer.update({"a": (a, np.array([3.0])), "b": (b, np.array([4.0]))})
    assert (float(a[0]), float(b[0])) == pytest.approx((-0.6, -0.8), rel=1e-15)


def test_clip_applies_from_the_limit_on(ops):
    for limit, expected in ((4.9, 4.9), (5.0, 5.0), (5.1, 5.0)):
        weights = np.zeros(2)
        Optimizer.of("SGD.v2", learn_rate=1.0, grad_clip=limit, ops=ops)("w", weights, np.array([3.0, 4.0]))
        assert np.hypot(*weights) == pytest.approx(expected, rel=1e-15)


def test_L2_is_added_before_the_clip_and_decay_follows_the_rule(ops):
    """Thinc's order: L2, clip, rule, decay of the updated weights."""
    weights = np.array([3.0, 4.0])
    optimizer = Optimizer.of("SGD.v1", learn_rate=1.0, L2=1.0, L2_is_weight_decay=False, grad_clip=1.0, ops=ops)
    optimizer("w", weights, np.zeros(2))
    np.testing.assert_allclose(weights, [2.4, 3.2], rtol=1e-15)
    weights = np.array([1.0])
    Optimizer.of("SGD.v1", learn_rate=0.5, L2=0.5, ops=ops)("w", weights, np.array([1.0]))
    assert weights[0] == (1.0 - 0.5) * (1 - 0.25)
    weights = np.array([1.0])
    Optimizer.of("SGD.v2", learn_rate=0.5, weight_decay=0.5, ops=ops)("w", weights, np.array([1.0]))
    assert weights[0] == 0.75 - 0.5


def test_settings_that_contradict_each_other():
    with pytest.raises(
        SettingError, match=r"L2 = 0.1 counts as weight decay here .*, and weight_decay = 0.2 was given"
    ):
        Optimizer.of("Adam.v1", L2=0.1, weight_decay=0.2)


@pytest.mark.parametrize(
    ("name", "settings", "text"),
    [
        ("AdamV.v1", {}, "No optimizer is named 'AdamV.v1'. Did you mean 'Adam.v1'?"),
        ("SGD.v1", {}, "SGD.v1 needs learn_rate: pass learn_rate=…."),
        ("AdamW.v1", {"betal": 0.9}, "AdamW.v1 has no setting 'betal'. Did you mean 'beta1'?"),
        (
            "AdamW.v1",
            {"lookeahead_alpha": 0.5},
            "AdamW.v1 has no setting 'lookeahead_alpha'. Did you mean 'lookahead_alpha'?",
        ),
        ("AdamW.v1", {"beta1": 1.0}, "AdamW.v1: beta1 must be a finite number >= 0 and < 1, not 1.0."),
        ("AdamW.v1", {"eps": 0.0}, "AdamW.v1: eps must be a finite number > 0, not 0.0."),
        ("AdamW.v1", {"learn_rate": float("nan")}, "AdamW.v1: learn_rate must be a finite number >= 0, not nan."),
        (
            "AdamW.v1",
            {"learn_rate": "0.1"},
            "AdamW.v1: learn_rate must be a finite number >= 0, or a schedule of such, not '0.1'.",
        ),
        ("AdamW.v1", {"learn_rate": True}, "AdamW.v1: learn_rate must be a finite number >= 0, not True."),
        ("AdamW.v1", {"lookahead_k": 2.5}, "AdamW.v1: lookahead_k must be a whole number >= 0, not 2.5."),
        ("AdamW.v1", {"amsgrad": 1}, "AdamW.v1: amsgrad must be one of False, True, not 1."),
        (
            "AdamW.v1",
            {"nonfinite": "ignore"},
            "AdamW.v1: nonfinite must be one of 'raise', 'skip', 'propagate', not 'ignore'.",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_an_error_that_teaches(name, settings, text):
    with pytest.raises(SettingError) as caught:
        Optimizer.of(name, **settings)
    assert str(caught.value) == text


def test_change_takes_effect_at_the_next_call_and_keeps_state(ops):
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, momentum=0.5, ops=ops)
    weights = np.zeros(1)
    optimizer("w", weights, np.ones(1))
    optimizer.change(learn_rate=0.0)
    optimizer("w", weights, np.ones(1))
    optimizer.change(learn_rate=1.0, use_averages=True, lookahead_k=4)
    optimizer("w", weights, np.ones(1))
    assert weights[0] == -1.0 - 1.75
    assert optimizer.nr_update == {"w": 3}
    assert set(optimizer.averages) == {"w"}


def test_a_change_that_is_refused_changes_nothing(ops):
    optimizer = Optimizer.of("Adam.v1", weight_decay=0.1, ops=ops)
    for wrong in ({"beta1": 2.0}, {"L2": 0.1}, {"beta1": 0.5, "gamma": 1}):
        before = optimizer.settings
        with pytest.raises(SettingError):
            optimizer.change(**wrong)
        assert optimizer.settings == before
        assert (
            steps(optimizer, key=str(wrong)).tobytes()
            == steps(Optimizer.of("Adam.v1", weight_decay=0.1, ops=ops)).tobytes()
        )


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


def test_stages_at_the_step_wrap_any_rule(monkeypatch):
    """A stage of the wider literature, attached as the library's own are."""
    from thincopt import composing

    around = composing.stages_around
    monkeypatch.setattr(composing, "stages_around", lambda rule: (*around(rule), probes.cautious))
    composing.declarations.cache_clear()
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, momentum=0.9)
    weights = np.zeros(2)
    optimizer("w", weights, np.array([1.0, 1.0]))
    optimizer("w", weights, np.array([1.0, -0.5]))
    composing.declarations.cache_clear()
    assert list(weights) == [-1.0 - 1.9 / 0.5, -1.0]


def test_a_stage_says_where_it_attaches():
    with pytest.raises(TypeError, match="attaches at gradient, clipped, start, step, weights, not at 'end'"):
        stage(at="end")
