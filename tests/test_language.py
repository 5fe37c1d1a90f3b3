"""The language: what a rule may say, what it means, and the errors that teach."""

import ast
import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

import thincopt.language as language_package
from thincopt import NonFiniteError, Optimizer, RuleError, rule
from thincopt.composing import compose, declarations, every_recipe
from thincopt.language import (
    Array,
    Positive,
    Rate,
    Scalar,
    Shared,
    Starts,
    arithmetic,
    exp,
    maximum,
    norm,
    sign,
    sqrt,
    sum,
    total,
    where,
)
from thincopt.language.declaring import RULES, Rule
from thincopt.language.printing_c import c_block, c_walk
from thincopt.rules import all_rules


def traced(function, **asks):
    """The main kernel of a rule that is only this function."""
    made = Rule("Made.v1", function)
    choices = {each.name: each.default for each in declarations(made).settings if each.choices}
    return compose(made, choices, lambda name: asks.get(name, False)).main


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
    (too_few, "Made.v1 returned 1 values; it must return \\(step, m\\)"),
    (too_many, "Made.v1 returned 2 values; it must return \\(step\\)"),
    (a_string, "A formula is made of numbers, settings and arrays, not of 'm' \\(str\\)|Made.v1 returned 2 values"),
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


def test_no_branch_of_the_language_imports_beyond_the_standard_library():
    for path in Path(language_package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or node.module.split(".")[0] in sys.stdlib_module_names, path
            if isinstance(node, ast.Import):
                assert all(each.name.split(".")[0] in sys.stdlib_module_names for each in node.names), path


def test_scalar_factors_are_gathered_first():
    """Both moments of Adam take one product of their scalars; nothing is divided but by an array."""
    kernel = traced(RULES["Adam.v2"].function)
    lines = kernel.phases[-1].walk.code
    divisions = [line for line in lines if line.op == "div"]
    assert len(divisions) == 1
    assert all(not str(each).startswith("k") for each in divisions[0].args)


def test_a_value_used_twice_is_not_taken_apart():
    """A clipped gradient is squared, not the clip's scale: 1e-30² would be lost in float32."""
    weights, gradient = np.zeros(4, "float32"), np.full(4, 1e30, "float32")
    optimizer = Optimizer.of("Adam.v2", learn_rate=1.0, grad_clip=1.0)
    optimizer("w", weights, gradient)
    np.testing.assert_allclose(weights, -1.0, rtol=1e-6)
    np.testing.assert_allclose(optimizer.mom2["w"], 0.001 * 0.25, rtol=1e-6)


def test_a_scale_is_not_squared_in_place_of_what_it_scales():
    def squared(w, g, *, scale: Positive = 1e-30):
        u = scale * g
        return u * u

    weights, gradient = np.zeros(4, "float32"), np.full(4, 1e30, "float32")
    Optimizer.of(Rule("Made.v1", squared))("w", weights, gradient)
    np.testing.assert_allclose(weights, -1.0, rtol=1e-6)


def test_a_reduction_that_hides_infinity_does_not_stand_in_for_the_check():
    def hiding(w, g):
        return norm(1 / (1 + abs(g))) * g

    with pytest.raises(NonFiniteError):
        Optimizer.of(Rule("Made.v1", hiding))("w", np.ones(3), np.array([1.0, np.inf, 1.0]))


def test_passes_are_as_many_as_reductions_ask():
    lamb = RULES["LAMB.v1"].function
    assert [len(traced(lamb).phases), len(traced(lamb, grad_clip=True).phases)] == [2, 3]
    assert len(traced(RULES["AdamW.v1"].function).phases) == 1


def test_only_the_last_walk_stores():
    for found in all_rules().values():
        for recipe in every_recipe(found):
            for kernel in recipe.kernels:
                assert all(not each.walk.stores for each in kernel.phases[:-1])
                assert all(not each.walk.reductions for each in kernel.phases[-1:])


def test_printed_code_is_the_same_from_run_to_run():
    """Functions are found by their text: it must not hang on memory addresses or the order of sets."""
    names = [c_walk(kernel.phases[-1].walk)[0] for kernel in (traced(RULES["LAMB.v1"].function) for _ in range(2))]
    blocks = [c_block(kernel.phases[0].block)[0] for kernel in (traced(RULES["LAMB.v1"].function) for _ in range(2))]
    assert len(set(names)) == len(set(blocks)) == 1


def test_inexact_rules_say_so():
    assert traced(lambda w, g: exp(g)).inexact
    assert traced(lambda w, g: g / exp(norm(g))).inexact
    assert not traced(RULES["NAdam.v1"].function).inexact
    assert not any(kernel.inexact for found in all_rules().values() for kernel in next(every_recipe(found)).kernels)


ORACLES = [name for name in all_rules() if not name.startswith("Probe")]


@pytest.mark.parametrize("name", ORACLES)
def test_the_raw_function_on_arrays_is_the_oracle(name, ops):
    """The rule itself, run on float64 arrays, against the traced, rewritten and printed one.

    The rewrite moves scalar factors, which costs a few roundings a step: 1e-13 over 40 steps.
    """
    found = all_rules()[name]
    settings = {
        each.name: found.defaults.get(each.name, each.default)
        for each in found.signature.settings
        if each.default is not each.REQUIRED
    } | {"learn_rate": 0.01}
    off = dict(grad_clip=0.0, use_averages=False, weight_decay=settings.get("weight_decay", 0.0))
    optimizer = Optimizer.of(name, ops=ops, **{**settings, **off})
    random = np.random.default_rng(0)
    weights = random.normal(size=50)
    expected = weights.copy()
    state = {each.name: np.zeros(50) if each.kind == "array" else each.start for each in found.signature.states}
    for t in range(1, 41):
        gradient = random.normal(size=50)
        given = {**state, "w": expected, "g": gradient.copy(), "t": t}
        result = found(*(given[each] for each in found.signature.names), **settings)
        step, *news = result if isinstance(result, tuple) else (result,)
        expected = expected - step
        state = dict(zip(state, news, strict=True))
        optimizer("w", weights, gradient)
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_words_work_on_numbers_and_arrays():
    array = np.array([-4.0, 9.0])
    assert list(sqrt(abs(array))) == [2.0, 3.0]
    assert sqrt(-1.0) != sqrt(-1.0)  # NaN
    assert list(maximum(array, 0.0)) == [0.0, 9.0]
    assert list(sign(array)) == [-1.0, 1.0]
    assert list(where(array > 0, array, 0.0)) == [0.0, 9.0]
    assert where(True, 1.0, 0.0) == 1.0
    assert (sum(array), norm(array), total(5.0)) == (5.0, math.sqrt(97.0), 5.0)


@pytest.mark.parametrize(
    ("a", "b", "quotient"),
    [
        (1.0, 0.0, math.inf),
        (-1.0, 0.0, -math.inf),
        (1.0, -0.0, -math.inf),
        (0.0, 0.0, math.nan),
        (math.nan, 0, math.nan),
    ],
)
def test_division_is_that_of_IEEE(a, b, quotient):
    assert arithmetic.divide(a, b) == pytest.approx(quotient, nan_ok=True)


@pytest.mark.parametrize("x", [0.9, 0.999, 2.0, -1.5, 0.0])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000, -3])
def test_whole_powers(x, n):
    expected = math.inf if x == 0 and n < 0 else x**n
    assert arithmetic.whole_power(x, n) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("x", [0.9, 0.95, 0.999, 0.9999, 1 / 3])
