"""Arrays that are not NumPy's: which are seen as such on the same memory, and what is said of the others."""

from types import SimpleNamespace

import numpy as np
import pytest

from thincopt.ops.fitting import is_on_device, on_host, readonly, unfit


class Exporter:
    """An array of another library, as far as DLPack shows it."""

    def __init__(self, array, device=1):
        self.array, self.device = array, device

    def __dlpack_device__(self):
        return self.device, 0

    def __dlpack__(self, **asked):
        return self.array.__dlpack__(**asked)


def readonly_array():
    array = np.ones(3)
    array.flags.writeable = False
    return array


def test_memory_that_another_library_shares_is_written():
    array = np.ones(3, "float32")
    seen = on_host(Exporter(array))
    seen[1] = 5
    assert array.tolist() == [1, 5, 1]
    assert on_host(array) is array


class Nowhere:
    """As torch's tensors without memory."""

    def __dlpack_device__(self):
        raise ValueError("Unknown device type")


OTHERS = {
    "on a device": Exporter(np.ones(3), device=2),
    "for reading only": Exporter(readonly_array()),
    "of another type": Exporter(np.ones(3, "float16")),
    "whole numbers": Exporter(np.ones(3, "int64")),
    "nowhere": Nowhere(),
    "a list": [1.0],
    "None": None,
    "a number": 1.0,
    "a type": Exporter,
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_cannot_be_written_there_stays_what_it_is(case):
    value = OTHERS[case]
    assert on_host(value) is value
    assert is_on_device(value) == (case == "on a device")


class ArrayImpl:
    """As an array of JAX, which others may read as NumPy's."""

    __array__ = None

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, **asked):
        return np.ones(3).__dlpack__(**asked)


ArrayImpl.__module__ = "jaxlib._jax"


class Tensor:
    """As a tensor of torch on the CPU."""

    __array__ = None

    def __init__(self, dtype, layout="torch.strided", device="cpu"):
        self.dtype, self.layout, self.device = dtype, layout, device

    def __dlpack_device__(self):
        return 1, 0

    def detach(self):
        return SimpleNamespace(numpy=lambda: np.ones(3, "float16"))


Tensor.__module__ = "torch"


class Parameter(Tensor):
    """One's own kind of those."""


TOLD = [
    ([1.0], "the {role} {not_array} list; write {role} = np.array({role}){once}"),
    (1.0, "the {role} {not_array} float; write {role} = np.array({role}){once}"),
    ("abc", "the {role} {not_array} str"),
    (None, "nothing was given as the {role}; write optimizer(key, weights, gradient)"),
    (
        ArrayImpl(),
        "the {role} {not_array} jaxlib._jax.ArrayImpl; JAX's arrays cannot be changed in place; write {role} ="
        " np.array({role}){once}",
    ),
    (
        Exporter(np.ones(3), device=2),
        "the {role} {not_array} tests.test_fitting.Exporter; it is on a CUDA device: optimizer.to_gpu() moves the"
        " state there",
    ),
    (
        Parameter("torch.bfloat16"),
        "the {role} must be torch.float32 or torch.float64, not torch.bfloat16; write {role} = {role}.float(){once}",
    ),
    (
        Tensor("torch.float32", "torch.sparse_coo"),
        "the {role} must be a plain tensor, not one of torch.sparse_coo; write {role} = {role}.to_dense(){once}",
    ),
    (
        Tensor("torch.float32", device="meta"),
        "the {role} must be a plain tensor on the CPU, whose memory NumPy can share; this one is on meta",
    ),
]
ROLES = {"weights": " once, and train that", "gradient": ""}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("value", "text"), TOLD)
def test_what_is_no_array_is_told_with_what_to_write(value, text, role):
    not_array = "must be a NumPy array, to be updated in place, not"
    assert on_host(value) is value
    assert unfit(role, value) == text.format(role=role, once=ROLES[role], not_array=not_array)


def test_an_array_for_reading_only_is_told_with_what_to_write():
    told = "must be writable, but this array is read-only; write"
    assert readonly("weights") == f"the weights {told} weights = np.array(weights) once, and train that"
    assert readonly("gradient") == f"the gradient {told} gradient = np.array(gradient)"
