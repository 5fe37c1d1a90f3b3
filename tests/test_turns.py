"""Calls of one optimizer come in turns: threads, signals, forks and a key's own Python see it whole."""

import os
import pickle
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import partial
from time import monotonic

import numpy as np
import pytest

import thincopt
from thincopt import BusyError, Optimizer

LARGE = 300_007  # so many that compiled code lets go of the interpreter's lock


@pytest.fixture
def eager(monkeypatch):
    """Threads take turns after each bit of Python."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*works):
    """Run these at once, from a barrier on; what they raised."""
    barrier, raised = threading.Barrier(len(works)), []

    def run(work):
        barrier.wait()
        try:
            work()
        except Exception as error:  # told to the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert not any(each.is_alive() for each in threads)
    return raised


@contextmanager
def alarm(handler, seconds):
    """Call a handler once after some seconds, in the midst of what is done here."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_first_calls_of_one_key_at_once_are_all_counted(ops, eager):
    """One after the other, velocity is 1, 2, 3, 4."""
    for size in (10, LARGE):
        for _ in range(20):
            optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, momentum=1.0, ops=ops)
            weights = [np.zeros(size, "float32") for _ in range(4)]
            raised = together(*(partial(optimizer, "W", w, np.ones(size, "float32")) for w in weights))
            assert not raised
            assert optimizer.nr_update == {"W": 4}
            assert sorted(-float(each[0]) for each in weights) == [1, 2, 3, 4]


def test_settings_change_while_others_call(ops, eager):
    """Each call is by the settings before a change or by those after it, kernels and all."""
    optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, ops=ops)
    weights = {key: np.zeros(100, "float32") for key in range(2)}
    ended = []

    def call(key):
        while not ended:
            before = weights[key][0]
            optimizer.update({key: (weights[key], np.ones(100, "float32"))})
            assert before - weights[key][0] in (1, 2)
            assert (weights[key] == weights[key][0]).all()
            weights[key].fill(0)

    def change():
        for _ in range(30):
            optimizer.change(learn_rate=2.0, lookahead_k=1, lookahead_alpha=1.0, use_averages=True)
            optimizer.change(learn_rate=1.0, lookahead_k=0, use_averages=False)
        ended.append(True)

    assert not together(change, lambda: call(0), lambda: call(1))


def test_a_change_of_kernels_waits_for_the_step_under_way(ops):
    """The same as one after the other, in some order."""

    def ended(order):
        optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
        weights = np.ones(LARGE, "float32")
        optimizer("W", weights, np.full(LARGE, 0.5, "float32"))
        works = {
            "call": lambda: optimizer("W", weights, np.full(LARGE, 0.25, "float32")),
            "clip": lambda: optimizer.change(grad_clip=1e-3),
            "after": lambda: optimizer("W", weights, np.full(LARGE, 0.125, "float32")),
        }
        if order:
            for each in order:
                works[each]()
        else:
            assert not together(works["call"], lambda: (works["clip"](), works["after"]()))
        return weights.tobytes(), optimizer.mom1["W"].tobytes(), optimizer.nr_update["W"]

    possible = [
        ended(each) for each in (("call", "clip", "after"), ("clip", "call", "after"), ("clip", "after", "call"))
    ]
    for _ in range(10):
        assert ended(None) in possible


@pytest.mark.parametrize("take", [pickle.dumps, lambda optimizer: pickle.dumps(optimizer.__getstate__())])
def test_a_snapshot_is_of_one_moment(ops, take):
    """Whatever step is under way in another thread: all momenta are alike."""
    optimizer = Optimizer.of("Lion.v1", learn_rate=0.1, beta2=0.5, ops=ops)
    weights = {key: np.ones(LARGE, "float32") for key in "ab"}
    ended, snapshots = [], []

    def train():
        sign = 1
        while not ended:
            sign = -sign
            optimizer.update({key: (each, np.full(LARGE, sign, "float32")) for key, each in weights.items()})

    def save():
        snapshots.extend(take(optimizer) for _ in range(6))
        ended.append(True)

    assert not together(train, save)
    for each in map(pickle.loads, snapshots):
        states = (each if isinstance(each, dict) else each.__getstate__())["state"]["keys"]
        assert len({value for state in states.values() for value in np.unique(state["m"])}) <= 1
        assert len({state["t"] for state in states.values()}) <= 1


def test_a_key_that_calls_the_optimizer_in_the_midst_of_a_turn_is_refused(ops):
    class Key:
        def __hash__(self):
            if armed:
                optimizer("other", np.ones(3), np.ones(3))
            return 1

    armed = False
    optimizer, key, weights = Optimizer.of("SGD.v2", learn_rate=0.1, ops=ops), Key(), np.ones(3)
    optimizer(key, weights, np.ones(3))
    kept, armed = weights.copy(), True
    with pytest.raises(BusyError, match=r"^This optimizer is at work already, in a call of this very thread, "):
        optimizer.update({Key(): (weights, np.ones(3))})
    armed = False
    assert (weights == kept).all()
    optimizer(key, weights, np.ones(3))
    assert optimizer.nr_update[key] == 2


