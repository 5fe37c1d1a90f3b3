"""What a rule may not say, and the errors that teach what to say instead."""

import builtins
import math
from inspect import isfunction
from typing import Literal

import numpy as np
import pytest

from tests.conftest import traced
from thincopt import RuleError, language
from thincopt.language import (
    Positive,
    Rate,
    Scalar,
    Shared,
    amax,
    dot,
    floor,
    maximum,
    mean,
    minimum,
    norm,
    sqrt,
    total,
    where,
)
from thincopt.language.refusing import ALIKE, OF_YOUR_OWN, WORDS, WRITTEN


def if_on_an_array(w, g):
    if g > 0:
        return g
    return -g


def assigning(w, g, m):
    m[:] = g
    return g, m


def assigning_in_place_by_index(w, g, m):
    m[:] += g
    return g, m


def python_min(w, g, t, *, warmup: Positive = 10.0):
    return min(1, t / warmup) * g


def math_function(w, g, *, learn_rate: Rate = 0.1):
    return math.sqrt(learn_rate) * g


def norm_of_number(w, g, *, learn_rate: Rate = 0.1):
    return norm(learn_rate) * g


def scalar_from_array(w, g, s: Scalar):
    return g, g


def shared_from_norm(w, g, d: Shared):
    return g, norm(g)


def shared_from_time(w, g, d: Shared, t):
    return g, d + t


def asking(ask):
    def asks(w, g, *, kind: Literal["a", "b"] = "a"):
        return g if ask(kind) else w

    return asks


def matching(w, g, *, kind: Literal["a", "b"] = "b"):
    match kind:
        case "a":
            return g
        case "c":
            return w
    return w


def asked(text: str, instead: str = "") -> str:
    return (
        f"`if {text}:` cannot be known yet: write {instead or f'where({text}, a, b)'}, or minimum(a, b) and maximum(a,"
        " b) for Python's min and max, from thincopt.language; combine conditions with & | ~ in place of and, or, not"
        " and a < b < c."
    )