@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 1023, 1400])
def test_whole_powers_are_rounded_once(x, n):
    """Against exact fractions: RAdam's ρₜ magnifies what is lost here by 1/(1−β)²."""
    assert arithmetic.whole_power(x, n) == float(Fraction(x) ** n)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (arithmetic.power(-2.0, 0.5), math.nan),
        (arithmetic.power(0.0, -1.5), math.inf),
        (arithmetic.power(1e300, 2.5), math.inf),
        (arithmetic.power(-1e300, 3.0), -math.inf),
        (arithmetic.exp(1000.0), math.inf),
        (arithmetic.log(0.0), -math.inf),
        (arithmetic.log(-1.0), math.nan),
        (arithmetic.sqrt(-1.0), math.nan),
        (arithmetic.sign(math.nan), math.nan),
        (arithmetic.minimum(math.nan, 1.0), math.nan),
        (arithmetic.minimum(1.0, math.nan), math.nan),
        (arithmetic.maximum(math.nan, 1.0), math.nan),
        (arithmetic.maximum(1.0, math.nan), math.nan),
    ],
)
def test_functions_do_not_raise(found, expected):
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_setting_that_is_zero_leaves_its_state_out():
    def heavy(w, g, m: Array, *, momentum: Rate = 0.0):
        return (g + m, momentum * m + g) if momentum else (g, m)

    assert traced(heavy).arrays == ("w", "g")
    assert traced(heavy, momentum=True).arrays == ("w", "g", "m")
