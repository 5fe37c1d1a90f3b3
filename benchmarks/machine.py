"""What the figures were taken on, in words that fit any report."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import thincopt

from .building import MissingError, compiler
from .contenders import CORES

PACKAGES = ("numpy", "torch", "thinc", "optax", "jaxlib")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def processor() -> str:
    """The model of the processor and its cores."""
    told = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", told.read_text()) if told.exists() else None
    model = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{model}, {CORES} {'core' if CORES == 1 else 'cores'}"


def description() -> list[str]:
    """What there is, in lines: processor and caches, system, versions, compiler, the day."""
    versions = filter(None, map(_version, PACKAGES))
    return [
        processor(),
        ", ".join([*_caches(), platform.system(), *_memory(), *_huge_pages()]),
        str(thincopt.info()),
        ", ".join([f"Python {platform.python_version()}", *versions]),
        _compiler(),
        f"Measured on {date.today().isoformat()}",
    ]


def caches() -> list[int]:
    """The bytes of each level of cache for data, as the first core sees it."""
    folders = sorted(CACHES.glob("index*"))
    told = [[(each / name).read_text().strip() for name in ("type", "size")] for each in folders]
    return [int(size.removesuffix("K")) << 10 for kind, size in told if kind != "Instruction"]


def file_stem() -> str:
    """A name for this kind of machine."""
    words = re.sub(r"(\d+) cores?$", r"\1core", processor().lower())
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def _caches() -> list[str]:
    return [f"L{level} {size >> 10:,} KiB" for level, size in enumerate(caches(), 1)]


def _memory() -> list[str]:
    names = os.sysconf_names
    if "SC_PHYS_PAGES" not in names:
        return []
    return [f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB of memory"]


def _huge_pages() -> list[str]:
    found = re.search(r"\[(\w+)\]", HUGE_PAGES.read_text()) if HUGE_PAGES.exists() else None
    return [f"huge pages: {found[1]}"] if found else []


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
