"""Where something stands in a config, and how large a config may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import ConfigError

MOST_CHARACTERS = 1 << 20  # of a config, and of what its variables expand to
MOST_DEPTH = 32  # of sections in sections, and of lists in lists
MOST_SECTIONS = 1 << 10  # of a text
MOST_PARTS = 1 << 13  # sections and lists of a config
MOST_VALUES = 1 << 18  # in them
Names = tuple[str, ...]


class Place:
    """Where a config came from, to name in errors its file, section, key and line."""

    def __init__(self, name: str = "", text: str = "", overrides: Iterable[Any] = ()) -> None:
        self.name = name
        self.overrides = {tuple(str(each).split(".")) for each in overrides}
        self.lines: dict[tuple[str, str], int] = {}
        section = ""
        for number, line in enumerate(text.split("\n"), 1):
            head = re.match(r"\s*\[(.+)\]", line)
            key = re.match(r"\s*([^\s=:#;[][^=:]*?)\s*[=:]", line)
            if head:
                section = head[1]
                self.lines.setdefault((section, ""), number)
            elif key:
                self.lines.setdefault((section, key[1]), number)

    def line(self, path: Names) -> int:
        """The number of the line that gives this value or section, or what it is part of; 0 if none does."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.overrides:
                return 0
            found = self.lines.get((".".join(path[: end - 1]), path[end - 1])) or self.lines.get(
                (".".join(path[:end]), "")
            )
            if found:
                return found
        return 0

    def at(self, number: int | None) -> str:
        """A line of it, in words."""
        return f"{self.name}, line {number}" if self.name else f"line {number}"

    def __call__(self, path: Names, key: str = "") -> str:
        """This section and key, in words."""
        whole = (*path, key) if key else path
        section = f"[{'.'.join(path)}] " if path else ""
        line = self.line(whole)
        overridden = any(whole[:end] in self.overrides for end in range(1, len(whole) + 1))
        origin = [self.at(line)] if line else [self.name, "override" if overridden else ""]
        return ", ".join(filter(None, [*origin, f"{section}{key}".strip()]))


def paths(node: Mapping[str, Any], path: Names = ()) -> Iterator[tuple[Names, Any]]:
    """Every value and section of a config, in its order, with the names that lead there."""
    for key, value in node.items():
        yield (*path, str(key)), value
        if isinstance(value, Mapping):
            yield from paths(value, (*path, str(key)))


def refuse_shape(config: Mapping[str, Any]) -> None:
    """Refuse what is nested too deep, or in a circle, and more than any config has."""
    count = values = 0
    waiting: list[tuple[int, Any]] = [(0, config)]
    while waiting:
        depth, node = waiting.pop()
        count, values = count + 1, values + len(node)
        if depth > MOST_DEPTH:
            raise ConfigError(f"The config is nested over {MOST_DEPTH} deep, or in a circle.")
        if count > MOST_PARTS or values > MOST_VALUES:
            raise ConfigError(f"The config has over {MOST_PARTS} sections and lists, or {MOST_VALUES} values.")
        parts = node.values() if isinstance(node, Mapping) else node
        waiting += [(depth + 1, each) for each in parts if isinstance(each, dict | list | tuple | Mapping)]
