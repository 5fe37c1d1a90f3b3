"""A rule takes a stage over by its name, and by nothing else."""

import numpy as np
import pytest

from thincopt import Optimizer, RuleError, SettingError, rule
from thincopt.language import Rate

TAKES = [
    (
        dict(takes="weight_decy"),
        "@rule('Made.v1') takes over 'weight_decy', but there is no such stage. Did you mean 'weight_decay'?",
    ),
    (
        dict(takes=("clip", "L2")),
        "@rule('Made.v1') takes over 'L2', but there is no such stage. Did you mean 'coupled_decay'?",
    ),
    (
        dict(takes="clip"),
        "Made.v1 names a setting 'weight_decay', which is of the stage weight_decay: if the formula does the stage's"
        " work, write @rule('Made.v1', takes='weight_decay'); if not, choose another name.",
    ),
]


def decaying(w, g, *, learn_rate: Rate = 0.1, weight_decay: Rate = 0.0):
    return learn_rate * (g + weight_decay * w)


@pytest.mark.parametrize(("keywords", "text"), TAKES)
def test_a_stage_is_taken_over_by_name_alone(keywords, text):
    with pytest.raises(RuleError) as caught:
        Optimizer.of(rule("Made.v1", **keywords)(decaying))
    assert str(caught.value) == text


@pytest.mark.parametrize("takes", [3, None, ["clip"], ("clip", 3)])
def test_what_is_no_name_of_a_stage_is_told(takes):
    with pytest.raises(RuleError) as caught:
        rule("Made.v1", takes=takes)
    assert str(caught.value) == f"Made.v1: takes is the name of a stage, or a tuple of names, not {takes!r}."


def test_what_a_rule_takes_over_is_left_out_with_its_settings(ops):
    @rule("Shrinking.v1", takes=("coupled_decay", "weight_decay", "averages"))
    def Shrinking(w, g, *, learn_rate: Rate = 0.5, weight_decay: Rate = 0.5):
        return learn_rate * g + weight_decay * w

    optimizer = Optimizer.of(Shrinking, ops=ops)
    assert not optimizer.settings.keys() & {"L2", "L2_is_weight_decay", "use_averages"}
    weights = np.ones(2)
    optimizer("w", weights, np.array([1.0, 0.0]))
    assert list(weights) == [0.0, 0.5]
    with pytest.raises(SettingError, match=r"^Shrinking.v1 has no setting 'L2'\."):
        Optimizer.of(Shrinking, L2=0.1)
