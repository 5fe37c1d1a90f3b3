"""Compiles the floor, for every level of vectors that this processor has."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from thincopt.native.flags import flags_for

FOLDER = Path("build/bench").resolve()
SOURCE = Path(__file__).with_name("floor.c")
FLAGS = ("-shared", "-fPIC", "-pthread")
LEVELS = {"AVX2": ("avx2", ["-mavx2"]), "AVX-512": ("avx512f", ["-mavx512f"])}  # as the system names it, and a flag


class MissingError(Exception):
    """Something cannot be measured here; the text says why."""


def compiler() -> list[str]:
    """The command of the C compiler."""
    command = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(command[0]) is None:
        raise MissingError(f"there is no C compiler ({command[0]})")
    return command


def floor_libraries() -> dict[str, ctypes.CDLL]:
    """The floor by level: no kernel may look better for a poor floor."""
    told = Path("/proc/cpuinfo")
    known = set(told.read_text().split()) if told.exists() else set()
    levels = {name: flags for name, (word, flags) in LEVELS.items() if word in known}
    return {name: _library(name, flags) for name, flags in (levels or {"baseline": []}).items()}


def _library(level: str, flags: list[str]) -> ctypes.CDLL:
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / f"floor-{level}.so"
    try:
        command = [*compiler(), *flags_for(compiler()), *FLAGS, *flags, str(SOURCE), "-o", str(target)]
        subprocess.run(command, check=True)  # noqa: S603  # the compiler that the user's environment names
    except subprocess.CalledProcessError as error:
        raise MissingError("floor.c did not compile") from error
    return ctypes.CDLL(str(target))
