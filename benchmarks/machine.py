"""What the figures were taken on, in words that fit any report."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from thincopt import __version__

from .building import MissingError, compiler

PACKAGES = ("numpy", "torch", "thinc")


def processor() -> str:
    """The model of the processor and its cores."""
    told = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", told.read_text()) if told.exists() else None
    model = found[1].strip() if found else platform.processor() or platform.machine()
    cores = os.cpu_count() or 1
    return f"{model}, {cores} {'core' if cores == 1 else 'cores'}"


def description() -> str:
    """One line: processor, system, versions, compiler."""
    versions = filter(None, map(_version, PACKAGES))
    programs = [f"thincopt {__version__}", f"Python {platform.python_version()}", *versions]
    return "; ".join([processor(), platform.system(), ", ".join(programs), _compiler()])


def file_stem() -> str:
    """A name for this kind of machine."""
    words = re.sub(r"(\d+) cores?$", r"\1core", processor().lower())
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def _version(package: str) -> str | None:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None


def _compiler() -> str:
    try:
        command = [*compiler(), "--version"]
    except MissingError:
        return "no compiler"
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # as in building.py
    return told.stdout.partition("\n")[0]
