"""How each optimizer walks down the same curved valley: for the plots, and for what is said beneath them."""

from dataclasses import dataclass
from functools import cache

import numpy as np

import thincopt
from website.examples import required

START = (-1.3, 2.4)
STEPS = 100
FRAME = ((-1.9, 1.9), (-0.9, 3.1))  # of x and of y: what a plot shows
RATES = [float(f"{10 ** (exponent / 5):.2g}") for exponent in range(-20, 3)]  # 0.0001 to 2.5, five to a factor of 10


def height(x, y):
    """A valley along y = x², eight times as steep across as along; the lowest point is (1, 1)."""
    return (1 - x) ** 2 + 8 * (y - x * x) ** 2


def slope(x, y):
    """The gradient of `height`."""
    return np.array([-2 * (1 - x) - 32 * x * (y - x * x), 16 * (y - x * x)])


@dataclass(frozen=True)
class Path:
    """Where an optimizer was before each step and at the end, and by which rate."""

    rate: float
    points: np.ndarray

    @property
    def end(self) -> float:
        """The height at the end; infinite if the path leaves the picture."""
        (left, right), (low, high) = FRAME
        x, y = self.points.T
        inside = ((left < x) & (x < right) & (low < y) & (y < high)).all()
        return float(height(*self.points[-1])) if inside else np.inf


def path(name: str, rate: float) -> Path:
    """The path of one optimizer with this rate, its other settings at their defaults."""
    make = thincopt.get(name)
    optimizer = make(**{**required(make.rule.signature.settings), "learn_rate": rate})
    at = np.array(START)
    points = [at.copy()]
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            try:
                optimizer.update({"at": (at, slope(*at))})
            except thincopt.NonFiniteError:  # it flew off
                return Path(rate, np.full((STEPS + 1, 2), np.nan))
            points.append(at.copy())
    return Path(rate, np.array(points))


@cache
def best(name: str) -> Path:
    """The path by the rate that comes lowest without leaving the picture."""
    return min((path(name, rate) for rate in RATES), key=lambda each: each.end)
