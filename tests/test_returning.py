"""What a rule returns that cannot be what was meant, and the errors that say so."""

import itertools
import math
import random as python_random
import re
import time

import numpy as np
import pytest

from tests.conftest import traced
from thincopt import RuleError, rule
from thincopt.language import Rate, sqrt


def too_many(w, g):
    return g, g


def too_few(w, g, m):
    return g


def no_return(w, g, m):
    m = m + g


def a_list(w, g, m):
    return [g, m]


def a_dict(w, g):
    return {"step": g}


def yielding(w, g, m):
    yield g, m


RETURNS = [
    (no_return, "Made.v1 must return (step, m), but it returns nothing: end it with `return step, m`."),
    (
        a_list,
        "Made.v1 must return (step, m), 2 in all, not a list: end it with `return step, m`, without brackets.",
    ),
    (a_dict, "Made.v1 must return (step), 1 in all, not a dict: end it with `return step`, without brackets."),
    (yielding, "Made.v1 must return (step, m), but it is a generator: put `return` in the place of `yield`."),
    (too_few, "Made.v1 must return (step, m), 2 in all, not 1."),
    (too_many, "Made.v1 must return (step), 1 in all, not 2."),
]


@pytest.mark.parametrize(("function", "text"), RETURNS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_rule_returns_the_step_and_its_state(function, text):
    with pytest.raises(RuleError) as caught:
        traced(function)
    assert str(caught.value) == text


def swapped_in_one_branch(w, g, m, v, *, amsgrad: bool = False):
    v = v + g * g
    if amsgrad:
        return g, m, v
    return g / v, v, m


def swapped_last(w, g, s, m, v):
    m, v = m + g, v + g * g
    return g, s + g, v, m


SWAPPED = [
    (swapped_in_one_branch, "(v, m)", "m, v"),
    (swapped_last, "(…, v, m)", "s, m, v"),
]


@pytest.mark.parametrize(("function", "given", "wanted"), SWAPPED, ids=lambda each: getattr(each, "__name__", ""))
def test_states_returned_under_each_others_names_are_told(function, given, wanted):
    with pytest.raises(RuleError) as caught:
        rule("Made.v1")(function)
    assert str(caught.value) == (
        f"Made.v1 returns its states as {given}, but its signature has them as ({wanted}): write `return …, {wanted}`."
        " If they are to change places, give the new ones other names."
    )


def named_last(w, g, m, v):
    m, v = m + g, v + g * g
    step = m / v
    return m, v, step


def computed_last(w, g, m, v, *, learn_rate: Rate = 0.1):
    m, v = m + g, v + g * g
    return m, v, learn_rate * m / (1 + sqrt(v))


def named_after_one(w, g, m):
    m = m + g
    step = 0.1 * m
    return m, step


FIRST = [
    (named_last, "(m, v, step)", "step, m, v"),
    (computed_last, "(m, v, …)", "…, m, v"),
    (named_after_one, "(m, step)", "step, m"),
]


@pytest.mark.parametrize(("function", "given", "wanted"), FIRST, ids=lambda each: getattr(each, "__name__", ""))
def test_states_returned_before_the_step_are_told(function, given, wanted):
    with pytest.raises(RuleError) as caught:
        rule("Made.v1")(function)
    assert str(caught.value) == (
        f"Made.v1 returns its states first, {given}, but they come last: write `return {wanted}`. If m is to stand"
        " first, give it another name there."
    )


def the_state_is_the_step(w, g, m):
    m = m + g
    return m, m


def the_state_decays_after_the_step(w, g, m):
    m = m + g
    return m, 0.9 * m


def the_step_is_late(w, g, m):
    new_m = m + g
    return m, new_m


@pytest.mark.parametrize("function", [the_state_is_the_step, the_state_decays_after_the_step, the_step_is_late])
def test_a_state_may_be_the_step(function):
    assert traced(function)


def shifted(w, g, old, older):
    return g, g, old


def changing_places(w, g, one, other):
    return g, other, one


def under_other_names(w, g, one, other):
    new_other, new_one = one + g, other + g
    return g, new_one, new_other


def of_one_name(w, g, m, v):
    m = v = m + v
    return g, v, v


@pytest.mark.parametrize("function", [shifted, changing_places, under_other_names, of_one_name])
def test_states_that_are_to_go_round_may(function):
    assert traced(function)


RANDOM = np.random.default_rng()
CHANCE = [
    lambda w, g: g * np.random.normal(),
    lambda w, g, m: (g, m + RANDOM.uniform()),
    lambda w, g: g * python_random.random(),  # noqa: S311  # as users write it
    lambda w, g: g / time.time(),
    lambda w, g: g if next(COUNT) % 2 else g * g,
]
COUNT = itertools.count()


@pytest.mark.parametrize("function", CHANCE)
def test_what_is_left_to_chance_is_told(function):
    with pytest.raises(RuleError) as caught:
        traced(function)
    assert re.sub(r" \(\S+ at first, then \S+\)", "", str(caught.value)) == (
        "Made.v1: it gave two formulas when it was run twice. The formula that a rule gives is kept: a random"
        " number, the time, or a count of its own would be the same number for ever. What changes from step to step is"
        " t, a state, a setting with a schedule, and what normal(random, of=w) or uniform(random, of=w) draws, from"
        " thincopt.language, in a rule that takes `random` beside w and g."
    )


def test_constants_of_any_kind_may_stay():
    table = {"scale": np.float64(0.5)}
    assert traced(lambda w, g: g * table["scale"] + math.pi + float("nan") * g)
