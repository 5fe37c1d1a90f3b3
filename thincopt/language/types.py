"""The types that a rule's signature is written with; each setting's type carries its range."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Any


class Array:
    """State of the shape of the weights (what an argument without annotation is)."""


class Scalar:
    """State of one float64 per key."""


class Shared:
    """State of one float64 per optimizer, stepped once per `update` of the whole model."""


@dataclass(frozen=True)
class Starts:
    """How state begins: `Starts("w")` as the weights, `Starts("setting")` at its value, or at a number."""

    value: float | str


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may take, ends included unless said otherwise."""

    low: float = -inf
    high: float = inf
    above_low: bool = False
    below_high: bool = False
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        low = f"{'>' if self.above_low else '>='} {self.low:g}" if self.low > -inf else ""
        high = f"{'<' if self.below_high else '<='} {self.high:g}" if self.high < inf else ""
        return " ".join([kind, " and ".join(filter(None, [low, high]))]).strip()

    def holds(self, value: Any) -> bool:
        """Whether `value` is a number (a bool is not) within the range."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            return False
        if self.whole and value != int(value):
            return False
        above = value > self.low if self.above_low else value >= self.low
        below = value < self.high if self.below_high else value <= self.high
        return above and below


Real = Annotated[float, Range()]
Rate = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above_low=True)]
Unit = Annotated[float, Range(0, 1, below_high=True)]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(0, whole=True)]
