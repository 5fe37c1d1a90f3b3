"""What a step costs when the gradient is zero, as for rows that a batch did not touch: state decays to subnormals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, median

import thincopt

from .contenders import THREADS, one_by_one
from .problems import PLAIN, Problem, Size
from .programs import compiled_optimizer
from .results import Idle

STEPS, SETTLING = 1000, 100
BLOCK = 20  # steps, of which the median counts: a mean bears no interruption


def measure_idle(sizes: Sequence[Size]) -> Iterator[Idle]:
    """The cost of idle steps in one array of each size, with one thread and with all."""
    for size in sizes:
        problem = Problem(size)
        for threads in THREADS:
            thincopt.set_num_threads(threads)
            yield _idle(problem, threads)


def _idle(problem: Problem, threads: int) -> Idle:
    clock = one_by_one(compiled_optimizer(PLAIN), problem)

    def middle(readings: int) -> float:
        """The median of some steps, each with its gradient copied in, zeros too, so that caches are alike."""
        times = []
        for _ in range(readings):
            problem.refill()
            times.append(clock())
        return median(times)

    problem.draw()
    middle(BLOCK)
    before = middle(BLOCK)
    problem.clear()
    mean = fmean(middle(BLOCK) for _ in range(STEPS // BLOCK))
    middle(SETTLING)
    stuck = middle(BLOCK)
    problem.draw()
    middle(BLOCK)
    times = (fmean([before, middle(BLOCK)]), mean, stuck)
    return Idle(problem.size.total, threads, STEPS, *(float(f"{each:.4g}") for each in times))
