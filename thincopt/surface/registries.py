"""The registries, as in Thinc: optimizers, schedules and backends by name.

What is registered here comes first, as `Adam.v1` or `thincopt.Adam.v1`: Thinc's registry calls it so, and one config
serves both. Entry points of other packages (groups `thincopt_optimizers`, `thincopt_schedules`, `thincopt_ops`) are
consulted only for names that are not known, and never shadow ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any

import catalogue

from ..errors import ConfigError, registered_suggestion, shown, suggestion
from .foreign import guarded, loaded


class Registry(catalogue.Registry):  # type: ignore[misc]  # catalogue ships no types
    """A catalogue of functions by name, some of which are made when they are first asked for."""

    def __init__(self, kind: str, names: Callable[[], Iterator[str]], make: Callable[[str], Any]) -> None:
        super().__init__(("thincopt", kind), entry_points=False)
        self.kind, self.names, self.make = kind, names, make

    @property
    def word(self) -> str:
        """What one of these is called."""
        return "backend" if self.kind == "ops" else self.kind.removesuffix("s")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (self.is_ours(name) or name in self.known())

    def known(self) -> list[str]:
        """Every name that can be had, entry points of other packages included."""
        own = super().get_all()
        return [*self.names(), *(name for name in own), *(each.name for each in self._foreign())]

    def get(self, name: str) -> Any:
        """What is registered under this name; an error that suggests the nearest."""
        if isinstance(name, str):
            if self.is_ours(name):
                return self.make(_short(name))
            if catalogue.check_exists(*self.namespace, name):
                return super().get(name)
        for each in self._foreign():
            if each.name == name:
                return loaded(each, self.word)
        raise ConfigError(f"No {self.word} is named {shown(name)}. {registered_suggestion(_short(name), self.known())}")

    def maker(self, name: str) -> Any:
        """As `get`, but of a function that is not ours every failure is told."""
        found = self.get(name)
        if self.is_ours(name):
            return found
        own = catalogue.check_exists(*self.namespace, name)
        return guarded(
            found, self.kind, name, None if own else next(each for each in self._foreign() if each.name == name)
        )

    def get_all(self) -> dict[str, Any]:
        """Everything registered here, by name."""
        registered: dict[str, Any] = super().get_all()
        return {name: self.make(name) for name in self.names()} | registered

    def is_ours(self, name: str) -> bool:
        """Whether it is made here, of a rule or schedule."""
        return _short(name) in self.names()

    def _foreign(self) -> Any:
        return entry_points(group=f"thincopt_{self.kind}")


def _short(name: Any) -> Any:
    return name.removeprefix("thincopt.") if isinstance(name, str) else name


def _rules() -> Iterator[str]:
    from ..rules import all_rules

    return iter(all_rules())


def _factory(name: str) -> Any:
    from .factory import get

    return get(name)


def _schedules() -> Iterator[str]:
    from ..schedules import all_schedules

    return iter(all_schedules())


def _schedule(name: str) -> Any:
    from ..schedules import all_schedules

    return all_schedules()[name]


def _numpy_ops(_: str) -> Any:
    from ..ops.numpy.ops import numpy_ops

    return lambda: numpy_ops()  # noqa: PLW0108  # its argument is not for configs


optimizers = Registry("optimizers", _rules, _factory)
schedules = Registry("schedules", _schedules, _schedule)
ops = Registry("ops", lambda: iter(["NumpyOps"]), _numpy_ops)
KINDS = {"optimizers": optimizers, "schedules": schedules, "ops": ops}


def has(kind: str, name: str) -> bool:
    """Whether this registry knows this name."""
    return isinstance(kind, str) and kind in KINDS and name in KINDS[kind]


def get(kind: str, name: str) -> Any:
    """What one of the registries holds under this name."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"There is no registry {shown(kind)}. {suggestion(kind, KINDS)}")
    return KINDS[kind].get(name)
