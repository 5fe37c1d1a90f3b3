"""Rates that fall, or grow, from step to step."""

from ..language.arithmetic import power
from ..language.types import Number, Rate
from .declaring import schedule


@schedule("decaying.v1")
def decaying(step: int, base_rate: Number, decay: Rate, *, t: Rate = 0) -> float:
    """Falls as one over the steps taken: fast at first, then ever more slowly.

    base_rate / (1 + decay · (t + step))
    """
    return base_rate * (1.0 / (1.0 + decay * (t + step)))


@schedule("compounding.v1")
def compounding(step: int, start: Number, stop: Number, compound: Rate, *, t: Number = 0.0) -> float:
    """Changes by the same factor at each step, until it reaches `stop`, and stays there.

    start · compound^step

    t: It has no effect, as in Thinc.
    """
    value = start * power(compound, step)
    return max(value, stop) if start > stop else min(value, stop)
