"""Blocks of several threads, which meet at barriers, give the bits of one; sanitizers find no fault in them."""

import os
import subprocess
import sys

import pytest

from tests.devices.building import COMPILER
from tests.devices.host import host_ops
from tests.devices.twins import Twins
from tests.test_bits import OFF, odd_gradient

RUNS = {
    "Adam.v1": dict(grad_clip_by="model"),
    "LAMB.v1": dict(grad_clip=0.5, grad_clip_by="model", use_averages=True, lookahead_k=2),
    "ProbeSums.v1": OFF,
    "ProbeProdigy.v1": OFF,
    "ProbeCounter.v1": OFF,
}
KEYS = [("float32", 3), ("float64", 66), ("float32", 4097), ("float64", 8200)]


def train(ops, name, settings, steps=4):
    """Train keys of both types, all of their kernels made at once."""
    twins = Twins(ops, name, nonfinite="propagate", **settings)
    ops.driver.library.prepare(twins.device._runner.launches.steps)
    for dtype, size in KEYS:
        twins.add((dtype, size), size, dtype)
    for step in range(steps):
        twins.step({key: odd_gradient(step, key[1], key[0]) for key in KEYS})
        twins.assert_same()


@pytest.mark.parametrize("threads", [7, 100])
@pytest.mark.parametrize("name", RUNS)
def test_any_number_of_threads(name, threads, library):
    train(host_ops(library, threads), name, RUNS[name])


INSIDE = """
import sys
from pathlib import Path
from tests.devices.building import Library
from tests.devices.host import host_ops
from tests.devices.test_threads import RUNS, train
folder, flags = sys.argv[1:]
train(host_ops(Library(Path(folder), flags.split()), threads=4), "Adam.v1", RUNS["Adam.v1"])
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
