"""A config with its defaults as text: what is kept loads to the same values, any number of times."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from confection import Config

from ..errors import ConfigError, shown
from .expanding import VARIABLE
from .place import Names, Place, refuse_names

ESCAPED = r"\u0024"  # in JSON; confection's `$$` takes the quotes from what stands between two
OTHER = re.compile(r"\$(?!\{)")
MARK = "__SECTION__:"  # confection's, for a section in place of a value


class Filled(Config):
    """A config in which every default and the value of every variable is written out."""

    def to_str(self, *, interpolate: bool = True) -> str:
        """Its text, in which no variable is left."""
        return written(self) if interpolate else super().to_str(interpolate=False)


def written(config: Mapping[str, Any]) -> str:
    """The text of a config without variables: all that it holds is data."""
    refuse_names(config, Place())
    return _text(config, _data)


def to_be_expanded(config: Mapping[str, Any]) -> str:
    """The text of a config with variables in it, for confection to expand."""
    return _text(config, lambda value, *_: _with_variables(value))


def _text(config: Mapping[str, Any], written: Callable[[Any, Names, str], str]) -> str:
    """The text of each section, those that are part of another after it."""
    waiting: list[tuple[Names, Mapping[str, Any]]] = [((), config)]
    found = []
    for path, node in waiting:
        parts = {key: each for key, each in node.items() if isinstance(each, Mapping)}
        waiting += [((*path, key), each) for key, each in parts.items()]
        lines = [f"{key} = {written(each, path, key)}" for key, each in node.items() if key not in parts]
        if lines and not path:
            raise ConfigError(f"{shown(next(key for key in node if key not in parts))} is a value in no section.")
        if lines or (path and path[-1] != "*"):
            found.append("\n".join([f"[{'.'.join(path)}]", *lines]))
    return "\n\n".join(found)


def _data(value: Any, path: Names, key: str) -> str:
    """A value as JSON; a dollar sign is escaped, for alone it would begin a variable, here or in other programs."""
    where = Place()(path, key)
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: a config cannot hold {shown(value)}.") from error
    if "${" in text or MARK in text:
        raise ConfigError(f"{where}: {shown(value)} cannot be written, for it would be read as a variable; change it.")
    return text.replace("$", ESCAPED)


def _with_variables(value: Any) -> str:
    """As JSON, but for text with variables, which stands as it was; no dollar sign but theirs is left."""
    if isinstance(value, str) and VARIABLE.search(value):
        return value.replace("\n", "\n\t")
    return OTHER.sub(lambda _: ESCAPED, json.dumps(value))
