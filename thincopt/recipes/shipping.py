"""Which kernels are compiled ahead: each rule within the stages that every walk has, and each other stage alone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
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


def branches(
    settings: Sequence[Setting], make: Callable[[Mapping[str, Any], Ask], T], own: Iterable[str] = ()
) -> Iterator[T]:
    """What is made for each choice that these settings give, and each answer to what is asked on the way."""
    for choices in _choices([each for each in settings if not each.is_number], own):
        undecided = [_Branch()]
        while undecided:
            answers = undecided.pop()
            try:
                yield make(choices, answers.__getitem__)
            except _UndecidedError as asked:
                undecided += [_Branch({**answers, str(asked): answer}) for answer in (False, True)]


def _choices(settings: Sequence[Setting], own: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
    """Every choice that these settings give; but of those that act beside another one, only one at a time is made.

    It is made where that other one lets it act, with all else off or at its default but for a rule's `own`.
    """
    for values in product(*(each.most_common for each in settings)):
        choices = {each.name: value for each, value in zip(settings, values, strict=True)}
        usual = {each.name for each in settings if choices[each.name] in (False, each.default)}
        varied = {*choices} - usual - {*own}
        beside = [_beside(each, settings, choices) for each in settings if each.when and each.name in varied]
        if not beside or (all(beside) and any(varied <= each for each in beside)):
            yield choices


def _beside(setting: Setting, settings: Sequence[Setting], choices: Mapping[str, Any]) -> set[str]:
    """A setting and those beside which it acts; nothing if by these choices it does not."""
    found = {setting.name}
    while setting.when and setting.when.setting in choices:
        value, wanted = choices[setting.when.setting], setting.when.choice
        if value != wanted if wanted else not value:
            return set()
        setting = next(each for each in settings if setting.when and each.name == setting.when.setting)
        found.add(setting.name)
    return found


def every_recipe(rule: Rule) -> Iterator[Recipe]:
    """The recipes that settings of this rule can ask for: each choice, each number zero or not.

    Of choices that act beside another one there is one at a time, with all numbers on and with all off.
    """
    settings = [each for each in declarations(rule).settings if not each.is_number]
    fixed = {each.name: each.default for each in settings if each.when}
    free = [each for each in settings if not each.when]
    yield from branches(free, lambda choices, asks: compose(rule, {**fixed, **choices}, asks))
    own = {each.name for each in rule.signature.settings}
    varied = [each for each in _choices(settings, own) if any(each[name] != fixed[name] for name in fixed)]
    for choices in varied:
        yield compose(rule, choices, lambda _: True)
        yield compose(rule, choices, lambda _: False)


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
    switches = {each.name for each in stages_around(rule) if each not in parts}
    own = {setting.name for each in parts for setting in each.signature.settings} - switches
    off = {setting.name: setting.default for each in stages_around(rule) for setting in each.signature.settings}

    def make(choices: Mapping[str, Any], asks: Ask) -> Recipe:
        return compose(rule, {**off, **fixed, **choices}, lambda name: name in own and asks(name))

    settings = [each for each in declarations(rule).settings if each.name in own]
    for recipe in branches(settings, make, {each.name for each in rule.signature.settings}):
        yield from recipe.kernels


def _alone(stage: Stage, declares: Declared, choices: Mapping[str, Any], asks: Ask) -> list[Kernel]:
    cases = Cases(asks)
    return cases.all(lambda case: trace(None, [stage], declares, Answers(choices, asks, partial(cases.falls, case))))
