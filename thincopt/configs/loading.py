"""`.cfg` text becomes optimizers and schedules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confection import Config

from .reading import read
from .resolving import build, filled

__all__ = ["Config", "fill", "load"]


def load(
    source: str | Path, *, overrides: Mapping[str, Any] | None = None, section: str | None = None
) -> dict[str, Any]:
    """The objects that a config describes, by section: of a file, or of text.

    `overrides` replaces values by their dotted names: `{"optimizer.L2": 0.0}`. Of another program's config, `section`
    takes one section alone, as [optimizer]: `load("config.cfg", section="training.optimizer")["optimizer"]`.
    """
    return build(*read(source, {} if overrides is None else overrides, section))


def fill(source: str | Path, *, overrides: Mapping[str, Any] | None = None, section: str | None = None) -> Config:
    """The config with every default written out, or of one section, as `load`; `fill(…).to_str()` is its text."""
    return filled(*read(source, {} if overrides is None else overrides, section))
