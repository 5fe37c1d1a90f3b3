"""These tests need a CUDA device. Without one they are skipped; with THINCOPT_REQUIRE_GPU=1 that is a failure."""

import os
import warnings
from pathlib import Path

import pytest

from thincopt import OpsError
from thincopt.ops.cuda.driver import cuda

FOLDER = Path(__file__).parent
WARNINGS = ("default", "error:::thincopt")  # what other libraries warn of on a new machine is theirs


def missing() -> str:
    """Why there is no device, in words; nothing if there is one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cuda()
        except OpsError as error:
            return str(error)
    return ""


def pytest_collection_modifyitems(items):
    here = [each for each in items if FOLDER in each.path.parents]
    reason = missing() if here else ""
    if reason and os.environ.get("THINCOPT_REQUIRE_GPU") == "1":
        pytest.exit(f"THINCOPT_REQUIRE_GPU=1, but: {reason}", returncode=1)
    for each in here:
        each.add_marker(pytest.mark.filterwarnings(*WARNINGS))
        if reason:
            each.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def cp():
    """CuPy; what a test leaves on the device is finished before the next begins, and its faults are its own."""
    import cupy

    yield cupy
    cupy.cuda.runtime.deviceSynchronize()


@pytest.fixture
def stream(cp):
    """A stream that the default one does not wait for."""
    return cp.cuda.Stream(non_blocking=True)
