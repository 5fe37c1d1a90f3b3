"""What an error shows of a value: as Python prints it, in a bounded time and memory."""

from collections import OrderedDict, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interrupting import lines_of
from thincopt import Config
from thincopt.errors import MOST_NAMED, at_most, reason_of, shown, suggestion

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.lists(inner, max_size=2).map(deque)
        | st.frozensets(st.integers(), max_size=3)
    ),
)


@given(value=values)
def test_a_small_value_is_shown_as_python_prints_it(value):
    text = " ".join(repr(value).split())
    assert shown(value) == (text if len(text) <= 120 else f"{text[:120]}…")


def circle():
    made = [1]
    made.append({"a": made})
    return made


def deep(made=0):
    for _ in range(10**5):
        made = [made]
    return made


def wide(made=1):
    for _ in range(60):
        made = [made, made]
    return made


LARGE = {
    "a circle": (circle, "[1, {'a': [...]}]"),
    "depth": (deep, "[" * 120 + "…"),
    "lists of lists": (wide, "[" * 60 + "1, 1], "),
    "a long list": (lambda: [0.5] * 10**6, "[0.5, 0.5, "),
    "a long text": (lambda: "x" * 10**7, "'xxx"),
    "long bytes": (lambda: b"x" * 10**7, "b'xxx"),
    "a large set": (lambda: set(range(10**5)), "{0, 1, 2"),
    "a large config": (lambda: Config({"a": {str(each): [each] for each in range(10**5)}}), "{'a': {'0': [0], '1'"),
    "a large circle": (lambda: [*[0] * 300, circle()], "[0, 0"),
    "others": (lambda: deque(range(10**5)), "a value of type deque"),
    "ordered": (lambda: OrderedDict.fromkeys(range(10**5)), "a value of type OrderedDict"),
    "keys": (lambda: dict.fromkeys(range(10**5)).keys(), "a value of type dict_keys"),
    "a long number": (lambda: 10**5000, "a value of type int"),
}


@pytest.mark.parametrize("what", LARGE)
def test_of_a_large_value_only_the_beginning_is_looked_at(what):
    """The work is counted in lines, not in seconds."""
    make, begins = LARGE[what]
    value, texts = make(), []
    met = lines_of(lambda: texts.append(shown(value)), within="")
    assert texts[0].startswith(begins)
    assert len(texts[0]) <= 121
    assert len(met) < 25_000


def test_the_first_of_many_are_told_and_the_others_counted():
    assert at_most([1, 2], str, lambda *_: "more") == ["1", "2"]
    assert at_most(range(10_012), str, "from {}: {}".format) == [*"0123456789", "from 10: 10002"]


def test_a_suggestion_looks_at_few_names_and_at_their_beginnings():
    asked = []

    class Name:
        def __init__(self, text):
            self.text = text

        def __str__(self):
            asked.append(self.text)
            return self.text

    assert len(suggestion("?", [Name("x" * 10**5) for _ in range(500)])) < MOST_NAMED * 130
    assert len(asked) == 500
    assert suggestion(["beta"] * 10**6, ["zeta"]) == "Known: zeta."


def test_the_reason_of_an_exception_that_cannot_say_it():
    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError

    assert reason_of(SilentError()) == "SilentError"
    assert reason_of(ValueError("x\n y.")) == "x y"
