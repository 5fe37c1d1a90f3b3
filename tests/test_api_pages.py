"""Whatever is public is on the pages of the Python interface, and every page of the site is made of what is there."""

import inspect
import re
from typing import Annotated

import pytest

import thincopt
from thincopt.language import Array, Rate, Starts
from thincopt.language.refusing import WORDS
from thincopt.rules import all_rules
from thincopt.stages import stages_around
from thincopt.surface.describing import describe
from website import api
from website.gallery import gallery_page, plotted, scripts
from website.letters import legend
from website.measured import speed_tables
from website.reference import ours

PAGES = api.api_pages()
EVERYTHING = "\n".join(PAGES.values())
RULES = ours(all_rules())
BUILT_IN = {**RULES, **{each.name: each for rule in RULES.values() for each in stages_around(rule)}}


@pytest.mark.parametrize("name", api.public())
def test_each_public_name_is_told(name):
    missing = f"api_pages, in website/api.py, must put {name} and its docstring on a page"
    assert f" thincopt.{name}" in EVERYTHING, missing
    assert inspect.getdoc(getattr(thincopt, name)).split("\n")[0] in EVERYTHING, missing


def test_each_public_part_of_an_optimizer_is_told():
    own = {name for name in vars(thincopt.Optimizer) if name[0] != "_"} | {"__call__"}
    told = re.findall(r"thincopt\.Optimizer\.(\w+)", PAGES["reference/api/Optimizer.md"])
    assert set(told) == own, "_optimizer, in website/api.py, tells what is public of an optimizer, and nothing else"
    assert "thincopt.Optimizer.__call__(key: Hashable, weights: " in EVERYTHING, "_signature, in website/api.py"
    assert not re.findall(r"py:method\} .*\bself\b.*", EVERYTHING), "_signature, in website/api.py, leaves self out"


def test_each_word_of_the_language_is_told_as_it_is_written():
    assert "thincopt.language.every(k: Any) -> bool\nWhether this step is a k-th one of its key" in EVERYTHING
    assert "thincopt.language.where(condition, a, b)\n" in EVERYTHING
    missing = [name for name in WORDS if f"thincopt.language.{name}(" not in EVERYTHING]
    assert not missing, "add them to __all__ in thincopt/language/__init__.py"


def test_it_says_the_same_at_each_build():
    found = re.findall(r".*(?:0x[0-9a-f]{4}|<class|<function).*", EVERYTHING)
    assert not found, "an object of this process is shown: give it a name in the docstring, or in website/api.py"


def test_what_has_no_docstring_is_refused(monkeypatch):
    monkeypatch.setattr(api, "public", lambda: {"bare": lambda: None})
    with pytest.raises(ValueError, match="without a docstring: bare"):
        api.api_pages()


def test_each_example_is_in_the_gallery():
    page = gallery_page()
    for path in scripts():
        assert f"{path.name}</summary>" in page, "gallery_page, in website/gallery.py, must show it"
    assert {"train", "inverse_problem"} <= {each.stem for each in scripts() if plotted(each)}


@pytest.mark.parametrize("name", sorted(ours(all_rules())))
def test_each_letter_that_is_a_setting_is_named(name):
    rule = all_rules()[name]
    formula = describe(rule).formula
    told = legend(rule, formula)
    for letter, setting in (("η", "learn_rate"), ("β₁", "beta1"), ("ε", "eps")):
        assert (f"{letter}: `{setting}`" in told) == (letter in " ".join(formula)), (
            f"in the formula of {name}, in its docstring, {letter} must be the rule's own setting {setting}: of another"
            " thing, or with an index or a hat, write another letter"
        )


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_each_greek_letter_of_a_formula_is_explained(name):
    """Beneath it, by a line of its own (ρ = …), or in the words about it."""
    told = describe(BUILT_IN[name])
    text = " ".join(told.formula)
    defined = {part[0] for part in told.formula if re.match(r"[^ (]+ = ", part)}
    explained = {*legend(BUILT_IN[name], told.formula), *told.summary, *defined}
    assert set(re.findall("[α-ω]", text)) - explained == set(), (
        f"nothing says what these letters are in the formula of {name}. A setting that is called by one, as alpha is by"
        " α, says it; for a setting of another name add its letter to SETTINGS, in website/letters.py; or say it in the"
        " docstring: by a part of the formula, ρ = …, or in words"
    )


def test_a_legend_says_how_state_begins_and_knows_letters_by_their_names():
    @thincopt.rule("Lettered.v1")
    def Lettered(
        w, g, m, s: Annotated[Array, Starts("w")], n: Annotated[Array, Starts("c")], *, learn_rate: Rate = 0.1,
        beta: Rate = 0.5, gamma3: Rate = 0.5, c: Rate = 0.5, unsaid: Rate = 0.5,
    ):  # fmt: skip
        return learn_rate * g, m, s, n

    told = legend(Lettered, ("m ← βm + γ₃min(g, c)", "s ← s + n", "n ← n", "w ← w − ηm"))
    assert told.split("\n")[1] == (
        "w: the weights; g: the gradient; η: `learn_rate`; β: `beta`; γ₃: `gamma3`; c: `c`;"
        " m: what is remembered from step to step, 0 at first;"
        " s: what is remembered from step to step, the weights at first;"
        " n: what is remembered from step to step, `c` at first."
    )
    stage = BUILT_IN["lookahead"]
    assert "φ: what is remembered from step to step, the weights at first" in legend(stage, describe(stage).formula)
    assert "`beta`" not in legend(Lettered, ("w ← w − β₁g",))


def test_the_figures_of_speed_stand_in_columns_of_their_own():
    text = speed_tables()["reference/speed.txt"]
    assert " · " not in text
    assert "**With 1 thread**\n\n| what | 1 million elements |" in text
