"""Trace a rule with the stages that its settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any

from ..language import Rule
from ..language.tracing import Declared, declared, trace
from ..stages import stages_around
from .recipe import Recipe


@cache
def declarations(rule: Rule) -> Declared:
    """The settings and state of a rule within its stages."""
    return declared(rule, stages_around(rule))


def compose(rule: Rule, choices: Mapping[str, Any], asks: Callable[[str], bool]) -> Recipe:
    """Trace the kernels of a step. `asks(name)` says whether a number may be other than zero.

    On every k-th step of a key a periodic stage (lookahead) follows the step; what comes after it waits till then.
    """
    stages, declares = stages_around(rule), declarations(rule).sized(choices)
    periodic = next((index for index, each in enumerate(stages) if each.every), len(stages))
    always = [each for each in stages if not each.every]
    main = trace(rule, always, declares, choices, asks)
    rate = declares.numbers.index("learn_rate") if "learn_rate" in declares.numbers else None
    names = (declares.named("array"), declares.named("scalar"), declares.named("shared"))
    every = stages[periodic].every if periodic < len(stages) else None
    if every is None or not asks(every):
        return Recipe(main, *names, rate)
    before = trace(rule, stages[:periodic], declares, choices, asks)
    after = trace(None, stages[periodic:], declares, choices, asks)
    return Recipe(main, *names, rate, declares.numbers.index(every), before, after)


class _UndecidedError(Exception):
    """A trace asked whether a setting is zero, and this branch has no answer yet."""


class _Answers(dict[str, bool]):
    def __missing__(self, name: str) -> bool:
        raise _UndecidedError(name)


def every_recipe(rule: Rule) -> Iterator[Recipe]:
    """Every recipe that settings of this rule can ask for: each choice, each number zero or not; sizes as they are."""
    settings = [each for each in declarations(rule).settings if not each.is_number]
    for values in product(*(each.most_common for each in settings)):
        choices = {each.name: value for each, value in zip(settings, values, strict=True)}
        open_branches = [_Answers()]
        while open_branches:
            answers = open_branches.pop()
            try:
                yield compose(rule, choices, answers.__getitem__)
            except _UndecidedError as asked:
                open_branches += [_Answers({**answers, str(asked): answer}) for answer in (False, True)]