def test_python_within_a_buffer_may_do_anything(compiled):
    """NumPy warns within it of arrays that broadcast_arrays made; the warning's own Python changes the optimizer."""
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=compiled)
    weights, done = np.ones(200, "float32"), []
    state = {"keys": {}, "shared": {}}
    deeds = [
        lambda: optimizer.load_state(state),
        lambda: optimizer.change(lookahead_k=3),
        lambda: optimizer("W", weights.copy(), np.ones(200, "float32")),
        lambda: optimizer.update({key: (np.ones(9), np.ones(9)) for key in range(50)}),
        optimizer.step_schedules,
    ]
    for deed in deeds:
        optimizer("W", weights, np.ones(200, "float32"))
        t = optimizer.nr_update["W"]
        done.clear()

        def show(*_, deed=deed):
            done.append(deed)
            deed()

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = show
            gradient, _ = np.broadcast_arrays(np.ones(200, "float32"), np.ones((1, 200), "float32"))
            optimizer.update({"W": (weights, gradient.reshape(-1))})
        assert done
        assert (weights == weights[0]).all()
        assert optimizer.nr_update["W"] in (1, t + 1, t + 2)


@pytest.mark.parametrize("size", [4, 2_400_056])
def test_an_alarm_that_raises_finds_a_step_whole(ops, size):
    """As Ctrl-C does; with so many elements that plain NumPy shares its blocks among threads."""
    thincopt.set_num_threads(2)
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
    weights = np.ones(size, "float32")
    optimizer("W", weights, np.ones(size, "float32"))
    struck = 0
    for delay in (0.001, 0.005, 0.011, 0.017, 0.023, 0.031):
        try:
            with alarm(_raise, delay):
                end = monotonic() + 2  # Python loses what is raised in a finalizer, such as hypothesis has
                while monotonic() < end:
                    optimizer("W", weights, np.ones(size, "float32"))
        except InterruptedError:
            struck += 1
        twin, expected = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops), np.ones(3, "float32")
        for _ in range(optimizer.nr_update["W"]):
            twin("W", expected, np.ones(3, "float32"))
        assert (weights == expected[0]).all()
        assert (optimizer.mom1["W"] == twin.mom1["W"][0]).all()
    assert struck > 3


def _raise(*_):
    raise InterruptedError


def test_a_signal_s_handler_may_read_at_any_moment_and_never_hangs(ops):
    optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
    weights, seen = np.ones(300_000, "float32"), []

    def handle(*_):
        saved = pickle.loads(pickle.dumps(optimizer))
        seen.append((saved.mom1["W"] == saved.mom1["W"][0]).all())
        try:
            optimizer("other", np.ones(3, "float32"), np.ones(3, "float32"))
        except BusyError:
            seen.append("busy")

    optimizer("W", weights, np.ones(300_000, "float32"))
    steps = 1
    for each in range(40):
        before = len(seen)
        with alarm(handle, 0.0001 + 0.0001 * each):
            while len(seen) == before:
                optimizer("W", weights, np.ones(300_000, "float32"))
                steps += 1
    assert optimizer.nr_update["W"] == steps
    assert all(each == "busy" or each for each in seen)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_handler_may_fork_in_the_midst_of_a_step(ops):
    """The child has whole weights, and can step."""
    optimizer, size = Optimizer.of("SGD.v2", learn_rate=1.0, ops=ops), 2_400_056
    weights, gradient, codes = np.zeros(size, "float32"), np.ones(size, "float32"), []
    optimizer("W", weights, gradient)

    def handle(*_):
        child = os.fork()
        if not child:
            whole = (weights == weights[0]).all()
            if not optimizer._turns.lock._is_owned():
                optimizer("other", np.ones(3, "float32"), np.ones(3, "float32"))
            os._exit(0 if whole else 1)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    for each in range(20):
        with alarm(handle, 0.0001 + 0.0002 * each):
            while len(codes) == each:
                gradient.fill(1)
                optimizer("W", weights, gradient)
    assert set(codes) == {0}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_is_not_kept_waiting_by_busy_threads(ops):
    ended = []

    def train():
        optimizer = Optimizer.of("Adam.v2", learn_rate=0.1, ops=ops)
        weights, gradient = np.ones(LARGE, "float32"), np.ones(LARGE, "float32")
        while not ended:
            optimizer("W", weights, gradient)

    def fork():
        for _ in range(5):
            child = os.fork()
            if not child:
                os._exit(0)
            os.waitpid(child, 0)
        ended.append(True)

    assert not together(fork, train, train, train)
