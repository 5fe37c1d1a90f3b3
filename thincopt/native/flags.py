"""By which flags the kernels are compiled, so that every compiler gives the same bits. The standard library alone."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache

from ..errors import OpsError
from .processes import run, scratch

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
    try:
        return [*FLAGS, *_known(tuple(compiler))]
    except OpsError:  # there is no such compiler, as compiling will tell
        return FLAGS


@cache
def _known(compiler: tuple[str, ...]) -> list[str]:
    complaint = _complaint(compiler, SOME_KNOW)
    unnamed = [each for each in SOME_KNOW if each not in complaint]
    if not _complaint(compiler, unnamed):
        return unnamed
    return [each for each in SOME_KNOW if not _complaint(compiler, [each])]


def harmless(command: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command without the flags that change results, and those: not all of them can be taken back by later ones."""
    left = [each for each in command if INEXACT.fullmatch(each)]
    return [each for each in command if each not in left], [each for each in left if each not in (*EXACT, *SOME_KNOW)]


def _complaint(compiler: Sequence[str], flags: Sequence[str]) -> str:
    """What a compiler says that does not know these flags; nothing if it does."""
    with scratch() as folder:
        code, said = run([*compiler, *flags, "-Werror", "-fsyntax-only", "-x", "c", os.devnull], folder)
    return said or f"it fails ({code})" if code else ""
