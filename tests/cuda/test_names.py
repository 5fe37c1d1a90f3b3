"""What thincopt/ops/cuda/driver.py asks of CuPy is there, by name: no device is needed to see that."""

import ast
from pathlib import Path

import cupy
import pytest

from thincopt.ops.cuda import driver as cuda

ROOTS = {"self.cupy": cupy, "self.runtime": cupy.cuda.runtime}
TREE = ast.parse(Path(cuda.__file__).read_text())
CHAINS = sorted({ast.unparse(each) for each in ast.walk(TREE) if isinstance(each, ast.Attribute)})
ASKED = [each for each in CHAINS if each.startswith(tuple(f"{root}." for root in ROOTS)) and "(" not in each]


def test_something_is_asked():
    assert {"self.cupy.from_dlpack", "self.runtime.memcpyAsync", "self.cupy.cuda.function.Module"} <= set(ASKED)


@pytest.mark.parametrize("chain", ASKED)
def test_cupy_has_it(chain):
    root = ".".join(chain.split(".")[:2])
    found = ROOTS[root]
    for name in chain.split(".")[2:]:
        found = getattr(found, name)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (cupy.ndarray, ["data", "device", "flags", "nbytes", "reshape", "shape", "size", "view"]),
        (cupy.cuda.Device, ["attributes", "compute_capability"]),
        (cupy.cuda.MemoryPointer, ["device_id", "ptr"]),
        (cupy.cuda.Stream, ["is_capturing", "wait_event"]),
        (cupy.cuda.function.Module, ["get_function", "load"]),
    ],
)
def test_its_things_have_what_is_asked_of_them(kind, names):
    assert [each for each in names if not hasattr(kind, each)] == []
