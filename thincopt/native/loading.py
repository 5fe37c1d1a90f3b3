"""Load compiled modules: from bytes that nobody can change meanwhile."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import MODULE
from .probing import exactly


def loaded(data: bytes, beside: Path | None = None) -> Any:
    """The module whose file these bytes are, from a copy that is this process's own and gone at once.

    The copy is a temporary file; where none can be made, or nothing may run from there, it is made `beside`.
    """
    try:
        return _copied(data, None)
    except (OSError, ImportError):
        if beside is None:
            raise
        return _copied(data, beside)


def _copied(data: bytes, folder: Path | None) -> Any:
    with TemporaryDirectory(prefix="thincopt-", dir=folder, ignore_cleanup_errors=True) as own:
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
