"""The same bits whatever flags the environment asks for; and what is loaded leaves arithmetic as it was."""

import ctypes
import os
import platform
import shutil
import subprocess
import sys

import numpy as np
import pytest

import thincopt
from tests.compilers import script
from tests.conftest import another
from tests.test_building import build, copied
from thincopt import OpsError, native
from thincopt.native import probing
from thincopt.native.flags import EXACT, FLAGS, SOME_KNOW, flags_for, harmless
from thincopt.native.loading import exactly

X86 = platform.machine() in ("x86_64", "AMD64")
HOSTILE = [
    "-Ofast",
    "-ffast-math",
    "-funsafe-math-optimizations",
    "-ffinite-math-only",
    "-fno-signed-zeros",
    "-freciprocal-math",
    "-fassociative-math",
    "-frounding-math",
    "-fsingle-precision-constant",
    "-ffp-contract=fast",
    *(["-mfpmath=387", "-mno-ieee-fp", "-mrecip=all"] if X86 else []),
]
PRECISION = ["-mpc32", "-mno-sse2"]  # no later flag takes these back
TRAIN = """
import sys
import numpy as np, thincopt
from thincopt.ops.numpy.ops import NumpyOps
least, one = np.array([5e-324, 1e-310]), np.array([1.0, 0.5])
before = (least * one).tobytes()
thincopt.info()
assert (least * one).tobytes() == before, "subnormal numbers became 0"
rule, settings = thincopt.get("AdamW.v1").rule, dict(grad_clip=1.0, weight_decay=0.1)
if sys.argv[1:]:
    from thincopt.language import Rate, Unit, rule, sqrt
    @rule("Mine.v1", decay="start")
    def rule(w, g, m, v, t, *, learn_rate: Rate = 1e-3, beta: Unit = 0.9):
        m = beta * m + (1 - beta) * g
        v = 0.999 * v + 0.001 * g * g
        return 3 * learn_rate * m / (1 - beta**t) / (sqrt(v) + 1e-8), m, v
    thincopt.compile(rule, folder=sys.argv[1])
ops = NumpyOps(thincopt.native.load())
assert ops.native, thincopt.info()
assert (least * one).tobytes() == before, "subnormal numbers became 0"
ends = []
for each in (NumpyOps(None), ops):
    random = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        optimizer = thincopt.Optimizer.of(rule, ops=each, **settings)
        weights = random.normal(size=4099).astype(dtype)
        for scale in (1.0, np.finfo(dtype).tiny, 1e30, 0.0):
            gradient = (random.normal(size=4099) * scale).astype(dtype)
            gradient[::7] = -0.0
            optimizer.update({"w": (weights, gradient)})
        ends.append(weights.tobytes() + b"".join(np.asarray(v).tobytes() for v in (optimizer.mom1 or {}).values()))
    names = type(optimizer._now.runner).__name__
assert names == "CompiledRunner", names
assert ends[:2] == ends[2:], "other bits"
print("same")
"""


