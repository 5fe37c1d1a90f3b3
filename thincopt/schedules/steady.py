"""Constant, or constant for a while."""

from ..language.types import Count, Number
from .declaring import Follows, schedule


@schedule("constant.v1")
def constant(step: int, rate: Number) -> float:
    """The same value at every step."""
    return rate


@schedule("constant_then.v1")
def constant_then(step: int, rate: Number, steps: Count, schedule: Follows) -> float:
    """Holds a value for some steps, then plays another schedule from its beginning."""
    return rate if step < steps else schedule(int(step - steps))
