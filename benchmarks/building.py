"""Compiles what the benchmark needs and the library does not ship: kernels for AVX2, and the floor."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from thincopt.native.building import build
from thincopt.rules import all_rules

from .problems import WORKS

FOLDER = Path("build/bench").resolve()
FLOOR = Path(__file__).with_name("floor.c")
FLAGS = ("-std=c11", "-O3", "-fno-tree-loop-distribute-patterns", "-shared", "-fPIC")
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")


class MissingError(Exception):
    """Something cannot be measured here; the text says why."""


def compiler() -> list[str]:
    """The command of the C compiler."""
    command = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(command[0]) is None:
        raise MissingError(f"there is no C compiler ({command[0]})")
    return command


def has_avx2() -> bool:
    """Whether this processor has AVX2, as far as its system tells."""
    told = Path("/proc/cpuinfo")
    return IS_X86 and told.exists() and " avx2 " in told.read_text()


def avx2_kernels() -> Any:
    """The module of compiled kernels, built for AVX2 from the working tree."""
    if not has_avx2():
        raise MissingError("this processor has none")
    compiler()
    rules = all_rules()
    try:
        return build([rules[name] for name in sorted({each.rule for each in WORKS})], FOLDER / "avx2", ["-mavx2"])
    except subprocess.CalledProcessError as error:
        raise MissingError("the kernels did not compile") from error


def floor_library() -> ctypes.CDLL:
    """The floor, for AVX2 where there is any: no build of the kernels may look better for a poor floor."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = FOLDER / "floor.so"
    command = [*compiler(), *FLAGS, *(["-mavx2"] if has_avx2() else []), str(FLOOR), "-o", str(target)]
    try:
        subprocess.run(command, check=True)  # noqa: S603  # the compiler that the user's environment names
    except subprocess.CalledProcessError as error:
        raise MissingError("floor.c did not compile") from error
    return ctypes.CDLL(str(target))
