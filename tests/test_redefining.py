"""A rule edited and run again, as in a notebook: it takes effect by its name at once, and nothing else changes."""

import copy
import linecache
import pickle
import subprocess
import sys

import numpy as np
import pytest

import thincopt
from thincopt import Optimizer, RuleError
from thincopt.language.declaring import RULES

CELL = """
from thincopt.language import Rate, rule

@rule("Cell.v1")
def Cell(w, g, *, learn_rate: Rate = 1.0{setting}):
    return {step}
"""
FILES = ["/cells/ipykernel_7/{}.py", "<ipython-input-{}-0123456789ab>", "<stdin>", "<string>"]


def run(step, file, module="__main__", setting=""):
    exec(compile(CELL.format(step=step, setting=setting), file, "exec"), {"__name__": module})  # noqa: S102  # a cell


def taken(make, gradient=1.0):
    """The step that an optimizer takes."""
    weights = np.zeros(1)
    make("w", weights, np.full(1, gradient))
    return -float(weights[0])


@pytest.mark.parametrize("file", FILES)
def test_what_main_defined_it_may_define_again(file):
    run("learn_rate * g", file.format(1))
    run("2 * learn_rate * g", file.format(2))
    config = "[optimizer]\n@optimizers = Cell.v1\n"
    made = [thincopt.Cell(), thincopt.get("cell")(), Optimizer.of("Cell.v1"), thincopt.Cell.v1()]
    made += [thincopt.registry.optimizers.get("Cell.v1")(), thincopt.load(config)["optimizer"]]
    assert [taken(each) for each in made] == [2.0] * 6


def test_an_optimizer_made_before_keeps_its_formula_and_settings():
    run("learn_rate * g", "cell 1")
    before, factory = thincopt.Cell(), thincopt.Cell
    run("other * learn_rate * g", "cell 2", setting=", other: Rate = 3.0")
    assert taken(before) == 1.0
    before.learn_rate = 0.0  # asks for other kernels
    assert taken(before) == 0.0
    before.learn_rate = 0.5
    assert taken(before) == 0.5
    assert taken(factory()) == 1.0
    assert (thincopt.Cell().other, taken(thincopt.Cell(other=2.0))) == (3.0, 2.0)


def test_a_cell_that_fails_leaves_the_rule_as_it_was():
    run("learn_rate * g", "cell 1")
    with pytest.raises(RuleError):
        run("learn_rate * g", "cell 2", setting=", other: str = 'a'")
    assert taken(thincopt.Cell()) == 1.0


@pytest.mark.parametrize("file", ["cell", "<string>"])
@pytest.mark.parametrize("module", ["__main__", "other"])
def test_another_modules_rule_is_not_shadowed(module, file):
    run("learn_rate * g", file, "mine")
    if file == "cell":  # the same file run as another module, as a script that is imported too
        run("2 * learn_rate * g", file, module)
        assert taken(thincopt.Cell()) == 2.0
        file = "another cell"
    with pytest.raises(RuleError, match=r"^Cell.v1 is already the rule of .*; choose another name, or another version"):
        run("3 * learn_rate * g", file, "third")


def test_a_built_in_is_not_shadowed():
    known = RULES["Lion.v1"]
    with pytest.raises(RuleError, match=r"^Lion.v1 is already the rule of thincopt.rules.lion; "):
        exec(CELL.replace("Cell.v1", "Lion.v1").format(step="g", setting=""), {"__name__": "__main__"})  # noqa: S102
    assert RULES["Lion.v1"] is known


def test_the_lines_of_a_cell_are_told(monkeypatch):
    file, text = "/cells/ipykernel_7/3.py", CELL.format(step="learn_rate * g", setting="")
    monkeypatch.setitem(linecache.cache, file, (len(text), None, text.splitlines(keepends=True), file))
    run("learn_rate * g", file)
    walk = Optimizer.of("Cell.v1", ops=thincopt.NumpyOps())._now.runner.cohorts[0].recipe.kernels[0].phases[-1].walk
    assert f"{file}, line 6: `return learn_rate * g`" in map(str, walk.origins.values())


def test_a_rule_is_pickled_by_its_name_and_module():
    known = RULES["Lion.v1"]
    assert pickle.loads(pickle.dumps(known)) is copy.deepcopy(known) is known
    code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])).name)"
    command = [sys.executable, "-c", code, pickle.dumps(known).hex()]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Lion.v1\n"
    run("learn_rate * g", "cell 1")
    saved = pickle.dumps(RULES["Cell.v1"])
    assert pickle.loads(saved) is RULES["Cell.v1"]
    del RULES["Cell.v1"]
    with pytest.raises(RuleError, match=r"^__main__ defines no rule 'Cell.v1' now: define it before this is loaded\.$"):
        pickle.loads(saved)
