"""Whatever line an exception strikes at, an operation was done wholly or not at all, and the run can go on."""

import copy
import ctypes
import os
import pickle
import signal
import sys
from itertools import chain, starmap

import numpy as np
import pytest

import thincopt
from tests import probes
from tests.interrupting import interrupt, lines_of, places
from thincopt.ops.numpy import blocks
from thincopt.recipes.composing import declarations
from thincopt.rules import all_rules

STATE = {"keys": {}, "shared": {}}
SLOW = {"slow": {"keys": ["[VW]"], "lr_scale": [0.5, 0.25, 0.125]}, "decayed": {"keys": ["W"], "weight_decay": 0.1}}


class Run:
    """An optimizer and weights, in a state from which every operation can be done."""

    def __init__(self, ops, **settings):
        self.optimizer = thincopt.SGD.v2(thincopt.decaying(0.5, 1.0), ops=ops, **{"momentum": 0.5, **settings})
        self.weights = {"W": np.zeros(4, "float32"), "V": np.zeros(3, "float32")}
        self.gradients = {key: np.ones(each.size, "float32") for key, each in self.weights.items()}

    def step(self, *keys):
        self.optimizer.update({key: (self.weights[key], self.gradients[key]) for key in keys})

    def seen(self):
        """What one sees of it, and of the rest of a run, this thread's and another's copy."""
        optimizer = self.optimizer
        found = [repr(optimizer.settings), repr(optimizer.state()), *self.bytes()]
        for _ in range(2):
            self.gradients["W"].fill(2)
            self.step("W")
            optimizer.step_schedules()
            found += [repr(optimizer.settings), repr(optimizer.state()), *self.bytes()]
        again, weights = copy.deepcopy(optimizer), self.weights["W"].copy()
        again.update({"W": (weights, np.ones(4, "float32"))})
        return [*found, weights.tobytes()]

    def bytes(self):
        return [each.tobytes() for each in (*self.weights.values(), *self.gradients.values())]


def refused(run):
    with pytest.raises(thincopt.NonFiniteError):
        run.step("W")


def averaged(run):
    with run.optimizer.averaged({"W": run.weights["W"]}):
        pass


OPERATIONS = {
    "a first call": (lambda run: run.step("W"), {}, ()),
    "a second call": (lambda run: run.step("W"), {}, ("W",)),
    "a new key beside a known one": (lambda run: run.step("W", "V"), {}, ("W",)),
    "a k-th step": (lambda run: run.step("W"), {"lookahead_k": 2}, ("W",)),
    "a clip of the model": (lambda run: run.step("W", "V"), {"grad_clip": 0.1, "grad_clip_by": "model"}, ("W", "V")),
    "a skipped step": (lambda run: run.step("W"), {"nonfinite": "skip"}, ("W", "NaN")),
    "a skipped first step": (lambda run: run.step("W"), {"nonfinite": "skip"}, ("NaN",)),
    "a refused step": (refused, {}, ("W", "NaN")),
    "another rate": (lambda run: run.optimizer.change(learn_rate=0.25), {}, ("W",)),
    "other kernels": (lambda run: run.optimizer.change(momentum=0.9), {"momentum": 0.0}, ("W",)),
    "two changes": (lambda run: run.optimizer.change(grad_clip=1e-3, momentum=0.1), {}, ("W",)),
    "schedules": (lambda run: run.optimizer.step_schedules(), {}, ("W",)),
    "a state taken over": (lambda run: run.optimizer.load_state(STATE), {}, ("W",)),
    "a state given": (lambda run: run.optimizer.state(), {}, ("W",)),
    "averages put in and back": (averaged, {"use_averages": True}, ("W",)),
    "a key that brings its group": (lambda run: run.step("W", "V"), {"groups": SLOW}, ("W",)),
    "a group's schedules": (lambda run: run.optimizer.step_schedules(), {"groups": SLOW}, ("W", "V")),
    "a group that freezes": (lambda run: run.optimizer.change(group="slow", frozen=True), {"groups": SLOW}, ("W", "V")),
    "an explanation": (lambda run: run.optimizer.explain(), {"groups": SLOW}, ("W", "V")),
    "a pickle": (lambda run: pickle.dumps(run.optimizer), {}, ("W",)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_exception_at_any_line_leaves_all_as_before_or_as_after(name, ops, request):
    operation, settings, before = OPERATIONS[name]

    def begun():
        run = Run(ops, **settings)
        for key in before:
            if key == "NaN":
                run.gradients["W"][1] = np.nan
            else:
                run.step(key)
        return run

    operation(begun())  # what is cached is cached then
    done, untouched = begun(), begun().seen()
    met = lines_of(lambda: operation(done))
    whole = done.seen()
    assert len(met) > 5
    for at in places(met, all_of_them=request.config.getoption("exhaustive")):
        run = begun()
        if not interrupt(lambda run=run: operation(run), at):  # some lines fewer, for all is cached
            assert at > 0.9 * len(met)
        assert run.seen() in (untouched, whole), f"{name}: {met[at]}"


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_exception_at_any_line_of_a_fork_leaves_parent_and_child_free_to_go_on(ops, monkeypatch):
    """Python does not raise what comes to a fork's hooks, but tells it."""
    run, told, codes = Run(ops), [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda each: told.append(each.exc_type))

    def fork():
        child = os.fork()
        if not child:
            sys.settrace(None)
            signal.alarm(5)
            run.step("W")
            os._exit(int(run.optimizer.nr_update["W"] != steps))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    steps = 1
    while interrupt(fork, steps - 1):
        run.step("W")
        steps += 1
    assert steps > 10
    assert codes == [0] * steps
    assert told == [KeyboardInterrupt] * (steps - 1)


def test_the_tracer_strikes_where_it_is_told(ops):
    """The test above is worth something: an operation in two parts is found out."""
    run = Run(ops)

    def torn():
        run.optimizer.change(learn_rate=0.25)
        run.optimizer.change(momentum=0.25)

    ends = set()
    for at in places(lines_of(torn), all_of_them=False):
        run.optimizer.change(learn_rate=0.1, momentum=0.5)
        interrupt(torn, at)
        ends.add((run.optimizer.learn_rate, run.optimizer.momentum))
    assert ends == {(0.1, 0.5), (0.25, 0.5), (0.25, 0.25)}


@pytest.mark.parametrize("name", sorted({*all_rules()} | {each.name for each in probes.RULES}))
def test_no_call_of_a_step_in_plain_numpy_lets_a_signal_in(name, monkeypatch):
    """A signal that comes before each of them is heard of when all are done."""
    strike, heard = ctypes.CDLL(None)["raise"], []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append("a signal"))

    def struck(function, work):
        each_after_a_signal = [((strike, signal.SIGUSR1), each) for each in work]
        return starmap(function, [*chain.from_iterable(each_after_a_signal), (heard.append, "the end")])

    monkeypatch.setattr(blocks, "starmap", struck)
    settings = {each: 0.1 for each in ("learn_rate", "grad_clip") if each in declarations(all_rules()[name]).numbers}
    optimizer = thincopt.Optimizer.of(name, lookahead_k=2, use_averages=True, ops=thincopt.NumpyOps(None), **settings)
    try:
        for _ in range(3):
            optimizer.update({size: (np.ones(size), np.ones(size)) for size in (5, 5000, blocks.BLOCK + 5)})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert set(heard[::2]) == {"the end"}
    assert len(heard) >= 6
