"""Optimizers stated once, as formulas, and run on flat arrays in place."""

import builtins
import sys
from importlib import import_module
from opcode import opmap
from types import FrameType
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "ArrayError": "errors",
    "BusyError": "errors",
    "Config": "configs.loading",
    "ConfigError": "errors",
    "CupyOps": "ops.cuda.ops",
    "NonFiniteError": "errors",
    "NumpyOps": "ops.numpy.ops",
    "OpsError": "errors",
    "Optimizer": "surface.optimizer",
    "RuleError": "errors",
    "ScheduleError": "errors",
    "SettingError": "errors",
    "StateError": "errors",
    "ThincoptError": "errors",
    "compile": "surface.compiling",
    "fill": "configs.loading",
    "get": "surface.factory",
    "info": "surface.about",
    "load": "configs.loading",
    "num_threads": "concurrency.threads",
    "rule": "language",
    "schedule": "schedules",
    "set_num_threads": "concurrency.threads",
    "source": "surface.printing",
    "stage": "language",
}
_MODULES = ("registry", "schedules")
_DOORS = ("thinc",)  # to other libraries: each imports its own


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in (*_MODULES, *_DOORS):
        return import_module(f".{name}", __name__)
    if name == "__all__":
        return _starred()
    found = None
    if not name.startswith("_"):  # optimizers are capitalized, schedules are not
        home = "surface.factory" if name[0].isupper() else "schedules"
        found = import_module(f".{home}", __name__).find(name)
    if found is None:
        text = f"thincopt has no {name!r}."
        if not name.startswith("_"):
            text = import_module(".surface.naming", __name__).missing(name, __dir__())
        if _is_imported(sys._getframe(1)):
            raise ImportError(text, name=__name__, path=__file__)
        raise AttributeError(text, name=name, obj=None)  # lest Python suggest too
    return found


def __dir__() -> list[str]:
    factories, schedules = (import_module(f".{home}", __name__).named() for home in ("surface.factory", "schedules"))
    return sorted({"__version__", *_HOMES, *_MODULES, *factories, *schedules})


def _starred() -> list[str]:
    """What `from thincopt import *` gives: what is ours, but for names that would hide Python's own."""
    known = __dir__()  # all are registered then
    tables = import_module(".language", __name__).RULES, import_module(".schedules", __name__).FAMILIES
    others = {
        name.partition(".")[0]
        for table in tables
        for name, each in table.items()
        if not each.function.__module__.startswith(f"{__name__}.")
    }
    return [name for name in known if name not in others and name not in vars(builtins)]


def _is_imported(asks: FrameType) -> bool:
    """Whether a name is asked for by `from thincopt import name`, which drops the text of an AttributeError."""
    return asks.f_lasti >= 0 and asks.f_code.co_code[asks.f_lasti] == opmap["IMPORT_FROM"]
