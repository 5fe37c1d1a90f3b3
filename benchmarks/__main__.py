"""Measure, print, and save what was measured; or draw again what was saved."""
# ruff: noqa: T201  # printing is what this program is for

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from . import machine
from .building import FOLDER
from .contenders import CORES, Program
from .idle import measure_idle
from .measuring import measure
from .plotting import plot
from .problems import SIZES, WORKS, Problem, Work
from .programs import programs
from .recipes import measure_recipes, recipe_tables
from .reporting import document, table
from .results import Report, load, save
from .summary import summary

ROUNDS, QUICK_ROUNDS = 11, 5
QUICK = ("1", "16", "1k", "30k", "100k", "1M", "10M", "1000x300")
IDLE = ("100k", "10M")
RECIPES = ("10M",)
RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Run the benchmark as the command line asks."""
    os.environ.setdefault("THINCOPT_COMPILE", "wait")  # what is measured is the kernels
    options = _options()
    if options.plot:
        _write(load(options.plot), options.plot)
    elif options.part == "recipes":
        _recipes(options)
    else:
        _steps(options)


def _steps(options: Namespace) -> None:
    report = _measured(options, *programs())
    path = _path(options, "")
    save(report, path)
    _write(report, path)
    print(summary(report), f"Saved as {path}; .md and .svg beside it.", sep="\n")


def _recipes(options: Namespace) -> None:
    report = _begun(options, [])
    for size in options.sizes:
        measure_recipes(report, size, partial(print, flush=True))
    path = _path(options, "-recipes")
    save(report, path)
    path.with_suffix(".md").write_text(recipe_tables(report, options.sizes))
    print(f"Saved as {path}; .md beside it.")


def _path(options: Namespace, part: str) -> Path:
    return RESULTS / f"{machine.file_stem()}{part}.json" if options.is_whole else FOLDER / f"partly{part}.json"


def _begun(options: Namespace, missing: Sequence[str]) -> Report:
    report = Report(machine.description(), machine.caches(), CORES, options.rounds, missing, [], [])
    print(*report.machine, *missing, "", sep="\n")
    return report


def _measured(options: Namespace, found: Sequence[Program], missing: Sequence[str]) -> Report:
    report = _begun(options, missing)
    for size in options.sizes:
        _add(report, Problem(size), [each for each in size.works if each in options.works], found)
    report.idle += measure_idle([each for each in options.sizes if each.name in options.idle])
    return report


def _add(report: Report, problem: Problem, works: Sequence[Work], found: Sequence[Program]) -> None:
    print(f"## {problem.size.title}\n")
    for work in works:
        report.results += measure(problem, work, found, report.rounds)
        print(table(report, problem.size.name, work.name), flush=True)


def _write(report: Report, path: Path) -> None:
    drawing = path.with_suffix(".svg")
    drawing.write_text(plot(report))
    path.with_suffix(".md").write_text(document(report, drawing.name))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description="Measure thincopt, its peers and the floor.")
    sizes, works = {each.name: each for each in SIZES}, {each.name: each for each in WORKS}
    about = "`steps` of Adam beside peers, which is usual, or every recipe of every rule beside its floor"
    parser.add_argument("part", nargs="?", default="steps", choices=("steps", "recipes"), help=about)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes")
    parser.add_argument("--only", nargs="+", metavar="SIZE", choices=sizes, help="some of: " + " ".join(sizes))
    parser.add_argument("--work", nargs="+", metavar="WORK", choices=works, help="some of: " + " ".join(works))
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS} unless given, {QUICK_ROUNDS} with --quick")
    parser.add_argument("--plot", type=Path, metavar="JSON", help="only write the tables and the plot of saved results")
    options = parser.parse_args()
    options.is_whole = not (options.quick or options.only or options.work or options.rounds)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    usual = RECIPES if options.part == "recipes" else QUICK if options.quick else sizes
    options.sizes = [sizes[name] for name in options.only or usual]
    options.works = [works[name] for name in options.work or works]
    options.idle = () if options.only or options.work else IDLE[:1] if options.quick else IDLE
    return options


if __name__ == "__main__":
    main()
