"""A device that is this processor, with all kernels of all rules compiled once."""

import shutil

import pytest

from tests import probes
from tests.devices.building import COMPILER, Library, every_launch
from tests.devices.host import host_ops
from thincopt.environment import flag
from thincopt.rules import all_rules


@pytest.fixture(scope="session")
def compiler():
    """There is one for C++."""
    if shutil.which(COMPILER[0]) is None:
        wanted = flag("THINCOPT_REQUIRE_NATIVE", default=False)
        (pytest.fail if wanted else pytest.skip)(f"no C++ compiler: {COMPILER[0]} is not found")


@pytest.fixture(scope="session")
def library(compiler, tmp_path_factory):
    """The kernels of every rule and every setting."""
    made = Library(tmp_path_factory.mktemp("devices"))
    made.prepare(every_launch([*all_rules().values(), *probes.RULES]))
    return made


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
