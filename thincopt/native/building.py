"""Compile kernels: print the C of some rules and hand it to the compiler. The standard library alone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from collections.abc import Iterable, Sequence
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from ..language import Rule
from . import ready
from .generate import write

SOURCE = Path(__file__).with_name("kernels.c")
MACROS = [("Py_LIMITED_API", "0x030b0000")]
EXACT = ["-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FAST = ["-O3", "-fno-tree-loop-distribute-patterns"]  # else the zeroing becomes a second walk over the gradient
FLAGS = ["-std=c11", "-Wall", "-Wextra", *FAST, *EXACT]


def build(rules: Iterable[Rule], folder: Path, flags: Sequence[str] = ()) -> Any:
    """Compile the kernels of these rules in `folder`, with further flags, and load the module.

    Pass it to an optimizer as `ops=NumpyOps(module)`. The installed module is made by setup.py in the same way.
    """
    write(rules, folder)
    target = folder / "kernels.abi3.so"
    compiler = shlex.split(os.environ.get("CC") or "cc")
    includes = [f"-I{folder}", f"-I{sysconfig.get_path('include')}"]
    macros = [f"-D{name}={value}" for name, value in MACROS]
    command = [*compiler, "-shared", "-fPIC", *macros, *includes, *FLAGS, *flags, str(SOURCE), "-o", str(target), "-lm"]
    subprocess.run(command, check=True)  # noqa: S603  # the compiler that the user's environment names
    loader = ExtensionFileLoader("kernels", str(target))
    spec = spec_from_file_location("kernels", target, loader=loader)
    if spec is None:
        raise ImportError(f"{target} cannot be loaded")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return ready(module)
