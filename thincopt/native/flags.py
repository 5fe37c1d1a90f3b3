"""By which flags the kernels are compiled, so that every compiler gives the same bits. The standard library alone."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress

EXACT = [  # in full, since each may have been asked for otherwise before
    "-fno-fast-math",
    "-fno-unsafe-math-optimizations",
    "-fno-associative-math",
    "-fno-reciprocal-math",
    "-fno-finite-math-only",
    "-fsigned-zeros",
    "-fno-rounding-math",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
]
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-O3", *EXACT]
SOME_KNOW = [  # each left out where the compiler does not know it
    "-fno-tree-loop-distribute-patterns",  # else GCC's zeroing becomes a second walk over the gradient
    "-fno-tree-pre",  # else GCC shares a test of two clamps in a row, as a branch that becomes no vectors
    "-fno-single-precision-constant",
    "-fexcess-precision=standard",
    "-fdenormal-fp-math=ieee",
    "-mfpmath=sse",
    "-mieee-fp",
    "-mrecip=none",
    "-mno-daz-ftz",
]
INEXACT = re.compile(
    r"-Ofast|-f(?:no-)?(?:(?:fast|finite|associative|reciprocal|rounding|trapping)-math(?:-only)?"
    r"|unsafe-math-optimizations|signed-zeros|math-errno|single-precision-constant)"
    r"|-f(?:fp-contract|fp-model|fp-eval-method|excess-precision|denormal-fp-math)=.*"
    r"|-m(?:fpmath|recip)=.*|-m(?:no-)?(?:recip|ieee-fp|daz-ftz)"
    r"|-mpc(?:32|64|80)|-mno-(?:sse2?|fp-ret-in-387)|-msoft-float|-mgeneral-regs-only"
)


def flags_for(compiler: Sequence[str]) -> list[str]:
    """The flags, without those that this compiler does not know; to come last, where it compiles and where it links."""
    if _knows(compiler, SOME_KNOW):
        return [*FLAGS, *SOME_KNOW]
    return [*FLAGS, *(each for each in SOME_KNOW if _knows(compiler, [each]))]


def harmless(command: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command without the flags that change results, and those: not all of them can be taken back by later ones."""
    left = [each for each in command if INEXACT.fullmatch(each)]
    return [each for each in command if each not in left], [each for each in left if each not in (*EXACT, *SOME_KNOW)]


def _knows(compiler: Sequence[str], flags: Sequence[str]) -> bool:
    asked = [*compiler, *flags, "-Werror", "-fsyntax-only", "-x", "c", os.devnull]
    with suppress(OSError):  # there is no such compiler, as compiling will tell
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0  # noqa: S603  # the user's own
    return False
