"""Compile kernels: print the C of some rules and hand it to the compiler. The standard library alone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import warn

from ..caching import kept
from ..errors import OpsError, shown
from ..language import Rule, RuleError
from . import MODULE, enrol, load, ready, reason
from .flags import FLAGS, SOME_KNOW, flags_for, harmless
from .generate import printed, write
from .loading import loaded, loaded_from

SOURCE = Path(__file__).with_name("kernels.c")
MACROS = [("Py_LIMITED_API", "0x030b0000")]
MOST_TOLD = 600  # characters of what a compiler says


def compile(*rules: Rule, folder: str | Path | None = None) -> None:  # noqa: A001  # thincopt.compile is its name
    """Compile rules of one's own: every optimizer made from then on that can runs by these kernels, with the same bits.

    The kernels are kept in `folder`, or in the user's cache, and are compiled again when a formula has changed.
    """
    for each in rules or [None]:
        if not isinstance(each, Rule):
            makes = isinstance(getattr(each, "rule", None), Rule)
            instead = f": write thincopt.compile({shown(each)}.rule)" if makes else ""
            raise RuleError(f"compile takes rules, such as @rule makes of a function, not {shown(each)}{instead}.")
    if not isinstance(folder, str | Path | None):
        raise OpsError(f"compile keeps kernels in a folder, given as a path, not {shown(folder)}.")
    if load() is None:
        raise OpsError(f"Compiled kernels do not run here ({reason()}); the rules run in NumPy, with the same bits.")
    own = Path(folder) if folder else None
    try:
        _, left = _compiler()
        if left:
            warn(f"CC asks for {' '.join(left)}, which would change results: left out.", RuntimeWarning, stacklevel=2)
        data = kept(f"{_digest(rules)}/{MODULE}", partial(_made, rules), own)
        module = ready(loaded(data))
    except (OpsError, OSError, ImportError) as error:
        told = str(error).rstrip(".")
        text = f"The rules could not be compiled: {told}. They run in NumPy, with the same bits."
        raise OpsError(text) from error
    enrol(module)


def build(rules: Iterable[Rule], folder: Path, flags: Sequence[str] = ()) -> Any:
    """Compile the kernels of these rules in `folder`, with further flags, and load the module.

    The installed module is made by setup.py in the same way.
    """
    write(rules, folder)
    return ready(loaded_from(built(folder, flags)))


def _made(rules: Iterable[Rule]) -> bytes:
    with TemporaryDirectory(prefix="thincopt-") as name:
        folder = Path(name)
        write(rules, folder)
        return built(folder).read_bytes()


def built(folder: Path, flags: Sequence[str] = ()) -> Path:
    """Compile the kernels that are written in `folder`, with further flags; the module's file, in there too."""
    compiler, _ = _compiler()
    includes = [f"-I{folder}", f"-I{sysconfig.get_path('include')}"]
    macros = [f"-D{name}={value}" for name, value in MACROS]
    options = ["-shared", "-fPIC", *macros, *includes, *flags_for(compiler), *flags]
    command = [*compiler, *options, str(SOURCE), "-o", str(folder / MODULE), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # the user's own compiler
    except OSError as error:
        text = f"{shown(compiler[0])} cannot be run ({error}): install a C compiler, or name the one to use in CC"
        raise OpsError(text) from error
    if done.returncode:
        said = _said(done.stderr + done.stdout)
        raise OpsError(f"{shown(compiler[0])}, the C compiler, failed ({done.returncode}){said}")
    return folder / MODULE


def _said(output: bytes) -> str:
    """What a compiler says, from its first error on, and cut where it is long."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    first = next((index for index, line in enumerate(lines) if "error" in line), 0)
    text = "\n".join(lines[first:])
    return ":\n" * bool(text) + (text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}…\n")


def _compiler() -> tuple[list[str], list[str]]:
    """The command that CC says, or cc, without flags that change results; and those."""
    named = os.environ.get("CC", "")
    try:
        words = shlex.split(named) or ["cc"]
    except ValueError as error:
        text = f"CC must be a command such as `gcc` or `clang -pipe`, not {shown(named)} ({error}): set it, or unset it"
        raise OpsError(text) from error
    return harmless(words)


def _digest(rules: Iterable[Rule]) -> str:
    """A name for just these kernels, made by this thincopt with this compiler."""
    ours = [each.read_text("utf-8") for each in sorted(SOURCE.parent.glob("*.[ch]"))]
    made_of = [*ours, *FLAGS, *SOME_KNOW, *_compiler()[0], sysconfig.get_platform(), *map(str, printed(rules))]
    return sha256("\n".join(made_of).encode(errors="surrogateescape")).hexdigest()[:32]
