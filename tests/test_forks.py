"""Forks and exits: a child steps at once with the same bits, and never sees half a step."""

import subprocess
import sys
import textwrap

import pytest

WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")  # of a fork beside threads; it is meant
LARGE = 2_400_056  # so many that workers are called, and that plain NumPy shares its blocks


def run(code: str, *, seconds: float = 60) -> str:
    command = [sys.executable, *WARNINGS, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("native", ["load()", "None"])
def test_a_forked_child_steps_at_once_with_the_same_bits(native):
    """After a step that woke the workers; and the parent goes on too."""
    code = f"""
        import os, signal
        import numpy as np
        from thincopt import Optimizer, set_num_threads
        from thincopt.native import load
        from thincopt.ops.numpy.ops import NumpyOps

        set_num_threads(4)
        optimizer = Optimizer.of("AdamW.v1", grad_clip=1.0, ops=NumpyOps({native}))
        weights = np.ones({LARGE}, "float32")
        step = lambda: optimizer("w", weights, np.linspace(-1, 1, {LARGE}, dtype="float32"))
        step()
        read, write = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(5)
            step()
            os.write(write, weights[:1000].tobytes())
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child did not end in time"
        step()
        assert os.read(read, 4000) == weights[:1000].tobytes()
    """
    run(code)


@pytest.mark.parametrize("native", ["load()", "None"])
def test_a_fork_in_the_midst_of_steps_waits_for_the_present_one(native):
    """A child never sees half a step, and can go on with the same optimizer."""
    code = f"""
        import os, signal
        from threading import Thread
        import numpy as np
        from thincopt import Optimizer, set_num_threads
        from thincopt.native import load
        from thincopt.ops.numpy.ops import NumpyOps

        set_num_threads(3)
        optimizer = Optimizer.of("SGD.v2", learn_rate=1.0, ops=NumpyOps({native}))
        weights, gradient, ended = np.zeros({LARGE}), np.zeros({LARGE}), []

        def train():
            while not ended:
                gradient.fill(-1)
                optimizer("w", weights, gradient)

        optimizer("w", weights, gradient)
        thread = Thread(target=train)
        thread.start()
        codes = []
        for _ in range(20):
            child = os.fork()
            if not child:
                signal.alarm(5)
                whole = (weights == weights[0]).all()
                optimizer("w", weights, gradient)
                os._exit(0 if whole else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        ended.append(True)
        thread.join()
        assert codes == [0] * 20, codes
    """
    run(code)


def test_workers_are_gone_at_exit_however_it_comes():
    code = """
        import numpy as np, sys, thincopt
        thincopt.set_num_threads(8)
        thincopt.Adam()("w", np.ones(3_000_000), np.ones(3_000_000))
        sys.exit(0)
    """
    run(code, seconds=20)


@pytest.mark.parametrize("native", ["load()", "None"])
def test_the_first_call_imports_nothing(native):
    """A fork in the midst of an import leaves that module locked in the child, so calls must not be where one is."""
    code = f"""
        import sys
        import numpy as np
        from thincopt import Optimizer
        from thincopt.native import load
        from thincopt.ops.numpy.ops import NumpyOps

        optimizer = Optimizer.of("AdamW.v1", grad_clip=1.0, use_averages=True, ops=NumpyOps({native}))
        before = set(sys.modules)
        optimizer("w", np.ones(5), np.ones(5))
        optimizer.update({{"a": (np.ones(5), np.ones(5)), "large": (np.ones({LARGE}), np.ones({LARGE}))}})
        optimizer.change(grad_clip=0.0)
        optimizer("w", np.ones(5), np.ones(5))
        print(*sorted(set(sys.modules) - before))
    """
    assert run(code) == ""


def test_who_imports_in_a_turn_can_end_it():
    """A fork takes the turns first: who has one, and waits for what a fork holds too, would never give it back."""
    code = """
        import os, time
        from threading import Event, Thread
        import thincopt

        optimizer, began = thincopt.Adam(), Event()

        def imports():
            from thincopt.concurrency.importing import late
            with optimizer._turns.lock:
                began.set()
                time.sleep(0.5)
                with late:
                    pass

        Thread(target=imports).start()
        began.wait()
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    """
    run(code, seconds=20)


def test_a_fork_waits_for_the_kernels_to_be_imported(compiled):
    """In the child nobody would end the import that another thread began."""
    code = """
        import os, signal, sys, time
        from threading import Event, Thread
        from thincopt import native

        began, imported = Event(), native.import_module

        def slow(name):
            began.set()
            time.sleep(0.3)
            return imported(name)

        native.import_module = slow
        thread = Thread(target=native.load)
        thread.start()
        began.wait()
        child = os.fork()
        if not child:
            signal.alarm(5)
            os._exit(0 if "thincopt.native.kernels" in sys.modules and native.load() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        thread.join()
    """
    run(code)
