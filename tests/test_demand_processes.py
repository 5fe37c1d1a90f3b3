"""Kernels on demand in processes that end, fork or run side by side: no compiler, file or wait is left."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.compilers import SAME, number_of, run, until
from tests.conftest import another
from tests.test_building import copied


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
