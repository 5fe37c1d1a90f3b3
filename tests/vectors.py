"""The loops of which a compiler made vectors, by its own report."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from thincopt.native.compiling import compiler


def by_gcc(report: str) -> Iterator[tuple[str, int]]:
    """The functions, and the lines in them, of loops that became vectors."""
    for told in report.split("\n;; Function ")[1:]:
        for line in re.findall(r"walks\.h:(\d+):\d+: optimized: +loop vectorized", told):
            yield told.split()[0], int(line)


def by_clang(report: str) -> Iterator[tuple[str, int]]:
    for told in report.split("--- !")[1:]:
        if told.startswith("Passed") and re.search(r"^Name: +Vectorized$", told, re.M):
            yield re.search(r"^Function: +(\w+)$", told, re.M)[1], int(re.search(r"Line: (\d+)", told)[1])


REPORTS = {
    "Free Software Foundation": (["-fdump-tree-vect-optimized={}"], by_gcc),
    "clang": (["-foptimization-record-file={}", "-foptimization-record-passes=loop-vectorize"], by_clang),
}


def reporting(folder: Path) -> list[str]:
    """Flags by which the compiler writes its report into this folder, and compiles as without; none if it has none."""
    flags, _ = _known()
    return [each.format(folder / "report") for each in flags]


def vectorized(folder: Path) -> set[tuple[str, int]] | None:
    """What the report says that is in this folder."""
    _, read = _known()
    return None if read is None else set(read((folder / "report").read_text()))


def _known():
    version = subprocess.run([*compiler()[0], "--version"], capture_output=True, text=True, check=False).stdout
    return next((each for name, each in REPORTS.items() if name in version), ([], None))
