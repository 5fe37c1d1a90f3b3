"""Every rule against recorded numbers, exactly: a `.v1` never changes its numbers.

`make record` adds the line of a new rule to trajectories.txt, and never changes one. First its parity with an
implementation that none of us wrote must have been seen (tests/peers).
"""

from math import fsum
from pathlib import Path

import numpy as np
import pytest

from thincopt import Optimizer
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.recipes.composing import declarations
from thincopt.rules import all_rules

TABLE = Path(__file__).with_name("trajectories.txt")
RECORDED = dict(line.split(" ", 1) for line in TABLE.read_text().splitlines())
RULES = sorted(name for name in all_rules() if not name.startswith("Probe"))
STAGES = dict(weight_decay=0.1, grad_clip=2.0, use_averages=True, lookahead_k=3, lookahead_alpha=0.25)


def trajectory(name: str, ops: NumpyOps) -> str:
    """Two weights and the sums of all after some steps: with defaults, then with every choice and stage on."""
    ends = []
    numbers = dict(learn_rate=0.05, momentum=0.9)
    choices = {each.name: each.choices[-1] for each in all_rules()[name].signature.settings if each.choices}
    known = {each.name for each in declarations(all_rules()[name]).settings}
    for settings in ({"learn_rate": 0.05}, {**numbers, **choices, **STAGES}):
        optimizer = Optimizer.of(name, ops=ops, **{key: value for key, value in settings.items() if key in known})
        random = np.random.default_rng(0)
        weights = random.random(64) - 0.5
        for _ in range(12):
            optimizer("w", weights, random.random(64) - 0.5 + 0.25 * weights)
        ends += [weights[0], weights[1], fsum(weights), *map(fsum, (optimizer.averages or {}).values())]
    return " ".join(float(each).hex() for each in ends)


@pytest.mark.parametrize("name", RULES)
def test_recorded(name, ops):
    assert name in RECORDED, f"trajectories.txt has no line of {name}; `make record` adds it"
    assert trajectory(name, ops) == RECORDED[name]


def test_nothing_is_recorded_that_does_not_exist():
    assert set(RECORDED) == set(RULES)


if __name__ == "__main__":
    lines = {name: trajectory(name, NumpyOps(None)) for name in RULES} | RECORDED
    TABLE.write_text("".join(f"{name} {lines[name]}\n" for name in sorted(lines)))
    for name in sorted(lines.keys() - RECORDED.keys()):
        print(f"{TABLE.name}: {name} {lines[name]}")  # noqa: T201  # `make record` tells what it adds
