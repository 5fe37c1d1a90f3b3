"""Find a signal that was blurred

An inverse problem: a signal that jumps was blurred, and what was measured has noise. The optimizer finds the signal
that explains the measurement and jumps seldom. Nothing but NumPy is needed.
"""
# ruff: noqa: T201  # it tells how it goes

import numpy as np

from thincopt import Adam, warmup_linear

random = np.random.default_rng(0)
truth = np.repeat(random.normal(size=8), 16)
positions = np.arange(truth.size)
blur = np.exp(-0.5 * ((positions[:, None] - positions) / 3.0) ** 2)
blur /= blur.sum(axis=1, keepdims=True)
measured = blur @ truth + 0.001 * random.normal(size=truth.size)

signal = np.zeros(truth.size)
steps = 4000
optimizer = Adam.v2(warmup_linear(0.05, 100, steps))
for _ in range(steps):
    misfit = blur @ signal - measured
    jumps = np.tanh(np.diff(signal) / 0.01)  # signals that jump seldom are likelier
    rough = np.concatenate([[0], jumps]) - np.concatenate([jumps, [0]])
    optimizer("signal", signal, blur.T @ misfit + 1e-4 * rough)
    optimizer.step_schedules()


def plot(figure):
    """What was measured, and what was found."""
    axes = figure.add_subplot()
    axes.plot(truth, color="#8b90a0", linewidth=4, alpha=0.4, label="the signal")
    axes.plot(measured, color="#8b90a0", linewidth=1, label="measured")
    axes.plot(signal, color="#d9663a", linewidth=1.5, label="found")
    axes.legend(frameon=False)


error = np.abs(signal - truth).mean()
print(f"mean error {error:.3f}; of the blurred signal {np.abs(measured - truth).mean():.3f}")
assert error < 0.5 * np.abs(measured - truth).mean()
