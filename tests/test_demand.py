"""Kernels on demand: plain NumPy runs at once, compiled kernels take over, and nobody can tell but by the clock."""

import copy
import os
import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import thincopt
from tests.conftest import another, is_compiled, script
from tests.test_building import copied
from thincopt import NumpyOps, Optimizer, SettingError
from thincopt.native import demand, load, order
from thincopt.ops.contract import Outcome

SLOW = """
    echo $$ >> "{folder}/began"
    case "$*" in *-shared*) echo >> "{folder}/compiled";; esac
    while ! test -e "{folder}/go"; do sleep .02; done
    exec cc "$@"
"""


class Compiler:
    """A compiler that waits until it may go."""

    def __init__(self, folder):
        self.folder = folder
        self.command = script(folder / "cc", SLOW.format(folder=folder))

    def go(self):
        (self.folder / "go").touch()

    @property
    def began(self):
        return [int(each) for each in self._lines("began")]

    @property
    def compiled(self):
        return len(self._lines("compiled"))

    def _lines(self, name):
        return (self.folder / name).read_text().split("\n")[:-1] if (self.folder / name).exists() else []


def until(holds, seconds=60):
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come in time"
        time.sleep(0.005)


@pytest.fixture
def fresh(monkeypatch):
    """A queue of the test's own."""
    monkeypatch.setattr(demand, "_queue", demand._Queue())


@pytest.fixture
def slow(cache, fresh, monkeypatch, tmp_path):
    """Kernels are compiled in the background, by a compiler that waits."""
    folder = tmp_path / "compiler"
    folder.mkdir()
    made = Compiler(folder)
    monkeypatch.setenv("CC", made.command)
    monkeypatch.setenv("THINCOPT_COMPILE", "background")
    yield made
    made.go()
    demand._queue.token.acquire(timeout=60)


@pytest.fixture
def waits(cache, fresh, monkeypatch):
    monkeypatch.setenv("THINCOPT_COMPILE", "wait")


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
    until(lambda: os.getpriority(os.PRIO_PROCESS, began) > os.getpriority(os.PRIO_PROCESS, 0))
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


def planted(folder, data):
    """A kept file of another formula, at this one's name."""
    other = another("OtherForTests.v1")
    Optimizer.of(other)
    (kept,) = (each for each in folder.parent.glob("*/kernels.so") if each.parent != folder)
    return kept.read_bytes()


