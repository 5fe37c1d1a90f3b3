"""The language: what a rule means, and what is made of it."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import thincopt.language as language_package
from tests import probes
from tests.conftest import traced
from thincopt import NonFiniteError, NumpyOps, Optimizer
from thincopt.language import Array, Positive, Rate, minimum, norm, sqrt, where
from thincopt.language.declaring import RULES, Rule
from thincopt.language.expression import Node
from thincopt.language.printing_c import ARRAY, c_block, c_walk
from thincopt.language.refusing import WORDS
from thincopt.recipes.shipping import every_recipe
from thincopt.rules import all_rules


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (lambda m, g, t: 0.9 * m + (1 - 0.9) * g, "<0.9 * m + 0.1 * g>"),
        (lambda m, g, t: -(m - (g - 1)) / (g * (m / 2)), "<-(m - (g - 1)) / (g * (m / 2))>"),
        (lambda m, g, t: where((m < g) & ~(t == 1), 2**t, g), "<where((m < g) & ~(t == 1), 2 ** t, g)>"),
        (lambda m, g, t: minimum(m, sqrt(abs(g))), "<minimum(m, sqrt(abs(g)))>"),
        (lambda m, g, t: norm(g) * 1e-8, "<norm(g) * 1e-08>"),
        (lambda m, g, t: g**99, "<g * g * g * (g * g * g) * (g * g * g * (g * g * g)) * (g * …>"),
    ],
)
def test_a_formula_prints_as_it_is_written(formula, text):
    m, g, t = (Node("array", value=name, is_array=name != "t") for name in "mgt")
    assert repr(formula(m, g, t)) == f"{formula(m, g, t)}" == text


def test_what_stages_leave_prints_by_its_name():
    told = set()

    def printing(w, g, m, *, learn_rate: Rate = 0.1):
        m = m + g
        told.add(repr(m * w))
        return learn_rate * m, m

    Optimizer.of(Rule("Printing.v1", printing), grad_clip=1.0, weight_decay=0.1, ops=NumpyOps(None))
    assert told == {"<(m + g) * w>"}


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
    lamb = RULES["LAMB.v1"]
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
    names = [c_walk(kernel.phases[-1].walk)[0] for kernel in (traced(RULES["LAMB.v1"]) for _ in range(2))]
    blocks = [c_block(kernel.phases[0].block)[0] for kernel in (traced(RULES["LAMB.v1"]) for _ in range(2))]
    assert len(set(names)) == len(set(blocks)) == 1


def test_every_word_and_operation_is_asked_by_a_probe():
    assert set(WORDS) <= {word for each in probes.RULES for word in each.function.__code__.co_names}
    recipes = [recipe for each in probes.RULES for recipe in every_recipe(each)]
    walks = [phase.walk for recipe in recipes for kernel in recipe.kernels for phase in kernel.phases]
    assert set(ARRAY) == {line.op for walk in walks for line in walk.code}


def test_powers_are_products_and_roots_where_they_can_be():
    def powers(w, g, t):
        return g**3 + g**-1 + g**0.5 + t**0.5

    phase = traced(powers).phases[0]
    asked = [line.op for line in phase.block.code + phase.walk.code]
    assert [asked.count(each) for each in ("pow", "sqrt", "div")] == [0, 2, 1]


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


def test_a_setting_that_is_zero_leaves_its_state_out():
    def heavy(w, g, m: Array, *, momentum: Rate = 0.0):
        return (g + m, momentum * m + g) if momentum else (g, m)

    assert traced(heavy).arrays == ("w", "g")
    assert traced(heavy, momentum=True).arrays == ("w", "g", "m")


def test_numpys_numbers_are_numbers(ops):
    def numbered(w, g, t, *, learn_rate: Rate = 1.0):
        return np.float32(0.5) * g * np.float64(2) / np.int64(4) - (np.float64(1) - g) ** np.int32(2) + np.int8(3) % t

    weights, gradient = np.zeros(3), np.array([1.0, 2.0, 3.0])
    Optimizer.of(Rule("Numbered.v1", numbered), ops=ops)("w", weights, gradient.copy())
    assert weights.tolist() == (-(0.25 * gradient - (1 - gradient) ** 2)).tolist()
