"""Rates that come and go."""

from math import floor

from ..language.types import Number, Positive
from .declaring import schedule


@schedule("cyclic_triangular.v1")
def cyclic_triangular(step: int, min_lr: Number, max_lr: Number, period: Positive) -> float:
    """Cyclical Learning Rates for Training Neural Networks. Smith, 2015. arXiv:1506.01186.

    Rises in a straight line for one period, falls for the next, and begins again.
    """
    i = step + 1
    cycle = floor(1 + i / (2 * period))
    x = abs(i / period - 2 * cycle + 1)
    return min_lr + (max_lr - min_lr) * max(0.0, 1 - x)
