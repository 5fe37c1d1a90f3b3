"""Products of axes, such as rule × stages × type: the suite runs a sample of each, `make exhaustive` every case.

A rule's sample hangs on its own cases alone, so that one rule more changes nothing for the others and adds but a few.
In it, every value of every other axis occurs; which of them occur together is by chance, other for each test, and the
same wherever it runs.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import pytest

T = TypeVar("T")
share = 4  # of random examples one of so many is tried; conftest.py says 1 where all are wanted


class Case(NamedTuple):
    """One case of a product: its value on each axis, by which it is named, and what a test is given."""

    rule: str
    axes: Mapping[str, str]
    given: tuple[Any, ...]

    @property
    def name(self) -> str:
        return " ".join(filter(None, [self.rule, *self.axes.values()]))

    def times(self, axis: str, value: str, *more: Any) -> "Case":
        """This case with a further axis."""
        return Case(self.rule, {**self.axes, axis: value}, (*self.given, *more))


def sample(cases: Iterable[Case], test: str = "") -> list[Case]:
    """Of each rule the cases that bring it a new value, in an order drawn from their names and the test's."""
    order = sorted(cases, key=lambda case: (case.rule, drawn(f"{test} {case.name}")))
    by_rule = groupby(order, lambda case: case.rule)
    return [case for _, own in by_rule for case in covering(own, lambda case: case.axes.items())]


def covering(things: Iterable[T], values: Callable[[T], Iterable[Hashable]]) -> Iterator[T]:
    """Each that has a value which none before it has."""
    seen = set[Hashable]()
    for each in things:
        if not seen.issuperset(values(each)):
            seen |= set(values(each))
            yield each


def drawn(name: str) -> bytes:
    """What stands for chance: the same in every process, and for every name another."""
    return sha256(name.encode()).digest()


def sampled(names: str, cases: Iterable[Case]) -> pytest.MarkDecorator:
    """Parametrize a test with cases; with a sample of them, unless pytest is told `--exhaustive`."""
    return pytest.mark.sampled(names, list(cases))


def examples(count: int) -> int:
    """So many random examples; a quarter of them, each time others, unless pytest was told `--exhaustive`."""
    return count // share


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test that is `sampled` its cases."""
    for marker in metafunc.definition.iter_markers("sampled"):
        names, cases = marker.args
        if not metafunc.config.getoption("exhaustive"):
            cases = sample(cases, metafunc.definition.nodeid)
        metafunc.parametrize(names, [pytest.param(*each.given, id=each.name) for each in cases])
