"""Whatever line an exception strikes at, a step on a device was launched wholly or not at all."""

import numpy as np
import pytest

from tests.devices.host import on_device
from tests.devices.twins import bytes_of, contents
from tests.interrupting import interrupt, lines_of
from thincopt import Optimizer

# NAdam's powers are the host's: it sends them, and must count as the device does.
STEPS = {
    "a plain step": ("AdamW.v1", {}),
    "a k-th step, and a norm": ("AdamW.v1", dict(lookahead_k=3, grad_clip=1.0)),
    "scalars of the host": ("NAdam.v1", {}),
    "scalars of the host, and a norm": ("NAdam.v1", dict(grad_clip=1.0, grad_clip_by="model")),
    "scalars of the host in a k-th step": ("NAdam.v1", dict(lookahead_k=3, use_averages=True)),
    "scalars of a host that asks the device": ("NAdam.v1", dict(lookahead_k=2, nonfinite="skip")),
}


class Run:
    """Two keys after two steps, and a third to come."""

    def __init__(self, gpu, rule, settings):
        self.optimizer = Optimizer.of(rule, learn_rate=0.1, ops=gpu, **settings)
        self.batch = {key: (on_device(np.ones(5)), on_device(np.ones(5))) for key in "ab"}
        for seed in range(2):
            self.step(seed)

    def step(self, seed):
        for _, gradient in self.batch.values():
            gradient[...] = np.random.default_rng(seed).normal(size=5)
        self.optimizer.update(self.batch)

    def seen(self):
        """All there is, now and after two more steps."""
        found = []
        for seed in range(3, 6):
            found += [bytes_of(self.optimizer), contents(self.batch)]
            self.step(seed)
        return found


@pytest.mark.parametrize("name", STEPS)
def test_an_exception_at_any_line_leaves_all_as_before_or_as_after(name, gpu):
    def third(run):
        return lambda: run.optimizer.update(run.batch)

    def begun():
        run = Run(gpu, *STEPS[name])
        for _, gradient in run.batch.values():
            gradient[...] = 0.5
        return run

    done, untouched = begun(), begun().seen()
    met = lines_of(third(done))
    whole = done.seen()
    assert len(met) > 10
    for at in range(len(met)):
        run = begun()
        assert interrupt(third(run), at)
        assert run.seen() in (untouched, whole), met[at]
