"""Takes the time of all programs by turns, so that what disturbs the machine disturbs them alike."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np

from .problems import WORKS, Problem, Size, Work
from .programs import FLOOR, Clock, Program


@dataclass(frozen=True)
class Result:
    """Seconds a step, by round, and the same of the floor in the same rounds where there is a floor."""

    size: Size
    work: Work
    program: str
    rounds: Sequence[float]
    floor: Sequence[float] | None

    @property
    def seconds(self) -> float:
        """The median of the rounds."""
        return median(self.rounds)

    @property
    def ratios(self) -> Sequence[float] | None:
        """The quartiles of the ratios of each round to its own floor."""
        if self.floor is None:
            return None
        return quantiles((own / floor for own, floor in zip(self.rounds, self.floor, strict=True)), n=4)


@dataclass
class _Contender:
    work: Work
    program: str
    clock: Clock
    rounds: list[float]


def measure(size: Size, programs: Sequence[Program], rounds: int) -> list[Result]:
    """Results of every program with every kind of work it can do, by work."""
    _settle_memory()
    problem = Problem(size)
    contenders = [
        _Contender(work, program.name, program.start(problem, work), [])
        for work in WORKS
        for program in programs
        if work in program.works
    ]
    _warm_up(problem, contenders)
    with _no_collecting():
        for turn in range(rounds):
            first = turn % len(contenders)
            _play(problem, contenders[first:] + contenders[:first])
    floors = {each.work: each.rounds for each in contenders if each.program == FLOOR}
    return [Result(size, each.work, each.program, each.rounds, floors.get(each.work)) for each in contenders]


def _settle_memory() -> None:
    """Free one large block: glibc then keeps what is freed later, and a peer's temporaries need no new pages."""
    np.empty(31 << 20, np.uint8)


def _warm_up(problem: Problem, contenders: Sequence[_Contender]) -> None:
    """Take the first steps, which make state, and see that they are taken."""
    problem.draw()
    for each in contenders:
        problem.refill()
        each.clock()
        if not problem.is_spent:
            raise RuntimeError(f"{each.program} ({each.work.title}) did not zero its gradients.")


def _play(problem: Problem, contenders: Sequence[_Contender]) -> None:
    problem.draw()
    for each in contenders:
        readings = [_reading(problem, each.clock) for _ in range(problem.size.readings)]
        each.rounds.append(median(readings) / problem.size.steps)


def _reading(problem: Problem, clock: Clock) -> float:
    problem.refill()
    return clock()


@contextmanager
def _no_collecting() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
