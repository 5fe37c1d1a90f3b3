"""Torch's tensors on the CPU are seen as NumPy's arrays on the same memory, where they can be."""

import numpy as np
import pytest
import torch

from thincopt.ops.fitting import on_host, unfit


class Own(torch.Tensor):
    """One's own kind of tensor."""


SHARED = {
    "float32": lambda: torch.ones(3, dtype=torch.float32),
    "float64": lambda: torch.ones(3, dtype=torch.float64),
    "a parameter": lambda: torch.nn.Parameter(torch.ones(2, 3)),
    "one's own": lambda: torch.ones(3).as_subclass(Own),
    "a view": lambda: torch.ones(6)[2:],
    "strided": lambda: torch.ones(6)[::2],
    "none": lambda: torch.ones(0),
}


@pytest.mark.parametrize("case", SHARED)
def test_the_memory_is_the_same(case: str) -> None:
    tensor = SHARED[case]()
    seen = on_host(tensor)
    assert isinstance(seen, np.ndarray)
    assert seen.shape == tuple(tensor.shape)
    seen[...] = 5
    assert bool((tensor.detach() == 5).all())


TYPES = "the gradient must be torch.float32 or torch.float64, not"
REFUSED = {
    "half": (lambda: torch.ones(3).half(), f"{TYPES} torch.float16; write gradient = gradient.float()"),
    "bfloat16": (lambda: torch.ones(3).bfloat16(), f"{TYPES} torch.bfloat16; write gradient = gradient.float()"),
    "whole numbers": (lambda: torch.arange(3), f"{TYPES} torch.int64; write gradient = gradient.float()"),
    "sparse": (
        lambda: torch.eye(3).to_sparse(),
        "the gradient must be a plain tensor, not one of torch.sparse_coo; write gradient = gradient.to_dense()",
    ),
    "without memory": (
        lambda: torch.ones(3, device="meta"),
        "the gradient must be a plain tensor on the CPU, whose memory NumPy can share; this one is on meta",
    ),
    "negated when read": (
        lambda: torch.ones(3, dtype=torch.complex64).conj().imag.to(torch.float32),
        "the gradient must be a plain tensor on the CPU, whose memory NumPy can share; this one is on cpu",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_shares_none_is_told(case: str) -> None:
    make, text = REFUSED[case]
    tensor = make()
    assert on_host(tensor) is tensor
    assert unfit("gradient", tensor) == text
