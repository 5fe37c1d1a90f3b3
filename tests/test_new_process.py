"""What was pickled goes on in a new process that knows nothing but `import pickle`, and gives the same bits."""

import pickle
import subprocess
import sys

import numpy as np

from tests.test_schedules import TABLE, made
from thincopt import Optimizer
from thincopt.rules import all_rules

GO_ON = """
import pickle, sys
saved = pickle.load(sys.stdin.buffer)
for optimizer, schedule, weights, gradients in saved:
    for gradient in gradients:
        optimizer.update({"w": (weights, gradient)})
        optimizer.step_schedules()
told = [(weights.tobytes(), each.settings, next(schedule, 0.0)) for each, schedule, weights, _ in saved]
"""
BUILT_IN = [name for name, rule in all_rules().items() if rule.function.__module__.startswith("thincopt.")]


def rates():
    """A call of each built-in schedule, as their table has it, and a plain list."""
    calls = [line[: line.index(") ") + 1] for line in TABLE.read_text().splitlines()]
    first = {call.partition("(")[0]: call for call in reversed(calls)}
    return [*(lambda call=call: made(call) for call in first.values()), lambda: [0.5, 0.25, 0.125]]


def begun(rule, rate):
    """An optimizer after two steps, its schedule after one value, its weights, and the gradients to come."""
    weights, first, second, *others = np.random.default_rng(0).normal(size=(6, 3)).astype("f")
    optimizer = Optimizer.of(rule, learn_rate=rate())
    for gradient in (first, second):
        optimizer.update({"w": (weights, gradient)})
        optimizer.step_schedules()
    schedule = rate()
    next(schedule, None) if hasattr(schedule, "__next__") else None
    return optimizer, schedule if hasattr(schedule, "__next__") else iter(schedule), weights, others


def test_every_rule_with_every_schedule_goes_on_in_a_bare_process():
    saved = [begun(rule, rate) for rule in BUILT_IN for rate in rates()]
    code = f"{GO_ON}sys.stdout.buffer.write(pickle.dumps(told))"
    given = pickle.dumps(saved)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    here = {"saved": saved}
    exec(GO_ON.replace("saved = pickle.load(sys.stdin.buffer)", ""), here)  # noqa: S102  # the same, without a stop
    assert pickle.loads(done.stdout) == here["told"]
    assert len({call.partition("(")[0] for call in TABLE.read_text().splitlines()}) + 1 == len(rates())
