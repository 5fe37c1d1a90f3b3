"""Groups: each key has the settings of its groups, as if it had an optimizer of its own."""

import copy
import pickle

import numpy as np
import pytest

import thincopt
from tests.conftest import same
from thincopt import Optimizer, SettingError, warmup_linear
from thincopt.rules import all_rules
from thincopt.surface.explaining import Value

OURS = [name for name in all_rules() if not name.startswith("Probe") and "ForTests" not in name]
SHAPES = {"body.W": (7, 9), "body.bias": (9,), "norm.g": (9,), ("head", 0): (4097,), "recurrent.W": (3, 3)}
GROUPS = {
    "no_decay": {"keys": ["*.bias", "norm.*"], "weight_decay": 0.0},
    "slow": {"keys": ["recurrent*"], "lr_scale": 0.1},
    "large": {"keys": [r"re:head\.\d+"], "learn_rate": warmup_linear(0.05, 2, 9), "eps": 1e-3},
    "clipped": {"keys": ["body.W", "norm.*"], "grad_clip": 0.5, "use_averages": True},
}
HOMES = {
    "body.W": ("clipped",),
    "body.bias": ("no_decay",),
    "norm.g": ("no_decay", "clipped"),
    ("head", 0): ("large",),
    "recurrent.W": ("slow",),
}


def fitting(rule):
    """The groups without the settings that this rule does not have."""
    known = {*thincopt.get(rule).__signature__.parameters, "keys", "lr_scale"}
    return {name: {each: value for each, value in group.items() if each in known} for name, group in GROUPS.items()}


def model(dtype="float64"):
    random = np.random.default_rng(1)
    return {key: random.normal(size=shape).astype(dtype) for key, shape in SHAPES.items()}


def gradients(step, dtype="float64"):
    random = np.random.default_rng(step)
    return {key: random.normal(size=shape).astype(dtype) for key, shape in SHAPES.items()}


def settings(rule, **others):
    return {"learn_rate": 0.05, "weight_decay": 0.1, **others}


def apart(rule, ops, groups, **given):
    """An optimizer for each key, with what its groups say, and the factor of the rate for its calls."""
    made = {}
    for key, names in HOMES.items():
        own = {name: value for group in names for name, value in groups[group].items() if name != "keys"}
        scale = own.pop("lr_scale", 1.0)
        made[key] = Optimizer.of(rule, ops=ops, **{**given, **own}), scale
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OURS)
def test_each_key_has_the_settings_of_its_groups(name, dtype, ops):
    groups, given = fitting(name), settings(name)
    one, other = model(dtype), model(dtype)
    together = Optimizer.of(name, ops=ops, groups=groups, **given)
    alone = apart(name, ops, groups, **given)
    for step in range(6):
        news = gradients(step, dtype)
        together.update({key: (one[key], news[key].copy()) for key in SHAPES}, lr_scale=0.5 if step == 3 else 1.0)
        together.step_schedules()
        for key, (optimizer, scale) in alone.items():
            optimizer(key, other[key], news[key].copy(), lr_scale=scale * (0.5 if step == 3 else 1.0))
            optimizer.step_schedules()
        assert all(same(one[key], other[key]) for key in SHAPES)
    told = together.state()["keys"]
    for key, (optimizer, _) in alone.items():
        expected = optimizer.state()["keys"][key]
        assert told[key].keys() == expected.keys()
        assert all(
            same(np.asarray(told[key][each]), np.asarray(expected[each])) for each in expected if each != "dtype"
        )


def test_one_key_at_a_time_or_held_is_the_same(ops):
    ends = []
    for way in ("update", "call", "bound"):
        weights, optimizer = model(), thincopt.AdamW(0.05, groups=fitting("AdamW.v1"), ops=ops)
        arrays = {key: np.zeros(shape) for key, shape in SHAPES.items()}
        batch = {key: (weights[key], arrays[key]) for key in SHAPES}
        step = optimizer.bound(batch) if way == "bound" else None
        for turn in range(5):
            for key, new in gradients(turn).items():
                arrays[key][...] = new
            if step:
                step()
            elif way == "update":
                optimizer.update(batch)
            else:
                for key, pair in batch.items():
                    optimizer(key, *pair)
            optimizer.step_schedules()
        ends.append(weights)
    assert all(same(ends[0][key], each[key]) for each in ends[1:] for key in SHAPES)


@pytest.mark.parametrize("again", [lambda each: pickle.loads(pickle.dumps(each)), copy.deepcopy, copy.copy])
def test_a_copy_goes_on_with_its_groups(again, ops):
    ends = []
    for is_copied in (False, True):
        weights, optimizer = model(), thincopt.AdamW(0.05, groups=fitting("AdamW.v1"), ops=ops)
        for step in range(6):
            if step == 3 and is_copied:
                optimizer = again(optimizer)
            optimizer.update({key: (weights[key], new) for key, new in gradients(step).items()})
            optimizer.step_schedules()
        ends.append(weights)
    assert all(same(ends[0][key], ends[1][key]) for key in SHAPES)


