"""Variables of the environment: each is told in one place, and a slip in one is an error that says what is allowed."""

import re

import pytest

import thincopt
from tests.test_building import ROOT, run
from thincopt import SettingError
from thincopt.environment import VARIABLES, flag, number


def test_every_variable_that_the_code_reads_is_told():
    files = [*(ROOT / "thincopt").rglob("*.py"), ROOT / "setup.py"]
    used = {name for each in files for name in re.findall(r'"(THINCOPT_\w+)"', each.read_text("utf-8"))}
    assert used == set(VARIABLES)


@pytest.mark.parametrize(
    ("words", "answer"), [("0 false no off False OFF No", False), ("1 true yes on True ON Yes", True)]
)
def test_every_usual_spelling_is_understood(words, answer, monkeypatch):
    for word in words.split():
        monkeypatch.setenv("THINCOPT_NATIVE", word)
        assert flag("THINCOPT_NATIVE", default=not answer) is answer


def test_a_variable_that_is_not_set_says_nothing(monkeypatch):
    monkeypatch.delenv("THINCOPT_NATIVE", raising=False)
    monkeypatch.delenv("THINCOPT_NUM_THREADS", raising=False)
    assert [flag("THINCOPT_NATIVE", default=each) for each in (False, True)] == [False, True]
    assert number("THINCOPT_NUM_THREADS", 256) is None


@pytest.mark.parametrize("word", ["", "2", "nein", "truth"])
def test_any_other_word_is_refused(word, monkeypatch):
    monkeypatch.setenv("THINCOPT_NATIVE", word)
    told = (
        rf"^THINCOPT_NATIVE must be 0 or 1 \(or false or true, no or yes, off or on\), not '{word}'; unset, it is 1\.$"
    )
    with pytest.raises(SettingError, match=told):
        flag("THINCOPT_NATIVE", default=True)


@pytest.mark.parametrize("word", ["", "0", "257", "-1", "1.5", "٣x", "9" * 5000, "0" * 5000])
def test_a_number_that_cannot_be_is_refused(word, monkeypatch):
    monkeypatch.setenv("THINCOPT_NUM_THREADS", word)
    with pytest.raises(
        SettingError, match=r"^THINCOPT_NUM_THREADS must be a whole number from 1 to 256, not '"
    ) as told:
        number("THINCOPT_NUM_THREADS", 256)
    assert len(str(told.value)) < 250


def test_native_is_turned_off_by_any_spelling_and_info_tells_which():
    told = run("import thincopt; print(thincopt.info())", THINCOPT_NATIVE="False")
    assert told.startswith(f"thincopt {thincopt.__version__}; kernels: plain NumPy: THINCOPT_NATIVE=False; ")
