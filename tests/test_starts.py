"""How state begins: at zero, at a number, as the weights, or at a setting."""

from typing import Annotated

import numpy as np
import pytest

from thincopt import Optimizer, RuleError
from thincopt.language import Array, Number, Scalar, Shared, Starts, Unit
from thincopt.language.declaring import Rule


def scalar_as_weights(w, g, s: Annotated[Scalar, Starts("w")]):
    return g, s


def slow_start(w, g, m: Annotated[Array, Starts("bta")], *, beta: Unit = 0.9, nesterov: bool = False):
    return beta * g, m


def start_without_settings(w, g, m: Annotated[Array, Starts("beta")]):
    return g, m


def start_at_a_choice(w, g, s: Annotated[Shared, Starts("nesterov")], *, nesterov: bool = False):
    return g, s


def start_uncalled(w, g, s: Annotated[Array, Starts]):
    return g, s


def start_at_nothing(w, g, s: Annotated[Scalar, Starts(None)]):
    return g, s


STARTS = 'write Starts("w") for the weights, a number, or the name of a setting that is a number'
WRONG = [
    (scalar_as_weights, "Made.v1: scalar state 's' is one number, and cannot start as the weights."),
    (
        slow_start,
        f"Made.v1: state 'm' starts at the setting 'bta', which it has not: {STARTS}. Did you mean 'beta'?",
    ),
    (
        start_without_settings,
        f"Made.v1: state 'm' starts at the setting 'beta', which it has not: {STARTS}. There is none.",
    ),
    (
        start_at_a_choice,
        f"Made.v1: state 's' starts at the setting 'nesterov', which is a choice, no number: {STARTS}. There is none.",
    ),
    (start_uncalled, f"Made.v1: state 's' is annotated with {Starts!r}, which means nothing: {STARTS}."),
    (start_at_nothing, f"Made.v1: state 's' starts at None: {STARTS}."),
]


@pytest.mark.parametrize(("function", "text"), WRONG, ids=lambda each: getattr(each, "__name__", ""))
def test_a_start_that_there_is_not_is_told_at_declaration(function, text):
    with pytest.raises(RuleError) as caught:
        Rule("Made.v1", function)
    assert str(caught.value) == text


def started(
    w, g, a: Annotated[Array, Starts("first")], b: Annotated[Scalar, Starts("first")],
    c: Annotated[Shared, Starts("first")], *, first: Number = 1.0,
):  # fmt: skip
    return 0 * g, a + 1, b + 1, c + 1


def test_state_begins_at_the_value_that_a_setting_has_when_it_begins():
    rule = Rule("Started.v1", started)

    def begun(optimizer, *keys):
        optimizer.update({key: (np.ones(1), np.ones(1)) for key in keys})
        state = optimizer.state()
        return [(each["a"][0] - each["t"], each["b"] - each["t"]) for each in state["keys"].values()], state["shared"]

    optimizer = Optimizer.of(rule, first=[5.0, 6.0, 7.0, 8.0])
    assert optimizer.state()["shared"] == {"c": 5.0}
    optimizer.step_schedules()
    assert begun(optimizer, "one") == ([(6.0, 6.0)], {"c": 7.0})
    optimizer.step_schedules()
    assert begun(optimizer, "one", "two") == ([(6.0, 6.0), (7.0, 7.0)], {"c": 8.0})
    loaded = Optimizer.of(rule, first=9.0)
    loaded.load_state(optimizer.state())
    loaded.first = 10.0
    assert loaded.state()["shared"] == {"c": 8.0}


def test_large_states_begin_at_places_of_their_own_in_a_page(ops):
    optimizer = Optimizer.of("Adam.v2", amsgrad=True, use_averages=True, ops=ops)
    optimizer("w", np.ones(5000, "float32"), np.ones(5000, "float32"))
    states = optimizer.state()["keys"]["w"]
    arrays = [each for each in states.values() if isinstance(each, np.ndarray)]
    places = {(each.ctypes.data - each.base.ctypes.data) % 4096 for each in arrays}
    assert len(places) == 4
