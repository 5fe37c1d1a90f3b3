"""Who takes part: the floor, thincopt compiled and on NumPy alone, and its peers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import thincopt
from thincopt import Optimizer
from thincopt.native import load, reason
from thincopt.ops.contract import Batch, Runner
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.ops.numpy.plain import PlainRunner

from .building import MissingError
from .contenders import THREADS, Now, Program, Run, one_by_one, timed
from .floor import floors
from .peers import optax_programs, thinc_programs, torch_programs
from .problems import WORKS, Problem, Work

COMPILED, BOUND, NUMPY = "thincopt", "thincopt, bound", "thincopt, NumPy alone"


def programs() -> tuple[list[Program], list[str]]:
    """All that can be measured here, the floor first; and what cannot be, in words."""
    finders = {
        "The floor": floors,
        "thincopt, compiled,": _compiled,
        "thincopt on NumPy alone": _numpy,
        "torch": torch_programs,
        "Thinc": thinc_programs,
        "optax": optax_programs,
    }
    found: list[Program] = []
    missing: list[str] = []
    for what, find in finders.items():
        try:
            found += find()
        except MissingError as error:
            missing.append(f"{what} is left out: {error}.")
        except ImportError as error:
            missing.append(f"{what} is left out: it is not installed ({error}).")
    return found, missing


class CompiledOps(NumpyOps):
    """Compiled kernels, and no quiet return to NumPy."""

    def runner(self, *given: Any, **named: Any) -> Runner:
        """The compiled runner, or an error."""
        made = super().runner(*given, **named)
        if isinstance(made, PlainRunner):
            raise MissingError("its compiled kernels are of other rules than these; install it again")
        return made


def compiled_optimizer(work: Work) -> Optimizer:
    """An optimizer for this work, on compiled kernels."""
    if load() is None:
        raise MissingError(reason())
    return _optimizer(CompiledOps(load()), work)


def _compiled() -> list[Program]:
    for work in WORKS:
        compiled_optimizer(work)
    starts = {COMPILED: start, BOUND: start_bound}
    return [_program(name, WORKS, partial(each, CompiledOps(load()))) for name, each in starts.items()]


def _numpy() -> list[Program]:
    return [_program(NUMPY, [each for each in WORKS if each.zeroes], partial(start, NumpyOps(None)))]


def _program(name: str, works: Sequence[Work], begin: Callable[[Problem, Work], Run]) -> Program:
    return Program(name, works, begin, THREADS, thincopt.set_num_threads)


def _optimizer(ops: NumpyOps, work: Work) -> Optimizer:
    return Optimizer.of(work.rule, ops=ops, **work.settings)


def start(ops: NumpyOps, problem: Problem, work: Work, now: Now = perf_counter) -> Run:
    """A run of this work on these kernels, with calls for one array or an update of many."""
    optimizer = _optimizer(ops, work)
    if len(problem.weights) == 1:
        return Run(one_by_one(optimizer, problem, now), zeroes=work.zeroes)
    (batch,) = _batches(problem)
    return Run(timed(lambda: optimizer.update(batch), now), zeroes=work.zeroes)


def start_bound(ops: NumpyOps, problem: Problem, work: Work) -> Run:
    """The same with arrays that are bound."""
    optimizer = _optimizer(ops, work)
    steps = [optimizer.bound(each) for each in _batches(problem)]

    def take_all() -> None:
        for step in steps:
            step()

    return Run(timed(take_all), zeroes=work.zeroes)


def _batches(problem: Problem) -> list[Batch]:
    """For each step weights and gradients by key."""
    return [dict(enumerate(zip(problem.weights, each, strict=True))) for each in problem.gradients]
