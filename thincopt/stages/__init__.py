"""What wraps any rule, in the engine's order: L2, clip, weight decay, lookahead, averages."""

from dataclasses import replace

from ..language import Rule, Stage
from .averages import averages
from .clip import clip
from .decay import coupled_decay, weight_decay
from .lookahead import lookahead

SCALING = ("clip", "weight_decay")  # they change a number of a walk, and are free
WITHIN = (*SCALING, "coupled_decay", "averages")  # compiled ahead within each rule; others walk apart


def stages_around(rule: Rule) -> tuple[Stage, ...]:
    """The stages of this rule; one that has a setting of the rule's own is not attached."""
    order = (coupled_decay, clip, replace(weight_decay, at=rule.decay), lookahead, averages)
    own = {each.name for each in rule.signature.settings} - {"learn_rate"}
    return tuple(each for each in order if not own & {setting.name for setting in each.signature.settings})
