"""Which threads of a block, and how many blocks for each multiprocessor, suit the kernels of thincopt best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from statistics import median
from typing import Any

from thincopt import CupyOps, Optimizer
from thincopt.ops.cuda.work import SHAPES

from ..tables import duration, markdown
from .contenders import PLAIN, Run
from .device import Device
from .measuring import on_device, steps_of
from .problems import Problem
from .sizes import named

SWEPT = ("1M", "10M", "1G")
ROUNDS, READINGS = 3, 5
WAIT = 1e-3  # seconds that the stream is kept waiting while the host asks for steps
Shape = tuple[int, int]
# The kernel, the settings by which it is measured, and the shapes that are tried.
SWEEPS: Sequence[tuple[str, dict[str, Any], list[Shape]]] = (
    ("store", PLAIN, list(product((64, 128, 256, 512), (2, 4, 8, 16, 32, 64)))),
    ("reduce", {"grad_clip": 1.0}, list(product((32, 64, 128), (8, 16, 32, 64, 128, 256)))),
)


def sweep(device: Device, names: Sequence[str] = SWEPT) -> Iterator[str]:
    """A table for each kernel, and the best shape at each size."""
    for kernel, settings, shapes in SWEEPS:
        columns = {name: _times(device, name, kernel, settings, shapes) for name in names}
        usual = SHAPES[kernel]
        rows = [(f"{kernel}: threads, blocks", *names)]
        for shape in shapes:
            label = f"{shape[0]}, {shape[1]}{' (now)' * (shape == usual)}"
            rows.append((label, *(_told(columns[name], shape) for name in names)))
        yield markdown(rows)
        for name, found in columns.items():
            if found:
                best = min(found, key=found.__getitem__)
                yield f"{kernel} at {name}: best with {best[0]} threads, {best[1]} blocks a multiprocessor"
        yield ""


def _times(
    device: Device, name: str, kernel: str, settings: dict[str, Any], shapes: Sequence[Shape]
) -> dict[Shape, float]:
    """Seconds a step with each shape, in turns; a shape that the device refuses is left out."""
    device.tidy()
    size = named(name)
    if device.free() < 24 * size.total:
        return {}
    problem = Problem(device, size)
    found: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    for shape in list(shapes) * ROUNDS:
        if shape not in found:
            continue
        try:
            with _shaped(kernel, shape):
                found[shape] += _readings(device, problem, settings)
        except Exception as error:  # a block may want more registers than there are
            del found[shape]
            print(f"{kernel} {shape} at {name}: {type(error).__name__}: {error}")  # noqa: T201
    return {shape: median(each) for shape, each in found.items()}


def _readings(device: Device, problem: Problem, settings: dict[str, Any]) -> list[float]:
    optimizer = Optimizer.of("AdamW.v1", ops=CupyOps(), **settings)
    ((weights, gradient),) = problem.pairs().values()
    run, steps = Run(lambda: optimizer(0, weights, gradient)), steps_of(problem.size)
    readings = [on_device(device, problem, run, WAIT, steps) for _ in range(READINGS + 1)]
    return readings[1:]


@contextmanager
def _shaped(kernel: str, shape: Shape) -> Iterator[None]:
    before = SHAPES[kernel]
    SHAPES[kernel] = shape
    try:
        yield
    finally:
        SHAPES[kernel] = before


def _told(found: dict[Shape, float], shape: Shape) -> str:
    """A time, and how much longer it is than the best, in percent."""
    if shape not in found:
        return "–"
    longer = found[shape] / min(found.values()) - 1
    return f"{duration(found[shape])} {f'+{longer:.1%}' if longer else 'best'}"
