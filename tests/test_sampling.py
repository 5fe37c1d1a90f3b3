"""What the suite runs of a product of axes: each rule with every value of every axis, and the same wherever it runs."""

from types import SimpleNamespace

import pytest

from tests.sampling import Case, covering, parametrize, sample, sampled
from tests.test_bits import RULES, STAGES, combinations
from tests.test_threads import CONFIGURATIONS

PRODUCTS = {"combinations": combinations(), "configurations": CONFIGURATIONS}


def values(cases):
    """What occurs, on each axis, with each rule."""
    return {(case.rule, *value) for case in cases for value in case.axes.items()}


@pytest.mark.parametrize("cases", PRODUCTS.values(), ids=PRODUCTS)
@pytest.mark.parametrize("test", ["one", "another"])
def test_every_rule_meets_every_value_of_every_axis(cases, test):
    found = sample(cases, test)
    assert values(found) == values(cases)
    assert {case.rule for case in found} == set(RULES)
    assert {case.axes["stages"] for case in found} == set(STAGES)


@pytest.mark.parametrize("cases", PRODUCTS.values(), ids=PRODUCTS)
def test_one_rule_more_adds_a_few_cases_and_changes_no_other(cases):
    for rule in RULES:
        others = sample(case for case in cases if case.rule != rule)
        assert others == [case for case in sample(cases) if case.rule != rule]
    assert len(sample(cases)) <= (len(STAGES) + 3) * len(RULES)


def test_each_test_has_a_sample_of_its_own():
    assert sample(combinations(), "one") != sample(combinations(), "another")


def test_the_names_of_cases_are_theirs_alone():
    """By these they are drawn."""
    for cases in PRODUCTS.values():
        assert len({case.name for case in cases}) == len(cases)


def test_a_sample_is_the_same_in_every_process_and_in_every_version():
    cases = [Case("Adam.v1", {"stages": stages}, ()).times("type", dtype) for stages in "abc" for dtype in "fd"]
    assert [case.name for case in sample(cases)] == ["Adam.v1 b f", "Adam.v1 c f", "Adam.v1 b d", "Adam.v1 a f"]


def test_what_brings_nothing_new_is_left_out():
    assert list(covering(["ab", "ba", "", "bc", "cb", "abcd"], set)) == ["ab", "bc", "abcd"]


@pytest.mark.parametrize(("is_exhaustive", "count"), [(False, 4), (True, 6)])
def test_exhaustive_takes_all(is_exhaustive, count):
    """As pytest asks, of a test that is `sampled`."""
    cases = [
        Case("Mine.v1", {"stages": stages}, (stages,)).times("type", kind, kind) for stages in "abc" for kind in "fd"
    ]
    marker, given = sampled("stages, kind", cases).mark, {}
    test = SimpleNamespace(nodeid="a test", iter_markers=lambda name: [marker] if name == marker.name else [])
    config = SimpleNamespace(getoption={"exhaustive": is_exhaustive}.get)
    parametrize(SimpleNamespace(definition=test, config=config, parametrize=given.__setitem__))
    assert [len(params) for params in given.values()] == [count]
    assert {params.values for params in given["stages, kind"]} <= {case.given for case in cases}
