"""The engine: keys, settings, the order of the stages."""

import numpy as np
import pytest

from tests import probes
from tests.conftest import steps
from thincopt import ArrayError, Optimizer, SettingError, stage


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
    for scale in (None, "1", float("nan"), 10**400):
        optimizer("w", weights, np.ones(0), lr_scale=scale)
        optimizer.update({"w": (weights, np.ones(0))}, lr_scale=scale)
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
        ("Aadam.v1", {}, "No optimizer is named 'Aadam.v1'. Did you mean 'Adam.v1'?"),
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


@pytest.mark.parametrize("kind", [np.float16, np.int8, np.uint8, np.longdouble])
def test_whole_numbers_of_small_types(kind):
    """They are not compared with what they cannot hold, of which NumPy would warn."""
    assert Optimizer.of("AdamW.v1", lookahead_k=kind(2)).lookahead_k == 2
    for wrong in (np.float16(2.5), np.int8(-128)):
        with pytest.raises(SettingError, match=r"lookahead_k must be a whole number >= 0(,.*)? not"):
            Optimizer.of("AdamW.v1", lookahead_k=wrong)


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


def test_stages_at_the_step_wrap_any_rule(monkeypatch):
    """A stage of the wider literature, attached as the library's own are."""
    from thincopt.recipes import composing

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


def test_a_key_keeps_its_shape_or_is_flat(ops):
    """Transposed weights would meet the state of other elements."""
    optimizer = Optimizer.of("AdamW.v1", ops=ops)
    weights = np.ones((3, 4))
    optimizer("w", weights, np.ones((3, 4)))
    optimizer("w", weights.reshape(-1), np.ones(12))
    before = weights.copy()
    for call in (optimizer, lambda key, w, g: optimizer.update({key: (w, g)})):
        with pytest.raises(ArrayError, match=r"began with shape \(3, 4\), but now it is \(4, 3\); is it transposed\?"):
            call("w", weights.reshape(4, 3), np.ones((4, 3)))
    assert (weights == before).all()
    assert optimizer.nr_update == {"w": 2}
