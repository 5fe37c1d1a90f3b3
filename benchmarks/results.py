"""What was measured: to be asked, saved and read again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

FLOOR = "floor"  # how the names of such programs begin


@dataclass(frozen=True)
class Result:
    """Seconds a step, by round."""

    size: str
    work: str
    program: str
    threads: int
    rounds: Sequence[float]

    @property
    def seconds(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)

    @property
    def quickest(self) -> float:
        """The least of them."""
        return min(self.rounds)

    @property
    def is_floor(self) -> bool:
        """Whether this is a bare loop."""
        return self.program.startswith(FLOOR)

    def ratios(self, other: Result) -> Sequence[float]:
        """The quartiles of the ratios of each round to the other's same round."""
        ratios = (own / its for own, its in zip(self.rounds, other.rounds, strict=True))
        return quantiles(ratios, n=4, method="inclusive")

    def ratio(self, other: Result) -> float:
        """The median of those."""
        return self.ratios(other)[1]


@dataclass(frozen=True)
class Idle:
    """Seconds a step in one array: with a gradient, the mean without for many steps, and after those."""

    elements: int
    threads: int
    steps: int
    usual: float
    mean: float
    stuck: float


@dataclass
class Report:
    """A whole measurement."""

    machine: Sequence[str]
    caches: Sequence[int]
    cores: int
    rounds: int
    missing: Sequence[str]
    results: list[Result]
    idle: list[Idle]

    def of(self, size: str, work: str) -> list[Result]:
        """All results of one kind of work at one size."""
        return [each for each in self.results if (each.size, each.work) == (size, work)]

    def find(self, size: str, work: str, program: str, threads: int) -> Result | None:
        """One result, if it was measured."""
        found = (each for each in self.of(size, work) if (each.program, each.threads) == (program, threads))
        return next(found, None)

    def floor(self, size: str, work: str, threads: int) -> Result | None:
        """The quickest of the bare loops with so many threads or fewer."""
        loops = [each for each in self.of(size, work) if each.is_floor and each.threads <= threads]
        return min(loops, key=lambda each: each.seconds, default=None)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every size and work that was measured together, in order."""
        yield from dict.fromkeys((each.size, each.work) for each in self.results)


def save(report: Report, path: Path) -> None:
    """Write it as JSON, a line for each result."""
    facts = asdict(report)
    lines = []
    for name, value in facts.items():
        if name in ("results", "idle"):
            rows = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in value)
            lines.append(f' "{name}": [\n{rows}\n ]')
        else:
            lines.append(f' "{name}": {json.dumps(value, ensure_ascii=False)}')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def load(path: Path) -> Report:
    """Read what `save` wrote."""
    facts: dict[str, Any] = json.loads(path.read_text())
    results = [Result(**each) for each in facts.pop("results")]
    return Report(results=results, idle=[Idle(**each) for each in facts.pop("idle")], **facts)
