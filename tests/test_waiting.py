"""What can wait for ever, as the page of promises says, and what does not if one does as it says."""

import signal

import pytest

from tests.test_forks import run

ACROSS = """
    import os
    from threading import Barrier, Thread
    import numpy as np
    from thincopt import Adam
    from thincopt.native import load
    from thincopt.ops.numpy.ops import NumpyOps

    optimizers, together = [Adam(ops=NumpyOps({native})) for _ in range(2)], Barrier(2)

    class Key:
        def __init__(self, own, other):
            self.own, self.other = own, other

        def __hash__(self):
            if self.own._turns.lock._is_owned():
                together.wait()
                self.other("W", np.ones(2), np.ones(2))
            return 1

    def train(own, other):
        own(Key(own, other), np.ones(2), np.ones(2))

    threads = [Thread(target=train, args=each, daemon=True) for each in (optimizers, optimizers[::-1])]
    for each in threads:
        each.start()
    for each in threads:
        each.join(1)
    print(*(each.is_alive() for each in threads), flush=True)
    os._exit(0)
"""
FORKED = """
    import os, signal, sys, time
    from threading import Event, Thread
    import thincopt

    began = Event()

    class Slow:
        def find_spec(self, name, *_):
            if name == "thincopt.surface.optimizer":
                began.set()
                time.sleep(0.5)

    sys.meta_path.insert(0, Slow())
    {before}
    thread = Thread(target=lambda: (thincopt.Adam(), began.set()))
    thread.start()
    began.wait()
    child = os.fork()
    if not child:
        signal.alarm(2)
        thincopt.Adam()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    thread.join()
"""


@pytest.mark.parametrize("native", ["load()", "None"])
def test_keys_that_call_each_other_s_optimizer_in_two_threads_can_wait_for_ever(native):
    assert run(ACROSS.format(native=native)) == "True True"


@pytest.mark.parametrize(("before", "ended"), [("", -signal.SIGALRM), ("thincopt.Adam()", 0)])
def test_a_fork_beside_threads_wants_one_optimizer_made_before(before, ended):
    """What a thread was importing at the fork stays half imported in the child."""
    assert run(FORKED.format(before=before)) == str(int(ended))
