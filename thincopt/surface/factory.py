"""A factory for each rule, made from its signature when it is first asked for: `Adam(0.001, L2=1e-6)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ..engine.groups import group_faults
from ..engine.settings import faults, schedule_faults, settings_of, validated
from ..errors import SettingError, briefly, shown
from ..errors.spellings import INSTEAD, ours
from ..language import RULES, Rule
from ..language.meanings import Called, documented
from ..language.signature import Setting
from ..rules import all_rules
from ..stages import stages_around
from .naming import RuleLike, canonical, rule_of
from .optimizer import Optimizer

RATE = ("learn_rate",)
BESIDE = ("schedules", "groups", "ops")  # what every factory takes beside settings


class Factory(Called):
    """Makes optimizers of one kind by one rule. `.v1`, `.v2`, … are the factories of the rule's other versions."""

    def __init__(self, rule: Rule, kind: type[Optimizer]) -> None:
        self.rule, self.kind = rule, kind
        self.__name__ = self.__qualname__ = rule.name.partition(".")[0]
        self.__doc__ = documented(rule.function, _homes(rule))
        self.__signature__ = _signature(rule)

    @briefly
    def __call__(
        self,
        /,
        *args: Any,
        schedules: Mapping[str, Any] | None = None,
        groups: Mapping[str, Any] | None = None,
        ops: Any = None,
        **settings: Any,
    ) -> Optimizer:
        """An optimizer with these settings; `learn_rate` may stand first, without its name."""
        if len(args) > 1:
            raise SettingError(f"{self.rule.name} takes learn_rate alone without its name; name the other settings.")
        parameters = bool(args) and hasattr(args[0], "__next__")  # they stand first in other libraries
        rates = [each for name, each in settings.items() if name == "learn_rate" or (parameters and ours(name) == RATE)]
        if args and rates:
            hint = f" {INSTEAD['params'].capitalize()}." if parameters else ""
            raise SettingError(
                f"{self.rule.name} was given learn_rate twice: {shown(args[0])} and {shown(rates[0])}.{hint}"
            )
        given = {"learn_rate": args[0], **settings} if args else settings
        taken = validated(self.rule, given, schedules, saved=bool(groups))
        return self.kind.of(self.rule, schedules=schedules, groups=groups, ops=ops, **taken)

    def problems(self, given: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What is wrong with these settings: the name and a sentence, for each."""
        settings = {name: each for name, each in given.items() if name not in BESIDE}
        later = schedule_faults(self.rule, given.get("schedules"))
        found = [
            *faults(self.rule, settings, given.get("schedules"), saved=bool(given.get("groups"))),
            *((f"schedules.{name}".rstrip("."), error) for name, error in later),
        ]
        return [*((name, str(error)) for name, error in found), *group_faults(self.rule, given.get("groups"))]

    def wants(self, name: str) -> str:
        """What a section of a config must begin with to be this argument; nothing for a choice."""
        if name == "ops":
            return "@ops"
        known = settings_of(self.rule)
        return "@schedules" if name in known and known[name].is_number else ""

    def __getattr__(self, name: str) -> Factory:
        if not (name.startswith("v") and name[1:].isdigit()):
            called = f": call it, {self.rule.name}(…), to make an optimizer" if not name.startswith("_") else ""
            raise AttributeError(f"{self.rule.name} has no attribute {name!r}{called}.")
        versions = [each for each in RULES if each.startswith(f"{self.__name__}.")]
        if f"{self.__name__}.{name}" not in versions:
            raise AttributeError(f"There is no {self.__name__}.{name}; there is {', '.join(sorted(versions))}.")
        return factory_of(RULES[f"{self.__name__}.{name}"], self.kind)

    def __repr__(self) -> str:
        return f"<optimizer {self.rule.name}{self.__signature__.replace(return_annotation=inspect.Signature.empty)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.rule.name, self.kind)


def factory_of(rule: Rule, kind: type[Optimizer] = Optimizer) -> Factory:
    """The factory of a rule, of optimizers of this kind: always the same one."""
    return _factory(rule, kind)  # type: ignore[arg-type]  # a class can be hashed, whatever its instances can


_factory = cache(Factory)


def get(name: RuleLike, kind: type[Optimizer] = Optimizer) -> Factory:
    """The factory of this name, in any spelling (`get("Adam.v2")`; without a version, the first), or of a rule."""
    return factory_of(rule_of(name), kind)


def find(name: str, kind: type[Optimizer] = Optimizer) -> Factory | None:
    """The factory that `thincopt.NAME` means, if there is one: exactly this name, and its first version."""
    rule = all_rules().get(canonical(name, RULES) or "")
    return factory_of(rule, kind) if rule is not None and rule.name.partition(".")[0] == name else None


def named() -> set[str]:
    """Every name that `find` knows."""
    return {each.removesuffix(".v1") for each in all_rules() if each.endswith(".v1")}


def _signature(rule: Rule) -> inspect.Signature:
    kinds = {True: inspect.Parameter.POSITIONAL_OR_KEYWORD, False: inspect.Parameter.KEYWORD_ONLY}
    parameters = [
        inspect.Parameter(each.name, kinds[each.name == "learn_rate"], default=each.default)
        for each in (*settings_of(rule).values(), *(Setting(name, None) for name in BESIDE))
    ]
    return inspect.Signature(parameters, return_annotation=Optimizer)


def _homes(rule: Rule) -> dict[str, Callable[..., Any] | None]:
    """Which rule's or stage's docstring may say what a setting means, by the setting's name."""
    homes = {each.name: stage.function for stage in stages_around(rule) for each in stage.signature.settings}
    homes |= {each.name: rule.function for each in rule.signature.settings}
    return {name: homes.get(name) for name in (*settings_of(rule), *BESIDE)}
