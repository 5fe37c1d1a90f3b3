"""What there is to tell of a rule, a stage or a schedule, all of it derived: for pages and listings.

The docstrings are the source: a paragraph with an arrow, or without a full stop, is the formula; a line with a year
is a paper; a line `name: sentence` says what a setting means there; the rest says in words what it is.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engine.controls import effective
from ..engine.settings import ENGINE, settings_of
from ..language import RULES, Rule, Stage
from ..language.kernel import Kernel, Walk, spelled
from ..language.meanings import meaning_of, told_apart
from ..language.signature import Setting
from ..recipes.composing import compose, declarations
from ..recipes.recipe import Recipe
from ..recipes.shipping import every_recipe
from ..schedules.declaring import FAMILIES, Family
from ..stages import stages_around
from .naming import RuleLike, rule_of

YEAR = re.compile(r"\b(?:19|20)\d\d\b")
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class Paper:
    """A citation."""

    text: str

    @property
    def address(self) -> str | None:
        """Where it can be read, if it says so."""
        found = ARXIV.search(self.text)
        return f"https://arxiv.org/abs/{found[1]}" if found else None


@dataclass(frozen=True)
class Told:
    """A setting and what it means: `owner` is the stage or schedule that it belongs to, "rule" or "engine"."""

    name: str
    default: str
    allowed: str
    owner: str
    meaning: str = ""
    formula: tuple[str, ...] = ()


@dataclass(frozen=True)
class Memory:
    """One state: `kept` says whether it is there at the default settings."""

    name: str
    kind: str
    owner: str
    start: float | str
    kept: bool


@dataclass(frozen=True)
class Traffic:
    """How many values a step moves per parameter, in how many walks; `checked` are read to see that all is finite."""

    walks: int
    read: int
    written: int
    checked: int

    def bytes(self, itemsize: int = 4) -> int:
        """The bytes that the walks read and write per parameter."""
        return (self.read + self.written) * itemsize


@dataclass(frozen=True)
class Description:
    """Everything that a page or a listing needs; only a rule takes stages over, has states and traffic."""

    name: str
    versions: tuple[str, ...]
    summary: str
    formula: tuple[str, ...]
    papers: tuple[Paper, ...]
    source: str
    settings: tuple[Told, ...]
    takes: tuple[str, ...] = ()
    states: tuple[Memory, ...] = ()
    most_arrays: int = 0
    traffic: Traffic | None = None

    def state_bytes(self, itemsize: int = 4, *, most: bool = False) -> int:
        """The bytes that are kept per parameter, at the default settings or at most."""
        kept = sum(each.kept and each.kind == "array" for each in self.states)
        return itemsize * (self.most_arrays if most else kept)


def describe(given: RuleLike | Stage | Family) -> Description:
    """Everything there is to tell of a rule, a stage or a schedule."""
    what = given if isinstance(given, Stage | Family) else rule_of(given)
    function, name = what.function, what.name
    module = inspect.getdoc(inspect.getmodule(function)) or ""
    paragraphs = re.split(r"\n\s*\n", told_apart(function)[0])
    formula = [each for each in paragraphs if each and ("←" in each or not each.endswith("."))]
    cited = [line for text in (module, *paragraphs) for line in text.split("\n") if YEAR.search(line)]
    words = [" ".join(each.split()) for each in paragraphs if each not in formula and not YEAR.search(each)]
    known = FAMILIES if isinstance(what, Family) else RULES
    told: dict[str, Any] = dict(
        versions=tuple(sorted(each for each in known if each.startswith(f"{name.partition('.')[0]}."))),
        summary="\n\n".join(words),
        formula=tuple(" ".join(part.split()) for each in formula for part in re.split(r";(?: {2,}|\n)", each)),
        papers=_papers([line.strip() for line in cited if line not in formula], name),
        source=_source(function, name),
    )
    if not isinstance(what, Rule):
        own = what.settings if isinstance(what, Family) else what.signature.settings
        settings = tuple(_told(each, name, function) for each in own if each.name != "learn_rate")
        return Description(name, settings=settings, **told)
    return Description(name, **told, **_of_rule(what))


def engine_settings() -> tuple[Told, ...]:
    """The settings of the engine itself."""
    return tuple(_told(each, "engine") for each in ENGINE)


def kernel_of(rule: Rule, **settings: Any) -> Kernel:
    """The kernel of an ordinary step, with these settings beside the defaults."""
    return recipe_of(rule, **settings).kernels[0]


def traffic_of(rule: Rule, **settings: Any) -> Traffic:
    """What a step moves through memory, with these settings beside the defaults."""
    main = kernel_of(rule, **settings)
    walks = [each.walk for each in main.phases if each.walk.arrays]
    checks = not main.guarded and settings.get("nonfinite") != "propagate"
    return Traffic(len(walks), sum(map(_loads, walks)), sum(len(each.stores) for each in walks), int(checks))


def _of_rule(rule: Rule) -> dict[str, Any]:
    stages, owners = stages_around(rule), {each.name: "engine" for each in ENGINE}
    for name, signature in [*((each.name, each.signature) for each in reversed(stages)), ("rule", rule.signature)]:
        owners |= {each.name: name for each in signature.settings}
    owners |= {each.name: each.name for each in stages if each.name in owners and owners[each.name] != "rule"}
    formulas = {each.name: describe(each).formula for each in stages}
    functions = {"rule": rule.function, **{each.name: each.function for each in stages}}
    states = declarations(rule).sized(_defaults(rule)).states
    used = recipe_of(rule).kept | {each.name for each in states if each.kind != "array" and each.owner == "rule"}
    return dict(
        takes=rule.takes,
        settings=tuple(
            _told(each, owners[name], functions.get(owners[name]), formulas.get(owners[name], ()))
            for name, each in settings_of(rule).items()
        ),
        states=tuple(Memory(each.name, each.kind, each.owner, each.start, each.name in used) for each in states),
        most_arrays=max(len(each.kept) for each in every_recipe(rule)),
        traffic=traffic_of(rule),
    )


def recipe_of(rule: Rule, **settings: Any) -> Recipe:
    """The kernels for these settings beside the defaults; one that has no default counts as given."""
    known = settings_of(rule)
    values = effective(rule, {**_defaults(rule), **settings})
    return compose(rule, values, lambda name: known[name].is_on(values[name]))


def _defaults(rule: Rule) -> dict[str, Any]:
    known = settings_of(rule).items()
    return {name: 1.0 if each.default is Setting.REQUIRED else each.default for name, each in known}


def _loads(walk: Walk) -> int:
    """How many of its arrays a walk reads, not only writes."""
    used = {arg for line in walk.code for arg in line.args} | {value for _, value in walk.stores}
    used |= {arg for each in walk.reductions for arg in each.args}
    return sum(f"v_{spelled(name)}" in used for name in walk.arrays)


def _told(
    setting: Setting, owner: str, function: Callable[..., Any] | None = None, formula: tuple[str, ...] = ()
) -> Told:
    default = "" if setting.default is Setting.REQUIRED else repr(setting.default)
    is_schedule = not setting.range and not setting.choices
    allowed = "a schedule" if is_schedule else setting.allowed
    return Told(setting.name, default, allowed, owner, meaning_of(setting.name, function), formula)


def _papers(cited: list[str], name: str) -> tuple[Paper, ...]:
    """The papers, but for those marked as another rule's: "(AdamW)". Those marked as this rule's come first."""
    family, families = name.partition(".")[0], {each.partition(".")[0] for each in RULES}
    marks = {line: line.rstrip(".)").rpartition("(")[2] for line in cited}
    kept = [line for line, mark in marks.items() if mark == family or mark not in families]
    return tuple(Paper(line) for line in sorted(kept, key=lambda line: marks[line] != family))


def _source(function: Callable[..., Any], name: str) -> str:
    """A function's text, with the functions of its file that it calls, and what registers it if that is apart."""
    try:
        text = inspect.getsource(inspect.getmodule(function) or function)
    except (OSError, TypeError):  # typed at a prompt
        return ""
    wanted, parts = {function.__name__, *function.__code__.co_names}, []
    for statement in ast.parse(text).body:
        inside = list(ast.walk(statement))
        registers = any(isinstance(each, ast.Constant) and each.value == name for each in inside)
        if registers or getattr(statement, "name", None) in wanted:
            first = min(each.lineno for each in inside if isinstance(each, ast.expr | ast.stmt))  # a decorator's
            parts.append("\n".join(text.split("\n")[first - 1 : statement.end_lineno]))
    return "\n\n\n".join(parts)
