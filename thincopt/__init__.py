"""Optimizers stated once, as formulas, and run on flat arrays in place."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ArrayError": "errors",
    "BusyError": "errors",
    "Config": "config",
    "ConfigError": "errors",
    "CupyOps": "ops.cupy_ops",
    "NonFiniteError": "errors",
    "NumpyOps": "ops.numpy_ops",
    "OpsError": "errors",
    "Optimizer": "optimizer",
    "RuleError": "errors",
    "ScheduleError": "errors",
    "SettingError": "errors",
    "StateError": "errors",
    "ThincoptError": "errors",
    "compile": "native.building",
    "fill": "config",
    "get": "factory",
    "info": "about",
    "load": "config",
    "num_threads": "threads",
    "rule": "language",
    "schedule": "schedules",
    "set_num_threads": "threads",
    "stage": "language",
}
_MODULES = ("registry", "schedules")

__all__ = ["__version__", *_HOMES, *_MODULES]  # noqa: PLE0604  # the names are the tables'


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    found = None
    if not name.startswith("_"):  # optimizers are capitalized, schedules are not
        home = "factory" if name[0].isupper() else "schedules"
        found = import_module(f".{home}", __name__).find(name)
    if found is None:
        near = "" if name.startswith("_") else import_module(".errors", __name__).suggestion(name, __dir__())
        raise AttributeError(f"thincopt has no {name!r}. {near}".strip())
    return found


def __dir__() -> list[str]:
    factories, schedules = (import_module(f".{home}", __name__).named() for home in ("factory", "schedules"))
    return sorted({*__all__, *factories, *schedules})
