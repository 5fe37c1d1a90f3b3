"""The compiled kernels: whether they are here, and why not."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from typing import Any


@cache
def load() -> Any:
    """The extension module, or None: not built, or turned off with THINCOPT_NATIVE=0."""
    return _found()[0]


def reason() -> str:
    """Which kernels run, and why."""
    return _found()[1]


@cache
def _found() -> tuple[Any, str]:
    if os.environ.get("THINCOPT_NATIVE") == "0":
        return None, "plain NumPy: THINCOPT_NATIVE=0"
    try:
        return import_module(f"{__name__}.kernels"), "compiled"
    except ImportError as error:
        return None, f"plain NumPy: the extension was not built where thincopt was installed ({error})"
