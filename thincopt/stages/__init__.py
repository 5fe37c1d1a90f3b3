"""What wraps any rule, in the engine's order: L2, clips, weight decay, lookahead, averages."""

from dataclasses import replace
from functools import cache

from ..errors import RuleError, suggestion
from ..language import Rule, Stage
from .averages import averages
from .clip import clip
from .clip_value import clip_value
from .decay import cautious_decay, coupled_decay, weight_decay
from .lookahead import lookahead

SCALING = ("clip", "weight_decay")  # they change a number of a walk, and are free
WITHIN = (*SCALING, "coupled_decay", "averages")  # compiled ahead within each rule; others walk apart

ORDER = (coupled_decay, clip_value, clip, weight_decay, cautious_decay, lookahead, averages)
OWNERS = {  # of a setting that two stages have, the first: where that is taken over, both are
    setting.name: each.name
    for each in reversed(ORDER)
    for setting in each.signature.settings
    if setting.name != "learn_rate"
}


@cache
def stages_around(rule: Rule) -> tuple[Stage, ...]:
    """The stages of this rule: all but those that it takes over."""
    for name in rule.takes:
        _see_stage(rule, name)
    for each in rule.signature.settings:
        if OWNERS.get(each.name) not in (None, *rule.takes):
            _refuse_setting(rule, each.name)
    placed = (replace(each, at=rule.decay) if each is weight_decay else each for each in ORDER)
    return tuple(each for each in placed if not _owners(each) & {*rule.takes})


def _owners(stage: Stage) -> set[str]:
    return {stage.name, *(OWNERS[each.name] for each in stage.signature.settings if each.name in OWNERS)}


def _see_stage(rule: Rule, name: str) -> None:
    names = list(dict.fromkeys(OWNERS.values()))
    if name not in names:
        near = f"Did you mean {OWNERS[name]!r}?" if name in OWNERS else suggestion(name, names)
        raise RuleError(f"@rule({rule.name!r}) takes over {name!r}, but there is no such stage. {near}")


def _refuse_setting(rule: Rule, name: str) -> None:
    owner = OWNERS[name]
    raise RuleError(
        f"{rule.name} names a setting {name!r}, which is of the stage {owner}: if the formula does the stage's work,"
        f" write @rule({rule.name!r}, takes={owner!r}); if not, choose another name."
    )
