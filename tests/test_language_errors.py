"""What a rule may not say, and the errors that teach what to say instead."""

import math
from typing import Annotated

import numpy as np
import pytest

from tests.conftest import traced
from thincopt import RuleError, rule
from thincopt.language import Positive, Rate, Scalar, Shared, Starts, norm, where
from thincopt.language.declaring import RULES, Rule


def if_on_an_array(w, g):
    if g > 0:
        return g
    return -g


def and_of_arrays(w, g):
    return where(g > 0 and w > 0, g, 0.0)


def if_on_time(w, g, t):
    return g if t > 5 else 0 * g


def indexing(w, g):
    return g[0] * w


def looping(w, g):
    return [each for each in g]  # noqa: C416  # what a newcomer may write


def math_function(w, g, *, learn_rate: Rate = 0.1):
    return math.sqrt(learn_rate) * g


def numpy_ufunc(w, g):
    return np.sqrt(g)


def numpy_function(w, g):
    return np.where(g > 0, g, w)


def method(w, g):
    return g.mean() * w


def too_few(w, g, m):
    return g


def too_many(w, g):
    return g, g


def a_string(w, g):
    return g, "m"


def fractional_power(w, g):
    return g**0.5


def power_of_array(w, g):
    return 2.0**g


def sum_of_condition(w, g):
    return (g > 0) + 1


def number_as_condition(w, g):
    return where(g, w, g)


def norm_of_number(w, g, *, learn_rate: Rate = 0.1):
    return norm(learn_rate) * g


def scalar_from_array(w, g, s: Scalar):
    return g, g


def condition_as_state(w, g, m):
    return g, g > 0


def shared_from_norm(w, g, d: Shared):
    return g, norm(g)


def shared_from_time(w, g, d: Shared, t):
    return g, d + t


TAUGHT = [
    (if_on_an_array, "`if`, `and`, `or` and `not` cannot ask the value of a formula .* where\\(condition, a, b\\)"),
    (and_of_arrays, "combine conditions with & \\| ~"),
    (if_on_time, "where\\(condition, a, b\\)"),
    (indexing, "A rule cannot index its arrays: it is written for all elements alike; use where"),
    (looping, "A rule cannot loop over an array"),
    (math_function, "a function of the math module was called on a formula: use thincopt.language's words"),
    (numpy_ufunc, "np.sqrt cannot be traced: use operators and the words of thincopt.language"),
    (numpy_function, "np.where cannot be traced: use the words of thincopt.language"),
    (method, "A formula has no method .mean\\(\\): use the words of thincopt.language, as in mean\\(x\\)"),
    (too_few, "Made.v1 must return \\(step, m\\), 2 in all, not 1"),
    (too_many, "Made.v1 must return \\(step\\), 1 in all, not 2"),
    (
        a_string,
        "A formula is made of numbers, settings and arrays, not of 'm' \\(str\\)|1 in all, not 2",
    ),
    (fractional_power, "An array can be raised to a whole power such as x\\*\\*2; for a root use sqrt\\(x\\)"),
    (power_of_array, "An array can be raised to a whole power"),
    (sum_of_condition, "add of a condition: a condition is no number; write where\\(condition, 1.0, 0.0\\)"),
    (number_as_condition, "where takes conditions, such as a > b or t == 1; a number is not one"),
    (norm_of_number, "norm is of an array of numbers; one of its operands is a number"),
    (scalar_from_array, "Made.v1: scalar state 's' became an array; use sum, norm, …"),
    (condition_as_state, "Made.v1: state 'm' became a condition; write where\\(condition, 1.0, 0.0\\)"),
    (
        shared_from_norm,
        "shared state 'd' depends on a norm, which each key has its own of; sum it over the keys with total",
    ),
    (shared_from_time, "shared state 'd' depends on 't', which each key has its own of"),
]


@pytest.mark.parametrize(("function", "text"), TAUGHT, ids=lambda each: getattr(each, "__name__", ""))
def test_what_cannot_be_traced_is_an_error_that_teaches(function, text):
    with pytest.raises(RuleError, match=text):
        traced(function)


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


def oddly_typed(w, g, m: int):
    return g, m


def defaulted(w, g, m=0):
    return g, m


def scalar_as_weights(w, g, s: Annotated[Scalar, Starts("w")]):
    return g, s


def out_of_range(w, g, *, eps: Positive = 0.0):
    return g


SIGNATURES = [
    (untyped_setting, "untyped_setting: setting 'rate' needs a type with a range"),
    (no_gradient, "no_gradient begins with \\(w, m\\): it must begin with \\(w, g, …\\)"),
    (starred, "starred takes \\*states: a rule names every state and setting, no \\* or \\*\\*"),
    (kept_for_later, "kept_for_later names 'shape', which is kept for later"),
    (greek, "state 'β' is a name in files and in C: use plain ASCII"),
    (oddly_typed, "state 'm' is typed <class 'int'>; it is Array, Scalar or Shared"),
    (defaulted, "state 'm' has a default; write Annotated\\[…, Starts\\(value\\)\\]"),
    (scalar_as_weights, "scalar state 's' starts at a number, not at 'w'"),
    (out_of_range, "out_of_range: eps = 0.0, but it must be a finite number > 0"),
]


@pytest.mark.parametrize(("function", "text"), SIGNATURES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_signature_that_means_nothing_is_an_error_that_teaches(function, text):
    with pytest.raises(RuleError, match=text):
        Rule("Made.v1", function)


@pytest.mark.parametrize("name", ["Adam", "Adam.1", "Adam.v0", "adam w.v1", ""])
def test_a_rule_is_named_with_its_version(name):
    with pytest.raises(RuleError, match=r"A rule is named like 'Adam.v1', with a version"):
        rule(name)


def test_a_name_is_taken_once():
    with pytest.raises(RuleError, match=r"Adam.v2 is already the rule of thincopt.rules.adam"):
        rule("Adam.v2")(if_on_time)
    assert RULES["Adam.v2"].function.__name__ == "Adam"


def test_a_rule_that_uses_a_name_of_a_stage_is_told():
    def clash(w, g, average):
        return g, average

    with pytest.raises(RuleError, match="averages: state 'average' is another's name already"):
        traced(clash)
