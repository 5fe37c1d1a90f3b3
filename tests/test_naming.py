"""What is meant by a name, a rule or an argument, and what is told where nothing is."""

import pytest

import thincopt
from thincopt import Optimizer, SettingError
from thincopt.engine.settings import settings_of
from thincopt.language import Rule
from thincopt.rules import all_rules
from thincopt.surface.describing import describe
from thincopt.surface.naming import (
    ELSEWHERE,
    INSTEAD,
    OF_THINC,
    OF_THINC_REGISTRY,
    REQUIRED,
    THINC,
    THINC_REGISTRY,
    rule_of,
    see_constructor,
)


def test_what_others_optimizers_have_is_answered_once_and_hides_nothing():
    assert sum(len(names.split()) for names in INSTEAD.values()) == len(ELSEWHERE)
    assert not [name for name in ELSEWHERE if hasattr(Optimizer, name)]
    assert not [name for name in ELSEWHERE for rule in all_rules().values() if name in settings_of(rule)]
    for name in ELSEWHERE:
        with pytest.raises(AttributeError, match=f"^An optimizer has no '{name}' here: .*[^.]\\.$"):
            getattr(thincopt.Adam(), name)


@pytest.mark.parametrize(
    ("texts", "by_name", "where", "begins"),
    [
        (THINC, OF_THINC, thincopt, "thincopt has"),
        (THINC_REGISTRY, OF_THINC_REGISTRY, thincopt.registry, "thincopt.registry has"),
    ],
)
def test_so_is_what_thinc_has(texts, by_name, where, begins):
    assert sum(len(names.split()) for names in texts.values()) == len(by_name)
    assert not by_name.keys() & {*dir(where)}
    for name in by_name:
        with pytest.raises(AttributeError, match=f"^{begins} no '{name}': .*[^.]\\.$"):
            getattr(where, name)


@pytest.mark.parametrize(
    "given", ["adam.v2", all_rules()["Adam.v2"], thincopt.Adam.v2], ids=["name", "rule", "factory"]
)
def test_a_rule_may_be_given_in_three_ways_wherever_one_is_wanted(given):
    adam = all_rules()["Adam.v2"]
    assert rule_of(given) is adam
    assert Optimizer.of(given).rule is thincopt.get(given).rule is adam
    assert describe(given).name == adam.name
    assert thincopt.source(given, "c") == thincopt.source(adam, "c")


class Adam:
    """As another library's class of optimizers."""


def own(w, g):
    return g


NO_RULE = [
    (REQUIRED, "A rule is wanted, or its name in quotes, such as 'SGD.v1'."),
    (3, "A rule is wanted, or its name in quotes, not 3."),
    (Adam, "A rule is wanted, or its name in quotes, not the class tests.test_naming.Adam: write 'Adam.v1'."),
    (Rule, "A rule is wanted, or its name in quotes, not the class thincopt.language.declaring.Rule."),
    (
        own,
        "A rule is wanted, or its name in quotes, not the function own: @rule('Mine.v1') makes a rule of a function.",
    ),
    (
        thincopt.Lion(),
        "This is an optimizer already, by the rule 'Lion.v1': name that instead, or copy the optimizer by"
        " copy.deepcopy(optimizer).",
    ),
    ("Aadam", "No optimizer is named 'Aadam'. Did you mean 'Adam.v1' or 'Adam.v2'?"),
]


@pytest.mark.parametrize(("given", "text"), NO_RULE)
def test_what_is_no_rule_is_told(given, text):
    with pytest.raises(SettingError) as caught:
        rule_of(given)
    assert str(caught.value) == text


OF = "Optimizer takes learn_rate first, and is an Adam, as in Thinc; by another rule write Optimizer.of("
CALLS = [
    (
        (),
        {"L2": 0.1},
        "Optimizer needs learn_rate: Optimizer(0.001) is an Adam, as in Thinc; by another rule write"
        " Optimizer.of('SGD.v2', learn_rate=0.1).",
    ),
    (("Adam", 0.1), {}, f"{OF}'Adam.v1', learn_rate=0.1)."),
    (("lion",), {}, f"{OF}'Lion.v1', learn_rate=…)."),
    (("SGD.v2",), {"learn_rate": 0.5}, f"{OF}'SGD.v2', learn_rate=0.5)."),
    ((0.1, 0.9), {}, "Optimizer takes learn_rate alone without its name; name the other settings."),
    ((0.1,), {"learn_rate": 0.2}, "Optimizer was given learn_rate twice: 0.1 and 0.2."),
]


@pytest.mark.parametrize(("given", "settings", "text"), CALLS)
def test_how_the_constructor_cannot_be_called_is_told(given, settings, text):
    with pytest.raises(SettingError) as caught:
        see_constructor(given, settings)
    assert str(caught.value) == text


def test_how_it_can_be_called():
    see_constructor((0.1,), {})
    see_constructor((), {"learn_rate": 0.1})
    see_constructor((".1",), {})  # told as a setting


@pytest.mark.parametrize(
    "slip",
    [
        lambda: thincopt.Adam(lr=0.1),
        lambda: Optimizer(0.1, beta1=2),
        lambda: Optimizer.of("Aadam"),
        lambda: thincopt.load("[optimizer]\n@optimizers = Aadam.v1\n"),
        lambda: thincopt.fill("[optimizer]\n@optimizers = Aadam.v1\n"),
        lambda: thincopt.source("Adam", "jax"),
        lambda: thincopt.rule("Mine"),
        lambda: thincopt.rule("Mine.v1")(lambda g: g),
        lambda: thincopt.stage(at="end"),
        lambda: thincopt.stage(at="step")(lambda g: g),
        lambda: thincopt.schedule("mine"),
        lambda: thincopt.schedule("mine.v1")(lambda step, *rest: 1.0),
        lambda: setattr(thincopt.Adam(), "learn_rate", -1),
        lambda: thincopt.Adam().change(learn_rate=-1),
        lambda: thincopt.Adam([0.1]).change(learn_rate=iter("x")),
        lambda: thincopt.Adam(0.1, schedules={"learn_rate": iter("x")}).step_schedules(),
    ],
)
def test_an_error_is_told_where_the_call_was_made(slip):
    """In a notebook each frame is ten lines."""
    with pytest.raises(thincopt.ThincoptError) as caught:
        slip()
    assert [each.name for each in caught.traceback][1:] == ["<lambda>", "told"]
