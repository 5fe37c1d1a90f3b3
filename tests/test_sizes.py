"""Sizes: whole numbers that are fixed when the kernel is made, and state that there are as many of."""

import pickle
from typing import Annotated

import numpy as np
import pytest

import thincopt
from tests import probes
from tests.conftest import is_compiled
from thincopt import NumpyOps, Optimizer, RuleError, SettingError, StateError
from thincopt.language import Array, Count, Scalar, Size, Starts, Times
from thincopt.language.declaring import Rule
from thincopt.surface.describing import describe


def trained(optimizer, weights, count=4):
    random = np.random.default_rng(0)
    for _ in range(count):
        optimizer.update({"w": (weights, random.normal(size=weights.size))})
    return weights


def velocities(optimizer):
    return [name for name in optimizer.state()["keys"]["w"] if name.startswith("v")]


@pytest.mark.parametrize("copies", [1, 3, 5])
def test_the_raw_function_is_the_oracle(copies, probe_ops):
    optimizer = Optimizer.of(probes.AggMo, copies=copies, lookahead_k=3, ops=probe_ops)
    weights, expected = np.ones(70), np.ones(70)
    state, slow, random = (np.zeros(70),) * copies, expected.copy(), np.random.default_rng(0)
    for t in range(1, 5):
        step, state = probes.AggMo(expected, random.normal(size=70), state, learn_rate=0.1, copies=copies, a=0.1)
        expected = expected - step
        if t == 3:
            expected = slow = slow + 0.5 * (expected - slow)
    np.testing.assert_allclose(trained(optimizer, weights), expected, rtol=0, atol=1e-14)
    assert velocities(optimizer) == [f"v.{i}" for i in range(copies)]
    for i, each in enumerate(state):
        np.testing.assert_allclose(optimizer.state()["keys"]["w"][f"v.{i}"], each, rtol=0, atol=1e-14)


def test_another_size_keeps_what_goes_on(probe_ops):
    optimizer, weights = Optimizer.of(probes.AggMo, ops=probe_ops), np.ones(5)
    trained(optimizer, weights)
    optimizer.copies = 2
    assert velocities(optimizer) == ["v.0", "v.1"]
    before = optimizer.state()["keys"]["w"]["v.1"].copy()
    optimizer.copies = 4.0
    optimizer.update({"w": (weights, np.zeros(5))})
    state = optimizer.state()["keys"]["w"]
    np.testing.assert_allclose(state["v.1"], 0.9 * before)
    assert velocities(optimizer) == ["v.0", "v.1", "v.2", "v.3"]
    assert not state["v.3"].any()
    again = pickle.loads(pickle.dumps(optimizer))
    ends = [trained(each, weights.copy()) for each in (optimizer, again)]
    assert ends[0].tobytes() == ends[1].tobytes()
    with pytest.raises(
        StateError, match=r"has unknown \['v.3'\]; it must have .* and may have v.0, v.1, v.2, lookahead"
    ):
        Optimizer.of(probes.AggMo).load_state(optimizer.state())


def test_a_compiled_walk_takes_any_number_of_arrays(waits):
    optimizer, plain = (Optimizer.of(probes.AggMo, copies=100, **given) for given in ({}, {"ops": NumpyOps(None)}))
    assert is_compiled(optimizer)
    assert not is_compiled(plain)
    assert trained(optimizer, np.ones(70)).tobytes() == trained(plain, np.ones(70)).tobytes()
    assert str(optimizer.state()) == str(plain.state())


def test_sizes_in_python_in_configs_and_in_words():
    optimizer = thincopt.load("[optimizer]\n@optimizers = ProbeAggMo.v1\ncopies = 5\n")["optimizer"]
    assert optimizer.copies == 5
    told = describe(probes.AggMo)
    assert [each.name for each in told.states if each.owner == "rule"] == ["v.0", "v.1", "v.2"]
    assert (told.state_bytes(4), told.traffic.written) == (12, 5)
    wanted = "ProbeAggMo.v1: copies must be a whole number >= 1, not"
    for wrong, text in ((0, "0."), (2.5, "2.5."), (True, "True."), ([1, 2], "[1, 2].")):
        with pytest.raises(SettingError) as caught:
            Optimizer.of(probes.AggMo, copies=wrong)
        assert str(caught.value) == f"{wanted} {text}"
    with pytest.raises(SettingError, match=r"^ProbeAggMo.v1 has no number 'copies' to schedule\."):
        Optimizer.of(probes.AggMo, schedules={"copies": [1, 2]})


def test_a_size_is_a_plain_number_in_the_rule():
    def powers(w, g, m, *, terms: Size = 3):
        added = g
        for each in range(1, terms):
            added = added + g**each / terms
        return added if terms > 1 else m, m

    for terms, step in ((1, 0.0), (3, 2.0 + (2.0 + 4.0) / 3)):
        weights = np.zeros(1)
        Optimizer.of(Rule("Made.v1", powers), terms=terms)("w", weights, np.full(1, 2.0))
        assert weights[0] == pytest.approx(-step)


def test_each_copy_begins_as_the_state_says(probe_ops):
    def begun(w, g, v: Annotated[Array, Times("copies"), Starts("w")], *, copies: Size = 2):
        return 0 * g, v[::-1]

    optimizer = Optimizer.of(Rule("Made.v1", begun), ops=probe_ops)
    optimizer("w", np.array([3.0]), np.array([1.0]))
    assert [optimizer.state()["keys"]["w"][f"v.{i}"][0] for i in (0, 1)] == [3.0, 3.0]


def mistyped(w, g, v: Annotated[Array, Times("copis")], *, copies: Size = 3):
    return g, v


def counted(w, g, v: Annotated[Array, Times("copies")], *, copies: Count = 3):
    return g, v


def numbered(w, g, v: Annotated[Scalar, Times("copies")], *, copies: Size = 3):
    return g, v


def shortened(w, g, v: Annotated[Array, Times("copies")], *, copies: Size = 3):
    return g, v[1:]


def single(w, g, v: Annotated[Array, Times("copies")], *, copies: Size = 3):
    return g, v[0]


AS_MANY = "of state 'v' there are as many as"
NO_SIZE = "which is no setting of type Size: write Times with the name of one."
SEVERAL = "v must be returned as a tuple of 3, for copies = 3, not"
WRONG = [
    (mistyped, f"{AS_MANY} 'copis', {NO_SIZE} Did you mean 'copies'?"),
    (counted, f"{AS_MANY} 'copies', {NO_SIZE} There is none."),
    (numbered, "there is one scalar state 'v': only of arrays there may be several."),
    (shortened, f"{SEVERAL} 2: write v = tuple(… for each in v)."),
    (single, f"{SEVERAL} <v.0>: write v = tuple(… for each in v)."),
]


@pytest.mark.parametrize(("function", "text"), WRONG, ids=lambda each: getattr(each, "__name__", ""))
def test_what_there_cannot_be_several_of_is_told(function, text):
    with pytest.raises(RuleError) as caught:
        Optimizer.of(Rule("Made.v1", function))
    assert str(caught.value) == f"Made.v1: {text}"
