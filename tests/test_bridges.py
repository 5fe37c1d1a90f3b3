"""Other libraries' loops: what stands in their registries, and what is told where they are not installed."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import thincopt
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules

OURS = [name for name, each in all_rules().items() if each.function.__module__.startswith("thincopt.")]
SCHEDULES = [name for name, each in all_schedules().items() if each.function.__module__.startswith("thincopt.")]


def points(group):
    return {each.name: each for each in entry_points(group=group) if each.value.startswith("thincopt.")}


def test_thinc_finds_every_optimizer_and_schedule():
    assert {name: each.value for name, each in points("thinc_optimizers").items()} == {
        f"thincopt.{name}": f"thincopt.thinc:{name}" for name in OURS
    }
    assert {name: each.load() for name, each in points("thinc_schedules").items()} == {
        f"thincopt.{name}": thincopt.registry.schedules.get(name) for name in SCHEDULES
    }


def test_their_names_are_ours_too():
    """One config serves thincopt and spaCy."""
    text = """
    [optimizer]
    @optimizers = "thincopt.Lion.v1"

    [optimizer.learn_rate]
    @schedules = "thincopt.decaying.v1"
    base_rate = 0.1
    decay = 0.5
    """
    text = text.replace("    ", "")
    theirs, ours = (thincopt.load(each)["optimizer"] for each in (text, text.replace("thincopt.", "")))
    assert repr(theirs) == repr(ours)
    with pytest.raises(thincopt.ConfigError, match="base_rte"):
        thincopt.load(text.replace("base_rate", "base_rte"))
    with pytest.raises(thincopt.ConfigError, match=r"No optimizer is named 'thincopt.Lino.v1'. Did you mean 'Lion.v1'"):
        thincopt.registry.optimizers.get("thincopt.Lino.v1")


def test_without_thinc_it_is_told_what_to_install():
    lines = "import sys; sys.modules['thinc'] = None; import thincopt.thinc"
    done = subprocess.run([sys.executable, "-c", lines], check=False, capture_output=True, text=True)
    assert done.stderr.endswith(
        "ImportError: thincopt.thinc is for Thinc and spaCy, and needs Thinc 8: pip install thinc.\n"
    )
