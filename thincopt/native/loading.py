"""Load what is compiled: from bytes that nobody can change meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from ..concurrency.importing import late
from .probing import exactly

NAME = "kernels.so"
T = TypeVar("T")


def loaded(data: bytes, load: Callable[[Path], T]) -> T:
    """What `load` makes of the file that these bytes are, a copy that is this process's own: in memory, if it can be.

    A fork waits for it.
    """
    with late:
        try:
            return _in_memory(data, load)
        except (OSError, ImportError, AttributeError):  # this system has no such files, or runs nothing from them
            return _in_passing(data, load)


def _in_memory(data: bytes, load: Callable[[Path], T]) -> T:
    copy = os.memfd_create(NAME)  # it stays open: the loader of libraries takes two of one name for the same
    with open(copy, "wb", closefd=False) as file:
        file.write(data)
    return load(Path(f"/proc/self/fd/{copy}"))


def _in_passing(data: bytes, load: Callable[[Path], T]) -> T:
    with TemporaryDirectory(prefix="thincopt-", ignore_cleanup_errors=True) as own:
        path = Path(own, NAME)
        path.write_bytes(data)
        return load(path)


def module_in(path: Path) -> Any:
    """The extension module in this file."""
    loader = ExtensionFileLoader("kernels", str(path))
    spec = spec_from_file_location("kernels", path, loader=loader)
    if spec is None:
        raise ImportError(f"{path} cannot be loaded")

    def load() -> Any:
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module

    return exactly(load)
