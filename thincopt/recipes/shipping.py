"""Which kernels are compiled ahead: each rule within the stages that every walk has, and each other stage alone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, product
from typing import Any, TypeVar

from ..language import Rule, Stage
from ..language.kernel import Kernel
from ..language.signature import Setting
from ..language.tracing import Answers, Ask, Declared, trace
from ..stages import SCALING, WITHIN, stages_around
from .composing import Cases, compose, declarations, frozen
from .recipe import Recipe

T = TypeVar("T")


class _UndecidedError(Exception):
    """A trace asked whether a setting is zero, and this branch has no answer yet."""


class _Branch(dict[str, bool]):
    def __missing__(self, name: str) -> bool:
        raise _UndecidedError(name)


def branches(settings: Sequence[Setting], make: Callable[[Mapping[str, Any], Ask], T]) -> Iterator[T]:
    """What is made for each choice that these settings give, and each answer to what is asked on the way."""
    chosen = [each for each in settings if not each.is_number]
    for values in product(*(each.most_common for each in chosen)):
        choices = {each.name: value for each, value in zip(chosen, values, strict=True)}
        undecided = [_Branch()]
        while undecided:
            answers = undecided.pop()
            try:
                yield make(choices, answers.__getitem__)
            except _UndecidedError as asked:
                undecided += [_Branch({**answers, str(asked): answer}) for answer in (False, True)]


def every_recipe(rule: Rule) -> Iterator[Recipe]:
    """Every recipe that settings of this rule can ask for: each choice, each number zero or not."""
    return branches(declarations(rule).settings, lambda choices, asks: compose(rule, choices, asks))


def shipped(rule: Rule) -> Iterator[Kernel]:
    """The kernels by which every recipe of this rule can run, fused or apart; with gradients kept, the rule alone."""
    stages, declares = stages_around(rule), declarations(rule)
    for each in stages:
        yield from chain.from_iterable(branches(each.signature.settings, partial(_alone, each, declares)))
    yield from _within(rule, WITHIN)
    yield from _within(rule, SCALING, zero_gradient=False)
    yield from frozen(rule, {each.name: each.default for each in declares.settings}).kernels


def _within(rule: Rule, names: Container[str], **fixed: Any) -> Iterator[Kernel]:
    """The rule within these stages, each of them in every way that it can be, and without the others."""
    parts: list[Rule | Stage] = [rule, *(each for each in stages_around(rule) if each.name in names)]
    own = {setting.name for each in parts for setting in each.signature.settings}
    off = {setting.name: setting.default for each in stages_around(rule) for setting in each.signature.settings}

    def make(choices: Mapping[str, Any], asks: Ask) -> Recipe:
        return compose(rule, {**off, **fixed, **choices}, lambda name: name in own and asks(name))

    for recipe in branches([each for each in declarations(rule).settings if each.name in own], make):
        yield from recipe.kernels


def _alone(stage: Stage, declares: Declared, choices: Mapping[str, Any], asks: Ask) -> list[Kernel]:
    cases = Cases(asks)
    return cases.all(lambda case: trace(None, [stage], declares, Answers(choices, asks, partial(cases.falls, case))))
