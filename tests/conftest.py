"""What tests share: the compiled module, probe rules compiled for tests alone, and runs to compare."""

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import catalogue
import numpy as np
import pytest

from tests import probes, sampling, vectors
from tests.compilers import Compiler
from thincopt import Optimizer
from thincopt.environment import flag
from thincopt.language import Rate, Unit, rule, sign
from thincopt.language.declaring import Rule
from thincopt.native import demand, load, ready, reason
from thincopt.native.loading import module_in
from thincopt.ops.numpy.ops import NumpyOps
from thincopt.recipes.composing import compose, declarations
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules

ROOT = Path(__file__).parent.parent
os.environ["THINCOPT_COMPILE"] = "0"  # unless a test says otherwise
_formulas = count(1)


def pytest_addoption(parser):
    parser.addoption("--exhaustive", action="store_true", help="every combination in every size, not a sample of them")


def pytest_configure(config):
    config.addinivalue_line("markers", "sampled(names, cases): parametrize with a sample of a product")
    if config.getoption("exhaustive"):
        sampling.share = 1


def pytest_generate_tests(metafunc):
    sampling.parametrize(metafunc)


@pytest.fixture(autouse=True)
def registries_as_before():
    """What a test registers is gone after it."""
    tables = (all_rules(), all_schedules(), catalogue.REGISTRY)
    before = [dict(each) for each in tables]
    yield
    for table, known in zip(tables, before, strict=True):
        table.clear()
        table.update(known)


@pytest.fixture(scope="session")
def compiled():
    """The installed kernels as a backend."""
    native = load()
    if native is None:
        wanted = flag("THINCOPT_REQUIRE_NATIVE", default=False) and flag("THINCOPT_NATIVE", default=True)
        (pytest.fail if wanted else pytest.skip)(reason())
    return NumpyOps(native)


@pytest.fixture(scope="session", autouse=True)
def probes_under_way(request, tmp_path_factory):
    """The tests' own rules are compiled beside the first tests, where any asks for them."""
    asked = {name for each in request.session.items for name in each.fixturenames}
    if load() is None or asked.isdisjoint({"compiled_probes", "probe_ops"}):
        yield None
        return
    folder = tmp_path_factory.mktemp("probes")
    command = [sys.executable, "-m", probes.__name__, str(folder), "-Werror", *vectors.reporting(folder)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        yield process, folder
        process.send_signal(signal.SIGINT)  # if it is still at work, it ends its compiler too


@pytest.fixture(scope="session")
def probes_folder(compiled, probes_under_way):
    """Where they were compiled, with what the compiler tells of them."""
    process, folder = probes_under_way
    assert process.wait() == 0, "the compiler says above what is wrong"
    return folder


@pytest.fixture(scope="session")
def compiled_probes(probes_folder):
    """Their kernels as a backend."""
    return NumpyOps(ready(module_in(probes_folder / "built.so")))


@pytest.fixture(params=["plain", "compiled"])
def ops(request):
    """Each backend in turn."""
    return NumpyOps(None) if request.param == "plain" else request.getfixturevalue("compiled")


@pytest.fixture(params=["plain", "compiled"])
def probe_ops(request):
    """Each backend in turn, for the tests' own rules."""
    return NumpyOps(None) if request.param == "plain" else request.getfixturevalue("compiled_probes")


@pytest.fixture
def cache(monkeypatch, tmp_path, compiled):
    """A cache of the test's own."""
    monkeypatch.delenv("THINCOPT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "thincopt"


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


def another(name="AnotherForTests.v1"):
    """A rule whose formula no test has had before: what was compiled stays so."""
    number = 1 + next(_formulas) / 1024

    @rule(name)
    def Another(w, g, m, *, learn_rate: Rate = 0.1, beta: Unit = 0.9):
        """m ← βm + (1−β)g;   w ← w − η·sign(m)·(m² + a number)"""
        m = beta * m + (1 - beta) * g
        return learn_rate * sign(m) * (m * m + number), m

    return Another


def is_compiled(optimizer: Optimizer) -> bool:
    return type(optimizer._now.runner).__name__ == "CompiledRunner"


def steps(optimizer, count=3, size=5, dtype="float64", key="w"):
    """Train one key on fixed gradients; its weights."""
    random = np.random.default_rng(0)
    weights = random.normal(size=size).astype(dtype)
    for _ in range(count):
        optimizer.update({key: (weights, random.normal(size=size).astype(dtype))})
    return weights


def traced(function, **asks):
    """The main kernel of a rule, or of one that is only this function."""
    made = function if isinstance(function, Rule) else Rule("Made.v1", function)
    choices = {each.name: each.default for each in declarations(made).settings if not each.is_number}
    return compose(made, choices, lambda name: asks.get(name, False)).kernels[0]


def same(a, b) -> bool:
    """Equal as values, NaN equal to NaN."""
    return np.array_equal(a, b, equal_nan=isinstance(a, float | np.ndarray))


def pytest_report_header():
    native = "required" if flag("THINCOPT_REQUIRE_NATIVE", default=False) else "if there"
    return f"thincopt kernels: {'compiled' if load() else 'plain NumPy'} ({native})"
