"""Sees that all programs take the same step, then takes the time of all by turns, on the device and on the host.

The device's time is that between two events on its stream, which is kept waiting while the host asks for the steps: so
it is without the time that the host takes. The host's is that until it has asked, while the device is idle before.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import cupy
import numpy as np

from thincopt import NumpyOps, Optimizer

from ..problems import Size
from ..results import Result
from .contenders import Program, Run
from .device import Device
from .names import OPTAX
from .problems import Problem

KNOWN = Size("verified", "what is compared with NumPy", (1, 300, 5000, 70_001), ())
CLOSE = {"rtol": 1e-6, "atol": 2e-6}  # a step is about 1e-3
SPAN = 2e7  # elements, after which a reading takes no more steps
MOST_STEPS, MOST_LAUNCHES = 50, 4
AWAKE = 0.2  # seconds, in which the device's clocks come up
LONGEST = 0.02  # seconds that the stream is kept waiting


@dataclass
class _Contender:
    program: Program
    run: Run
    wait: float = LONGEST
    device: list[float] = field(default_factory=list)
    host: list[float] = field(default_factory=list)


def verified(device: Device, programs: Sequence[Program]) -> tuple[list[Program], dict[str, str]]:
    """The programs whose step is the formula's, and what is wrong with each other."""
    wrong = {each.name: _checked(device, each) for each in programs if each.is_step}
    return [each for each in programs if not wrong.get(each.name)], {
        name: fault for name, fault in wrong.items() if fault
    }


def _checked(device: Device, program: Program) -> str:
    try:
        return _fault(device, program)
    except Exception as error:  # whatever a program raises, the others are measured
        return f"{type(error).__name__}: {error}"


def _fault(device: Device, program: Program) -> str:
    """What is wrong with a program's step, in words; nothing if it is the formula's."""
    problem = Problem(device, KNOWN)
    start, gradients = ([each.get() for each in arrays] for arrays in (problem.weights, problem.fresh))
    problem.refill()
    run = program.start(problem)
    problem.refill()
    run.step()
    if run.wait:
        run.wait()
    device.stream.synchronize()
    found = run.weights() if run.weights else [each.get() for each in problem.weights]
    if program.name != OPTAX and not problem.is_spent:
        return "it does not zero its gradients"
    wanted = _stepped(program, start, gradients, run.taken + 1)
    pairs = list(zip(found, wanted, strict=True))
    if program.is_exact:
        return "" if all(np.array_equal(*each) for each in pairs) else "its bits are not NumPy's"
    return "" if all(np.allclose(*each, **CLOSE) for each in pairs) else "its weights are not the formula's"


def _stepped(program: Program, start: Sequence[np.ndarray], gradients: Sequence[np.ndarray], count: int) -> list:
    """The weights after some steps with the same gradients, by plain NumPy."""
    optimizer = Optimizer.of("AdamW.v1", ops=NumpyOps(None), **program.settings)
    weights = [each.copy() for each in start]
    for _ in range(count):
        optimizer.update({key: (weights[key], each.copy()) for key, each in enumerate(gradients)})
    return weights


def measure(device: Device, size: Size, programs: Sequence[Program], rounds: int) -> tuple[list[Result], list[str]]:
    """Results of every program that there is memory for; what was left out, in words."""
    device.tidy()
    if device.free() < 12 * size.total:
        return [], [f"{size.name} is left out: there is no memory for it."]
    problem = Problem(device, size)
    device.spin(AWAKE)
    contenders, missing = _begun(device, problem, programs)
    steps = steps_of(size)
    with _no_collecting():
        for turn in range(rounds):
            first = turn % max(1, len(contenders))
            for each in contenders[first:] + contenders[:first]:
                each.device.append(on_device(device, problem, each.run, each.wait, steps))
                each.host.append(_on_host(device, problem, each.run, steps))
    results = [result for each in contenders for result in _results(size, each)]
    contenders.clear()
    return results, missing


def _begun(device: Device, problem: Problem, programs: Sequence[Program]) -> tuple[list[_Contender], list[str]]:
    """Every program that suits, warm; what fails or has no room is left out."""
    found: list[_Contender] = []
    missing, total = [], problem.size.total
    for program in programs:
        if not program.suits(problem):
            continue
        if device.free() < program.holds * total:
            missing.append(f"{program.name} at {problem.size.name} is left out: there is no memory for it.")
            continue
        try:
            problem.refill()
            contender = _Contender(program, program.start(problem))
            for _ in range(2):
                seconds = _on_host(device, problem, contender.run, steps_of(problem.size))
        except Exception as error:  # as above
            missing.append(f"{program.name} at {problem.size.name} is left out: {type(error).__name__}: {error}")
            continue
        contender.wait = min(LONGEST, 2 * seconds * steps_of(problem.size) + 1e-4)
        found.append(contender)
    return found, missing


def steps_of(size: Size) -> int:
    """How many steps one reading takes; few enough for the host to be ahead of the device."""
    return int(min(MOST_STEPS, max(1, SPAN // size.total), max(1, MOST_STEPS * MOST_LAUNCHES // len(size.lengths))))


def on_device(device: Device, problem: Problem, run: Run, wait: float, steps: int) -> float:
    """Seconds a step between two events; of a program with streams of its own, between two waits of the host."""
    problem.refill()
    if run.wait:
        device.stream.synchronize()
        run.wait()
        start = perf_counter()
        _take(run, steps)
        run.wait()
        return (perf_counter() - start) / steps
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    device.spin(wait)
    begin.record(device.stream)
    _take(run, steps)
    end.record(device.stream)
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(begin, end)) / 1e3 / steps


def _on_host(device: Device, problem: Problem, run: Run, steps: int) -> float:
    """Seconds a step until the host has asked for it."""
    problem.refill()
    device.stream.synchronize()
    if run.wait:
        run.wait()
    start = perf_counter()
    _take(run, steps)
    seconds = (perf_counter() - start) / steps
    if run.wait:
        run.wait()
    device.stream.synchronize()
    return seconds


def _take(run: Run, steps: int) -> None:
    for _ in range(steps):
        run.step()


def _results(size: Size, contender: _Contender) -> Iterator[Result]:
    for work, rounds in (("device", contender.device), ("host", contender.host)):
        yield Result(size.name, work, contender.program.name, 1, tuple(float(f"{each:.4g}") for each in rounds))


@contextmanager
def _no_collecting() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
