"""The registries, as in Thinc: `registry.optimizers`, `.schedules`, `.ops`, and configs made into objects."""

from thincopt.configs.resolving import fill, resolve
from thincopt.surface.registries import get, has, ops, optimizers, schedules

__all__ = ["fill", "get", "has", "ops", "optimizers", "resolve", "schedules"]
