"""`thincopt.load` and `fill`: `.cfg` text becomes optimizers and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confection import Config

from ..errors import briefly
from .reading import read
from .resolving import build, filled

__all__ = ["Config", "fill", "load"]


@briefly
def load(
    source: str | Path, *, overrides: Mapping[str, Any] | None = None, section: str | None = None
) -> dict[str, Any]:
    """The objects that a config describes, by section: of a file, or of text.

    `overrides` replaces values by their dotted names: `{"optimizer.L2": 0.0}`. `section` takes one section out of
    another program's config, and what it makes comes back under "optimizer", whatever it is called there:
    `load("config.cfg", section="training.optimizer")["optimizer"]`.
    """
    return build(*read(source, {} if overrides is None else overrides, section))


@briefly
def fill(source: str | Path, *, overrides: Mapping[str, Any] | None = None, section: str | None = None) -> Config:
    """The config with every default written out, or of one section, as `load`; `fill(…).to_str()` is its text."""
    return filled(*read(source, {} if overrides is None else overrides, section))
