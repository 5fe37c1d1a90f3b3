"""The registries, as in Thinc: `registry.optimizers`, `.schedules`, `.ops`, and configs made into objects."""

from typing import Any

from thincopt.configs.resolving import fill, resolve
from thincopt.surface.naming import missing_in_registry
from thincopt.surface.registries import get, has, ops, optimizers, schedules

__all__ = ["fill", "get", "has", "ops", "optimizers", "resolve", "schedules"]


def __getattr__(name: str) -> Any:
    raise AttributeError(missing_in_registry(name, __all__))
