"""A device that is this processor, with all kernels of all rules compiled once."""

import shutil
from itertools import chain

import pytest

from tests import probes
from tests.devices.building import COMPILER, Library, every_launch
from tests.devices.host import host_ops
from thincopt import NumpyOps, Optimizer
from thincopt.environment import flag
from thincopt.ops.cuda.launching import launches
from thincopt.rules import all_rules


@pytest.fixture(scope="session")
def compiler():
    """There is one for C++."""
    if shutil.which(COMPILER[0]) is None:
        wanted = flag("THINCOPT_REQUIRE_NATIVE", default=False)
        (pytest.fail if wanted else pytest.skip)(f"no C++ compiler: {COMPILER[0]} is not found")


@pytest.fixture(scope="session")
def library(compiler, tmp_path_factory, request):
    """The kernels that tests are given by rule and settings, compiled together; others are as they are asked for."""
    made = Library(tmp_path_factory.mktemp("devices"))
    if request.config.getoption("exhaustive"):
        made.prepare(every_launch([*all_rules().values(), *probes.RULES]))
    items = [each for each in request.session.items if hasattr(each, "callspec")]
    given = [each.callspec.params for each in items if "gpu" in each.fixturenames]
    made.prepare(chain.from_iterable(steps_of(**each) for each in given if {"name", "settings"} <= each.keys()))
    return made


def steps_of(name, settings, nonfinite="propagate", **others):
    """What a rule launches with these settings."""
    cohort = Optimizer.of(name, ops=NumpyOps(None), **settings)._now.of(None).cohort
    return launches([cohort], nonfinite).steps


@pytest.fixture
def gpu(library):
    """A backend of a test's own, on a device of its own."""
    return host_ops(library)


@pytest.fixture
def driver(gpu):
    """That device."""
    return gpu.driver


@pytest.fixture
def found(driver, monkeypatch):
    """That device, as if CuPy had found it."""
    monkeypatch.setattr("thincopt.ops.cuda.driver.cuda", lambda: driver)
    return driver
