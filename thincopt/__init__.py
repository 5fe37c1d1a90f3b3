"""Optimizers stated once, as formulas, and run on flat arrays in place."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ArrayError": "errors",
    "NonFiniteError": "errors",
    "Optimizer": "optimizer",
    "RuleError": "errors",
    "SettingError": "errors",
    "StateError": "errors",
    "ThincoptError": "errors",
    "info": "about",
    "rule": "language",
    "stage": "language",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  # the names are the dictionary's


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'thincopt' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
