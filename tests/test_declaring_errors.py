"""What cannot be declared, as a rule or its signature, and the errors that teach what to write instead."""

import inspect
from typing import Literal

import numpy as np
import pytest

from tests.conftest import traced
from thincopt import Optimizer, RuleError, SettingError, rule
from thincopt.engine import settings
from thincopt.language import Positive, Rate, stage
from thincopt.language.declaring import RULES, Rule
from thincopt.language.signature import COMMON, ENGINE, RESERVED, SUPPLIED
from thincopt.language.types import Range


def untyped_setting(w, g, *, rate=0.1):
    return rate * g


def no_gradient(w, m):
    return m


def starred(w, g, *states):
    return g


def kept_for_later(w, g, shape):
    return g


def greek(w, g, β):  # noqa: PLC2401  # that is the fault
    return g, β


def dunder(w, g, m__v):
    return g, m__v


def oddly_typed(w, g, m: int):
    return g, m


def defaulted(w, g, m=0):
    return g, m


def out_of_range(w, g, *, eps: Positive = 0.0):
    return g


def forgotten_star(w, g, learn_rate: Rate = 0.1):
    return learn_rate * g


def forgotten_star_of_choice(w, g, m, way: Literal["a", "b"] = "a"):
    return g, m, way


def oddly_typed_otherwise(w, g, m: str):
    return g, m


def other_rate(w, g, *, lr: Rate = 0.1):
    return lr * g


def other_rate_too(w, g, *, learn_rate: Rate = 0.1, eta: Rate = 0.1):
    return learn_rate * eta * g


def named_as_the_policy(w, g, *, nonfinite: Rate = 0.1):
    return nonfinite * g


def named_as_the_count(w, g, *, t: Rate = 0.1):
    return t * g


def underscored(w, g, *, _rate: Rate = 0.1):
    return _rate * g


SIGNATURES = [
    (
        named_as_the_policy,
        "Made.v1 names a setting 'nonfinite', which the engine keeps for itself: choose another name.",
    ),
    (named_as_the_count, "Made.v1 names a setting 't', which the engine keeps for itself: choose another name."),
    (underscored, "Made.v1 names a setting '_rate': a setting's name begins with a letter."),
    (
        untyped_setting,
        "Made.v1: setting 'rate' needs a type with a range (Rate, Unit, Positive, Count, …), bool or Literal.",
    ),
    (no_gradient, "Made.v1 begins with (w, m): it must begin with (w, g, …)."),
    (starred, "Made.v1 takes *states: a rule names every state and setting, no * or **."),
    (kept_for_later, "Made.v1 names 'shape', which the engine keeps for itself: choose another name."),
    (dunder, "Made.v1: state 'm__v' is a name in C too: use one underscore at a time."),
    (greek, "Made.v1: state 'β' is a name in files and in C: use plain ASCII."),
    (
        oddly_typed,
        "Made.v1: 'm' is typed int, the type of a setting, and settings come after `*`: write (w, g, …, *, m: int)."
        " State is Array, Scalar or Shared.",
    ),
    (oddly_typed_otherwise, "Made.v1: state 'm' is typed str; it is Array, Scalar or Shared."),
    (
        forgotten_star,
        "Made.v1: 'learn_rate' is typed Rate, the type of a setting, and settings come after `*`: write"
        " (w, g, …, *, learn_rate: Rate = 0.1). State is Array, Scalar or Shared.",
    ),
    (
        forgotten_star_of_choice,
        "Made.v1: 'way' is typed Literal['a', 'b'], the type of a setting, and settings come after `*`: write"
        " (w, g, …, *, way: Literal['a', 'b'] = 'a'). State is Array, Scalar or Shared.",
    ),
    (
        defaulted,
        "Made.v1: state 'm' has a default; write Annotated[Array, Starts(0)]. If it is a setting, it stands after `*`,"
        " with a type such as Rate.",
    ),
    (out_of_range, "Made.v1: eps = 0.0, but it must be a finite number > 0."),
    (
        other_rate,
        "Made.v1 has 'lr' but no 'learn_rate': the rate must have this name, for schedules, lr_scale and weight decay"
        " act on it.",
    ),
]


