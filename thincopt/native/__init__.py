"""The compiled kernels: whether they are here, and why not; and which instructions of the processor they use."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any

from ..errors import OpsError, shown
from ..threads import serve

_enrolled: list[Any] = []


@cache
def load() -> Any:
    """The extension module, or None: not built, or turned off with THINCOPT_NATIVE=0."""
    return _found()[0]


def modules(module: Any) -> list[Any]:
    """Where kernels may be found: in this module and, if it is the installed one, in those of rules compiled since."""
    return [each for each in (module, *(_enrolled if module is load() else [])) if each is not None]


def enrol(module: Any) -> None:
    """Let optimizers made from now on find kernels in this module too."""
    _enrolled.append(module)


def reason() -> str:
    """Which kernels run, and why."""
    return _found()[1]


def ready(module: Any) -> Any:
    """A compiled module with the threads, and at the level of instructions, that the environment asks for."""
    wished, levels = os.environ.get("THINCOPT_ISA"), module.levels()
    if wished is not None and wished not in levels:
        raise OpsError(f"THINCOPT_ISA must be one that this processor has, {', '.join(levels)}, not {shown(wished)}.")
    module.set_level(wished or module.level())
    serve(module)
    return module


@cache
def _found() -> tuple[Any, str]:
    if os.environ.get("THINCOPT_NATIVE") == "0":
        return None, "plain NumPy: THINCOPT_NATIVE=0"
    try:
        module = import_module(f"{__name__}.kernels")
    except ImportError as error:
        return None, f"plain NumPy: the extension was not built where thincopt was installed ({error})"
    return ready(module), "compiled"
