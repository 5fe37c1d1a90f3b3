"""Takes the time of all programs by turns, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import sleep

import numpy as np

from .contenders import Program, Run
from .problems import Problem, Size, Work
from .results import Result

PAUSE = 0.002  # seconds, in which threads that spin for more work fall asleep
ENOUGH = 0.05  # seconds on the clock, after which a turn takes no further readings


@dataclass
class _Contender:
    program: Program
    threads: int
    run: Run
    rounds: list[float] = field(default_factory=list)


def measure(problem: Problem, work: Work, programs: Sequence[Program], rounds: int) -> list[Result]:
    """Results of every program that can do this work, with each number of threads."""
    _settle_memory()
    contenders = [
        _Contender(program, threads, run)
        for program in programs
        if work in program.works and len(problem.weights) <= program.arrays
        for run in [program.start(problem, work)]
        for threads in program.threads
    ]
    problem.draw()
    for each in contenders:
        _warm_up(problem, each)
    with _no_collecting():
        for turn in range(rounds):
            problem.draw()
            first = turn % len(contenders)
            for each in contenders[first:] + contenders[:first]:
                each.rounds.append(_turn(problem, each) / problem.size.steps)
    return [_result(problem.size, work, each) for each in contenders]


def _settle_memory() -> None:
    """Free what is left, and one large block: glibc then keeps what is freed later, and peers need no new pages."""
    gc.collect()
    np.empty(31 << 20, np.uint8)


def _warm_up(problem: Problem, contender: _Contender) -> None:
    """Take the first steps, which make state, and see that they are taken."""
    contender.program.use(contender.threads)
    _reading(problem, contender.run)
    if contender.run.zeroes and not problem.is_spent:
        raise RuntimeError(f"{contender.program.name} did not zero its gradients.")


def _turn(problem: Problem, contender: _Contender) -> float:
    contender.program.use(contender.threads)
    sleep(PAUSE)
    readings: list[float] = []
    while len(readings) < problem.size.readings and sum(readings) < ENOUGH:
        readings.append(_reading(problem, contender.run))
    return median(readings)


def _reading(problem: Problem, run: Run) -> float:
    problem.refill()
    run.prepare()
    return run.clock()


@contextmanager
def _no_collecting() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _result(size: Size, work: Work, contender: _Contender) -> Result:
    rounds = tuple(float(f"{each:.4g}") for each in contender.rounds)
    return Result(size.name, work.name, contender.program.name, contender.threads, rounds)
