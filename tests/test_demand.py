"""Kernels on demand: plain NumPy runs at once, compiled kernels take over, and nobody can tell but by the clock."""

import copy
import os
import pickle
import time
from threading import Thread

import numpy as np
import pytest

import thincopt
from tests.compilers import SAME, number_of, run, script, until
from tests.conftest import another, is_compiled
from thincopt import NumpyOps, Optimizer, SettingError
from thincopt.native import demand, load, order
from thincopt.native.processes import NICE
from thincopt.ops.contract import Outcome


def batches(count, dtype):
    random = np.random.default_rng(0)
    return [{key: random.normal(size=(41, 7)).astype(dtype) for key in "ab"} for _ in range(count)]


SETTINGS = [
    {},
    {"grad_clip": 1.0, "weight_decay": 0.1, "use_averages": True},
    {"lookahead_k": 3, "L2": 0.01, "nonfinite": "skip"},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_bits_are_those_of_plain_numpy_before_at_and_after(slow, settings, dtype):
    made = another()
    optimizer, plain = Optimizer.of(made, **settings), Optimizer.of(made, ops=NumpyOps(None), **settings)
    weights, others = ({key: np.ones((41, 7), dtype) for key in "ab"} for _ in range(2))
    for at, gradients in enumerate(batches(20, dtype)):
        if at == 10:
            slow.go()
            until(lambda: optimizer._now.runner.outrun)
        assert is_compiled(optimizer) == (at > 10)
        for each, its in ((optimizer, weights), (plain, others)):
            each.update({key: (its[key], gradient.copy()) for key, gradient in gradients.items()})
        assert all(weights[key].tobytes() == others[key].tobytes() for key in "ab")
    assert str(optimizer.state()) == str(plain.state())
    assert optimizer.nr_update == {"a": 20, "b": 20}


def test_threads_that_update_all_the_while_lose_no_step(slow):
    made = another()
    optimizer, plain = Optimizer.of(made), Optimizer.of(made, ops=NumpyOps(None))
    ended, counts = [], {}

    def train(key):
        weights = np.ones(100)
        counts[key], more = 0, 50
        while more:
            optimizer(key, weights, np.full(100, 0.5))
            counts[key] += 1
            more -= bool(ended)
        again = np.ones(100)
        for _ in range(counts[key]):
            plain(key, again, np.full(100, 0.5))
        same.append(again.tobytes() == weights.tobytes())

    same, threads = [], [Thread(target=train, args=(key,)) for key in range(4)]
    for each in threads:
        each.start()
    until(lambda: slow.began)
    slow.go()
    until(lambda: is_compiled(optimizer))
    ended.append(True)
    for each in threads:
        each.join()
    assert same == [True] * 4
    assert optimizer.nr_update == counts


def test_who_asks_for_the_same_asks_once_and_copies_ask_for_themselves(slow):
    made = another()
    first = Optimizer.of(made)
    others = [Optimizer.of(made, learn_rate=0.5), copy.deepcopy(first), pickle.loads(pickle.dumps(first))]
    until(lambda: slow.began)
    slow.go()
    for each in (first, *others):
        until(lambda each=each: each._now.runner.outrun)
        each("w", np.ones(3), np.ones(3))
        assert is_compiled(each)
    assert slow.compiled == 1


def test_one_compiler_at_a_time_stands_back_and_is_out_of_reach_of_the_terminal(slow):
    for name in ("OneForTests.v1", "OtherForTests.v1"):
        Optimizer.of(another(name))
    until(lambda: slow.began)
    time.sleep(0.1)
    (began,) = slow.began
    until(lambda: os.getpriority(os.PRIO_PROCESS, began) >= NICE)  # as the tests themselves may, under `nice`
    assert os.getsid(began) != os.getsid(0)


def test_what_runs_can_be_seen(slow):
    optimizer = Optimizer.of(another())
    assert repr(optimizer).endswith("0 keys, in plain NumPy: compiling>")
    slow.go()
    until(lambda: optimizer._now.runner.outrun)
    assert repr(optimizer).endswith("0 keys, in plain NumPy: compiled, from the next step on>")
    optimizer("w", np.ones(3), np.ones(3))
    assert repr(optimizer).endswith("; 1 keys>")


def test_a_call_that_is_on_its_way_to_plain_numpy_goes_by_the_engine(slow):
    optimizer, arrays = Optimizer.of(another()), (np.ones(3), np.ones(3))
    optimizer("w", *arrays)
    before = optimizer._now
    assert before.runner.step(before.numbers, "w", *arrays, 1.0) == Outcome.DONE
    slow.go()
    until(lambda: before.runner.outrun)
    optimizer("w", *arrays)
    assert is_compiled(optimizer)
    assert before.runner.step(before.numbers, "w", *arrays, 1.0) == Outcome.REFUSED
    assert optimizer.nr_update == {"w": 3}


def test_a_change_of_settings_meanwhile_asks_for_its_own(slow):
    optimizer = Optimizer.of(another())
    optimizer("w", np.ones(3), np.ones(3))
    optimizer.use_averages = True
    slow.go()
    until(lambda: optimizer._now.runner.outrun)
    optimizer("w", np.ones(3), np.ones(3))
    assert is_compiled(optimizer)
    optimizer.use_averages = False
    until(lambda: is_compiled(optimizer) or optimizer._now.runner.outrun)
    optimizer("w", np.ones(3), np.ones(3))
    assert is_compiled(optimizer)


def test_who_waits_has_them_at_once_and_a_warm_cache_needs_no_compiler(waits, fresh, monkeypatch, cache):
    made = another()
    assert is_compiled(Optimizer.of(made))
    assert len(list(cache.glob("*/kernels.so"))) == 1
    code = f"""
        {SAME.format(number=number_of(made))}
        print(is_compiled(Optimizer.of(Again)), thincopt.info().on_demand)
    """
    assert run(code, PATH="", THINCOPT_COMPILE="background") == "True no C compiler found (cc)"


def test_0_compiles_nothing(cache, fresh):
    optimizer = Optimizer.of(another())
    assert repr(optimizer).endswith(", in plain NumPy: not compiled: THINCOPT_COMPILE=0>")
    assert not cache.exists()
    assert thincopt.info().on_demand == "never"


def test_plain_numpy_by_choice_stays_plain(waits):
    optimizer = Optimizer.of(another(), ops=NumpyOps(None))
    assert not is_compiled(optimizer)
    assert repr(optimizer).endswith("0 keys>")


@pytest.mark.parametrize("level", ["baseline", "avx2"])
def test_they_are_of_the_level_in_use(level, waits):
    native, made = load(), another()
    if level not in native.levels():
        pytest.skip(f"this processor has no {level}")
    before = native.level()
    try:
        for each in (level, before):
            native.set_level(each)
            assert is_compiled(Optimizer.of(made))
    finally:
        native.set_level(before)


def test_a_slip_in_the_variable_is_told(cache, fresh, monkeypatch):
    monkeypatch.setenv("THINCOPT_COMPILE", "backgroud")
    with pytest.raises(
        SettingError,
        match=r"^THINCOPT_COMPILE must be 0, background or wait, not 'backgroud'; unset, it is background\.$",
    ):
        Optimizer.of(another())


def test_without_a_compiler_it_is_told_and_not_warned_of(waits, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    optimizer = Optimizer.of(another())
    assert repr(optimizer).endswith(", in plain NumPy: not compiled: no C compiler found (no-such-compiler)>")
    assert thincopt.info().on_demand == "no C compiler found (no-such-compiler)"
    optimizer("w", np.ones(3), np.ones(3))


def test_a_compiler_that_fails_is_told_once_and_is_never_an_error(waits, monkeypatch, tmp_path):
    monkeypatch.setenv("CC", script(tmp_path / "cc", "echo 'x.c:1: error: no such machine'; exit 3"))
    told = (
        r"(?s)^Kernels could not be compiled: .*, the C compiler, failed \(3\):\nx\.c:1: error: no such machine\. They"
    )
    with pytest.warns(RuntimeWarning, match=told) as caught:
        optimizers = [Optimizer.of(another(f"Failing{index}ForTests.v1")) for index in range(3)]
    assert len(caught) == 1
    for each in optimizers:
        assert "in plain NumPy: not compiled: " in repr(each)
        each("w", np.ones(3), np.ones(3))


def test_where_warnings_are_errors_training_goes_on(waits, tmp_path):
    code = f"""
        {SAME.format(number=1.375)}
        Optimizer.of(Again)("w", np.ones(3), np.ones(3))
        print("done")
    """
    assert run(code, "-W", "error", CC=script(tmp_path / "cc", "exit 3")) == "done"


def test_nobody_waits_for_ever_for_a_compiler_that_hangs(slow, monkeypatch):
    monkeypatch.setenv("THINCOPT_COMPILE", "wait")
    monkeypatch.setattr(order, "LONGEST", 0.2)
    optimizer = Optimizer.of(another())
    optimizer("w", np.ones(3), np.ones(3))
    assert repr(optimizer).endswith("in plain NumPy: compiling>")


def test_ctrl_c_in_the_midst_of_asking_leaves_it_to_the_next_who_asks(waits, monkeypatch):
    def interrupted(*given):
        raise KeyboardInterrupt

    made = another()
    with monkeypatch.context() as patched:
        patched.setattr(demand, "_place", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Optimizer.of(made)
    assert is_compiled(Optimizer.of(made))


def test_no_thread_more_can_be(waits, monkeypatch):
    def refused(*given):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(demand, "start_new_thread", refused)
    assert "not compiled: can't start new thread" in repr(Optimizer.of(another()))


def test_where_nothing_can_be_kept_it_is_compiled_for_this_process(waits, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("THINCOPT_CACHE", str(tmp_path / "file" / "cache"))
    assert is_compiled(Optimizer.of(another()))
    assert thincopt.info().on_demand.endswith(f", by cc, anew in each process ({tmp_path}/file cannot be written)")
