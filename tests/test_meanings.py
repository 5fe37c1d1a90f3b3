"""Every built-in setting has a meaning, stated once, and everything that tells of settings tells it."""

import inspect
import pydoc

import pytest

import thincopt
from thincopt.language import Rate, Rule
from thincopt.language.meanings import MEANINGS, meaning_of, told_apart
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules
from thincopt.stages import stages_around
from thincopt.surface.describing import describe, engine_settings
from thincopt.surface.factory import factory_of
from website.reference import ours, pages

KNOWN = {**ours(all_rules()), **ours(all_schedules())}
STAGES = {each.name: each for rule in ours(all_rules()).values() for each in stages_around(rule)}
FACTORY = {"schedules", "groups", "ops"}  # what every factory takes beside settings


@pytest.mark.parametrize("name", [*KNOWN, *STAGES])
def test_each_setting_means_something(name):
    for each in describe({**KNOWN, **STAGES}[name]).settings:
        assert each.meaning.endswith((".", ".)")), f"say in thincopt/language/meanings.py what {each.name} means"
        assert each.meaning[0].isupper()


def test_the_engines_settings_mean_something():
    assert all(each.meaning for each in engine_settings())


def test_no_meaning_is_of_a_setting_that_is_gone():
    used = {each.name for what in KNOWN.values() for each in describe(what).settings}
    used |= {each.name for each in engine_settings()}
    assert MEANINGS.keys() - used == FACTORY


def test_a_docstring_may_say_what_a_setting_means_there():
    def own(w, g, *, beta1: Rate = 0.5, flat: Rate = 0.0, unknown: Rate = 0.0):
        """Step.

        beta1: Half.
        flat: Level.
        Note: this is no setting.
        """

    assert told_apart(own) == ("Step.\n\nNote: this is no setting.", {"beta1": "Half.", "flat": "Level."})
    assert [meaning_of(name, own) for name in ("beta1", "flat", "unknown", "eps", "learn_rate")] == [
        "Half.",
        "Level.",
        "",
        "",
        MEANINGS["learn_rate"],
    ]


def test_a_meaning_may_be_wrapped():
    def own(w, g, *, beta1: Rate = 0.5, flat: Rate = 0.0):
        """Step.

        beta1: Half of it,
            and then: the rest
        of it.
        flat: Level
        everywhere.

        This is about the whole: it stays.
        Note: so does
        this.
        """

    rest = "Step.\n\n\nThis is about the whole: it stays.\nNote: so does\nthis."
    meanings = {"beta1": "Half of it, and then: the rest of it.", "flat": "Level everywhere."}
    assert told_apart(own) == (rest, meanings)


def test_lions_betas_are_its_own():
    told = {each.name: each for each in describe(all_rules()["Lion.v1"]).settings}
    assert told["beta1"].meaning != MEANINGS["beta1"]
    assert told["grad_clip"].meaning == MEANINGS["grad_clip"]
    assert "beta1:" not in describe(all_rules()["Lion.v1"]).summary


@pytest.fixture(scope="module")
def made():
    """The pages that are made of the registries, which takes seconds."""
    return pages()


def solid(text):
    """A text however it is wrapped."""
    return "".join(text.split())


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_pages_and_docstrings_tell_it(name, made):
    what = KNOWN[name]
    folder = "optimizers" if isinstance(what, Rule) else "schedules"
    page, called = made[f"reference/{folder}/{name}.md"], factory_of(what) if isinstance(what, Rule) else what
    helped = solid(pydoc.plain(pydoc.render_doc(called)))
    assert solid(f"{called.__name__}{inspect.signature(called)}") in helped
    for each in describe(what).settings:
        assert each.meaning in page
        assert solid(f"{each.name}: {each.meaning}") in helped


def test_a_rule_of_ones_own_needs_none():
    @thincopt.rule("Meaningless.v1")
    def Meaningless(w, g, *, learn_rate: Rate = 0.1, flat: Rate = 0.0):
        return (learn_rate + flat) * g

    told = {each.name: each.meaning for each in describe(Meaningless).settings}
    assert told["flat"] == ""
    assert told["learn_rate"] == MEANINGS["learn_rate"]
    assert "\nflat:" not in factory_of(Meaningless).__doc__
