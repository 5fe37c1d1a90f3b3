"""Numbers and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table, its columns aligned, numbers to the right."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {row[0]:<{widths[0]}} | {_right(row[1:], widths[1:])} |" for row in rows]
    rule = f"|:{'-' * (widths[0] + 1)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
    return "\n".join([lines[0], rule, *lines[1:], ""])


def duration(seconds: float) -> str:
    """A time, in the unit that fits."""
    units = (("ns", seconds * 1e9), ("µs", seconds * 1e6), ("ms", seconds * 1e3))
    unit, value = next((each for each in units if each[1] < 1000), ("s", seconds))
    return f"{digits(value)} {unit}"


def digits(value: float) -> str:
    """A number, with the digits that it deserves."""
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _right(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " | ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
