"""An optimizer of your own

One function makes it: here signSGD with momentum. It is tried beside Adam on Rosenbrock's valley, which is curved and
flat at the bottom, so that most methods are slow there.
"""
# ruff: noqa: T201  # it tells how it goes

import numpy as np

import thincopt
from thincopt.language import Rate, Unit, rule, sign


@rule("MySignum.v1")
def MySignum(w, g, m, *, learn_rate: Rate = 1e-3, beta: Unit = 0.9):
    """signSGD (Bernstein et al., 2018, arXiv:1802.04434): m ← βm + (1−β)g;   w ← w − η·sign(m)"""
    m = beta * m + (1 - beta) * g
    return learn_rate * sign(m), m


def valley(at):
    """Rosenbrock's function and its gradient; the least value is 0, at (1, 1)."""
    x, y = at
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2, np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)])


for name in ("MySignum.v1", "Adam.v2"):
    rate = thincopt.decaying(0.02, 0.001)
    optimizer = thincopt.get(name)(rate)
    at = np.array([-1.5, 2.0])
    for _ in range(20_000):
        optimizer("at", at, valley(at)[1])
        optimizer.step_schedules()
    print(f"{name}: {at.round(3)}, value {valley(at)[0]:.1e}")
    assert valley(at)[0] < 1e-2
