"""Load compiled modules: from bytes that nobody can change meanwhile."""

from __future__ import annotations

import os
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import MODULE
from .probing import exactly


def loaded(data: bytes) -> Any:
    """The module whose file these bytes are, from a copy that is this process's own: in memory, where that can be."""
    try:
        return _in_memory(data)
    except (OSError, ImportError, AttributeError):  # this system has no such files, or runs nothing from them
        return _in_passing(data)


def _in_memory(data: bytes) -> Any:
    copy = os.memfd_create(MODULE)  # it stays open: the loader of libraries takes two of one name for the same
    with open(copy, "wb", closefd=False) as file:
        file.write(data)
    return loaded_from(Path(f"/proc/self/fd/{copy}"))


def _in_passing(data: bytes) -> Any:
    with TemporaryDirectory(prefix="thincopt-", ignore_cleanup_errors=True) as own:
        path = Path(own, MODULE)
        path.write_bytes(data)
        return loaded_from(path)


def loaded_from(path: Path) -> Any:
    """The module in this file."""
    loader = ExtensionFileLoader("kernels", str(path))
    spec = spec_from_file_location("kernels", path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} cannot be loaded")

    def load() -> Any:
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module

    return exactly(load)
