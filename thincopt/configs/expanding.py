"""What the variables of a config expand to, found without expanding them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from confection import Config

from ..errors import ConfigError, shown, suggestion
from .place import MOST_CHARACTERS, MOST_DEPTH, Names, Place, paths

VARIABLE = re.compile(r"\$\{([\w.:]+)\}")  # as confection's
MOST_IN_A_ROW = 10  # as configparser's
MOST_DOLLARS = 1 << 10  # in a value; for each, confection copies the rest of it
TOO_FAR = (0, MOST_IN_A_ROW)
NOTHING = object()


def refuse_expansion(config: Config, place: Place) -> None:
    """Refuse variables that mean nothing, that go round in a circle, or that expand to too much."""
    sizes = _Sizes(config, place)
    if sum(sizes.of((name,))[0] for name in config) > MOST_CHARACTERS:
        raise ConfigError(f"The config's variables expand to over {MOST_CHARACTERS} characters.")


def reached(config: Config, place: Place, path: Names) -> dict[str, Any]:
    """Of a config, the section at this path and all that its variables mean, if they may be expanded."""
    sizes = _Sizes(config, place)
    found: dict[str, Any] = {}
    sizes.of(path)
    for each in sizes.known:
        value, node = sizes.at(each), found
        for part in each[:-1]:
            node = node.setdefault(part, {})
        node.setdefault(each[-1], {} if isinstance(value, Mapping) else value)
    return found


class _Sizes:
    """How many characters each value of a config has when its variables are replaced."""

    def __init__(self, config: Config, place: Place) -> None:
        self.config, self.place = config, place
        self.known: dict[Names, tuple[int, int]] = {}

    def of(self, path: Names, way: tuple[Names, ...] = ()) -> tuple[int, int]:
        """The size of what stands at this path, and how many variables in a row it takes; `way` led here."""
        if path in way:
            circle = " → ".join(".".join(each) for each in (*way[way.index(path) :], path))
            raise ConfigError(f"{self._where(path)}: its variables go round in a circle, {circle}; give one a value.")
        if path not in self.known:
            value, way = self.at(path), (*way, path)
            if isinstance(value, Mapping):
                row, size = 0, sum(self.of((*path, key), way)[0] for key in value)
            else:
                text, targets = self._parts(value, path)
                parts = [self.of(each, way) for each in targets] if len(way) < MOST_DEPTH + MOST_IN_A_ROW else [TOO_FAR]
                row = 1 + max(row for _, row in parts) if targets else 0
                size = len(text) + sum(size for size, _ in parts)
            self.known[path] = size, row
            self._refuse(size, row, path)
        return self.known[path]

    def _refuse(self, size: int, row: int, path: Names) -> None:
        if row > MOST_IN_A_ROW:
            raise ConfigError(
                f"{self._where(path)}: it takes over {MOST_IN_A_ROW} variables in a row; write the value."
            )
        if size > MOST_CHARACTERS:
            raise ConfigError(f"{self._where(path)}: its variables expand to over {MOST_CHARACTERS} characters.")

    def _parts(self, value: Any, path: Names) -> tuple[str, list[Names]]:
        """The text of a value as it will be expanded, and what its variables mean."""
        raw = isinstance(value, str) and VARIABLE.search(value)  # `$$` escapes only in these
        text = value.replace("$$", "") if raw else json.dumps(value)
        given = value if raw else text
        if "${" in given and given.count("$") > MOST_DOLLARS:
            raise ConfigError(f"{self._where(path)}: a value with variables has at most {MOST_DOLLARS} dollar signs.")
        rest = VARIABLE.sub("", text)
        if "${" in rest or (raw and "$" in rest):
            raise ConfigError(
                f"{self._where(path)}: a variable is written ${{section.name}}, and a dollar sign next to one $$;"
                f" this is {shown(value)}."
            )
        if raw and text[0] == text[-1] == "'":
            raise ConfigError(f"{self._where(path)}: write {text} without single quotes.")
        return text, [self._target(each, value, path) for each in VARIABLE.findall(text)]

    def _target(self, variable: str, value: Any, path: Names) -> Names:
        """What a variable means: a value of its own section, or else what is found from the top."""
        own = self.at(path[:-1]).get(variable, value)
        if own != value and not isinstance(own, Mapping):
            return (*path[:-1], variable)
        target = tuple(variable.replace(":", ".").split("."))
        found = self.at(target)
        if found is NOTHING:
            what_to_do = suggestion(".".join(target), [".".join(each) for each, _ in paths(self.config)])
            raise ConfigError(f"{self._where(path)}: ${{{variable}}} does not exist. {what_to_do}")
        if isinstance(found, Mapping) and (not isinstance(value, str) or value.strip() != f"${{{variable}}}"):
            raise ConfigError(
                f"{self._where(path)}: ${{{variable}}} is a whole section, which can only stand alone,"
                f" not within {shown(value)}."
            )
        return target

    def at(self, path: Names) -> Any:
        """What stands at this path, a value or a section; NOTHING if there is none."""
        node: Any = self.config
        for part in path:
            node = node.get(part, NOTHING) if isinstance(node, Mapping) else NOTHING
        return node

    def _where(self, path: Names) -> str:
        return self.place(path) if isinstance(self.at(path), Mapping) else self.place(path[:-1], path[-1])
