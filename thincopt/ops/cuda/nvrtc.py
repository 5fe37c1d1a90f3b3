"""Compile CUDA text with NVRTC, through CuPy; what has been compiled once is kept on disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from ...caching import kept
from ...errors import OpsError
from ...language.kernel import Block, Walk

INSTALL = "pip install 'cupy-cuda13x[ctk]', or cupy-cuda12x with a driver for CUDA 12"
OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true")
FILE = "kernels.cu"
ERROR = re.compile(rf"^(?:{re.escape(FILE)}\((\d+)\): |nvrtc: |ptxas )(?:catastrophic )?error[^:\n]*: *(.+)$", re.M)


def compiled(source: str, architecture: str, of: Walk | Block | None = None) -> bytes:
    """The cubin of a text for an architecture such as "sm_90", from the user's cache if it has been compiled before.

    An error tells the rule's own line too, if the text fails in a line that was printed from `of`.
    """
    nvrtc, version = _nvrtc()
    options = (f"--gpu-architecture={architecture}", *OPTIONS)
    made_of = "\0".join([source, *options, version])
    path = f"cuda/{sha256(made_of.encode()).hexdigest()}.cubin"
    return kept(path, lambda: _cubin(nvrtc, source, options, of))


def _nvrtc() -> tuple[Any, str]:
    """NVRTC and its version. CuPy looks for the library where it is first called."""
    try:
        from cupy.cuda import nvrtc

        return nvrtc, str(nvrtc.getVersion())
    except (ImportError, RuntimeError) as error:
        text = f"CUDA kernels are compiled by NVRTC, through CuPy: {INSTALL}. Here it fails: {error}"
        raise OpsError(text) from error


def _cubin(nvrtc: Any, source: str, options: Sequence[str], of: Walk | Block | None) -> bytes:
    program = nvrtc.createProgram(source, FILE, [], [])
    try:
        nvrtc.compileProgram(program, options)
        return bytes(nvrtc.getCUBIN(program))
    except nvrtc.NVRTCError as error:
        told = _told(nvrtc.getProgramLog(program) or str(error), source, of)
        raise OpsError(f"A CUDA kernel could not be compiled ({options[0]}): {told}") from error
    finally:
        nvrtc.destroyProgram(program)


def _told(log: str, source: str, of: Walk | Block | None) -> str:
    """The first error of a log, the generated line that it is in, and the rule's own where that is known."""
    found = ERROR.search(log)
    number, message = found.groups() if found else (None, log.strip())
    if number is None:
        return str(message)
    line = source.split("\n")[int(number) - 1].strip()
    return f"{message}, in the generated line `{line}`{_made_for(line, of) if of else ''}."


def _made_for(line: str, of: Walk | Block) -> str:
    """The line of a rule that a generated line is of, if it is printed from this code."""
    words = set(re.findall(r"\w+", line))
    for target, _, args in of.code:
        if f" {target} = " in line and words.issuperset(each for each in args if isinstance(each, str)):
            return f", made for {of.origins[target]}" if target in of.origins else ""
    return ""