def train(*arguments, cwd=None, **environment):
    command = [sys.executable, "-W", "ignore::RuntimeWarning", "-c", TRAIN, *map(str, arguments)]
    environment = {**os.environ, "THINCOPT_NATIVE": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    assert (done.returncode, done.stdout.strip()) == (0, "same"), done.stderr


@pytest.fixture(scope="module")
def gcc():
    """The compiler, if it is GCC, which tells by which options it would compile and link."""
    found = shutil.which("gcc")
    told = found and subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if not told or "Free Software Foundation" not in told:
        pytest.skip("there is no GCC")
    return found


def effective(*command):
    """The options that are in force after a command's flags; and whether it would link what sets flush-to-zero."""
    options = []
    for kind in ("optimizers", "target", "common"):
        told = subprocess.run([*command, "-Q", f"--help={kind}"], capture_output=True, text=True, check=True).stdout
        options += [line for line in told.splitlines() if not line.startswith("  -o ")]
    linked = subprocess.run([*command, "-shared", "-###", "x.o"], capture_output=True, text=True, check=True).stderr
    return options, "crtfastmath" in linked


@pytest.mark.parametrize("flag", HOSTILE)
def test_a_later_flag_takes_back(flag, gcc):
    """So it holds too where a flag is hidden, as in a compiler that is a script."""
    ours = flags_for([gcc])
    assert effective(gcc, flag, *ours) == (effective(gcc, *ours)[0], False)


def test_with_every_hidden_flag_the_bits_are_the_same(tmp_path, compiled, gcc):
    compiler = script(tmp_path / "cc", f'exec {gcc} {" ".join(HOSTILE)} "$@"')
    train(tmp_path / "kept", CC=compiler)


def test_flags_that_change_results_are_left_out_of_CC(tmp_path, compiled):
    compiler = " ".join(["cc", *HOSTILE, *(PRECISION if X86 else [])])
    train(tmp_path / "kept", CC=compiler)


@pytest.mark.parametrize("hostile", [HOSTILE, PRECISION])
def test_which_flags_are_left_out_is_told(hostile):
    command = ["cc", "-O2", *EXACT, "-march=native", *hostile, "-fno-strict-aliasing", "-DN=1"]
    assert harmless(command) == (["cc", "-O2", "-march=native", "-fno-strict-aliasing", "-DN=1"], hostile)
    assert harmless(["cc", *FLAGS, *SOME_KNOW])[1] == []


def test_an_installation_with_hostile_CFLAGS_has_the_same_bits(tmp_path, compiled):
    """Of one rule, so that it takes seconds."""
    folder = copied(tmp_path)
    for each in (folder / "thincopt" / "rules").glob("[a-z]*.py"):
        if each.name not in ("__init__.py", "adam.py"):
            each.unlink()
    hostile = " ".join([*HOSTILE, *(PRECISION if X86 else [])])
    done = build(folder, CFLAGS=hostile, LDFLAGS="-Ofast", THINCOPT_REQUIRE_NATIVE="1")
    assert done.returncode == 0, done.stderr
    assert f"{hostile} would change results, and is left out of " in done.stderr
    train(cwd=folder, PYTHONPATH=str(folder))


@pytest.mark.skipif(not X86, reason="needs a library that sets flush-to-zero when it is loaded, as on x86")
def test_kernels_that_set_flush_to_zero_are_not_used(tmp_path, compiled, gcc, monkeypatch):
    """Where a flag comes last, out of reach; the thread computes as before."""
    monkeypatch.setenv("CC", script(tmp_path / "cc", f'exec {gcc} "$@" -ffast-math'))
    own = another()
    before = probing._computed()
    with pytest.raises(OpsError, match=r"as -ffast-math makes a library do: that was undone, and they are not used"):
        thincopt.compile(own, folder=tmp_path / "kept")
    assert probing._computed() == before


def flush_to_zero():
    """As a library may that is loaded."""
    room = (ctypes.c_uint32 * 8)()
    ctypes.CDLL(None).fegetenv(room)
    room[7] |= 0x8040
    ctypes.CDLL(None).fesetenv(room)


@pytest.mark.skipif(not X86, reason="sets the control words of x86")
def test_installed_kernels_that_set_flush_to_zero_give_way_to_numpy(monkeypatch):
    monkeypatch.setenv("THINCOPT_NATIVE", "1")
    monkeypatch.setattr(native, "import_module", lambda name: flush_to_zero())
    module, reason = native._found.__wrapped__()
    assert module is None
    assert reason.startswith("plain NumPy: these kernels, once loaded, change how the whole process computes")
    assert (np.array([5e-324]) * np.array([1.0])).tobytes() == np.array([5e-324]).tobytes()


@pytest.mark.skipif(not X86, reason="sets the control words of x86")
def test_where_it_cannot_be_undone_it_is_told(monkeypatch):
    before, undo = probing._computed(), probing._restorer()
    monkeypatch.setattr(probing, "_restorer", lambda: lambda: None)
    with pytest.raises(OpsError, match="this thread goes on so, until the process ends, and they are not used"):
        exactly(flush_to_zero)
    undo()
    assert probing._computed() == before


def test_a_compiler_is_asked_for_no_flag_that_it_does_not_know(tmp_path):
    """As clang, which serves on macOS, does not know one of GCC's."""
    compiler = script(tmp_path / "cc", f'case "$*" in *{SOME_KNOW[0]}*) exit 1; esac')
    assert flags_for([compiler]) == [*FLAGS, *SOME_KNOW[1:]]
    assert flags_for([str(tmp_path / "none")]) == FLAGS
    knows_all = script(tmp_path / "another", "")
    assert flags_for([knows_all]) == [*FLAGS, *SOME_KNOW]