def test_loaded_state_finds_its_groups(ops):
    optimizer, weights = thincopt.AdamW(0.05, groups=fitting("AdamW.v1"), ops=ops), model()
    optimizer.update({key: (weights[key], new) for key, new in gradients(0).items()})
    other, others = thincopt.AdamW(0.05, groups=fitting("AdamW.v1"), ops=ops), copy.deepcopy(weights)
    other.load_state(copy.deepcopy(optimizer.state()))
    for each, arrays in ((optimizer, weights), (other, others)):
        each.update({key: (arrays[key], new) for key, new in gradients(1).items()})
    assert all(same(weights[key], others[key]) for key in SHAPES)
    assert "averages.average" in other.state()["keys"]["norm.g"]
    assert "averages.average" not in other.state()["keys"]["body.bias"]


def test_a_clip_by_the_model_counts_every_key(ops):
    """The norm is that of all; each group clips to its own."""
    given = {"learn_rate": 1.0, "grad_clip": 0.5, "grad_clip_by": "model"}
    groups = {"other": {"keys": ["body.*"], "grad_clip": 2.0}, "off": {"keys": ["norm.*"], "grad_clip": 0.0}}
    weights, news = model(), gradients(0)
    start = copy.deepcopy(weights)
    optimizer = Optimizer.of("SGD.v2", ops=ops, groups=groups, **given)
    optimizer.update({key: (weights[key], new.copy()) for key, new in news.items()})
    counted = [key for key in SHAPES if key != "norm.g"]
    norm = np.sqrt(sum(np.sum(news[key].astype("float64") ** 2) for key in counted))
    for key, most in {"body.W": 2.0, "body.bias": 2.0, ("head", 0): 0.5, "recurrent.W": 0.5}.items():
        np.testing.assert_allclose(start[key] - weights[key], news[key] * most / norm, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(
        start["norm.g"] - weights["norm.g"], start["norm.g"] - (start["norm.g"] - news["norm.g"])
    )


@pytest.mark.parametrize("nonfinite", ["raise", "skip", "propagate"])
def test_frozen_keys_stay_as_they_are(nonfinite, ops):
    """Their gradients are zeroed, and looked at by nobody; thawed, they begin at t = 1."""
    groups = {"ice": {"keys": ["body.*"], "frozen": True}}
    given = {"learn_rate": 0.05, "grad_clip": 1.0, "grad_clip_by": "model", "nonfinite": nonfinite}
    weights, start = model(), model()
    optimizer = Optimizer.of("AdamW.v1", ops=ops, groups=groups, **given)
    rest = Optimizer.of("AdamW.v1", ops=ops, **given)
    alone = model()
    for step in range(4):
        news = gradients(step)
        news["body.W"][0] = np.nan
        optimizer.update({key: (weights[key], new) for key, new in news.items()})
        assert not news["body.W"].any()
        rest.update({key: (alone[key], new) for key, new in gradients(step).items() if not str(key).startswith("body")})
    for key in SHAPES:
        assert same(weights[key], start[key] if str(key).startswith("body") else alone[key])
    assert not {"body.W", "body.bias"} & optimizer.state()["keys"].keys()
    optimizer.change(group="ice", frozen=False)
    optimizer.update({key: (weights[key], new) for key, new in gradients(4).items()})
    assert optimizer.nr_update["body.W"] == 1
    assert optimizer.nr_update["norm.g"] == 5
    assert not same(weights["body.W"], start["body.W"])
    optimizer.change(group="ice", frozen=True)
    before = weights["body.W"].copy()
    optimizer.update({key: (weights[key], new) for key, new in gradients(5).items()})
    assert same(weights["body.W"], before)
    assert optimizer.nr_update["body.W"] == 1


def test_a_group_is_changed_by_its_name(ops):
    optimizer = thincopt.SGD.v2(1.0, groups={"slow": {"keys": ["b"], "lr_scale": 0.5}}, ops=ops)
    weights = {key: np.zeros(1) for key in "ab"}
    optimizer.update({key: (each, np.ones(1)) for key, each in weights.items()})
    optimizer.change(group="slow", lr_scale=0.25, learn_rate=2.0)
    optimizer.update({key: (each, np.ones(1)) for key, each in weights.items()})
    assert (weights["a"][0], weights["b"][0]) == (-2.0, -1.0)
    with pytest.raises(SettingError, match=r"SGD.v2 has no group 'slwo'. Did you mean 'slow'\?"):
        optimizer.change(group="slwo", lr_scale=0.25)


def test_dims_select_too(ops):
    groups = {
        "matrices": {"dims": "matrix", "lr_scale": 0.5},
        "named": {"keys": ["*b"], "dims": "scalar", "lr_scale": 0.0},
    }
    optimizer = thincopt.SGD.v2(1.0, groups=groups, ops=ops)
    weights = {"a": np.zeros((1, 1, 1)), "b": np.zeros(()), "c": np.zeros(1)}
    optimizer.update({key: (each, np.ones_like(each)) for key, each in weights.items()})
    assert [float(each.reshape(-1)[0]) for each in weights.values()] == [-0.5, 0.0, -1.0]


def test_a_group_that_takes_no_key_is_told_before_anything_changes(ops):
    groups = {"a": {"keys": ["*.bais"], "weight_decay": 0.0}}
    optimizer, weights = thincopt.AdamW(groups=groups, ops=ops), np.ones(2)
    text = r"group 'a' \(keys = \['\*.bais'\]\): the pattern '\*.bais' takes no key. Near keys are 'layer.bias'."
    with pytest.raises(SettingError, match=text):
        optimizer.update({"layer.bias": (weights, np.ones(2)), "layer.W": (np.ones(2), np.ones(2))})
    assert weights.tolist() == [1.0, 1.0]
    assert optimizer.state()["keys"] == {}
    optimizer("layer.bias", weights, np.ones(2))
    with pytest.raises(SettingError, match=text):
        optimizer.step_schedules()
    optimizer("other.bais", np.ones(2), np.ones(2))
    optimizer.step_schedules()


def test_two_groups_may_not_set_the_same(ops):
    groups = {"a": {"keys": ["W"], "L2": 0.1}, "b": {"dims": "vector", "L2": 0.2, "eps": 1.0}}
    optimizer, weights = thincopt.AdamW(groups=groups, ops=ops), np.ones(2)
    with pytest.raises(SettingError, match=r"key 'W' is in group 'a' .* and in group 'b' .*, which both set L2"):
        optimizer("W", weights, np.ones(2))
    assert weights.tolist() == [1.0, 1.0]
    assert optimizer.state()["keys"] == {}


def test_a_refused_key_may_come_again_in_another_shape(ops):
    optimizer = thincopt.SGD.v2(1.0, groups={"flat": {"dims": "vector", "lr_scale": 0.5}}, ops=ops)
    with pytest.raises(thincopt.NonFiniteError):
        optimizer("W", np.zeros(2), np.array([1.0, np.nan]))
    weights = np.zeros((2, 1))
    optimizer("W", weights, np.ones((2, 1)))
    assert weights.tolist() == [[-1.0], [-1.0]]


def test_schedules_of_groups_are_watched_too(ops):
    optimizer = thincopt.SGD.v2(0.1, groups={"a": {"keys": ["*"], "learn_rate": [0.1, 0.2]}}, ops=ops)
    for _ in range(1000):
        optimizer("W", np.ones(1), np.ones(1))
    with pytest.warns(UserWarning, match=r"learn_rate is still 0.1, the first value of \[0.1, 0.2\]"):
        optimizer("W", np.ones(1), np.ones(1))


def test_what_explain_tells(ops):
    optimizer = thincopt.Adam(
        [0.5, 0.25], L2=0.1, groups={"a": {"keys": ["b*"], "L2": 0.0, "lr_scale": [1.0, 0.5]}}, ops=ops
    )
    optimizer.update({"W": (np.ones((2, 2)), np.ones((2, 2))), "b": (np.ones(3, "float32"), np.ones(3, "float32"))})
    optimizer.step_schedules()
    told = optimizer.explain()
    assert told["W"].groups == ()
    assert told["b"].groups == ("a",)
    assert told["b"].settings["learn_rate"] == Value(0.25, "[0.5, 0.25] at step 1")
    assert told["b"].settings["lr_scale"] == Value(0.5, "group a: [1.0, 0.5] at step 1")
    assert told["b"].settings["learn_rate × lr_scale"].value == 0.125
    assert told["b"].settings["L2"] == Value(0.0, "group a")
    assert told["W"].settings["weight_decay"] == Value(0.1, "L2, which counts as weight decay here")
    assert told["W"].settings["beta1"] == Value(0.9, "default")
    assert told["b"].state == {"m": 12, "v": 12, "averages.average": 12}
    assert told.to_dict()["keys"]["W"]["settings"]["L2"] == {"value": 0.1, "origin": "given"}
    assert "Keys in a: b" in str(told)
    assert "<table>" in told._repr_html_()
    with pytest.raises(SettingError, match="Key 'V' was not met yet"):
        told["V"]


def test_layers_decay_from_the_last_to_the_first(ops):
    groups = {"layers": {"keys": ["layer.{n}.*"], "layers": 11, "layer_decay": 0.5, "lr_scale": 2.0, "L2": 0.0}}
    optimizer = thincopt.SGD.v2(1.0, groups=groups, ops=ops)
    weights = {f"layer.{n}.W": np.zeros(1) for n in range(11)} | {"head.W": np.zeros(1)}
    optimizer.update({key: (each, np.ones(1)) for key, each in weights.items()})
    assert [-float(each[0]) for each in weights.values()] == [*(2.0 * 0.5 ** (10 - n) for n in range(11)), 1.0]
    assert optimizer.explain()["layer.1.W"].groups == ("layers 1",)
