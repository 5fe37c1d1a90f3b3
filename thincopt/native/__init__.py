"""The compiled kernels: their C runtime, how it is built and loaded, and which of them run here, or why none."""

from __future__ import annotations

import os
import sys
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from ..concurrency.importing import late
from ..concurrency.threads import serve
from ..environment import choice, flag
from ..errors import OpsError, shown
from .probing import exactly

MODULE = "kernels.abi3.so"
_adopted: list[Any] = []


def load() -> Any:
    """The extension module, or None: not built, or turned off with THINCOPT_NATIVE=0."""
    return _adopted[0] if _adopted else _found()[0]


def adopt(module: Any) -> None:
    """Let this be the extension module from now on: it was compiled since, where none was installed."""
    _adopted.append(ready(module))


def reason() -> str:
    """Which kernels run, and why."""
    return "compiled" if _adopted else _found()[1]


def mode() -> str:
    """What becomes of kernels that are not there: they are compiled in the `background`, or one can `wait`, or `0`."""
    allowed = ("0", "background", "wait")
    return choice("THINCOPT_COMPILE", allowed, "background") if flag("THINCOPT_NATIVE", default=True) else "0"


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
    if not flag("THINCOPT_NATIVE", default=True):
        return None, f"plain NumPy: THINCOPT_NATIVE={os.environ['THINCOPT_NATIVE']}"
    try:
        with late:
            module = exactly(partial(import_module, f"{__name__}.kernels"))
    except ImportError as error:
        why = _hidden() or f"the extension was not built where thincopt was installed ({error})"
        return None, f"plain NumPy: {why}"
    except OpsError as error:
        return None, f"plain NumPy: {error}"
    return ready(module), "compiled"


def _hidden() -> str | None:
    """What to do where this thincopt, such as the source itself, hides an installed one that has kernels."""
    here = Path(__file__).resolve().parents[2]
    for each in map(Path, sys.path):
        if each.resolve() != here and Path(each, "thincopt", "native", MODULE).is_file():
            return (
                f"the thincopt in {here}, where no kernels were built, hides the one in {each}, where they were:"
                f" run Python in another folder, or build them here too, by pip install -e {here}"
            )
    return None
