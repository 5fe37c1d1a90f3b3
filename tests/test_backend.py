"""A backend plugged in as `ops/contract.py` says: one that reads kernels line by line, element by element.

It shares no code with the printers for arrays, so it is also a third opinion on what a kernel means.
"""

from math import sqrt

import numpy as np
import pytest

import thincopt
from thincopt.language import arithmetic as host
from thincopt.language.kernel import spelled
from thincopt.ops.contract import OnHost, Outcome, unpacked
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.rules import all_rules

MEANING = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": host.divide,
    "neg": lambda a: -a,
    "abs": abs,
    "sqrt": host.sqrt,
    "sign": host.sign,
    "min": host.minimum,
    "max": host.maximum,
    "where": host.where,
    "whole_pow": host.whole_power,
    "pow": host.power,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "eq": lambda a, b: a == b,
    "and": lambda a, b: a and b,
}


def interpreted(code, values: dict) -> dict:
    """Run straight-line code on numbers by name."""
    for line in code:
        values[line.target] = MEANING[line.op](*(values[each] if isinstance(each, str) else each for each in line.args))
    return values


def defined_sum(values: list[float]) -> float:
    """At most one chunk, in the defined order."""
    lanes = [0.0] * 64
    for index, value in enumerate(values):
        lanes[index % 64] += value
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [one + other for one, other in zip(lanes[:half], lanes[half:], strict=True)]
    return lanes[0]


class ReadingRunner(OnHost):
    """Runs the kernels of a recipe without printing anything."""

    def __init__(self, cohorts):
        self.cohorts, self.states = cohorts, {}

    def bind(self, key, state, cohort):
        self.states[key] = state, cohort

    def run(self, numbers, batch, lr_scale):
        numbers = unpacked(numbers, self.cohorts)
        for key, (weights, gradient) in batch.items():
            state, cohort = self.states[key]
            scale, settings = numbers[cohort]
            recipe = self.cohorts[cohort].recipe
            self.one(recipe, settings, state, weights.reshape(-1), gradient.reshape(-1), scale * lr_scale)
        return Outcome.DONE

    def one(self, recipe, numbers, state, weights, gradient, scale):
        kernel = recipe.kernels[recipe.case(state.t + 1, numbers)]
        scalars = [*numbers, *state.supplied, *state.scalars]
        scalars[recipe.rate] *= scale
        scalars += [0.0] * (kernel.size - len(scalars))
        arrays = {"w": weights, "g": gradient, **state.arrays}
        for phase in kernel.phases:
            inputs = dict(zip(phase.block.inputs, (scalars[each] for each in phase.takes), strict=True))
            values = interpreted(phase.block.code, inputs)
            for index, output in zip(phase.gives, phase.block.outputs, strict=True):
                scalars[index] = float(values[output] if isinstance(output, str) else output)
            self.walk(phase, scalars, arrays)
        state.counts[0] += 1
        state.taken[0] = 1
        for name, index in kernel.keeps:
            state.scalars[recipe.scalars.index(name)] = scalars[index]

    def walk(self, phase, scalars, arrays):
        numbers = dict(zip(phase.walk.scalars, (scalars[each] for each in phase.scalars), strict=True))
        found = [[] for _ in phase.walk.reductions]
        for i in range(arrays["w"].size):
            loaded = {f"v_{spelled(name)}": float(arrays[name][i]) for name in phase.walk.arrays}
            values = interpreted(phase.walk.code, {**numbers, **loaded})
            for name, value in phase.walk.stores:
                arrays[name][i] = values[value]
            for terms, each in zip(found, phase.walk.reductions, strict=True):
                first, last = values[each.args[0]], values[each.args[-1]]
                terms.append(first if each.kind == "sum" else first * last)
        for index, terms, each in zip(phase.results, found, phase.walk.reductions, strict=True):
            total = defined_sum(terms)
            scalars[index] = sqrt(total) if each.kind == "norm" else total


class ReadingOps(NumpyOps):
    """NumPy arrays, and kernels that are read rather than printed."""

    name = "reading"

    def runner(self, cohorts, turns, *, nonfinite):
        return ReadingRunner(cohorts)


@pytest.mark.parametrize(
    "name", [name for name in all_rules() if not name.startswith("Probe") and "ForTests" not in name]
)
def test_a_kernel_means_the_same_to_another_backend(name):
    ends = []
    for ops in (ReadingOps(), NumpyOps(None)):
        random = np.random.default_rng(0)
        optimizer = thincopt.Optimizer.of(name, learn_rate=0.05, grad_clip=1.0, L2=0.1, use_averages=True, ops=ops)
        weights = random.normal(size=(10, 7))
        for _ in range(10):
            optimizer("w", weights, random.normal(size=(10, 7)), lr_scale=0.5)
        ends.append((weights.tobytes(), str(optimizer.state())))
    assert ends[0] == ends[1]
