"""The environment variables that thincopt reads, each told once."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .errors import SettingError, shown

VARIABLES = {
    "THINCOPT_NATIVE": "0 runs everything in plain NumPy; 1, the default, runs compiled kernels where there are any.",
    "THINCOPT_COMPILE": "How kernels that are not there, as of your own rules, are compiled: `background`, the default,"
    " while plain NumPy runs; `wait`, before it goes on; 0 leaves it to `thincopt.compile`.",
    "THINCOPT_NUM_THREADS": "How many threads may work at once; by default as many as this process has processors.",
    "THINCOPT_ISA": "The level of the processor's instructions that compiled kernels use; by default the highest.",
    "THINCOPT_CACHE": "The folder where compiled kernels are kept; by default `thincopt` in the user's cache.",
    "THINCOPT_REQUIRE_NATIVE": "1, read by the installation: without compiled kernels it fails; 0 is the default.",
}
ANSWERS = {"0": False, "1": True, "false": False, "true": True, "no": False, "yes": True, "off": False, "on": True}
MOST_DIGITS = 100


def flag(name: str, *, default: bool) -> bool:
    """Whether a variable says yes or no, in any usual spelling."""
    wished = os.environ.get(name)
    if wished is None:
        return default
    answer = ANSWERS.get(wished.strip().lower())
    if answer is None:
        text = f"{name} must be 0 or 1 (or false or true, no or yes, off or on), not {shown(wished)}; unset, it is"
        raise SettingError(f"{text} {int(default)}.")
    return answer


def choice(name: str, allowed: Sequence[str], default: str) -> str:
    """Which of the words that are allowed a variable says."""
    wished = os.environ.get(name, default)
    if wished not in allowed:
        words = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise SettingError(f"{name} must be {words}, not {shown(wished)}; unset, it is {default}.")
    return wished


def number(name: str, most: int) -> int | None:
    """The whole number that a variable says; None if it is not set."""
    wished = os.environ.get(name)
    if wished is None:
        return None
    if not wished.isdecimal() or len(wished) > MOST_DIGITS or not 1 <= int(wished) <= most:
        raise SettingError(f"{name} must be a whole number from 1 to {most}, not {shown(wished)}.")
    return int(wished)
