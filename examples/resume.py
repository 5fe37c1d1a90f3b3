"""Stop, save, and go on

A checkpoint in the middle of a run: the optimizer and the weights are pickled and loaded again, as on another machine.
The run that was resumed ends with the same bits as one that never stopped.
"""
# ruff: noqa: T201  # it tells how it goes

import pickle

import numpy as np

from thincopt import Adam, decaying


def step(optimizer, weights, index):
    """One batch; its gradient is the same wherever it is taken."""
    noise = np.random.default_rng(index).normal(size=weights.size).astype("float32")
    optimizer("weights", weights, weights + 0.1 * noise)
    optimizer.step_schedules()


def new():
    """A run at its beginning."""
    return Adam(decaying(0.01, 0.1), lookahead_k=5), np.ones(100, "float32")


whole, weights = new()
for index in range(50):
    step(whole, weights, index)

first, part = new()
for index in range(20):
    step(first, part, index)
saved = pickle.dumps((first, part))  # a file, a queue, another machine
second, part = pickle.loads(saved)  # noqa: S301  # our own
for index in range(20, 50):
    step(second, part, index)

print(f"the same bits: {weights.tobytes() == part.tobytes()}; after {second.nr_update['weights']} updates")
assert weights.tobytes() == part.tobytes()
