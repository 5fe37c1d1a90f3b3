"""Every recipe of every rule beside its floor: its choices, with averages and without, with coupled L2 and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from time import thread_time
from typing import Any

import thincopt
from thincopt.language import Rule
from thincopt.language.kernel import Walk
from thincopt.language.signature import Setting
from thincopt.native import load
from thincopt.recipes.composing import compose, declarations
from thincopt.rules import all_rules

from .building import FOLDER
from .contenders import Program, Run
from .measuring import measure
from .moving import bytes_moved, has_functions, moving_module
from .problems import SIZES, Problem, Size, Work
from .programs import COMPILED, CompiledOps, start
from .results import FLOOR, Report, Result
from .tables import digits, markdown

Choice = tuple[str, Mapping[str, Any]]  # what it is called, nothing if it is usual; the settings that make it
ALONE = {"learn_rate": 1e-3, "grad_clip": 0.0, "L2_is_weight_decay": False, "nonfinite": "propagate"}
AROUND: Sequence[Sequence[Choice]] = [
    [("", {"use_averages": False}), ("averages", {"use_averages": True})],
    [("", {"L2": 0.0}), ("L2", {"L2": 0.1})],
]
SWITCHED_ON = 0.5  # a number that is off by default
AT_ONCE = 3  # rounds
MOST = 1.2
IN_CACHE = next(each for each in SIZES if each.name == "1k")
FUNCTIONS = f"{FLOOR} and functions"
RATIO = "× floor"
HEADER = ("", "bytes an element", "ns an element", "floor", "its functions", RATIO, "middle half")
NOTE = f"""\
In float32 by one thread, nonfinite="propagate". Each recipe takes turns with its own floor: the same engine goes the
same walks over as many arrays, and each walk loads and stores what the recipe's does, without its arithmetic. What
functions such as `exp` take for an element is part of the floor, as measured in {IN_CACHE.title}, where there is no
wait for memory. The quickest of the levels of instructions counts, and the quickest of {{rounds}} rounds, by the time
of the processor that the thread had, not by the clock on the wall, for other programs may run meanwhile. The last range
is that of half of the ratios in each round.
"""


def recipes() -> Iterator[Work]:
    """One for each list of walks that there is."""
    for rule in all_rules().values():
        seen = set()
        for chosen in product(*_choices(rule), *AROUND):
            settings = ALONE | {name: value for _, each in chosen for name, value in each.items()}
            walks = _walks(rule, settings)
            if walks not in seen:
                seen.add(walks)
                title = ", ".join([rule.name, *(name for name, _ in chosen if name)])
                yield Work(title, title, sum(map(bytes_moved, walks)), rule.name, settings)


def measure_recipes(report: Report, size: Size, tell: Callable[[str], object]) -> None:
    """Add the results of every recipe at this size, in rounds far apart, so that a busy spell meets few of each."""
    works, problem, cached = list(recipes()), Problem(size), Problem(IN_CACHE)
    floors = list(_floors(works))
    programs = [_program(COMPILED, works, partial(start, CompiledOps(load()), now=thread_time)), *floors]
    found: dict[tuple[str, str], Result] = {}
    for done in range(0, report.rounds, AT_ONCE):
        tell(f"{size.title}, from round {done + 1} of {report.rounds}")
        for work in works:
            for each in measure(problem, work, programs, min(AT_ONCE, report.rounds - done)):
                before = found.get((each.work, each.program))
                rounds = (*before.rounds, *each.rounds) if before else each.rounds
                found[each.work, each.program] = replace(each, rounds=rounds)
    report.results += found.values()
    computing = list(filter(_has_functions, works))
    both = [*floors, *_floors(computing, FUNCTIONS)] if computing else []
    for work in computing:
        report.results += measure(cached, work, both, report.rounds)
    tell(_table(report, size))


def recipe_tables(report: Report, sizes: Sequence[Size]) -> str:
    """On which machine it was measured, and a table for each size."""
    about = [f"# Recipes on {report.machine[0]}\n", "\n".join(f"- {each}" for each in report.machine) + "\n"]
    return "\n".join([*about, NOTE.format(rounds=report.rounds), *(_table(report, each) for each in sizes)])


def _table(report: Report, size: Size) -> str:
    rows = [_row(report, size, each) for each in recipes()]
    over = [row[0] for row in rows if float(row[HEADER.index(RATIO)]) > MOST]
    listed = f"Over {MOST} × their floor: {'; '.join(over) or 'none'}.\n"
    return "\n".join([f"## {size.title}\n", listed, markdown([HEADER, *rows])])


def _choices(rule: Rule) -> Iterator[list[Choice]]:
    """For each setting of the rule's own that decides which kernel is made, the ways to set it."""
    asked: set[str] = set()
    usual = {each.name: each.default for each in declarations(rule).settings if not each.is_number}
    compose(rule, usual, lambda name: not asked.add(name))
    for each in rule.signature.settings:
        if each.choices:
            yield [(_called(each, value), {each.name: value}) for value in each.choices]
        elif each.name in asked:
            yield [("", {each.name: 0.0}), (each.name, {each.name: each.default or SWITCHED_ON})]


