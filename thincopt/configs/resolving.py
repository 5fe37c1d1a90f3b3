"""A checked config becomes the objects that it describes, by confection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from confection import Config, ConfigValidationError
from confection import registry as _confection

from ..errors import ConfigError, ThincoptError, shown
from ..surface.foreign import MakingError
from ..surface.registries import KINDS, ops, optimizers, schedules
from .mistakes import checked
from .place import Place, paths
from .writing import Filled


class _Resolver(_confection):
    """Confection's way from a config to objects, with these registries and no others."""

    optimizers, schedules, ops = optimizers, schedules, ops

    @classmethod
    def get(cls, registry_name: str, func_name: str) -> Any:
        """What a config names, so that its failures are told."""
        return KINDS[registry_name].maker(func_name)


def resolve(config: Mapping[str, Any]) -> dict[str, Any]:
    """The objects that a config describes, by section; every mistake in it is told at once."""
    return build(_config(config), Place())


def fill(config: Mapping[str, Any]) -> Config:
    """The config with every default written out."""
    return filled(_config(config), Place())


def _config(given: Mapping[str, Any]) -> Config:
    if not isinstance(given, Mapping):
        raise ConfigError(f"A config is sections by name, {{'optimizer': …}}, not {shown(given)}; load reads text.")
    return Config(dict(given))


def build(config: Config, place: Place) -> dict[str, Any]:
    """Check a config from this place, and make what it describes."""
    made: dict[str, Any] = _told(place, _Resolver.resolve, checked(config, place))
    return made


def filled(config: Config, place: Place) -> Config:
    """Check a config from this place, and write its defaults out."""
    return Filled(_told(place, _Resolver.fill, checked(config, place)))


def _told(place: Place, make: Callable[[Config], Any], config: Config) -> Any:
    try:
        return make(config)
    except ConfigValidationError as error:  # of a function that is not ours
        found = [(".".join(map(str, each.get("loc", ()))).split("."), each["msg"]) for each in error.errors or ()]
        told = "\n".join(f"{place(tuple(path), key)}: {text}." for (*path, key), text in found)
        raise ConfigError(told or " ".join(str(error).split())) from error
    except MakingError as error:
        kind, name = error.reference
        naming = [path for path, each in paths(config) if isinstance(each, Mapping) and each.get(kind) == name]
        raise ConfigError(f"{place(naming[0], kind)}: {error}") from error
    except ThincoptError as error:
        where = place(())
        raise ConfigError(f"{where}: {error}" if where else str(error)) from error
