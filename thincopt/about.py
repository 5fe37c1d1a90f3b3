"""What runs here."""

from __future__ import annotations

from dataclasses import dataclass

from . import __version__
from .native import load, reason
from .threads import num_threads


@dataclass(frozen=True)
class Info:
    """Which kernels run, and why; printing it says so."""

    version: str
    native: bool
    reason: str
    isa: str | None  # the level of the processor's instructions that compiled kernels use
    threads: int

    def __str__(self) -> str:
        level = f", {self.isa}" if self.isa else ""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"thincopt {self.version}; kernels: {self.reason}{level}; {threads}"


def info() -> Info:
    """Tell which kernels run here, and why."""
    native = load()
    return Info(__version__, native is not None, reason(), native and native.level(), num_threads())
