"""The slips that users make, and what they are told: `slips.txt`, word for word."""

from pathlib import Path
from time import process_time

import numpy as np
import pytest

import thincopt
from thincopt import ConfigError, Optimizer, ThincoptError, language, registry
from thincopt.engine.settings import settings_of
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules

CONFIG = "[training]\nrate = 0.25\n\n[optimizer]\n@optimizers = Adam.v1\nL2 = 1e-6\n"
SLIPS = Path(__file__).with_suffix(".txt").with_stem("slips").read_text(encoding="utf-8").strip().split("\n\n")[1:]
ADAM = "[optimizer]\n@optimizers = Adam.v1\n"


def steps(optimizer, count):
    for _ in range(count):
        optimizer.step_schedules()


def told(text: str) -> str:
    """A text of the table, with the lists that it stands for; other tests register rules of their own."""
    adam = settings_of(all_rules()["Adam.v1"]).values()
    lists = {
        "<settings>": [each.name for each in adam],
        "<numbers>": [each.name for each in adam if each.range],
        "<optimizers>": all_rules(),
        "<schedules>": all_schedules(),
    }
    for mark, names in lists.items():
        text = text.replace(mark, f"Known: {', '.join(sorted(names))}")
    return text


@pytest.mark.parametrize("slip", [each for each in SLIPS if each.startswith(">>> ")])
def test_a_slip_in_python(slip):
    given, text = slip.removeprefix(">>> ").split("\n", 1)
    names = {"thincopt": thincopt, "Optimizer": Optimizer, "registry": registry, "np": np, "mean": language.mean}
    with pytest.raises((ThincoptError, AttributeError, ImportError)) as caught:
        exec(given, {**names, "steps": steps, "CONFIG": CONFIG, "nan": np.nan, "inf": np.inf})  # noqa: S102  # our table
    assert f"{caught.type.__name__}: {caught.value}" == told(text)
    python = ValueError | AttributeError | ImportError
    assert isinstance(caught.value, python | thincopt.OpsError | thincopt.RuleError)


@pytest.mark.parametrize("slip", [each for each in SLIPS if not each.startswith(">>> ")])
def test_a_slip_in_a_config(slip):
    lines = slip.split("\n")
    text = "\n".join(each for each in lines if not each.startswith("=> "))
    for tell in (thincopt.load, thincopt.fill):
        with pytest.raises(ConfigError) as caught:
            tell(f"{text}\n")
        assert isinstance(caught.value, ValueError)
        assert str(caught.value).split("\n") == [told(each[3:]) for each in lines if each.startswith("=> ")]


def test_the_table_is_long_enough_and_says_nothing_twice():
    assert len(SLIPS) >= 70
    assert len(SLIPS) == len(set(SLIPS))


def test_a_file_is_named_and_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "train.cfg"
    path.write_bytes(b"\xef\xbb\xbf[optimizer]\r\n@optimizers = Adam.v1\r\neps = 0\r\n")
    with pytest.raises(ConfigError) as caught:
        thincopt.load(path)
    assert str(caught.value) == f"{path}, line 3, [optimizer] eps: Adam.v1: eps must be a finite number > 0, not 0."
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"train.cfg' is not text in UTF-8.$"):
        thincopt.load(path)
    path.write_bytes(b" " * (1 << 20) + b" ")
    with pytest.raises(ConfigError, match=r"has 1048577 bytes; a config has at most 1048576.$"):
        thincopt.load(path)


def test_others_functions_are_told_with_their_place_too():
    @registry.optimizers("slips_for_tests.v1")
    def slips(rate: float = 0.1):
        return thincopt.Lion(rate)

    with pytest.raises(ConfigError) as caught:
        thincopt.load('[optimizer]\n@optimizers = slips_for_tests.v1\nrate = "fast"\nother = 1\n')
    assert [line.split(":")[0] for line in str(caught.value).split("\n")] == [
        "line 3, [optimizer] rate",
        "line 4, [optimizer] other",
    ]


def chain(first: str, link: str) -> str:
    """Sections that double from one to the next, in some 400 characters."""
    return first + "".join(link.replace("#", str(i)).replace("%", str(i - 1)) for i in range(1, 20))


ATTACKS = {
    "variables": chain("[a]\nx0 = 0123456789\n", "x# = ${a.x%}${a.x%}\n"),
    "variables of odd names": chain("[a b]\nx0 = 0123456789\n", "x# = ${a b.x%}${a b.x%}\n"),
    "variables of their own section": chain("[a]\nx0 = 0123456789\n", "x# = ${x%}${x%}\n") + chain("[x0]\n", "[x#]\n"),
    "sections": chain("[x0]\na = 1\n", "[x#]\na = ${x%}\nb = ${x%}\n"),
    "sections by confection's own mark": chain("[x0]\na = 1\n", "[x#]\na = __SECTION__:x%\nb = __SECTION__:x%\n"),
    "sections by that mark in two halves": chain(
        "[z]\nt = TION__\n[x0]\na = 1\n", '[x#]\na = "__SEC${z.t}:x%"\nb = "__SEC${z.t}:x%"\n'
    ),
    "a name with lines in it": '[a]\nb = {"c = 1\\n[d]\\ne": 1}\n',
    **{each: f"[optimizer]\n{each} = Adam.v1\n" for each in ("@__dict__", "@__class__", "@_resolve", "@resolve")},
    "a function of Python's": "[optimizer]\n@optimizers = os.system\n",
    "a builtin": f"{ADAM}[optimizer.learn_rate]\n@schedules = builtins.eval\nrate = 1\n",
    "a file of Python's": f"{ADAM}[optimizer.ops]\n@ops = thincopt.ops.numpy.ops.NumpyOps\n",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_must_not_run_is_refused_at_once(attack):
    """In less than 0.05 s of the processor's time, the quickest of three: a bound on work, whatever else runs."""
    taken = []
    for _ in range(3):
        begun = process_time()
        with pytest.raises(ConfigError):
            thincopt.load(ATTACKS[attack])
        taken.append(process_time() - begun)
    assert min(taken) < 0.05
