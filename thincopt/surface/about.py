"""`thincopt.info()`: which kernels run here, and why."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from .. import __version__
from ..concurrency.importing import late
from ..concurrency.threads import num_threads
from ..native import load, reason

CUPY = ("cupy", "cupy-cuda12x", "cupy-cuda13x")  # the packages that are CuPy


@dataclass(frozen=True)
class Info:
    """Which kernels run, and why; printing it says so."""

    version: str
    native: bool
    reason: str
    isa: str | None  # the level of the processor's instructions that compiled kernels use
    threads: int
    on_demand: str  # how kernels are compiled that are not there
    cupy: str | None  # the version that is installed; whether there is a device is not asked

    def __str__(self) -> str:
        level = f", {self.isa}" if self.isa else ""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        cupy = f"CuPy {self.cupy}" if self.cupy else "no CuPy"
        return f"thincopt {self.version}; kernels: {self.reason}{level}; on demand: {self.on_demand}; {threads}; {cupy}"


def info() -> Info:
    """Which kernels run here and why, with how many threads: `print(thincopt.info())`."""
    native = load()
    level = native and native.level()
    with late:
        from ..native.demand import told
    return Info(__version__, native is not None, reason(), level, num_threads(), told(), _cupy())


def _cupy() -> str | None:
    """The version of CuPy, without importing it."""
    for package in CUPY:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None
