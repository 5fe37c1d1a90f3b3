"""Rules of one's own, compiled: found by every optimizer made from then on."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import thincopt
from tests.conftest import is_compiled
from thincopt import NumpyOps, OpsError, RuleError, native
from thincopt.language import Rate, Unit, rule, sign


@pytest.fixture
def cache(monkeypatch, tmp_path, compiled):
    """A cache of the test's own; what is enrolled is gone after it."""
    monkeypatch.delenv("THINCOPT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(native, "_enrolled", [])
    return tmp_path / "thincopt"


def sharp(name, power):
    @rule(name)
    def Sharp(w, g, m, *, learn_rate: Rate = 0.1, beta: Unit = 0.9):
        """m ← βm + (1−β)g;   w ← w − η·sign(m)·m²ᵖ"""
        m = beta * m + (1 - beta) * g
        return learn_rate * sign(m) * m ** (2 * power), m

    return Sharp


def trained(optimizer):
    weights = np.linspace(-1, 1, 1000)
    for _ in range(3):
        optimizer("w", weights, weights / 2)
    return weights.tobytes()


def test_compiled_from_then_on_however_it_is_made_and_with_the_same_bits(cache):
    rules = sharp("SharpForTests.v1", 1), sharp("SharperForTests.v1", 2)
    before = thincopt.get("SharpForTests.v1")(0.5)
    assert not is_compiled(before)
    thincopt.compile(*rules)
    config = "[optimizer]\n@optimizers = SharpForTests.v1\nlearn_rate = 0.5\n"
    made = [
        thincopt.get("SharpForTests.v1")(0.5),
        thincopt.load(config)["optimizer"],
        pickle.loads(pickle.dumps(before)),
    ]
    assert all(map(is_compiled, made))
    assert {trained(each) for each in made} == {trained(before)}
    assert is_compiled(thincopt.get("SharperForTests.v1")())
    assert is_compiled(thincopt.Adam())
    assert not is_compiled(thincopt.get("SharpForTests.v1")(ops=NumpyOps(None)))


def test_the_cache_serves_a_formula_again_and_never_a_changed_one(cache, monkeypatch):
    first = sharp("SharpForTests.v1", 1)
    thincopt.compile(first)
    (kept,) = cache.iterdir()
    monkeypatch.setattr(subprocess, "run", None)  # the compiler is not called again
    thincopt.compile(first)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    thincopt.compile(sharp("SharpForTests.v1", 2))
    assert len(list(cache.iterdir())) == 2
    assert [each.name for each in kept.iterdir()] == ["kernels.abi3.so"]


def test_a_folder_of_ones_own(cache, tmp_path):
    thincopt.compile(sharp("SharpForTests.v1", 1), folder=str(tmp_path / "mine"))
    assert not cache.exists()
    assert len(list((tmp_path / "mine").glob("*/kernels.abi3.so"))) == 1


def test_without_a_compiler_it_is_told_and_numpy_serves(cache, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(OpsError, match=r"^The rules could not be compiled: .*no-such-compiler.*They run in NumPy"):
        thincopt.compile(sharp("SharpForTests.v1", 1))
    assert not list(cache.rglob("*.so"))
    assert not is_compiled(thincopt.get("SharpForTests.v1")())


def test_what_is_no_rule_is_refused(cache):
    with pytest.raises(RuleError, match=r"^compile takes rules, such as @rule makes of a function, not 'Sharp'\.$"):
        thincopt.compile("Sharp")


def test_where_kernels_do_not_run_it_says_so():
    code = "import thincopt; thincopt.compile(thincopt.get('Lion.v1').rule)"
    command = ["env", "THINCOPT_NATIVE=0", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "OpsError: Compiled kernels do not run here (plain NumPy: THINCOPT_NATIVE=0)" in done.stderr
