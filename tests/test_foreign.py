"""Functions of other packages, and of one's own, that fail: always a ConfigError, with the place and whose it is."""

import sys
from importlib.metadata import EntryPoint

import pytest

import thincopt
from thincopt import ConfigError, registry
from thincopt.surface import registries

MODULE = """
def fails(rate: float = 0.1): raise KeyError("inside")
def exits(): raise SystemExit("no more")
def nothing(): return None
def text(): return "no schedule"
def fine(rate: float = 0.5):
    import thincopt
    return thincopt.Lion(rate)
def rates(): return [0.5, 0.25]
number = 3
"""
TOLD = {
    "nowhere:x": "cannot be imported: ModuleNotFoundError: No module named 'nowhere'.",
    "offered_raises:x": "cannot be imported: RuntimeError: at import.",
    "offered_exits:x": "cannot be imported: SystemExit: at import.",
    "offered:missing": "cannot be imported: AttributeError: module 'offered' has no attribute 'missing'.",
    "offered:number": "is 3, which cannot be called; it must be a function.",
    "offered:fails": "cannot be made: KeyError: 'inside'.",
    "offered:exits": "cannot be made: SystemExit: no more.",
    "offered:nothing": "made None, which is none.",
    "offered:text": "made 'no schedule', which is none.",
}


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Another package, which offers what a test names as Other.v1."""
    (tmp_path / "offered.py").write_text(MODULE)
    (tmp_path / "offered_raises.py").write_text("raise RuntimeError('at import')")
    (tmp_path / "offered_exits.py").write_text("raise SystemExit('at import')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "offered", raising=False)

    def made(value):
        monkeypatch.setattr(registries, "entry_points", lambda group: [EntryPoint("Other.v1", value, group)])

    return made


@pytest.mark.parametrize("value", TOLD)
def test_an_optimizer_or_a_schedule_that_fails(offer, value):
    offer(value)
    optimizer = "[a]\n[optimizer]\n@optimizers = Other.v1\n"
    schedule = "[optimizer]\n@optimizers = Adam.v1\n[optimizer.learn_rate]\n@schedules = Other.v1\n"
    for text, line, word in (
        (optimizer, "line 3, [optimizer] @optimizers", "optimizer"),
        (schedule, "line 4, [optimizer.learn_rate] @schedules", "schedule"),
    ):
        with pytest.raises(ConfigError) as caught:
            thincopt.load(text)
        assert str(caught.value) == f"{line}: the {word} 'Other.v1', {value}, {TOLD[value]}"
        assert type(caught.value) is ConfigError


def test_the_reason_is_chained(offer):
    offer("offered:fails")
    with pytest.raises(ConfigError) as caught:
        thincopt.load("[optimizer]\n@optimizers = Other.v1\n")
    assert isinstance(caught.value.__cause__.__cause__, KeyError)


def test_those_that_work(offer):
    offer("offered:fine")
    assert thincopt.load("[optimizer]\n@optimizers = Other.v1\nrate = 0.25\n")["optimizer"].learn_rate == 0.25
    assert thincopt.fill("[optimizer]\n@optimizers = Other.v1\n")["optimizer"]["rate"] == 0.5
    with pytest.raises(ConfigError, match=r"^line 3, \[optimizer\] rat: unexpected argument"):
        thincopt.load("[optimizer]\n@optimizers = Other.v1\nrat = 0.25\n")
    offer("offered:rates")
    text = "[optimizer]\n@optimizers = Adam.v1\n[optimizer.learn_rate]\n@schedules = Other.v1\n"
    assert thincopt.load(text)["optimizer"].learn_rate == 0.5


def test_a_function_whose_arguments_cannot_be_known(offer):
    offer("builtins:type")
    with pytest.raises(
        ConfigError, match=r"^line 2, \[optimizer\] @optimizers: 'Other.v1' does not say which arguments"
    ):
        thincopt.load("[optimizer]\n@optimizers = Other.v1\n")


def test_a_function_of_ones_own_that_fails_is_told_too():
    @registry.optimizers("fails_for_tests.v1")
    def fails():
        raise KeyError("inside")

    text = (
        r"^line 2, \[optimizer\] @optimizers: the optimizer 'fails_for_tests.v1' cannot be made: KeyError: 'inside'.$"
    )
    with pytest.raises(ConfigError, match=text):
        thincopt.load("[optimizer]\n@optimizers = fails_for_tests.v1\n")


def test_an_interrupt_is_one():
    @registry.optimizers("stops_for_tests.v1")
    def stops():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        thincopt.load("[optimizer]\n@optimizers = stops_for_tests.v1\n")
