"""Who takes part: the floor, thincopt in each of its builds, and its peers."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

from thincopt import Optimizer
from thincopt.native import load, reason
from thincopt.ops.compiled import is_compiled
from thincopt.ops.contract import Recipe, Runner
from thincopt.ops.numpy_ops import NumpyOps

from .building import IS_X86, MissingError, avx2_kernels, floor_library
from .floor import FloorClock
from .problems import BARE, PLAIN, THINC, WORKS, Problem, Work

FLOOR = "floor"
Clock = Callable[[], float]  # takes all steps of a problem once, and tells the seconds


@dataclass(frozen=True)
class Program:
    """Something that takes steps, the kinds of work that it can do, and how to begin one."""

    name: str
    works: Sequence[Work]
    start: Callable[[Problem, Work], Clock]


def programs() -> tuple[list[Program], list[str]]:
    """All that can be measured here, the floor first; and what cannot be, in words."""
    finders = {
        "The floor": _floor,
        "thincopt for AVX2": _avx2,
        "thincopt as installed": _baseline,
        "thincopt on NumPy alone": _numpy,
        "torch": _torch,
        "Thinc": _thinc,
    }
    found, missing = [], []
    for what, find in finders.items():
        try:
            found.append(find())
        except MissingError as error:
            missing.append(f"{what} is left out: {error}.")
        except ImportError:
            missing.append(f"{what} is left out: it is not installed.")
    return found, missing


def _timed(work: Callable[[], object]) -> Clock:
    def seconds() -> float:
        start = perf_counter()
        work()
        return perf_counter() - start

    return seconds


def _one_by_one(optimizer: Callable[..., object], calls: Iterable[tuple[Any, ...]]) -> Clock:
    calls = list(calls)

    def work() -> None:
        for key, weights, gradient in calls:
            optimizer(key, weights, gradient)

    return _timed(work)


def _floor() -> Program:
    return Program(FLOOR, WORKS, partial(FloorClock, floor_library()))


class _CompiledOps(NumpyOps):
    """Compiled kernels, and no quiet return to NumPy."""

    def runner(self, recipe: Recipe, numbers: array[float], shared: array[float], *, check_finite: bool) -> Runner:
        """The compiled runner, or an error."""
        if not is_compiled(self.native, recipe):
            raise MissingError("its compiled kernels are of other rules than these; install it again")
        return super().runner(recipe, numbers, shared, check_finite=check_finite)


def _avx2() -> Program:
    return _thincopt("thincopt, AVX2", _CompiledOps(avx2_kernels()))


def _baseline() -> Program:
    if load() is None:
        raise MissingError(reason())
    return _thincopt("thincopt, SSE2" if IS_X86 else "thincopt, compiled", _CompiledOps(load()))


def _numpy() -> Program:
    return _thincopt("thincopt, NumPy alone", NumpyOps())


def _thincopt(name: str, ops: NumpyOps) -> Program:
    for work in WORKS:
        _optimizer(ops, work)
    return Program(name, WORKS, partial(_start_thincopt, ops))


def _optimizer(ops: NumpyOps, work: Work) -> Optimizer:
    return Optimizer.of(work.rule, ops=ops, **work.settings)


def _start_thincopt(ops: NumpyOps, problem: Problem, work: Work) -> Clock:
    optimizer = _optimizer(ops, work)
    if problem.size.arrays == 1:
        return _one_by_one(optimizer, problem)
    (step,) = problem.gradients
    batch = dict(enumerate(zip(problem.weights, step, strict=True)))
    return _timed(lambda: optimizer.update(batch))


def _torch() -> Program:
    import torch

    torch.set_num_threads(1)
    return Program("torch AdamW, fused + zeroing", (PLAIN,), _start_torch)


def _start_torch(problem: Problem, _: Work) -> Clock:
    import torch

    parameters = [torch.nn.Parameter(torch.from_numpy(each)) for each in problem.weights]
    steps = [[torch.from_numpy(each) for each in step] for step in problem.gradients]
    optimizer = torch.optim.AdamW(parameters, fused=True)
    for parameter, gradient in zip(parameters, steps[0], strict=True):
        parameter.grad = gradient

    def work_on_one() -> None:
        for (gradient,) in steps:
            parameters[0].grad = gradient
            optimizer.step()
            gradient.zero_()

    def work_on_many() -> None:
        optimizer.step()
        torch._foreach_zero_(steps[0])

    return _timed(work_on_one if problem.size.arrays == 1 else work_on_many)


def _thinc() -> Program:
    from thinc.api import Adam

    def start(problem: Problem, work: Work) -> Clock:
        return _one_by_one(Adam(grad_clip=0, use_averages=False) if work is BARE else Adam(), problem)

    return Program("Thinc Adam", (BARE, THINC), start)
