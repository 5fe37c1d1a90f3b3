"""Who takes part: the floor, thincopt compiled and on NumPy alone, and its peers."""

from __future__ import annotations

from functools import partial
from typing import Any

import thincopt
from thincopt import Optimizer
from thincopt.native import load, reason
from thincopt.ops.contract import Batch, Runner
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.ops.numpy.plain import PlainRunner

from .building import MissingError
from .contenders import THREADS, Program, Run, one_by_one, timed
from .floor import floors
from .peers import optax_programs, thinc_programs, torch_programs
from .problems import WORKS, Problem, Work

COMPILED, NUMPY = "thincopt", "thincopt, NumPy alone"


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
    return [Program(COMPILED, WORKS, partial(start, CompiledOps(load())), THREADS, thincopt.set_num_threads)]


def _numpy() -> list[Program]:
    return [Program(NUMPY, WORKS, partial(start, NumpyOps(None)), THREADS, thincopt.set_num_threads)]


def _optimizer(ops: NumpyOps, work: Work) -> Optimizer:
    return Optimizer.of(work.rule, ops=ops, **work.settings)


def start(ops: NumpyOps, problem: Problem, work: Work) -> Run:
    """A run of this work on these kernels."""
    optimizer = _optimizer(ops, work)
    if len(problem.weights) == 1:
        return Run(one_by_one(optimizer, problem))
    (step,) = problem.gradients
    batch: Batch = dict(enumerate(zip(problem.weights, step, strict=True)))
    return Run(timed(lambda: optimizer.update(batch)))