ATTACKS = {
    "planted": lambda folder, data: b"to be loaded, this would have to be a library",
    "cut": lambda folder, data: data[: len(data) // 2],
    "empty": lambda folder, data: b"",
    "changed": lambda folder, data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "swapped": planted,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_done_to_the_cache_is_never_loaded(attack, waits, cache, monkeypatch):
    made = another()
    Optimizer.of(made)
    (kept,) = cache.glob("*/kernels.so")
    whole = kept.read_bytes()
    kept.write_bytes(ATTACKS[attack](kept.parent, whole))
    assert compiled_anew(made) == "True once"
    assert kept.read_bytes()[:-32] == whole[:-32] or attack != "planted"
    assert compiled_anew(made) == "True never"


@pytest.mark.parametrize("mode", [0o770, 0o703])
def test_a_folder_in_which_others_may_write_is_not_used(mode, waits, cache):
    made = another()
    Optimizer.of(made)
    (kept,) = cache.glob("*/kernels.so")
    kept.parent.chmod(mode)
    assert compiled_anew(made, "-W", "ignore") == "True once"
    assert compiled_anew(made, "-W", "ignore") == "True once"


def test_another_user_s_folder_is_not_used(waits, cache):
    made = another()
    Optimizer.of(made)
    before = "mine = os.geteuid(); os.geteuid = lambda: mine + 1"
    assert compiled_anew(made, "-W", "ignore", before=before) == "True once"


SAME = """
        import os, sys, time
        import numpy as np
        import thincopt
        from thincopt import Optimizer
        from thincopt.language import Rate, Unit, rule, sign
        from thincopt.native import building

        def is_compiled(optimizer):
            return type(optimizer._now.runner).__name__ == "CompiledRunner"

        @rule("Again.v1")
        def Again(w, g, m, *, learn_rate: Rate = 0.1, beta: Unit = 0.9):
            m = beta * m + (1 - beta) * g
            return learn_rate * sign(m) * (m * m + {number}), m
"""


def number_of(made):
    """The number in a formula that `another` made."""
    return made.function.__closure__[0].cell_contents


def run(code, *flags, seconds=120, **environment):
    """What a process prints."""
    command = [sys.executable, *flags, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "THINCOPT_NATIVE": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def compiled_anew(made, *flags, before=""):
    """Whether another process has compiled kernels, and whether the compiler was called for them."""
    code = f"""
        {SAME.format(number=number_of(made))}
        {before}
        calls, real = [], building.made
        building.made = lambda *given: (calls.append(given), real(*given))[1]
        print(is_compiled(Optimizer.of(Again)), "once" if calls else "never")
    """
    return run(code, *flags)


def compiling(slow, tmp_path, code, **environment):
    """What a process prints in whose background the slow compiler is at work, and how long it takes to end."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = f"""
        {SAME.format(number=1.5)}
        optimizer = Optimizer.of(Again)
        optimizer("w", np.ones(3), np.ones(3))
        while not os.path.exists({str(slow.folder / "began")!r}):
            time.sleep(0.01)
        print(time.time())
{textwrap.indent(textwrap.dedent(code), " " * 8)}
    """
    begun, *told = run(code, TMPDIR=str(scratch), **environment).split()
    assert not list(scratch.iterdir())
    for each in slow.began:
        until(lambda each=each: not is_alive(each), 5)
    return time.time() - float(begun), told


def is_alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("ends", ["", "sys.exit(0)", "import signal; signal.raise_signal(signal.SIGINT)"])
def test_a_process_that_ends_leaves_no_compiler_and_no_file(ends, slow, tmp_path):
    code = f"""
        try:
            {ends or "pass"}
        except KeyboardInterrupt:
            pass
    """
    seconds, _ = compiling(slow, tmp_path, code)
    assert seconds < 5


def test_a_short_script_is_not_held_up(slow, tmp_path):
    """It ends before the compiler was even called."""
    code = f"""
        {SAME.format(number=1.25)}
        Optimizer.of(Again)
        print(time.time())
    """
    assert time.time() - float(run(code)) < 5


@pytest.mark.parametrize("ends", ["os._exit(0)", "sys.exit(0)"])
def test_a_child_forked_meanwhile_asks_anew_and_its_parent_s_compiler_goes_on(ends, slow, tmp_path):
    code = f"""
        child = os.fork()
        if not child:
            optimizer("w", np.ones(3), np.ones(3))
            assert "compiling" in repr(optimizer)
            open({str(slow.folder / "go")!r}, "w")
            while not is_compiled(optimizer):
                optimizer("w", np.ones(3), np.ones(3))
            {ends}
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        while not is_compiled(optimizer):
            optimizer("w", np.ones(3), np.ones(3))
        print(os.getpid())
    """
    compiling(slow, tmp_path, code, PYTHONWARNINGS="ignore::DeprecationWarning")


def test_a_child_of_multiprocessing_leaves_nothing_either(slow, tmp_path):
    code = """
        import multiprocessing
        def work():
            optimizer("w", np.ones(3), np.ones(3))
            assert "compiling" in repr(optimizer)
            time.sleep(0.2)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join(30)
        assert child.exitcode == 0
    """
    compiling(slow, tmp_path, code, PYTHONWARNINGS="ignore::DeprecationWarning")


def test_forks_all_the_while_strand_nobody(cache, tmp_path):
    """Each child asks for a formula of its own, wherever its parent's thread was."""
    code = f"""
        {SAME.format(number=1.75)}
        import signal
        optimizer = Optimizer.of(Again)
        codes = []
        for _ in range(60):
            child = os.fork()
            if not child:
                signal.alarm(60)
                optimizer("w", np.ones(3), np.ones(3))
                thincopt.info()
                os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            time.sleep(0.005)
        print(set(codes))
    """
    flags = ("-W", "ignore::DeprecationWarning")
    assert run(code, *flags, THINCOPT_COMPILE="background") == "{0}"


def test_two_processes_at_once_both_have_them(cache):
    made = another()
    code = textwrap.dedent(f"""
        {SAME.format(number=number_of(made))}
        print(is_compiled(Optimizer.of(Again)))
    """)
    environment = {**os.environ, "THINCOPT_COMPILE": "wait"}
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    assert [each.communicate(timeout=120)[0].strip() for each in both] == ["True", "True"]
    (kept,) = cache.iterdir()
    assert [each.name for each in kept.iterdir()] == ["kernels.so"]


def test_where_nothing_was_compiled_at_installation_all_is(cache, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    copied(folder)
    code = """
        import numpy as np, thincopt
        optimizers = thincopt.Adam(), thincopt.SGD(0.1)
        for each in optimizers:
            each("w", np.ones(3), np.ones(3))
        print([type(each._now.runner).__name__ for each in optimizers], thincopt.info().reason)
    """
    environment = {"PYTHONPATH": str(folder), "THINCOPT_CACHE": str(tmp_path / "kept")}
    told = "['CompiledRunner', 'CompiledRunner'] compiled"
    assert (
        run(f"import os; os.chdir({str(folder)!r})\n{textwrap.dedent(code)}", THINCOPT_COMPILE="wait", **environment)
        == told
    )
    assert len(list((tmp_path / "kept").iterdir())) == 3


def test_nothing_of_this_is_imported_until_it_is_asked_for(compiled):
    code = """
        import sys, thincopt
        thincopt.Adam()
        print(*(name for name in ("thincopt.native.demand", "thincopt.native.processes") if name in sys.modules))
    """
    assert run(code, THINCOPT_COMPILE="background") == ""
