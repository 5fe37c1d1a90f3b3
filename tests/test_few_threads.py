"""Where there can be few threads or none, a large step goes on with those that there are, to the same bits."""

import os
import subprocess
import sys
from _thread import start_new_thread
from hashlib import sha256
from signal import ITIMER_REAL, SIGALRM, setitimer, signal
from time import sleep

import numpy as np
import pytest

from thincopt import AdamW, num_threads, set_num_threads
from thincopt.concurrency import threads
from thincopt.ops.numpy import blocks
from thincopt.ops.numpy.ops import NumpyOps

LARGE = 300_007


@pytest.fixture(autouse=True)
def four(monkeypatch):
    """Four threads may work at once, and share two blocks already."""
    monkeypatch.setattr(blocks, "MANY", 2)
    before = num_threads()
    set_num_threads(4)
    yield
    set_num_threads(before)


def steps():
    weights = np.zeros(LARGE)
    optimizer = AdamW(0.1, grad_clip=1.0, lookahead_k=2, ops=NumpyOps(None))
    for _ in range(2):
        optimizer("w", weights, np.linspace(-1, 1, LARGE))
    return sha256(weights).hexdigest()


@pytest.mark.parametrize("possible", [0, 1, 2])
def test_plain_numpy_goes_on_with_the_threads_that_there_can_be(possible, monkeypatch):
    expected, started = steps(), []

    def start(*given):
        if len(started) >= possible:
            raise RuntimeError("can't start new thread")
        started.append(start_new_thread(*given))

    monkeypatch.setattr(threads, "start_new_thread", start)
    assert steps() == expected
    assert len(started) == possible
    assert not threads._under_way


def test_an_error_of_a_signal_s_handler_is_not_taken_for_a_lack_of_threads():
    def handle(*_):
        raise RuntimeError("a handler's")

    done = []
    before = signal(SIGALRM, handle)
    setitimer(ITIMER_REAL, 0.01)
    try:
        with pytest.raises(RuntimeError, match="a handler's"):
            threads.spread(sleep, [0.1, 0.1], then=lambda: done.append("all"))
    finally:
        signal(SIGALRM, before)
    assert done == ["all"]


LIMITED = f"""
import resource, _thread
from hashlib import sha256
from pathlib import Path
import numpy as np, thincopt
from thincopt.ops.numpy import blocks
from thincopt.ops.numpy.ops import NumpyOps

def step(ops):
    weights = np.zeros({LARGE})
    thincopt.AdamW(0.1, grad_clip=1.0, ops=ops)("w", weights, np.linspace(-1, 1, {LARGE}))
    return sha256(weights).hexdigest()

blocks.MANY = 2
kinds = NumpyOps(), NumpyOps(None)
thincopt.set_num_threads(1)
expected = [step(each) for each in kinds]
thincopt.set_num_threads(4)
if kinds[0].native:
    kinds[0].native.set_threads(4, 0)
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30),) * 2)
try:
    _thread.start_new_thread(print, ("a thread",))
except RuntimeError:
    assert [step(each) for each in kinds] == expected
    print("done alone")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux says by its limits how large a thread's stack is")
def test_where_no_thread_can_be_a_step_is_done_alone():
    """A thread's stack would be 2 GiB, and memory for 1 GiB is left."""
    import resource

    limit = (2 << 30, resource.getrlimit(resource.RLIMIT_STACK)[1])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "LD_PRELOAD": ""},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, limit),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("done alone\n", "")
