"""What serves as a schedule though it is none: a list of numbers, and an iterator."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain, islice, repeat
from math import prod
from typing import Any

from ..errors import ScheduleError, reason_of, shown
from ..language.types import Range

FINITE = Range()
MOST_LISTED = 6  # values of a list that are printed
END: Any = object()  # what follows the last value of an iterator
Taken = tuple[int, Any]  # how many values came before this one, and it


def number(label: str, value: Any) -> float:
    """The value as a float, if it is a finite number; an error that says what it is if not."""
    if FINITE.holds(value):
        return float(value)
    if _parameters(value):
        raise ScheduleError(
            f"{label} finite numbers, not arrays: the model's parameters do not go here, but into each call,"
            " optimizer(key, weights, gradient)."
        )
    raise ScheduleError(f"{label} finite numbers, not {shown(value)}{as_float(value)}.")


def as_float(value: Any) -> str:
    """What to do about an array of one number."""
    shape = _shape(value)
    return "; write float(…) of it" if shape is not None and prod(shape) == 1 else ""


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of what is an array, of any library."""
    shape = getattr(value, "shape", None)
    return shape if isinstance(shape, tuple) and hasattr(value, "__float__") else None


def _parameters(value: Any) -> bool:
    """Whether this is of a model: an array of several numbers, or a group with its parameters."""
    shape = _shape(value)
    return (shape is not None and prod(shape) != 1) or (isinstance(value, dict) and "params" in value)


class Listed:
    """A list of numbers as a schedule; after the last one, the setting stays as it is."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __call__(self, step: int) -> float:
        """The value at this step."""
        return self.values[min(step, len(self.values) - 1)]

    def ended(self, step: int) -> bool:
        """Whether there is no value for this step."""
        return step >= len(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listed) and self.values == other.values

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        more = len(self.values) - MOST_LISTED
        return f"{repr(self.values[:MOST_LISTED])[:-1]}, … {more} more]" if more > 0 else repr(self.values)


class Played:
    """An iterator as a schedule: played once, forwards; when it ends, the setting stays as it is.

    An iterator cannot be saved: a copy knows how far it came and its last value, and asks for the iterator again.
    """

    def __init__(
        self, iterator: Iterator[Any] | None, taken: int = 0, last: float = 0.0, is_over: bool = False
    ) -> None:
        given: Any = iterator
        self.iterator = iterator
        self._values = enumerate(chain(map(next, repeat(given)), repeat(END)), taken)
        self._latest: deque[Taken] = deque([(taken - 1, last), *[(taken, END)] * is_over], maxlen=2)
        self._failure = ""

    @property
    def taken(self) -> int:
        """How many values it has given."""
        before, value = self._latest[-1]
        return before + (value is not END)

    @property
    def last(self) -> float:
        """The last value that it gave, if that is one."""
        value = next(each for _, each in reversed(self._latest) if each is not END)
        return number("the iterator must give", value)

    def __call__(self, step: int) -> float:
        """The value at this step, which must not lie before the last one asked for; past the end, the last."""
        if self.ended(step) and not self.taken:
            raise ScheduleError("a schedule must have at least one value, and this iterator has none.")
        return self.last

    def ended(self, step: int) -> bool:
        """Whether there is no value for this step."""
        while self.taken <= step and self._latest[-1][1] is not END:
            self._take()
        return self.taken <= step

    def _take(self) -> None:
        """Take the next value and count it, in one call of C, so that nothing can come between the two."""
        if self.iterator is None:
            raise ScheduleError(
                f"An iterator drove this setting for {self.taken} steps and cannot be saved: assign one that"
                " continues it (or a schedule, which is saved whole)."
            )
        if self.taken and not self._failure and getattr(self.iterator, "gi_frame", self) is None:
            self._failure = "it was interrupted"  # a generator that goes no further, and did not come to its end
        if not self._failure:
            try:
                self._latest.extend(islice(self._values, 1))
            except Exception as error:
                self._failure = reason_of(error)
                raise ScheduleError(self._failed()) from error
        if self._failure:
            raise ScheduleError(self._failed())

    def _failed(self) -> str:
        return f"the iterator has no value at step {self.taken}: {self._failure}; assign one that continues it."

    def __repr__(self) -> str:
        return f"<iterator after {self.taken} values>"

    def __reduce__(self) -> tuple[Any, ...]:
        kept = [each for _, each in self._latest if each is not END and FINITE.holds(each)]
        is_over = self._latest[-1][1] is END  # and goes on so
        return Played, (None, self.taken, float(kept[-1]) if kept else 0.0, is_over)
