"""Schedules against optax's, and rules whose rate either side schedules.

Optax has no counterpart of `decaying`.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import numpy as np
import optax
import pytest

import thincopt
from thincopt.schedules import Schedule

from .common import Arrays, Ours, assert_agree, gradients, initial_weights
from .optax_side import Called
from .test_optax import CONFIDENT, FLOAT64, NO_WARMUP, STEADY

STEPS = 400
# A straight line is a·(1 − s/n) + b in optax and a·(n − s)/n here: a few roundings of its ends, the larger of which may
# lie beyond the last step. Measured: 6.3 of these 8, and 0 where both take powers.
ROUNDING = 8 * 2.0**-53
# Ours takes whole cycles off i/period after that was rounded, and i/period is up to 57 here. Measured: 28 of these 36.
CYCLES = (57 / 2 + 8) * 2.0**-53

Values = Callable[[int], Any]


def joined(*parts: tuple[Values, float]) -> Values:
    """Schedules one after another, each for so many steps, the last for all that are left."""
    schedules, lengths = zip(*parts, strict=True)
    return optax.join_schedules(schedules, list(accumulate(lengths[:-1])))


def line(start: float, end: float, steps: float) -> tuple[Values, float]:
    """Straight from start to end."""
    return optax.linear_schedule(start, end, steps), steps


def warmup(rate: float, up: int, total: int) -> Values:
    """Straight up from 0, then straight down to 0."""
    return joined(line(0.0, rate, up), line(rate, 0.0, total - up))


def waves(low: float, high: float, period: float) -> Values:
    """Up and down until the last step; our first value is that of step 1."""
    both = [line(low, high, period), line(high, low, period)]
    return later(joined(*both * int(STEPS / period + 1)), 1)


def slanted(peak: float, steps: float, *, cut: float, ratio: float, begin: float = 0.0) -> Values:
    """Up to the peak and down again; our first value is that of step 1."""
    return later(joined(line(peak / ratio, peak, cut), line(peak, peak / ratio, steps - cut)), 1 + begin)


def later(values: Values, steps: float) -> Values:
    """The same so many steps later."""
    return lambda step: values(step + steps)


def powers(start: float, stop: float, factor: float) -> Values:
    """Multiplied at each step; optax's stop is a bound from below where the factor is less than 1, else from above."""
    return optax.exponential_decay(start, 1, factor, end_value=stop)


def then(rate: float, steps: int, other: Values) -> Values:
    """One rate for some steps, then another schedule from its beginning."""
    return joined((optax.constant_schedule(rate), steps), (other, 0))


LINES: list[tuple[Schedule, Values]] = [
    (thincopt.constant(0.3), optax.constant_schedule(0.3)),
    (thincopt.constant_then(0.3, 7, thincopt.warmup_linear(0.1, 9, 50)), then(0.3, 7, warmup(0.1, 9, 50))),
    (thincopt.constant_then(0.3, 0, thincopt.constant(0.1)), then(0.3, 0, optax.constant_schedule(0.1))),
    (thincopt.warmup_linear(1.0, 2, 10), warmup(1.0, 2, 10)),
    (thincopt.warmup_linear(0.3, 7, 299), warmup(0.3, 7, 299)),
    (thincopt.warmup_linear(0.001, 250, 2000), warmup(0.001, 250, 2000)),
    (thincopt.warmup_linear(0.001, 0, 100), warmup(0.001, 0, 100)),
    (thincopt.slanted_triangular(0.3, 310), slanted(0.3, 310, cut=31, ratio=32)),
    (thincopt.slanted_triangular(0.3, 400, cut_frac=0.5, ratio=10), slanted(0.3, 400, cut=200, ratio=10)),
    (thincopt.slanted_triangular(1.0, 100, ratio=2.5, t=30.0), slanted(1.0, 100, cut=10, ratio=2.5, begin=30)),
]
WAVES: list[tuple[Schedule, Values]] = [
    (thincopt.cyclic_triangular(low, high, period), waves(low, high, period))
    for low, high, period in [(0.1, 1.0, 2), (0.001, 0.3, 7), (0.3, 0.001, 100), (0.0, 0.1, 1000)]
]
POWERS: list[tuple[Schedule, Values]] = [
    (thincopt.compounding(start, stop, factor), powers(start, stop, factor))
    for start, stop, factor in [(1, 16, 1.01), (1.0, 1e9, 1.05), (0.1, 1e-3, 0.99), (0.1, 0.0, 0.93)]
]
BY_RULE: dict[str, dict[str, Any]] = {
    "sgd": dict(rule="SGD.v2"),
    "adamw": dict(rule="AdamW.v1", weight_decay=1e-4),
    "nadam": dict(rule="NAdam.v1", momentum_decay=NO_WARMUP),
    "lion": dict(rule="Lion.v1", weight_decay=1e-3),
    "lamb": dict(rule="LAMB.v1", **CONFIDENT),
}


def title(each: Any) -> str:
    """The name of a case: our schedule as it prints."""
    return repr(each) if isinstance(each, Schedule) else "optax"


def worst(ours: Schedule, theirs: Values) -> float:
    """The largest difference, in shares of the largest value."""
    steps = np.arange(STEPS, dtype="float64")
    a, b = np.array([ours(int(step)) for step in steps]), np.broadcast_to(theirs(steps), STEPS)
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize(("ours", "theirs"), [*LINES, *POWERS], ids=title)
def test_values(ours: Schedule, theirs: Values) -> None:
    assert worst(ours, theirs) <= ROUNDING


@pytest.mark.parametrize(("ours", "theirs"), WAVES, ids=title)
def test_cycles(ours: Schedule, theirs: Values) -> None:
    assert worst(ours, theirs) <= CYCLES


@pytest.mark.parametrize("name", BY_RULE)
def test_a_rate_that_optax_schedules(name: str) -> None:
    """Its first step has the rate of step 0, as ours; its count is an int32, which would make the rate a float32."""
    weights = initial_weights(shapes=STEADY)
    rule, settings = BY_RULE[name]["rule"], {key: each for key, each in BY_RULE[name].items() if key != "rule"}
    ours = Ours(rule, weights, settings | dict(learn_rate=thincopt.warmup_linear(0.01, 20, 300)))
    peer = Called(
        f"{name} with a schedule",
        getattr(optax, name)(lambda count: warmup(0.01, 20, 300)(count.astype("float64"))),
        weights,
    )

    def batches() -> Iterator[Arrays]:
        for each in gradients(300, shapes=STEADY):
            yield each
            ours.optimizer.step_schedules()

    assert_agree(ours, peer, batches(), FLOAT64, every=20)
