"""Names: which rule is meant by `Adam`, `adam` or `Adam.v2`, and what to say of names that are not here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from numbers import Real
from typing import Any, Protocol, TypeAlias

from ..errors import SettingError, registered_suggestion, shown, suggestion
from ..errors.spellings import spelled
from ..language import Rule
from ..language.signature import Setting
from ..rules import all_rules
from ..schedules import named

# What stands here in the place of what optimizers elsewhere have, and its names there.
INSTEAD = {
    "call optimizer(key, weights, gradient), or optimizer.update({key: (weights, gradient), …})": (
        "step apply apply_gradients apply_updates"
    ),
    "find the gradients of your loss, then call optimizer.update({key: (weights, gradient), …})": "minimize backward",
    "optimizer.learn_rate is the present rate, and may be assigned a number or a schedule": (
        "lr rate learning_rate learning_rates get_lr get_last_lr set_lr last_lr base_lrs max_lr eta alpha"
    ),
    "optimizer.nr_update gives how many updates each key has had": (
        "steps iterations iteration n_steps num_steps step_count count t last_epoch last_seen"
    ),
    "optimizer.step_schedules() takes the next value of every schedule": "step_schedule step_lr lr_scheduler scheduler",
    "a call of the optimizer zeroes the gradient that it was given": "zero_grad zero_grads clear_grads",
    "state is made for each key at its first call": "init build init_state",
    "optimizer.state() gives the state, and pickle the whole optimizer": (
        "state_dict get_state save to_disk to_bytes save_state get_slot slots"
    ),
    "optimizer.load_state(…) takes what optimizer.state() gave": "load_state_dict set_state load from_disk from_bytes",
    "optimizer.settings gives the value of every setting": "get_config config defaults hyperparams",
    "groups are settings for some keys, by name: pass groups={'no_decay': {'keys': ['*.bias'], 'weight_decay': 0.0}},"
    " and change them by optimizer.change(group='no_decay', …)": "param_groups add_param_group group",
    "an optimizer holds no weights: they come with each call, by key": (
        "parameters params variables trainable_variables weights get_weights set_weights"
    ),
    "state is where the weights are; optimizer.to_gpu() and optimizer.to_cpu() move it": "to cpu cuda device",
    "it has no modes; with optimizer.averaged({key: weights}): evaluates with averaged weights": (
        "train eval swap_averages ema use_ema"
    ),
    "optimizer.grad_clip is the norm that gradients are clipped to, and 0 is no clip": (
        "clip clipnorm global_clipnorm max_grad_norm clip_grad_norm"
    ),
    "optimizer.grad_clip_value is the largest size that an element of a gradient keeps, and 0 is no clip": (
        "clipvalue clip_value clip_grad_value"
    ),
    "copy.deepcopy(optimizer) copies it, state and all": "copy clone",
    "make a new optimizer, whose state is empty": "reset reset_state clear",
}
# What stands here in the place of what thinc.api has, and of what its registry has.
THINC = {
    "all names are in thincopt itself, such as `from thincopt import Adam, warmup_linear`": "api",
    "layers, models and random seeds stay in thinc.api": (
        "Model Linear Relu Softmax chain concatenate fix_random_seed set_dropout_rate"
    ),
    "steps run where the weights are; to choose, pass ops=NumpyOps() or ops=CupyOps() to an optimizer": (
        "Ops get_current_ops set_current_ops use_ops prefer_gpu require_gpu require_cpu"
    ),
}
THINC_REGISTRY = {
    "resolve(config) makes the objects of a config, and thincopt.load(…) those of its text": "make_from_config",
    "there are optimizers, schedules and ops, and get('optimizers', 'Adam.v1') gives what a name stands for": (
        "create layers losses initializers datasets"
    ),
}
ELSEWHERE, OF_THINC, OF_THINC_REGISTRY = (
    {name: text for text, names in texts.items() for name in names.split()}
    for texts in (INSTEAD, THINC, THINC_REGISTRY)
)
REQUIRED: Any = Setting.REQUIRED  # what an argument that was not given is
# Words of schedules' names elsewhere; those that are here are found before.
SCHEDULES = re.compile(r"(?i)cosine|anneal|exponential|polynomial|onecycle|plateau|scheduler|lr$|^lr_")


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
    names = list(known)
    return f"{rule.name} has no setting {name!r}. {spelled(name, names) or suggestion(name, names)}"


def missing(name: str, known: Iterable[str]) -> str:
    """The error of a name that thincopt does not have."""
    if name in OF_THINC:
        return f"thincopt has no {name!r}: {OF_THINC[name]}."
    if not SCHEDULES.search(name):
        return f"thincopt has no {name!r}. {suggestion(name, known)}"
    return (
        f"thincopt has no {name!r}. Its schedules are {', '.join(sorted(named()))}; @schedule('mine.v1') makes"
        " another of a function of (step, …)."
    )


def missing_in_registry(name: str, known: Iterable[str]) -> str:
    """The error of a name that thincopt.registry does not have."""
    if name in OF_THINC_REGISTRY:
        return f"thincopt.registry has no {name!r}: {OF_THINC_REGISTRY[name]}."
    return f"thincopt.registry has no {name!r}. {suggestion(name, known)}"


class Maker(Protocol):
    """What makes optimizers by a rule, such as thincopt.Adam."""

    @property
    def rule(self) -> Rule:
        """The rule."""


RuleLike: TypeAlias = Rule | str | Maker  # what may be given where a rule is wanted


def rule_of(given: RuleLike) -> Rule:
    """The rule that is meant by a rule, its name, or what makes optimizers by it."""
    if isinstance(given, str):
        return rule_named(given)
    if isinstance(given, Rule):
        return given
    if isinstance(given, type) or not isinstance(getattr(given, "rule", None), Rule):
        raise SettingError(f"A rule is wanted, or its name in quotes{_not(given)}.")
    if hasattr(given, "step_schedules"):
        raise SettingError(
            f"This is an optimizer already, by the rule {given.rule.name!r}: name that instead, or copy the optimizer"
            " by copy.deepcopy(optimizer)."
        )
    return given.rule


def _not(given: Any) -> str:
    """What was given in place of a rule, and what to write."""
    if given is REQUIRED:
        return ", such as 'SGD.v1'"
    if isinstance(given, type):
        found = canonical(given.__name__, all_rules())
        told = f", not the class {given.__module__}.{given.__qualname__}"
        return f"{told}: write {found!r}" if found else told
    if callable(given) and hasattr(given, "__code__"):
        return f", not the function {given.__name__}: @rule('Mine.v1') makes a rule of a function"
    return f", not {shown(given)}"


def see_constructor(given: tuple[Any, ...], settings: Mapping[str, Any]) -> None:
    """An error if `Optimizer(…)` was not given learn_rate, and that alone without its name."""
    named_rule = canonical(given[0], all_rules()) if given and isinstance(given[0], str) else None
    if named_rule:
        rate = shown(given[1]) if len(given) > 1 else settings.get("learn_rate", "…")
        raise SettingError(
            "Optimizer takes learn_rate first, and is an Adam, as in Thinc; by another rule write"
            f" Optimizer.of({named_rule!r}, learn_rate={rate})."
        )
    if len(given) > 1:
        raise SettingError("Optimizer takes learn_rate alone without its name; name the other settings.")
    if given and "learn_rate" in settings:
        one, other = map(shown, (given[0], settings["learn_rate"]))
        raise SettingError(f"Optimizer was given learn_rate twice: {one} and {other}.")
    if not given and "learn_rate" not in settings:
        raise SettingError(
            "Optimizer needs learn_rate: Optimizer(0.001) is an Adam, as in Thinc; by another rule write"
            " Optimizer.of('SGD.v2', learn_rate=0.1)."
        )
    for name in get_close_matches("use_radam", settings, 1, cutoff=0.8):
        raise SettingError(f"Optimizer has no setting {name!r}. Did you mean 'use_radam'?")


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
