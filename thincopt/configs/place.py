"""Where something stands in a config, and how large a config may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any

from ..errors import ConfigError, shown
from ..errors.showing import MOST_SHOWN
from .layout import MOST_BLANKS, entries

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
        self.within: Names = ()  # the section that is taken as [optimizer], if one is
        self.entries = list(entries(text))
        for each in self.entries:
            if not each.is_fault:
                self.lines.setdefault((each.section, each.name), each.line)

    def _whole(self, path: Names) -> Names:
        return (*self.within, *path[1:]) if self.within and path else path

    def line(self, path: Names) -> int:
        """The number of the line that gives this value or section, or what it is part of; 0 if none does."""
        path = self._whole(path)
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
        line = self.line((*path, key) if key else path)
        path = self._whole(path)
        whole = (*path, key) if key else path
        section = f"[{brief('.'.join(path))}] " if path else ""
        overridden = any(whole[:end] in self.overrides for end in range(1, len(whole) + 1))
        origin = [self.at(line)] if line else [self.name, "override" if overridden else ""]
        return ", ".join(filter(None, [*origin, f"{section}{brief(key)}".strip()]))


def brief(name: str) -> str:
    """A name as an error tells it, cut where it is long."""
    return name if len(name) <= MOST_SHOWN else f"{name[:MOST_SHOWN]}…"


def paths(node: Mapping[str, Any], path: Names = ()) -> Iterator[tuple[Names, Any]]:
    """Every value and section of a config, in its order, with the names that lead there."""
    for key, value in node.items():
        yield (*path, str(key)), value
        if isinstance(value, Mapping):
            yield from paths(value, (*path, str(key)))


def refuse_names(config: Mapping[str, Any], place: Place) -> None:
    """Names that could not be written as they are: they would be read as something else."""
    for path, value in paths(config):
        name = path[-1]
        written = name.isprintable() and bool(name) and " " * (MOST_BLANKS + 1) not in name
        if not isinstance(value, Mapping):
            written = written and name == name.strip() and name[0] not in "[#;" and not {"=", ":"} & set(name)
        if not written:
            raise ConfigError(f"{place(path[:-1])}: {shown(name)} is no name for a value; use letters, digits and _.")


def refuse_shape(config: Mapping[str, Any], label: str = "The config", most_characters: float = inf) -> None:
    """Refuse what is nested too deep, or in a circle, and more than any config has."""
    count = values = characters = 0
    waiting: list[tuple[int, Any]] = [(0, config)]
    while waiting:
        depth, node = waiting.pop()
        count, values = count + 1, values + len(node)
        if depth > MOST_DEPTH:
            raise ConfigError(f"{label} is nested over {MOST_DEPTH} deep, or in a circle.")
        if count > MOST_PARTS or values > MOST_VALUES:
            raise ConfigError(f"{label} has over {MOST_PARTS} sections and lists, or {MOST_VALUES} values.")
        parts = list(node.values() if isinstance(node, Mapping) else node)
        characters += sum(len(each) for each in parts if isinstance(each, str))
        if characters > most_characters:
            raise ConfigError(f"{label} has over {most_characters} characters.")
        waiting += [(depth + 1, each) for each in parts if isinstance(each, dict | list | tuple | Mapping)]
