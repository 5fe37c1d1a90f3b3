"""Settings that may be None, and the machine epsilon of the weights' type."""

from copy import deepcopy
from typing import Literal

import numpy as np
import pytest

import thincopt
from tests.conftest import is_compiled
from thincopt import NumpyOps, Optimizer, RuleError, SettingError
from thincopt.language import Count, Positive, Rate
from thincopt.language.declaring import Rule
from thincopt.surface.describing import describe


def trained(optimizer, dtype="float32"):
    random = np.random.default_rng(0)
    weights = np.ones(70, dtype)
    for _ in range(4):
        optimizer.update({"w": (weights, random.normal(size=70).astype(dtype))})
        optimizer.step_schedules()
    return weights


GIVEN = [{}, {"cap": 0.5}, {"cap": [0.5, 0.25, 1.0, 2.0], "floor": 0.0}, {"floor": 1e-3}]


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_none_is_off_and_zero_is_a_number(given, dtype, compiled_probes):
    made = [Optimizer.of("ProbeOptional.v1", ops=ops, **given) for ops in (compiled_probes, NumpyOps(None))]
    ends = [trained(each, dtype) for each in made]
    assert is_compiled(made[0])
    assert not is_compiled(made[1])
    assert ends[0].tobytes() == ends[1].tobytes()
    assert ("m" in made[0].state()["keys"]["w"]) == ("cap" in given)


def test_a_number_that_is_none_may_become_one_and_none_again(probe_ops):
    optimizer = Optimizer.of("ProbeOptional.v1", ops=probe_ops)
    trained(optimizer)
    optimizer.cap = 0.5
    trained(optimizer)
    kept = deepcopy(optimizer.state()["keys"]["w"]["m"])
    optimizer.cap = None
    trained(optimizer)
    assert optimizer.state()["keys"]["w"]["m"].tobytes() == kept.tobytes()
    late = Optimizer.of("ProbeOptional.v1", ops=probe_ops, schedules={"cap": [0.5, 0.25]})
    assert late.cap is None
    late.step_schedules()
    assert late.cap == 0.5


def test_the_machine_epsilon_is_that_of_the_weights(probe_ops):
    for dtype in ("float32", "float64"):
        weights, epsilon = np.zeros(1, dtype), np.finfo(dtype).eps
        gradient = np.full(1, epsilon / 4, dtype)
        Optimizer.of("ProbeOptional.v1", learn_rate=1.0, ops=probe_ops)("w", weights, gradient)
        assert weights[0] == -0.25


def test_none_in_python_in_configs_and_in_words():
    config = "[optimizer]\n@optimizers = ProbeOptional.v1\ncap = null\nfloor = 0.5\n"
    optimizer = thincopt.load(config)["optimizer"]
    assert (optimizer.cap, optimizer.floor) == (None, 0.5)
    assert thincopt.fill(config)["optimizer"]["cap"] is None
    told = {each.name: each for each in describe(optimizer.rule).settings}
    assert (told["cap"].allowed, told["cap"].default) == ("a finite number > 0, or None", "None")
    for wrong in ({"cap": 0.0}, {"cap": "none"}, {"learn_rate": None}, {"cap": [None]}):
        with pytest.raises(SettingError, match=r"must (be|hold) a? ?finite number"):
            Optimizer.of("ProbeOptional.v1", **wrong)


def asked(w, g, *, cap: Positive | None = 1.0):
    return cap * g if cap else g


def none_of_a_choice(w, g, *, nesterov: bool | None = None):
    return g


def no_rate(w, g, *, learn_rate: Rate | None = None):
    return g


def two_kinds(w, g, *, cap: Positive | Count = 1):
    return g


CANNOT = "cannot be None: only a number can, and not the rate."
WRONG = [
    (asked, "cap may be None, and `if cap:` does not say whether 0 counts: write `if cap is None`."),
    (none_of_a_choice, f"setting 'nesterov' {CANNOT}"),
    (no_rate, f"setting 'learn_rate' {CANNOT}"),
    (two_kinds, "setting 'cap' needs a type with a range (Rate, Unit, Positive, Count, …), bool or Literal."),
]


@pytest.mark.parametrize(("function", "text"), WRONG, ids=lambda each: getattr(each, "__name__", ""))
def test_what_cannot_be_none_is_told(function, text):
    with pytest.raises(RuleError) as caught:
        Optimizer.of(Rule("Made.v1", function))
    assert str(caught.value) == f"Made.v1: {text}"


def test_a_choice_of_numbers_asks_for_other_kernels():
    def powers(w, g, *, order: Literal[1, 2] = 1):
        return g**order

    optimizer, weights = Optimizer.of(Rule("Made.v1", powers)), np.zeros(1)
    optimizer("w", weights, np.full(1, 3.0))
    optimizer.order = 2
    optimizer("w", weights, np.full(1, 3.0))
    assert weights[0] == -12
