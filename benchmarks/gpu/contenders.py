"""What takes part on a device: a program, and its steps once it has begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .problems import Problem

PLAIN = {"nonfinite": "propagate"}


@dataclass(frozen=True)
class Run:
    """A problem that a program has begun: `step` asks for one step of all arrays."""

    step: Callable[[], object]
    taken: int = 0  # steps that were taken to begin
    keeps: Any = None
    wait: Callable[[], object] | None = None  # for programs that do not use the problem's stream, nor its arrays
    weights: Callable[[], Sequence[Any]] | None = None  # theirs, in main memory


@dataclass(frozen=True)
class Program:
    """Something that takes steps, and the settings of thincopt that say which."""

    name: str
    start: Callable[[Problem], Run]
    holds: int = 8  # bytes an element, in arrays of its own
    arrays: tuple[int, int] = (1, 1 << 20)  # it is tried with so many, from the least to the most
    most: int = 1 << 40  # elements that it is tried with
    settings: Mapping[str, Any] = field(default_factory=lambda: PLAIN, hash=False)
    is_exact: bool = False  # whether its bits are the formula's
    is_step: bool = True  # whether it is a step at all

    def suits(self, problem: Problem) -> bool:
        """Whether it is tried with this."""
        least, most = self.arrays
        return least <= len(problem.weights) <= most and problem.size.total <= self.most
