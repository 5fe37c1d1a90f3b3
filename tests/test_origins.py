"""Each line of traced code knows the line of the rule or stage that it is of."""

import ast
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import thincopt
from tests.conftest import traced
from thincopt.language import Rate, Unit, maximum, mean, norm, sigmoid, sqrt
from thincopt.language.origins import Origin
from thincopt.language.printing_numpy import without_ones
from thincopt.recipes.shipping import every_recipe
from thincopt.rules import all_rules

PACKAGE = Path(thincopt.__file__).parent
STAGES = set(PACKAGE.glob("stages/*.py"))
# How a rule can ask for each operation, if not by its name; dividing by a number is multiplying.
MARKS = dict(add="+", sub="- //", neg="-", lt="<", le="<=", gt=">", ge=">=", eq="==", ne="!=", pow="**", whole_pow="**")
MARKS |= dict(mul="* /", sqrt="sqrt( **", div="/ mean( **", min="minimum(", max="maximum(")
MARKS |= {"and": "&", "or": "|", "not": "~", "mod": "% //", "floor": "floor( //", "add": "+ //"}
MARKS |= dict.fromkeys(("word", "as_word"), "uniform( normal(")


@cache
def statement(origin: Origin) -> str:
    """The source of the innermost statement that the line is in."""
    source = Path(origin.file).read_text()
    found = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.stmt)]
    around = [each for each in found if each.lineno <= origin.line <= each.end_lineno]
    return ast.get_source_segment(source, max(around, key=lambda each: each.lineno))


def words(part) -> list:
    """Of each line of the code, the stage that it is of, or how the rule's statement begins."""
    origins = [part.origins.get(line.target) for line in part.code]
    return [each and word(each) for each in origins]


def word(origin: Origin) -> str:
    file = Path(origin.file)
    return file.stem if file in STAGES else statement(origin).split()[0]


def halved(x):
    half = x / 2
    return sigmoid(half)


def wandering(w, g, m, t, *, learn_rate: Rate = 0.1, beta: Unit = 0.9):
    m = beta * m + (1 - beta) * g
    rate = learn_rate / (1 - beta**t)
    size = norm(m) + mean(g)
    root = sqrt(size)
    u = maximum(m, halved(g)) ** 2
    step = rate * u / root
    return step, m


def test_lines_of_a_rule_of_ones_own():
    first, last = traced(wandering).phases
    assert words(first.block) == ["decay", "decay", "m", "half", "rate", "rate", "rate"]
    assert words(first.walk) == ["m", "clip", "m", "m"]
    assert words(last.block) == ["size", "size", "root", "step"]
    m, half = ["m", "clip", "m", "m"], ["half", "return"]
    assert words(last.walk) == ["decay", *m, *half, "u", "u", "u", None]


def test_lines_of_a_rule_of_the_package():
    (phase,) = traced(all_rules()["Adam.v2"].function, amsgrad=True).phases
    m, v = ["m", "clip", "m", "m"], ["v"] * 4
    assert words(phase.walk) == ["decay", *m, "m_hat", *v, "v_hat", *["return"] * 3, None]
    origins = {line.op: phase.walk.origins.get(line.target) for line in phase.walk.code}
    assert origins["div"].file == str(PACKAGE / "rules" / "adam.py")
    assert statement(origins["div"]) == "return learn_rate * m_hat / (sqrt(v_hat) + eps), m, v, vmax"
    assert origins["sub"] is None  # w − step, which no rule says


@pytest.mark.parametrize("name", all_rules())
def test_every_line_is_of_one_that_asks_for_it(name):
    rule, seen = all_rules()[name], 0
    for recipe in every_recipe(rule):
        parts = [part for kernel in recipe.kernels for each in kernel.phases for part in (each.block, each.walk)]
        for part in parts:
            others = [line for line in part.code if line.target not in part.origins]
            assert [line.op for line in others] in ([], ["sub"])
            for line in set(part.code) - set(others):
                origin = part.origins[line.target]
                assert Path(origin.file) in (Path(rule.function.__code__.co_filename), *STAGES)
                assert any(mark in statement(origin) for mark in MARKS.get(line.op, line.op + "(").split()), origin
                seen += 1
    assert seen > 100


def test_walks_alike_are_equal_wherever_they_are_from():
    walk = traced(wandering).phases[-1].walk
    other = replace(walk, origins={})
    assert (walk == other, hash(walk) == hash(other), repr(walk) == repr(other)) == (True, True, True)


def test_lines_left_out_leave_the_others_theirs():
    walk = traced(wandering).phases[-1].walk
    shorter = without_ones(walk, {walk.code[0].args[0]})
    assert len(shorter.code) < len(walk.code)
    whole = dict(zip(walk.code, words(walk), strict=True))
    by_target = {line.target: word for line, word in whole.items()}
    assert words(shorter) == [by_target[line.target] for line in shorter.code]


def test_how_a_line_is_told(monkeypatch, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def Mine(w, g):\n    return 2 * g\n")
    text = "line 2: `return 2 * g`"
    assert str(Origin(str(mine), 2)) == f"{mine}, {text}"
    monkeypatch.chdir(tmp_path)
    assert str(Origin(str(mine), 2)) == f"mine.py, {text}"
    lion = PACKAGE / "rules" / "lion.py"
    number = lion.read_text().split("\n").index("    c = beta1 * m + (1 - beta1) * g") + 1
    assert str(Origin(str(lion), number)) == f"rules/lion.py, line {number}: `c = beta1 * m + (1 - beta1) * g`"


def test_a_rule_without_source_has_lines_all_the_same():
    made = {}
    exec("def Mine(w, g):\n    return 2 * g * g\n", made)  # noqa: S102  # as at the interpreter's prompt
    walk = traced(made["Mine"]).phases[-1].walk
    assert "<string>, line 2" in {str(each) for each in walk.origins.values()}
