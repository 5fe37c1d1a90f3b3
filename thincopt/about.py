"""What runs here."""

from __future__ import annotations

from dataclasses import dataclass

from . import __version__
from .native import load, reason


@dataclass(frozen=True)
class Info:
    """Which kernels run, and why; printing it says so."""

    version: str
    native: bool
    reason: str

    def __str__(self) -> str:
        return f"thincopt {self.version}; kernels: {self.reason}"


def info() -> Info:
    """Tell which kernels run here, and why."""
    return Info(__version__, load() is not None, reason())
