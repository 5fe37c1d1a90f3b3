"""Names: which rule is meant by `Adam`, `adam`, `Adam.v2`, or by Thinc's `Optimizer(...)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from .errors import SettingError, registered_suggestion, shown, suggestion
from .language import Rule
from .rules import all_rules

# What optimizers elsewhere have, and what stands in its place here.
ELSEWHERE = {
    "step": "call optimizer(key, weights, gradient), or optimizer.update({key: (weights, gradient), …})",
    "zero_grad": "a call of the optimizer zeroes the gradient that it was given",
    "init": "state is made for each key at its first call",
    "state_dict": "optimizer.state() gives the state, and pickle the whole optimizer",
    "load_state_dict": "optimizer.load_state(…) takes what optimizer.state() gave",
    "param_groups": "pass lr_scale=… with a call, or give each group an optimizer of its own",
}


def canonical(name: str, known: Mapping[str, Any]) -> str | None:
    """The known name that is meant: case and punctuation do not matter, and without a version it is the first."""
    plain = {_plain(each): each for each in sorted(known, reverse=True)}
    return plain.get(_plain(name)) or plain.get(_plain(f"{name}.v1"))


def rule_named(name: str) -> Rule:
    """The rule of this name, in any spelling."""
    known = all_rules()
    found = canonical(name, known) if isinstance(name, str) else None
    if found is None:
        raise SettingError(f"No optimizer is named {shown(name)}. {registered_suggestion(name, known)}")
    return known[found]


def absent(rule: Rule, name: str, known: Iterable[str]) -> str:
    """The error of an attribute that an optimizer does not have."""
    if name in ELSEWHERE:
        return f"An optimizer has no {name!r} here: {ELSEWHERE[name]}."
    return f"{rule.name} has no setting {name!r}. {suggestion(name, known)}"


def thinc_rule(use_radam: bool, settings: Mapping[str, Any]) -> tuple[Rule, dict[str, Any]]:
    """The rule that Thinc's constructor means, and the settings that are left for it."""
    if not isinstance(use_radam, bool):
        raise SettingError(f"Optimizer: use_radam must be one of False, True, not {shown(use_radam)}.")
    betas = [settings.get("beta1", 0.9), settings.get("beta2", 0.999)]
    zero = [isinstance(each, Real) and not isinstance(each, bool) and each == 0 for each in betas]
    if use_radam:
        return rule_named("RAdam.v1"), dict(settings)
    if not any(zero):
        return rule_named("Adam.v1"), dict(settings)
    if not all(zero):
        one, other = map(shown, betas)
        raise SettingError(
            f"Optimizer: beta1 = {one} and beta2 = {other}: both zero mean SGD, neither zero means Adam;"
            " for one of them alone take another rule, such as Optimizer.of('SGD.v2', momentum=…)."
        )
    return rule_named("SGD.v1"), {
        name: each for name, each in settings.items() if name not in ("beta1", "beta2", "eps")
    }


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
