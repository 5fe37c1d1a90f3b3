"""Results as tables, which are Markdown that also reads well as it stands, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from . import machine
from .measuring import Result
from .problems import Size, Work

FOLDER = Path(__file__).with_name("results")
HEADER = ("", "a step", "ns an element", "× floor", "middle half")
METHOD = """\
A step updates all arrays once. Fresh gradients are copied in before the clock starts.
Everything runs in one thread, and all programs take turns within each of {rounds} rounds.
Times are medians over the rounds. So are the ratios, each to the floor of its own round; half of them were in the
range that is given last.
The floor is a bare C loop that reads and writes the bytes that the work must, and computes nothing.
For few elements the time is that of the call, which the floor is without.
"""


def preface(rounds: int) -> str:
    """What was measured, where and how."""
    return f"{machine.description()}.\n\n{METHOD.format(rounds=rounds)}"


def section(results: Sequence[Result]) -> str:
    """The results of one size."""
    size = results[0].size
    tables = (_table(size, work, list(each)) for work, each in groupby(results, key=lambda each: each.work))
    return "\n".join([f"## {size}\n", *tables])


def save(results: Sequence[Result], rounds: int) -> Path:
    """Write the Markdown, and the JSON beside it; where the Markdown is."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{machine.file_stem()}.md"
    sections = (section(list(each)) for _, each in groupby(results, key=lambda each: each.size))
    path.write_text("\n".join([f"# {machine.processor()}\n", preface(rounds), *sections]))
    facts = {"machine": machine.description(), "results": [_facts(each) for each in results]}
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    return path


def _table(size: Size, work: Work, results: Sequence[Result]) -> str:
    rows = [HEADER, *(_row(size, each) for each in results)]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {cells[0]:<{widths[0]}} | {_right(cells[1:], widths[1:])} |" for cells in rows]
    rule = f"|:{'-' * (widths[0] + 1)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
    return "\n".join([f"{work.title}: {work.bytes} bytes an element\n", lines[0], rule, *lines[1:], ""])


def _right(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " | ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _row(size: Size, result: Result) -> tuple[str, ...]:
    low, middle, high = map(_digits, result.ratios) if result.ratios else ("", "", "")
    per_element = _digits(result.seconds / size.total * 1e9)
    return result.program, _time(result.seconds), per_element, middle, "" if low == high else f"{low}–{high}"


def _time(seconds: float) -> str:
    """A time, in the unit that fits."""
    units = (("ns", seconds * 1e9), ("µs", seconds * 1e6), ("ms", seconds * 1e3))
    unit, value = next((each for each in units if each[1] < 1000), ("s", seconds))
    return f"{_digits(value)} {unit}"


def _digits(value: float) -> str:
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _facts(result: Result) -> dict[str, object]:
    return {
        "arrays": result.size.arrays,
        "elements": result.size.elements,
        "work": result.work.title,
        "bytes": result.work.bytes,
        "program": result.program,
        "seconds": _rounded(result.seconds),
        "ratios": result.ratios and [_rounded(each) for each in result.ratios],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