def _called(setting: Setting, value: Any) -> str:
    return "" if value == setting.default else setting.name if value is True else f"{setting.name}={value}"


def _walks(rule: Rule, settings: Mapping[str, Any]) -> tuple[Walk, ...]:
    choices = {
        each.name: settings.get(each.name, each.default) for each in declarations(rule).settings if not each.is_number
    }
    kernel = compose(rule, choices, lambda name: bool(settings.get(name))).kernels[0]
    return tuple(each.walk for each in kernel.phases if each.walk.arrays)


def _has_functions(work: Work) -> bool:
    return any(map(has_functions, _walks(all_rules()[work.rule], work.settings)))


def _floors(works: Sequence[Work], name: str = FLOOR) -> Iterator[Program]:
    """The floor at each level of instructions; with the functions that each walk computes, if it is called so."""
    rules = dict.fromkeys(all_rules()[each.rule] for each in works)
    module = moving_module(rules, FOLDER / name.replace(" ", "-"), with_functions=name == FUNCTIONS)
    usual = module.level()

    def begin(level: str, problem: Problem, work: Work) -> Run:
        module.set_level(level)
        return start(CompiledOps(module), problem, work, thread_time)

    for level in module.levels()[1:] or [usual]:
        yield _program(f"{name}, {level}", works, partial(begin, level))


def _program(name: str, works: Sequence[Work], begin: Callable[[Problem, Work], Run]) -> Program:
    return Program(name, works, begin, use=thincopt.set_num_threads)


def _row(report: Report, size: Size, work: Work) -> tuple[str, ...]:
    measured = report.of(size.name, work.name)
    ours = next(each for each in measured if not each.is_floor)
    floor = min((each for each in measured if each.is_floor), key=lambda each: each.quickest)
    functions = _of_functions(report, work) * size.total
    whole = replace(floor, rounds=[each + functions for each in floor.rounds])
    low, _, high = map(digits, ours.ratios(whole))
    times = (digits(each / size.total * 1e9) if each else "–" for each in (ours.quickest, floor.quickest, functions))
    return work.title, str(work.bytes), *times, digits(ours.quickest / whole.quickest), f"{low}–{high}"


def _of_functions(report: Report, work: Work) -> float:
    """Seconds that a recipe's functions take for an element."""
    measured = report.of(IN_CACHE.name, work.name)
    least = {
        name: min((each.quickest for each in measured if each.program.startswith(f"{name}, ")), default=0.0)
        for name in (FLOOR, FUNCTIONS)
    }
    return max(0.0, least[FUNCTIONS] - least[FLOOR]) / IN_CACHE.total
