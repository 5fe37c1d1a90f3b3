"""The types that a rule's signature is written with; each setting's type carries its range."""

from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real
from typing import Annotated, Any, Literal


@dataclass(frozen=True)
class Kind:
    """How much of a state there is; see `Array`, `Scalar`, `Shared`."""

    name: Literal["array", "scalar", "shared"]


@dataclass(frozen=True)
class Starts:
    """How state begins: `Starts("w")` as the weights, `Starts("setting")` at its value, or at a number."""

    value: float | str


@dataclass(frozen=True)
class Times:
    """How many there are of a state: `Times("copies")`, as many as this setting, a `Size`, says."""

    setting: str


@dataclass(frozen=True)
class When:
    """Where a setting acts: `When("use_averages")`, if that is on; `When("averages_by", "ema")`, if that is this word.

    Given where it does nothing, it is an error; within rules, its other choices are compiled one at a time.
    """

    setting: str
    choice: str | None = None


MOST_WHOLE = 2**53  # beyond it a float64 does not hold every whole number


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may take, ends included unless said otherwise."""

    low: float = -inf
    high: float = inf
    above_low: bool = False
    below_high: bool = False
    whole: bool = False
    fixed: bool = False  # when the kernel is made

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        low = f"{'>' if self.above_low else '>='} {self.low:g}" if self.low > -self._most else ""
        high = f"{'<' if self.below_high else '<='} {self.high:g}" if self.high < self._most else ""
        return " ".join([kind, " and ".join(filter(None, [low, high]))]).strip()

    @property
    def _most(self) -> float:
        """What ends every range of this kind, and so need not be told."""
        return MOST_WHOLE if self.whole else inf

    def told(self, value: Any) -> str:
        """The range, for an error about this value: with the end of whole numbers, if it is beyond that."""
        given: Any = value if isinstance(value, Real) else 0
        size = abs(int(given)) if -inf < given < inf else 0
        beyond = self.whole and size > MOST_WHOLE
        return f"{self}" + " and at most 2**53, for not all larger ones are exact in float64" * beyond

    def holds(self, value: Any) -> bool:
        """Whether `value` is a number (a bool is not) within the range."""
        if isinstance(value, bool) or not isinstance(value, Real):
            return False
        given: Any = value
        try:
            value = float(given)
        except OverflowError:  # a whole number that no float can hold
            return False
        if not isfinite(value):
            return False
        if self.whole and not (value.is_integer() and abs(int(given)) <= MOST_WHOLE):
            return False
        above: bool = value > self.low if self.above_low else value >= self.low
        below: bool = value < self.high if self.below_high else value <= self.high
        return above and below


# State of the shape of the weights (which is also what an argument without annotation is), state of one float64 per
# key, and state of one float64 per optimizer, stepped once per `update` of the whole model.
Array = Annotated[Any, Kind("array")]
Scalar = Annotated[Any, Kind("scalar")]
Shared = Annotated[Any, Kind("shared")]

Number = Annotated[float, Range()]
Rate = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above_low=True)]
Unit = Annotated[float, Range(0, 1, below_high=True)]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(0, whole=True)]
Period = Annotated[int, Range(1, whole=True)]
Size = Annotated[int, Range(1, whole=True, fixed=True)]
