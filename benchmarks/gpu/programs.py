"""Who takes part on a device: the floor, thincopt and a kernel of CuPy's. Its peers are in peers.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from typing import Any
from weakref import WeakKeyDictionary

import cupy
import numpy as np

from thincopt import CupyOps, Optimizer

from ..building import MissingError
from .contenders import PLAIN, Program, Run
from .device import Device
from .names import COPY, DEFAULT, FULL, GRAPH, KERNEL, MEMCPY, OURS, SINGLE, TENSORS, TRAFFIC
from .peers import optax_programs, tensors, torch_programs
from .problems import Problem

SETTINGS = {DEFAULT: {}, FULL: {"grad_clip": 1.0, "use_averages": True}}
RATE, DECAY, BETA1, BETA2, EPS = 1e-3, 0.01, 0.9, 0.999, 1e-8
NUMBERS = ("rate", "root", "decay", "beta1", "rest1", "beta2", "rest2", "eps")
BODY = """
m = beta1 * m + rest1 * g;
v = beta2 * v + rest2 * g * g;
w = w - decay * w - rate * m / (sqrt(v) * root + eps);
g = 0;
"""


def programs(device: Device) -> tuple[list[Program], list[str]]:
    """All that can be measured here, and what cannot be, in words."""
    found, missing = [*_floors(device), *_ours(device), Program(KERNEL, _start_kernel)], []
    for what, find in {"torch": torch_programs, "optax": optax_programs}.items():
        try:
            found += find()
        except MissingError as error:
            missing.append(f"{what} is left out: {error}.")
        except ImportError as error:
            missing.append(f"{what} is left out: it is not installed ({error}).")
    if any(each.name.startswith("torch") for each in found):
        found.append(Program(TENSORS, _start_on_tensors, most=10**7, is_exact=True))
    return found, missing


def _ours(device: Device) -> list[Program]:
    return [
        Program(OURS, partial(_start, PLAIN), is_exact=True),
        Program(DEFAULT, partial(_start, SETTINGS[DEFAULT]), settings=SETTINGS[DEFAULT], is_exact=True),
        Program(FULL, partial(_start, SETTINGS[FULL]), holds=12, settings=SETTINGS[FULL], is_exact=True),
        Program(GRAPH, partial(_start_graph, device), is_exact=True),
        Program(SINGLE, _start_single, arrays=(2, 1 << 20), is_exact=True),
    ]


def _optimizer(settings: Any) -> Optimizer:
    return Optimizer.of("AdamW.v1", ops=CupyOps(), **settings)


def _step(optimizer: Optimizer, pairs: dict[int, tuple[Any, Any]]) -> Callable[[], object]:
    """One call: for the whole batch, or for the one key that there is."""
    return partial(optimizer, 0, *pairs[0]) if len(pairs) == 1 else partial(optimizer.update, pairs)


def _start(settings: Any, problem: Problem) -> Run:
    return Run(_step(_optimizer(settings), problem.pairs()))


def _start_on_tensors(problem: Problem) -> Run:
    pairs = dict(enumerate(zip(tensors(problem.weights), tensors(problem.gradients), strict=True)))
    return Run(_step(_optimizer(PLAIN), pairs), keeps=pairs)


def _start_single(problem: Problem) -> Run:
    optimizer, pairs = _optimizer(PLAIN), problem.pairs()

    def step() -> None:
        for key, (weights, gradient) in pairs.items():
            optimizer(key, weights, gradient)

    return Run(step)


def _start_graph(device: Device, problem: Problem) -> Run:
    """The same step, captured after one that was taken."""
    step, stream = _step(_optimizer(PLAIN), problem.pairs()), device.stream
    step()
    stream.begin_capture()
    try:
        step()
    finally:
        graph = stream.end_capture()
    return Run(partial(graph.launch, stream), taken=1, keeps=step)


def _start_kernel(problem: Problem) -> Run:
    """One kernel for each array, as one would write it with CuPy."""
    numbers = ", ".join(f"float32 {name}" for name in NUMBERS)
    kernel = cupy.ElementwiseKernel(numbers, "float32 w, float32 g, float32 m, float32 v", BODY, "adamw")
    states = [[cupy.zeros(each.size, np.float32) for _ in range(2)] for each in problem.weights]
    arrays = [(*pair, *state) for pair, state in zip(problem.pairs().values(), states, strict=True)]
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        rate, root = RATE / (1 - BETA1**t), 1 / sqrt(1 - BETA2**t)
        scalars = (rate, root, RATE * DECAY, BETA1, 1 - BETA1, BETA2, 1 - BETA2, EPS)
        for each in arrays:
            kernel(*scalars, *each)

    return Run(step)


def _floors(device: Device) -> list[Program]:
    """The traffic of a step in one piece: by copies, and by a kernel with four arrays. They share arrays."""
    shared: WeakKeyDictionary[Problem, Sequence[Any]] = WeakKeyDictionary()

    def own(problem: Problem) -> Sequence[Any]:
        if problem not in shared:
            shared[problem] = [cupy.zeros(problem.arenas[0].size, np.float32) for _ in range(3)]
        return shared[problem]

    def memcpy(problem: Problem) -> Run:
        _, m, v = own(problem)

        def step() -> None:
            for _ in range(4):
                device.copy(v, m)

        return Run(step, keeps=problem)

    def copy(problem: Problem) -> Run:
        _, m, v = own(problem)
        count = m.size // 4

        def step() -> None:
            for _ in range(4):
                device.run("copy", count, v, m, np.int64(count))

        return Run(step, keeps=problem)

    def traffic(problem: Problem) -> Run:
        w, m, v = own(problem)
        count = w.size // 4
        return Run(partial(device.run, "step", count, w, problem.arenas[1], m, v, np.int64(count)), keeps=problem)

    starts = {MEMCPY: memcpy, COPY: copy, TRAFFIC: traffic}
    return [Program(name, start, holds=12 * (name == MEMCPY), is_step=False) for name, start in starts.items()]
