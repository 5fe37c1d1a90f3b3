"""Trace a rule with the stages that its settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import zip_longest
from typing import Any, TypeVar

from ..language import Rule, RuleError, Stage
from ..language.declaring import POINTS
from ..language.kernel import Kernel
from ..language.tracing import Answers, Declared, declared, trace, zeroing
from ..stages import WITHIN, stages_around
from .recipe import Recipe

Part = Rule | Stage
T = TypeVar("T")
MOST_PERIODS = 4  # each doubles the kernels of a step


class Cases:
    """The answers to `every(k)`: bit i of a case says whether its steps are k-th ones by the i-th of the periods."""

    def __init__(self, comes: Callable[[str], bool]) -> None:
        self.comes, self.periods = comes, list[str]()

    def falls(self, case: int, name: str) -> bool:
        """Whether this period's steps are among those of this case."""
        if not self.comes(name):
            return False
        if name not in self.periods:
            self.periods.append(name)
        if len(self.periods) > MOST_PERIODS:
            raise RuleError(f"one step asks every(k) of {', '.join(self.periods)}; {MOST_PERIODS} are the most.")
        return bool(case >> self.periods.index(name) & 1)

    def all(self, make: Callable[[int], T]) -> list[T]:
        """What is made for every case; the first of them shows of which periods there are answers."""
        made = list[T]()
        while len(made) < 2 ** len(self.periods):
            made.append(make(len(made)))
        return made


@cache
def declarations(rule: Rule) -> Declared:
    """The settings and state of a rule within its stages."""
    return declared(rule, stages_around(rule))


def compose(
    rule: Rule, choices: Mapping[str, Any], asks: Callable[[str], bool], comes: Callable[[str], bool] | None = None
) -> Recipe:
    """Trace the kernels of a step.

    `asks(name)` says whether a number may be other than zero; `comes(name)`, of the k of an `every(k)`, whether it is.
    """
    parts, declares, cases = parts_of(rule), declarations(rule).sized(choices), Cases(comes or asks)

    def answers(case: int) -> Answers:
        return Answers(choices, asks, partial(cases.falls, case), choices.get("zero_gradient", True))

    def segment(first: int, last: int, case: int) -> Kernel | None:
        return _segment(rule, parts, parts[first:last], declares, answers(case))

    kernels = cases.all(lambda case: trace(rule, _stages(parts), declares, answers(case)))
    _see_alike(rule, kernels, declares)
    return Recipe(
        tuple(kernels),
        arrays=declares.named("array"),
        scalars=declares.scalars,
        shared=declares.named("shared"),
        rate=declares.numbers.index("learn_rate") if "learn_rate" in declares.numbers else None,
        periods=tuple(map(declares.numbers.index, cases.periods)),
        parts=len(parts),
        segment=segment,
    )


def frozen(rule: Rule, choices: Mapping[str, Any]) -> Recipe:
    """A step that leaves the weights as they are, and zeroes the gradient."""
    declares = declarations(rule).sized(choices)
    kernel = zeroing(declares, zeroes=choices.get("zero_gradient", True))
    names = (declares.named("array"), declares.scalars, declares.named("shared"))
    return Recipe((kernel,), *names, rate=None, periods=(), parts=1, segment=lambda *_: kernel, stands=True)


def parts_of(rule: Rule) -> list[Part]:
    """The rule and its stages, in the order of a step."""
    stages = sorted(stages_around(rule), key=lambda each: POINTS.index(each.at))
    return [
        *(each for each in stages if each.at not in ("step", "weights")),
        rule,
        *(each for each in stages if each.at in ("step", "weights")),
    ]


def _stages(parts: Sequence[Part]) -> list[Stage]:
    return [each for each in parts if isinstance(each, Stage)]


def _segment(
    rule: Rule, parts: Sequence[Part], inside: Sequence[Part], declares: Declared, answers: Answers
) -> Kernel | None:
    """The kernel of the parts inside alone; None if what the others need of it, or it of them, is in no array."""
    on_step = [each for each in _stages(parts) if each.at == "step"]
    if rule in inside:
        off = [each for each in _stages(parts) if each not in inside and each.name in WITHIN]
        stages = [each for each in _stages(parts) if each in inside or each in off]
        return trace(rule, stages, declares, answers, off) if all(each in inside for each in on_step) else None
    if any(each in on_step for each in inside):
        return None
    kernel, is_late = trace(None, _stages(inside), declares, answers), parts.index(inside[0]) > parts.index(rule)
    touches = kernel.arrays if is_late and answers.zeroes else [name for name, _ in kernel.phases[-1].walk.stores]
    return None if "g" in touches and (is_late or not answers.zeroes) else kernel  # it is zero by then, or to be kept


def _see_alike(rule: Rule, kernels: Sequence[Kernel], declares: Declared) -> None:
    """Refuse what keys have in common where only those would come to it that are in that case."""
    shared = set(declares.named("shared"))
    kept = [shared & {name for name, _ in each.keeps} for each in kernels]
    totals = zip_longest(*([len(phase.totals) for phase in each.phases] for each in kernels), fillvalue=0)
    if any(each != kept[0] for each in kept) or any(len(set(counts)) > 1 for counts in totals):
        raise RuleError(
            f"{rule.name}: total(…) and shared state cannot be in what `if every(k):` asks for, since the keys of a"
            " model may be at different steps: write them before the `if`."
        )
