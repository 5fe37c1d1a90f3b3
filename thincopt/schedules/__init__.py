"""Schedules: a number for every step. Each is here by its name: `thincopt.schedules.warmup_linear(0.1, 10, 100)`.

One file holds a family of schedules; every file of this folder is found and read.
"""

from typing import Any

from .declaring import FAMILIES, Family, Schedule, all_schedules, schedule

__all__ = ["FAMILIES", "Family", "Schedule", "all_schedules", "schedule"]


def find(name: str) -> Family | None:
    """The schedule that `thincopt.NAME` means, if there is one: its first version."""
    return all_schedules().get(f"{name}.v1")


def named() -> set[str]:
    """Every name that `find` knows."""
    return {each.removesuffix(".v1") for each in all_schedules() if each.endswith(".v1")}


def __getattr__(name: str) -> Any:
    family = find(name) if not name.startswith("_") else None
    if family is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return family