@pytest.mark.parametrize(("function", "text"), SIGNATURES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_signature_that_means_nothing_is_an_error_that_teaches(function, text):
    with pytest.raises(RuleError) as caught:
        rule("Made.v1")(function)
    assert str(caught.value) == text
    assert "Made.v1" not in RULES


BEYOND = " and at most 2**53, for not all larger ones are exact in float64"
WHOLE = [(2**53, True), (2.0**53, True), (2**53 + 1, False), (np.uint64(2**53 + 1), False), (2**63, False)]


@pytest.mark.parametrize(("value", "holds"), [*WHOLE, (10**400, False)])
def test_a_count_ends_where_float64_counts_no_further(value, holds):
    count = settings.settings_of(RULES["Lion.v1"])["lookahead_k"]
    assert (count.holds(value), count.allowed) == (holds, "a whole number >= 0")
    assert count.told(value) == count.allowed + BEYOND * (not holds)
    assert str(Range(-5, whole=True)) == "a whole number >= -5"
    assert not Range(whole=True).holds(-int(value)) or holds


def test_of_other_numbers_the_range_is_told_as_it_is():
    assert [Range(0, whole=True).told(each) for each in (2.5, -1, "a", np.inf)] == ["a whole number >= 0"] * 4
    assert Range(0).told(2**60) == "a finite number >= 0"


def test_no_setting_hides_what_the_engine_has():
    own = {name for name in dir(Optimizer) if not name.startswith("_")}
    own |= {each.name for each in settings.ENGINE} | set(inspect.signature(Optimizer.of).parameters) - {"settings"}
    assert own <= {*ENGINE, *SUPPLIED, *RESERVED}, "add it to thincopt.language.signature.ENGINE"


@pytest.mark.parametrize("name", [*COMMON, *ENGINE, "t", "random"])
def test_no_rule_has_a_setting_of_a_name_that_means_something_else(name):
    found = {}
    exec(f"def made(w, g, *, {name}: Rate = 0.1): return {name} * g", {"Rate": Rate}, found)  # noqa: S102  # ours
    with pytest.raises(RuleError) as caught:
        Rule("Made.v1", found["made"])
    text = f"Made.v1 names a setting {name!r}, which the engine keeps for itself: choose another name."
    assert str(caught.value) == text


def test_a_rate_may_stand_beside_learn_rate():
    assert [each.name for each in Rule("Made.v1", other_rate_too).signature.settings] == ["learn_rate", "eta"]


def test_a_stage_is_told_by_its_functions_name():
    with pytest.raises(RuleError, match=r"^no_gradient begins with \(w, m\): it must begin with \(w, g, …\)\.$"):
        stage(at="step")(no_gradient)


@pytest.mark.parametrize("name", ["Adam", "Adam.1", "Adam.v0", "adam w.v1", "", 3, None])
def test_a_rule_is_named_with_its_version(name):
    with pytest.raises(RuleError, match=r"A rule is named like 'Adam.v1', with a version"):
        rule(name)


def test_a_name_is_taken_once():
    with pytest.raises(RuleError, match=r"Adam.v2 is already the rule of thincopt.rules.adam"):
        rule("Adam.v2")(other_rate_too)
    assert RULES["Adam.v2"].function.__name__ == "Adam"


def test_a_rule_without_a_name_is_told():
    with pytest.raises(RuleError, match=r"^@rule needs a name: @rule\('Mine\.v1'\)\.$"):

        @rule
        def nameless(w, g):
            return g


NO_FUNCTION = [
    (3, "@rule('Made.v1') stands above a function, `def …(w, g, …)`, not above 3."),
    (Rule, f"@rule('Made.v1') stands above a function, `def …(w, g, …)`, not above {Rule!r}."),
    (
        Rule("Made.v2", other_rate_too),
        "@rule('Made.v1') takes a function, and Made.v2 is made of one already: pass its .function.",
    ),
]


@pytest.mark.parametrize(("given", "text"), NO_FUNCTION)
def test_what_is_no_function_is_told(given, text):
    with pytest.raises(RuleError) as caught:
        rule("Made.v1")(given)
    assert str(caught.value) == text
    with pytest.raises(RuleError) as caught:
        stage(at="step")(given)
    assert str(caught.value) == text.replace("@rule('Made.v1')", "@stage")


def test_a_rule_that_uses_a_name_of_a_stage_is_told():
    def clip_as_state(w, g, grad_clip):
        return g, grad_clip

    with pytest.raises(RuleError) as caught:
        traced(clip_as_state)
    assert str(caught.value) == (
        "Made.v1: state 'grad_clip' has the name of a setting of the stage clip: choose another."
    )


def test_a_default_for_a_setting_that_does_not_exist_is_told_when_an_optimizer_is_made():
    made = rule("Made.v1", weight_decy=0.1)(other_rate_too)
    with pytest.raises(SettingError) as caught:
        Optimizer.of(made)
    assert str(caught.value) == (
        "@rule('Made.v1') gives a default to 'weight_decy', but there is no such setting. Did you mean 'weight_decay'?"
    )


def test_a_generator_that_was_not_called_is_told():
    def falling():
        yield 0.1

    with pytest.raises(SettingError) as caught:
        Optimizer.of("Lion.v1", learn_rate=falling)
    assert str(caught.value) == (
        "Lion.v1: learn_rate must be a finite number >= 0, or a schedule of such, not the function falling: call it,"
        " falling(…), for its iterator."
    )


def test_the_line_of_a_rule_that_cannot_be_traced_is_told_and_the_traceback_is_short():
    @rule("Asking.v1")
    def Asking(w, g, *, learn_rate: Rate = 0.1):
        if g > 0:
            return g
        return learn_rate * g

    with pytest.raises(RuleError) as caught:
        Optimizer.of(Asking)
    (note,) = caught.value.__notes__
    assert note.startswith(__file__)
    assert note.endswith(": if g > 0:")
    assert len(caught.traceback) <= 4