EACH_KTH = "for each k-th step `if every(k):`, where k is a setting"
NO_WORD = (
    "there is no word for it. A rule is written for each element alike, with + - * /, x**2, comparisons, % and // of"
    f" numbers, and, from thincopt.language, {', '.join(WORDS)}, and `if every(k):` for each k-th step."
)
LOOP = (
    "a rule cannot loop over an array, nor can Python's sum, any and all: it is written for each element alike; write"
    " sum(x), mean(x), norm(x) or amax(x), from thincopt.language."
)
FLAT = "A rule knows no shapes, rows, columns or matrices: it is written for each element alike."
FLAT_TOO = f"a{FLAT[1:]}"
INDEX = (
    "a rule cannot index its arrays, for it knows no rows, columns or elements: it is written for each element alike;"
    " use where(…)."
)
ROUNDING = "rounding cannot be traced: write floor(x), of a number, from thincopt.language."
OF_NUMBERS = "%, // and floor are of numbers, such as t; there is no word for them that is of arrays."
MATH = (
    "float() and the functions of Python's math module cannot be traced, for a formula has no value yet: leave float()"
    " out, and for math's write sqrt(x), floor(x), exp(x), log(x), tanh(x) or abs(x), from thincopt.language."
)
CONDITION = "of a condition: a condition is no number; write where(condition, 1.0, 0.0)."
WHOLE = (
    "int() and range() cannot be traced, for a formula has no value yet: leave int() out, and let range() count to a"
    " plain number, or to a setting of type Size."
)
TAUGHT = [
    (if_on_an_array, asked("g > 0")),
    (lambda w, g: where(g > 0 and w > 0, g, 0.0), asked("g > 0")),
    (lambda w, g, t: g if t > 5 else 0 * g, asked("t > 5")),
    (lambda w, g, t: where(0 < t < 5, g, w), asked("t > 0")),
    (lambda w, g, t: g if t % 10 == 0 else w, asked("t % 10 == 0", EACH_KTH)),
    (lambda w, g, m: (g, max(m, 1)), asked("m < 1")),
    (python_min, asked("t / warmup < 1")),
    (lambda w, g: g[0] * w, INDEX),
    (assigning_in_place_by_index, INDEX),
    (
        assigning,
        "a rule assigns to no array: write m = …, without [ ], and return m; for some elements use where(…).",
    ),
    (lambda w, g: [each + w for each in g], LOOP),
    (lambda w, g: builtins.sum(g) * w, LOOP),
    (
        lambda w, g: g / len(g),
        "len() cannot be traced: a rule is the same for arrays of every size; for a mean write mean(x), from"
        " thincopt.language.",
    ),
    (
        lambda w, g: f"{g:.2f}",
        "'.2f' cannot write a formula, which has no value yet: to see values, call the rule on arrays.",
    ),
    (lambda w, g: g @ w, f"@ cannot be traced: for the sum of a * b write dot(a, b), from thincopt.language. {FLAT}"),
    (lambda w, g: np.ones(3) @ g, f"np.matmul cannot be traced: write dot(a, b), from thincopt.language. {FLAT}"),
    (lambda w, g, t: t % g, OF_NUMBERS),
    (lambda w, g, t: g // 2, OF_NUMBERS),
    (lambda w, g: floor(g), OF_NUMBERS),
    (lambda w, g: round(g), ROUNDING),
    (math_function, MATH),
    (lambda w, g: float(g), MATH),
    (lambda w, g, t: int(t) * g, WHOLE),
    (lambda w, g, t: [g for _ in range(t)], WHOLE),
    (lambda w, g: np.sqrt(g), "np.sqrt cannot be traced: write sqrt(x), from thincopt.language."),
    (lambda w, g: np.exp(g), "np.exp cannot be traced: write exp(x), from thincopt.language."),
    (
        lambda w, g: np.where(g > 0, g, w),
        "np.where cannot be traced: write where(condition, a, b), from thincopt.language.",
    ),
    (lambda w, g: np.linalg.norm(g) * g, "np.linalg.norm cannot be traced: write norm(x), from thincopt.language."),
    (lambda w, g: np.sin(g), f"np.sin cannot be traced: {NO_WORD}"),
    (lambda w, g: np.add.reduce(g) * w, f"np.add.reduce cannot be traced: {NO_WORD}"),
    (
        lambda w, g: g if g else w,
        "g has no value yet: only a setting can be asked, and only whether it is zero (`if momentum:`); write"
        " where(condition, a, b), from thincopt.language.",
    ),
    (
        lambda w, g: np.ones(3) * g,
        f"a formula is made of numbers, settings and its own arrays, not of others: {OF_YOUR_OWN}.",
    ),
    (
        lambda w, g: g * np.ones(2),
        f"a formula is made of numbers, settings and its own arrays, not of array([1., 1.]) (ndarray); {OF_YOUR_OWN}.",
    ),
    (lambda w, g: np.multiply(g, w), "np.multiply cannot be traced: write a * b, of formulas and numbers."),
    (lambda w, g: g.mean() * w, "a formula has no .mean: write mean(x), from thincopt.language."),
    (lambda w, g: g.max() * w, "a formula has no .max: write amax(x), from thincopt.language."),
    (lambda w, g: g.clip(0, 1), "a formula has no .clip: write minimum(maximum(x, low), high)."),
    (lambda w, g: g.T, f"a formula has no .T: {FLAT_TOO}"),
    (lambda w, g: g / g.shape[0], f"a formula has no .shape: {FLAT_TOO}"),
    (lambda w, g: where(g.any(), g, w), f"a formula has no .any: {NO_WORD}"),
    (lambda w, g: "m", "a formula is made of numbers, settings and its own arrays, not of 'm' (str)."),
    (lambda w, g: (g > 0) + 1, "add of a condition: a condition is no number; write where(condition, 1.0, 0.0)."),
    (lambda w, g: where(g, w, g), "where takes conditions, such as a > b or t == 1; a number is not one."),
    (lambda w, g: g.reshape(-1), f"a formula has no .reshape: {FLAT_TOO}"),
    (lambda w, g: np.outer(g, w), f"np.outer cannot be traced: {FLAT_TOO}"),
    (lambda w, g: g.astype("float64"), "a formula has no .astype: write x alone: all arrays are of the weights' type."),
    (lambda w, g: mean(g, axis=0), f"mean takes no axis=: write mean(x). {FLAT}"),
    (lambda w, g: amax(g, axis=1), f"amax takes no axis=: write amax(x). {FLAT}"),
    (lambda w, g: norm(g, 1) * g, f"norm does not take 2 operands: write norm(x). {FLAT}"),
    (lambda w, g: dot(g) * g, f"dot does not take 1 operand: write dot(a, b). {FLAT}"),
    (lambda w, g: sqrt(g, w), "sqrt does not take 2 operands: write sqrt(x)."),
    (lambda w, g: minimum(g), "minimum does not take 1 operand: write minimum(a, b)."),
    (lambda w, g: maximum(g, w, 1), "maximum does not take 3 operands: write maximum(a, b)."),
    (lambda w, g: where(g > 0, g), "where does not take 2 operands: write where(condition, a, b)."),
    (lambda w, g: language.abs(g, out=w), "abs takes no out=: write abs(x)."),
    (lambda w, g: language.sum([g, w]), "sum takes no list: write sum(x), of arrays. To add several, write a + b."),
    (lambda w, g: norm((g, w)) * g, "norm takes no tuple: write norm(x), of arrays."),
    (lambda w, g: mean(3.0) * g, "mean is of an array, not of 3.0."),
    (lambda w, g: mean(g > 0) * g, f"mean {CONDITION}"),
    (lambda w, g: dot(g > 0, w) * g, f"dot {CONDITION}"),
    (lambda w, g: total(norm(g) > 1) * g, f"total {CONDITION}"),
    (
        lambda w, g: total(g) * g,
        "total adds one number of each key: write total(sum(x)), for the sum of all that x holds.",
    ),
    (lambda w, g: g * 10**400, "a formula's numbers are float64, and a whole number in it is larger than any."),
    (
        lambda w, g, m: ((m, 1.0), m),
        "a formula is made of numbers, settings and its own arrays, not of (<m>, 1.0) (tuple).",
    ),
    (lambda w, g: g > 0, "'step' became a condition; write where(condition, 1.0, 0.0)."),
    (asking(lambda kind: kind == "c"), "kind is compared with 'c', which it never is: it is one of 'a', 'b'."),
    (asking(lambda kind: kind != "A"), "kind is compared with 'A', which it never is: it is one of 'a', 'b'."),
    (asking(lambda kind: "c" == kind), "kind is compared with 'c', which it never is: it is one of 'a', 'b'."),  # noqa: SIM300  # as some write it
    (asking(lambda kind: kind in ("b", "c")), "kind is compared with 'c', which it never is: it is one of 'a', 'b'."),
    (asking(lambda kind: kind == 1), "kind is compared with 1, which it never is: it is one of 'a', 'b'."),
    (matching, "kind is compared with 'c', which it never is: it is one of 'a', 'b'."),
    (norm_of_number, "norm is of an array, and a number was given: a number needs no norm."),
    (scalar_from_array, "scalar state 's' became an array; use sum, norm, …."),
    (lambda w, g, m: (g, g > 0), "state 'm' became a condition; write where(condition, 1.0, 0.0)."),
    (
        shared_from_norm,
        "shared state 'd' depends on a norm, which each key has its own of: add it up over the keys with"
        " total(…), or count in the shared state itself, n = n + 1.",
    ),
    (
        shared_from_time,
        "shared state 'd' depends on 't', which each key has its own of: add it up over the keys with"
        " total(…), or count in the shared state itself, n = n + 1.",
    ),
]


@pytest.mark.parametrize(
    ("function", "text"), TAUGHT, ids=[f"{index} {text[:30]}" for index, (_, text) in enumerate(TAUGHT)]
)
def test_what_cannot_be_traced_is_an_error_that_teaches(function, text):
    with pytest.raises(RuleError) as caught:
        traced(function)
    assert str(caught.value) == f"Made.v1: {text}"


def test_the_line_of_the_rule_is_in_the_traceback():
    with pytest.raises(RuleError) as caught:
        traced(python_min)
    assert python_min.__code__ in [each.frame.code.raw for each in caught.traceback]


def test_a_choice_is_a_word_in_all_else():
    def choosing(w, g, *, kind: Literal["a", "b"] = "b", other: Literal["b", "c"] = "b"):
        told = {"a": g, "b": w}[kind] if kind == other and kind != "a" and kind in ("a", "b") else g
        return told * len(kind) if kind.upper() == "B" else g

    assert traced(choosing).phases == traced(lambda w, g: w * 1).phases


def test_what_python_does_with_symbols_as_with_numbers_may_stay():
    def in_place(w, g, m):
        m += g
        m -= w
        return builtins.abs(m), m

    def plainly(w, g, m):
        m = m + g - w
        return abs(m), m

    assert traced(in_place).phases == traced(plainly).phases


def test_only_words_that_exist_are_told():
    assert set(WORDS) <= set(language.__all__)
    others = {"rule", "stage", "every", "at_step"}
    assert {each for each in language.__all__ if isfunction(getattr(language, each))} - others == set(WORDS)
    assert {*WRITTEN, *ALIKE.values()} <= set(WORDS)
