"""Blocks of several threads, which meet at barriers, give the bits of one; sanitizers find no fault in them."""

import os
import subprocess
import sys

import pytest

from tests.devices.building import COMPILER
from tests.devices.host import host_ops
from tests.devices.test_bits import memory
from tests.devices.twins import Twins
from tests.test_bits import OFF, odd_gradient
from thincopt import Optimizer
from thincopt.ops.cuda.work import SHAPES

RUNS = {
    "Adam.v1": {},
    "LAMB.v1": dict(grad_clip=0.5, grad_clip_by="model", use_averages=True, lookahead_k=2),
    "ProbeSums.v1": {**OFF, **dict(grad_clip=0.5, grad_clip_by="model")},
    "ProbeProdigy.v1": OFF,
    "ProbeCounter.v1": OFF,
}
KEYS = [("float32", 3), ("float64", 66), ("float32", 4097), ("float64", 8200), ("float32", 8200), ("float64", 64)]
FEW = dict.fromkeys(SHAPES, (1, 2))  # two blocks, so that each does several units of work


def train(ops, name, settings, steps=4):
    """Train keys of both types."""
    twins = Twins(ops, name, nonfinite="propagate", **settings)
    for dtype, size in KEYS:
        twins.add((dtype, size), size, dtype)
    for step in range(steps):
        twins.step({key: odd_gradient(step, key[1], key[0]) for key in KEYS})
        twins.assert_same()


@pytest.mark.parametrize("threads", [7, 100])
@pytest.mark.parametrize("name", RUNS)
def test_any_number_of_threads(name, threads, library, monkeypatch):
    monkeypatch.setattr("thincopt.ops.cuda.work.SHAPES", FEW)
    train(host_ops(library, threads), name, RUNS[name])


def unaligned(ops):
    """Steps on arrays that begin at no multiple of 16 bytes, one or both."""
    for offsets in ((0, 0), (0, 1), (2, 0), (3, 3)):
        weights, gradient, _ = memory(1003, "float32", offsets)
        Optimizer.of("ProbeSums.v1", ops=ops, **RUNS["ProbeSums.v1"]).update({"w": (weights, gradient)})


INSIDE = """
import sys
from pathlib import Path
from tests.devices.building import Library
from tests.devices.host import host_ops
from tests.devices.test_threads import FEW, RUNS, train, unaligned
from thincopt.ops.cuda import work
folder, flags = sys.argv[1:]
work.SHAPES = FEW
ops = host_ops(Library(Path(folder), flags.split()), threads=3)
train(ops, "ProbeSums.v1", RUNS["ProbeSums.v1"])
unaligned(ops)
"""
SANITIZERS = {
    "thread": ("libtsan.so", dict(TSAN_OPTIONS="halt_on_error=1")),
    "address,undefined": ("libasan.so", dict(ASAN_OPTIONS="detect_leaks=0")),
}


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_sanitizers_find_nothing(sanitizer, compiler, tmp_path):
    """Races between threads; reads and writes beyond an array or not aligned."""
    name, options = SANITIZERS[sanitizer]
    found = subprocess.run([*COMPILER, f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    runtime = found.stdout.strip()
    if not os.path.isabs(runtime):
        pytest.skip(f"{COMPILER[0]} has no {name}")
    flags = f"-g -fsanitize={sanitizer} -fno-sanitize-recover=all"
    environment = {**os.environ, "LD_PRELOAD": runtime, **options}
    done = subprocess.run(
        [sys.executable, "-c", INSIDE, tmp_path, flags], check=False, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
