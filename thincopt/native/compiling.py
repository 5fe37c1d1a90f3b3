"""Hand C to the compiler that CC names, or to cc. The standard library alone."""

from __future__ import annotations

import os
import shlex
import sysconfig
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import which

from ..errors import OpsError, shown
from ..language.printing_c import c_functions
from . import load
from .flags import FLAGS, SOME_KNOW, flags_for, harmless
from .generate import Printed, write
from .processes import run, scratch

HERE = Path(__file__).parent
MACROS = [("Py_LIMITED_API", "0x030b0000")]
MOST_TOLD = 600  # characters of what a compiler says


def made(source: str, functions: Printed, flags: Sequence[str] = ()) -> bytes:
    """The library that this file of ours becomes with these functions."""
    with scratch() as folder:
        return built(source, functions, folder, flags).read_bytes()


def built(source: str, functions: Printed, folder: Path, flags: Sequence[str] = ()) -> Path:
    """The same as a file in `folder`."""
    words, _ = compiler()
    write(functions, folder)
    includes = [f"-I{folder}", f"-I{sysconfig.get_path('include')}"]
    macros = [f"-D{name}={value}" for name, value in MACROS]
    target = folder / "built.so"
    options = ["-shared", "-fPIC", *macros, *includes, *flags_for(words), *flags]
    code, said = run([*words, *options, str(HERE / source), "-o", str(target), "-lm"], folder)
    if code:
        raise OpsError(f"{shown(words[0])}, the C compiler, failed ({code}){_told(said)}")
    return target


def _told(output: str) -> str:
    """What a compiler says, from its first error on, and cut where it is long."""
    lines = output.strip().splitlines()
    first = next((index for index, line in enumerate(lines) if "error" in line), 0)
    text = "\n".join(lines[first:])
    return ":\n" * bool(text) + (text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}…\n")


def compiler() -> tuple[list[str], list[str]]:
    """The command that CC says, or cc, without flags that change results; and those."""
    named = os.environ.get("CC", "")
    try:
        words = shlex.split(named) or ["cc"]
    except ValueError as error:
        text = f"CC must be a command such as `gcc` or `clang -pipe`, not {shown(named)} ({error}): set it, or unset it"
        raise OpsError(text) from error
    rest, left = harmless(words)
    return rest or ["cc"], left


def missing() -> str | None:
    """What is not there that compiling needs; None if all is."""
    words, _ = compiler()
    if not which(words[0]):
        return f"no C compiler found ({words[0]})"
    header = Path(sysconfig.get_path("include"), "Python.h")
    return None if load() or header.is_file() else f"there is no {header}"


def digest(*parts: str) -> str:
    """A name for what is made of these parts, by this thincopt with this compiler."""
    made_of = [*_ours(), *FLAGS, *SOME_KNOW, *compiler()[0], sysconfig.get_platform(), c_functions(), *parts]
    return sha256("\n".join(made_of).encode(errors="surrogateescape")).hexdigest()[:32]


@cache
def _ours() -> list[str]:
    return [each.read_text("utf-8") for each in sorted(HERE.glob("*.[ch]"))]
