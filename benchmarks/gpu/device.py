"""The device: its stream, the benchmark's own kernels, its memory, and what it is in words."""

from __future__ import annotations

import gc
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cupy
import numpy as np

import thincopt

SOURCE = Path(__file__).with_name("floor.cu")
THREADS = 256
PACKAGES = ("numpy", "cupy-cuda13x", "cupy-cuda12x", "torch", "jax", "optax")
ROOM = 1 << 28  # bytes that are left free for what others need besides


class Device:
    """The current device, and one stream on which all is measured."""

    def __init__(self) -> None:
        self.facts = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
        self.stream = cupy.cuda.Stream(non_blocking=True)
        module = cupy.RawModule(code=SOURCE.read_text())
        self._kernels = {name: module.get_function(name) for name in ("copy", "step", "fill", "spin")}

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have its stream be the current one, of CuPy and of torch."""
        torch = sys.modules.get("torch")
        with ExitStack() as stack:
            stack.enter_context(self.stream)
            if torch and torch.cuda.is_available():
                stack.enter_context(torch.cuda.stream(torch.cuda.ExternalStream(self.stream.ptr)))
            yield

    def run(self, name: str, count: int, *arguments: Any) -> None:
        """Launch one of the kernels, with a thread for each of so many."""
        self._kernels[name]((-(-count // THREADS),), (THREADS,), arguments)

    def fill(self, array: Any, seed: int) -> None:
        """Fill an array with numbers that look random."""
        self.run("fill", array.size, array, np.int64(array.size), np.uint32(seed))

    def spin(self, seconds: float) -> None:
        """Have the stream wait."""
        self._kernels["spin"]((1,), (1,), (np.int64(seconds * 1e9),))

    def copy(self, to: Any, source: Any) -> None:
        """Copy an array, as the driver does it."""
        kind = cupy.cuda.runtime.memcpyDeviceToDevice
        cupy.cuda.runtime.memcpyAsync(to.data.ptr, source.data.ptr, source.nbytes, kind, self.stream.ptr)

    def free(self) -> int:
        """The bytes of memory that can be had."""
        free, _ = cupy.cuda.runtime.memGetInfo()
        return int(free) + int(cupy.get_default_memory_pool().free_bytes()) - ROOM

    def tidy(self) -> None:
        """Give back what nobody uses; thincopt keeps what its captured steps use, which are over."""
        cupy.cuda.runtime.deviceSynchronize()
        captured = getattr(thincopt.CupyOps().driver, "captured", None)
        if captured:
            captured.clear()
        gc.collect()
        cupy.get_default_memory_pool().free_all_blocks()
        torch = sys.modules.get("torch")
        if torch and torch.cuda.is_available():
            torch.cuda.empty_cache()

    @property
    def name(self) -> str:
        """As its maker calls it."""
        told = self.facts["name"]
        return told.decode() if isinstance(told, bytes) else str(told)

    @property
    def file_stem(self) -> str:
        """A name for the files of its results."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def cache(self) -> int:
        """The bytes of its second-level cache."""
        return int(self.facts.get("l2CacheSize", 0))

    @property
    def processors(self) -> int:
        """How many multiprocessors it has."""
        return int(self.facts["multiProcessorCount"])

    def description(self) -> list[str]:
        """What there is, in lines."""
        memory = f"{self.facts['totalGlobalMem'] / 2**30:.0f} GiB of memory"
        runtime = cupy.cuda.runtime
        driver, compiled = (_dotted(each()) for each in (runtime.driverGetVersion, runtime.runtimeGetVersion))
        return [
            self.name,
            f"{self.processors} multiprocessors, L2 {self.cache / 2**20:.0f} MiB, {memory}",
            f"CUDA {compiled}, driver for {driver}",
            f"thincopt {thincopt.__version__}, Python {platform.python_version()}, " + ", ".join(_versions()),
        ]


def _dotted(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _versions() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
