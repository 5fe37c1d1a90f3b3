"""Compile kernels: print the C of some rules and hand it to the compiler. The standard library alone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from ..caching import cache_folder
from ..errors import OpsError, shown
from ..language import Rule, RuleError
from . import enrol, load, ready, reason
from .generate import printed, write

SOURCE = Path(__file__).with_name("kernels.c")
MODULE = "kernels.abi3.so"
MACROS = [("Py_LIMITED_API", "0x030b0000")]
EXACT = ["-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-O3", *EXACT]
GCC_ALONE = ["-fno-tree-loop-distribute-patterns"]  # else its zeroing becomes a second walk over the gradient


def compile(*rules: Rule, folder: str | Path | None = None) -> None:  # noqa: A001  # thincopt.compile is its name
    """Compile rules of one's own: every optimizer made from then on that can runs by these kernels, with the same bits.

    The kernels are kept in `folder`, or in the user's cache, and are compiled again when a formula has changed.
    """
    for each in rules:
        if not isinstance(each, Rule):
            raise RuleError(f"compile takes rules, such as @rule makes of a function, not {shown(each)}.")
    if load() is None:
        raise OpsError(f"Compiled kernels do not run here ({reason()}); the rules run in NumPy, with the same bits.")
    target = Path(folder or cache_folder()) / _digest(rules) / MODULE
    if not target.exists():
        try:
            _built_aside(rules, target)
        except (OSError, subprocess.CalledProcessError) as error:
            text = f"The rules could not be compiled: {error}. They run in NumPy, with the same bits."
            raise OpsError(text) from error
    enrol(_loaded(target))


def build(rules: Iterable[Rule], folder: Path, flags: Sequence[str] = ()) -> Any:
    """Compile the kernels of these rules in `folder`, with further flags, and load the module.

    The installed module is made by setup.py in the same way.
    """
    return _loaded(_built(rules, folder, flags))


def _built(rules: Iterable[Rule], folder: Path, flags: Sequence[str] = ()) -> Path:
    write(rules, folder)
    includes = [f"-I{folder}", f"-I{sysconfig.get_path('include')}"]
    macros = [f"-D{name}={value}" for name, value in MACROS]
    options = ["-shared", "-fPIC", *macros, *includes, *flags_for(_compiler()), *flags]
    command = [*_compiler(), *options, str(SOURCE), "-o", str(folder / MODULE), "-lm"]
    subprocess.run(command, check=True)  # noqa: S603  # the compiler that the user's environment names
    return folder / MODULE


def _built_aside(rules: Iterable[Rule], target: Path) -> None:
    """Compile beside the target, and put it there when it is whole: others may compile the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        _built(rules, Path(folder)).replace(target)


def flags_for(compiler: Sequence[str]) -> list[str]:
    """The flags, without those that this compiler does not know."""
    asked = [*compiler, *GCC_ALONE, "-Werror", "-fsyntax-only", "-x", "c", os.devnull]
    with suppress(OSError):  # there is no such compiler, as compiling will tell
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:  # noqa: S603  # as above
            return [*FLAGS, *GCC_ALONE]
    return FLAGS


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or "cc")


def _digest(rules: Iterable[Rule]) -> str:
    """A name for just these kernels, made by this thincopt with this compiler."""
    ours = [each.read_text() for each in sorted(SOURCE.parent.glob("*.[ch]"))]
    made_of = [*ours, *FLAGS, *GCC_ALONE, *_compiler(), sysconfig.get_platform(), *map(str, printed(rules))]
    return sha256("\n".join(made_of).encode()).hexdigest()[:32]


def _loaded(target: Path) -> Any:
    loader = ExtensionFileLoader("kernels", str(target))
    spec = spec_from_file_location("kernels", target, loader=loader)
    if spec is None:
        raise ImportError(f"{target} cannot be loaded")
    module = module_from_spec(spec)
    loader.exec_module(module)
    return ready(module)
