"""What is told of rules, stages and schedules, and the pages that are made of it."""

import re
from html import escape

import numpy as np
import pytest

import thincopt
from tests.test_slips import SLIPS
from thincopt.engine.settings import settings_of
from thincopt.language import RULES, Rate, rule
from thincopt.recipes.composing import declarations
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules
from thincopt.stages import stages_around
from thincopt.surface.describing import describe, traffic_of
from website.examples import example, required
from website.reference import ours, pages
from website.sheets import optimizer_page
from website.slips import slips

NAMES = sorted(ours(all_rules()))
SCHEDULES = sorted(ours(all_schedules()))


@pytest.fixture(scope="module")
def made():
    return pages()


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_rule_is_told(name):
    told = describe(all_rules()[name])
    assert told.name in told.versions
    assert told.formula
    assert told.papers
    assert f'@rule("{name}"' in told.source or f'= rule("{name}"' in told.source
    assert [each.name for each in told.settings] == list(settings_of(all_rules()[name]))
    assert {each.owner for each in told.settings} >= {"rule", "engine", "clip"}
    assert {each.name for each in told.states} == {each.name for each in declarations(all_rules()[name]).states}
    assert 0 <= told.state_bytes() <= told.state_bytes(most=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bytes_of_state_are_those_that_an_optimizer_keeps(name, dtype):
    optimizer = thincopt.get(name)(**required(settings_of(all_rules()[name]).values()))
    weights = np.ones(100, dtype)
    optimizer("key", weights, np.ones_like(weights))
    kept = sum(each.nbytes for each in optimizer._now.states["key"].arrays.values())
    assert describe(all_rules()[name]).state_bytes(weights.itemsize) == kept / weights.size


@pytest.mark.parametrize(
    ("settings", "walks", "read", "written", "checked"),
    [
        ({}, 1, 16, 16, 4),
        ({"nonfinite": "propagate"}, 1, 16, 16, 0),
        ({"use_averages": True}, 1, 20, 20, 4),
        ({"grad_clip": 1.0}, 2, 20, 16, 0),
        ({"amsgrad": True}, 1, 20, 20, 4),
        ({"L2": 0.1, "L2_is_weight_decay": True}, 1, 16, 16, 4),
    ],
)
def test_what_a_step_of_adam_moves(settings, walks, read, written, checked):
    traffic = traffic_of(all_rules()["Adam.v2"], **settings)
    assert (traffic.walks, 4 * traffic.read, 4 * traffic.written, 4 * traffic.checked) == (
        walks,
        read,
        written,
        checked,
    )
    assert traffic.bytes() == read + written
    assert traffic.bytes(8) == 2 * (read + written)


def test_what_is_known_of_adam():
    told = describe(all_rules()["Adam.v2"])
    assert (told.state_bytes(), told.state_bytes(8), told.state_bytes(most=True)) == (8, 16, 20)
    assert told.formula[-1] == "w ← w − η·m̂ / (√v̂ + ε)"
    assert told.papers[0].address == "https://arxiv.org/abs/1412.6980"
    assert [each.name for each in told.settings if each.owner == "clip"] == ["grad_clip", "grad_clip_by"]
    assert next(each for each in told.settings if each.name == "beta1").allowed == "a finite number >= 0 and < 1"


def test_a_paper_marked_as_a_rules_is_told_of_that_rule_alone():
    first = {name: describe(all_rules()[name]).papers[0].text for name in ("Adam.v2", "AdamW.v1")}
    assert first["AdamW.v1"].startswith("Decoupled Weight Decay")
    assert not any("(AdamW)" in each.text for each in describe(all_rules()["Adam.v2"]).papers)
    assert first["Adam.v2"].startswith("Adam: A Method")


def test_the_source_holds_the_functions_that_it_calls():
    assert "def rectification(" in describe(all_rules()["RAdam.v2"]).source
    assert "def ThincRAdam(" not in describe(all_rules()["RAdam.v2"]).source


def test_what_a_rule_does_not_say_is_left_out():
    namespace = {"__name__": "typed_at_a_prompt", "rule": rule, "Rate": Rate}
    exec('@rule("Bare.v1")\ndef Bare(w, g, *, learn_rate: Rate = 0.1):\n    return learn_rate * g\n', namespace)  # noqa: S102
    told = describe(RULES["Bare.v1"])
    assert (told.summary, told.formula, told.papers, told.source) == ("", (), (), "")
    assert_whole(optimizer_page(RULES["Bare.v1"]))


@pytest.mark.parametrize("name", SCHEDULES)
def test_all_of_a_schedule_is_told(name):
    family = all_schedules()[name]
    told = describe(family)
    assert told.summary or told.formula
    assert f'@schedule("{name}")' in told.source
    assert [each.name for each in told.settings] == [each.name for each in family.settings]
    assert all(isinstance(example(family)(step), float) for step in (0, 10, 1000))


def assert_whole(text: str) -> None:
    """A page without the traces of what failed to be told."""
    assert not re.search(r"\bNone\b|<class|<function|object at 0x|\{\w+\}(?! )", text.replace("{toctree}", ""))
    assert "\n\n\n" not in text


def test_pages_are_whole(made):
    for path in made.keys() - {"reference/errors.md", "reference/api/index.md", "reference/api/Optimizer.md"}:
        assert_whole(made[path])  # None is a default, in those


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_rule(name, made):
    told, text = describe(all_rules()[name]), made[f"reference/optimizers/{name}.md"]
    assert all(f"<p>{escape(line, quote=False)}</p>" in text for line in told.formula)
    assert all(f"| `{each.name}` | " in text for each in told.settings)
    assert all(f"| `{each.name}`" in text for each in told.states)
    assert all(f"but for [{each}](../stages.md#{each})" in text for each in told.takes)
    assert all(each.text in text for each in told.papers)
    assert f"| state, at the defaults | {told.state_bytes(4)} | {told.state_bytes(8)} |" in text
    for stage in stages_around(all_rules()[name]):
        assert "; ".join(describe(stage).formula) in text
        assert f"\n## {stage.name}\n" in made["reference/stages.md"]


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_page_of_a_schedule(name, made):
    text = made[f"reference/schedules/{name}.md"]
    assert all(f"| `{each.name}` | " in text for each in describe(all_schedules()[name]).settings)
    assert repr(example(all_schedules()[name])(10)) in text


@pytest.mark.parametrize("kind", ["optimizers", "schedules"])
def test_the_listing_names_all(kind, made):
    text = made[f"reference/{kind}/index.md"]
    for name in NAMES if kind == "optimizers" else SCHEDULES:
        assert f"| [{name}]({name}.md) | " in text
        assert f"\n{name}\n" in text


def test_the_page_of_errors_holds_every_slip_and_class(made):
    text = made["reference/errors.md"]
    assert len(slips()) == len(SLIPS) == text.count(":class: typed\n") == text.count('<p class="answer">')
    assert all(f"\n{each.typed}\n" in text for each in slips())
    assert not re.search(r"<(settings|numbers|optimizers|schedules)>", text)
    for name in (each for each in dir(thincopt) if each.endswith("Error")):
        assert text.count(f"\n| `{name}` | ") == 1
