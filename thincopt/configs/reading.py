"""Config text is read: its faults told with their lines, overrides put in their places, and variables replaced.

Nothing is built here. Size, depth and what the variables expand to are bounded before anything is expanded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from configparser import Error
from itertools import islice
from pathlib import Path
from typing import Any

from confection import Config

from ..errors import MOST_TOLD, ConfigError, ThincoptError, reason_of, shown, suggestion
from .expanding import reached, refuse_expansion
from .layout import MOST_BLANKS, Entry
from .place import MOST_CHARACTERS, MOST_DEPTH, MOST_SECTIONS, Names, Place, brief, paths, refuse_names, refuse_shape
from .sources import text_of
from .writing import to_be_expanded

MOST_IN_SECTIONS = 2 * MOST_SECTIONS  # for confection compares each with each
BLANKS = re.compile(rf"\s{{{MOST_BLANKS + 1}}}")


def read(source: str | Path, overrides: Mapping[str, Any], section: str | None = None) -> tuple[Config, Place]:
    """The config of a file or a text, with overrides in their places and variables replaced, and where it stood.

    If a section is named, it alone, as [optimizer].
    """
    if not isinstance(overrides, Mapping):
        raise ConfigError(f"overrides must be values by name, {{'optimizer.L2': 0.0}}, not {shown(overrides)}.")
    name, text = text_of(source)
    place = Place(name, text, overrides)
    _refuse_layout(place)
    try:
        config = Config().from_str(text, interpolate=False)
        refuse_shape(config)
        _override(config, overrides)
        if sum(isinstance(each, Mapping) for _, each in paths(config)) > MOST_IN_SECTIONS:
            raise ConfigError(f"The config has over {MOST_IN_SECTIONS} sections, with those of its values.")
        if section is not None:
            return _alone(config, place, section)
        refuse_names(config, place)
        refuse_expansion(config, place)
        return Config().from_str(to_be_expanded(config)), place
    except ThincoptError:
        raise
    except (Error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # confection's
        raise ConfigError(f"{name or 'The config'} cannot be read: {' '.join(reason_of(error).split())}.") from error


def _alone(config: Config, place: Place, section: str) -> tuple[Config, Place]:
    """One section with what its variables mean; the others are not read."""
    path: Names = tuple(section.split(".")) if isinstance(section, str) else ()
    known = {".".join(each): value for each, value in paths(config) if isinstance(value, Mapping)}
    if ".".join(path) not in known:
        raise ConfigError(f"section={shown(section)} does not exist. {suggestion(section, known)}")
    makers = [name for name, value in known.items() if any(str(key).startswith("@") for key in value)]
    if section not in makers:
        near = suggestion(section, makers) if makers else "Give one that begins with `@optimizers = NAME.v1`."
        raise ConfigError(f"section={shown(section)} says nothing of what to make. {near}")
    node: Any = reached(config, place, path)
    refuse_names(node, place)
    node = Config().from_str(to_be_expanded(node))
    for each in path:
        node = node[each]
    place.within = path
    return Config({"optimizer": node}), place


def _refuse_layout(place: Place) -> None:
    """Lines that say nothing, what is given twice, and sections that are part of none; each with its line."""
    found = list(islice(_faults(place), MOST_TOLD))
    if not found:
        values = {(section, name) for section, name in place.lines if name}
        found = list(
            islice(_misplaced([section for section, name in place.lines if not name], values, place), MOST_TOLD)
        )
    if found:
        raise ConfigError("\n".join(found))


def _faults(place: Place) -> Iterator[str]:
    for each in place.entries:
        at, line = place.at(each.line), place.lines.get((each.section, each.name))
        if each.is_fault and not each.section:
            yield f"{at}: a config begins with a section, such as [optimizer], not with {shown(each.lines[0])}."
            return
        if each.is_fault:
            yield f"{at}: a line is a [section] or a `name = value`, not {shown(each.lines[0])}."
        elif each.depth > MOST_DEPTH:
            yield f"{at}: this is nested over {MOST_DEPTH} deep."
            return
        elif BLANKS.search(each.name):
            yield f"{at}: {shown(each.name)} is no name for a value; use letters, digits and _."
        elif line != each.line and each.section != "DEFAULT":
            yield _twice(each, at, line)


def _twice(each: Entry, at: str, line: int | None) -> str:
    section = f"[{brief(each.section)}]"
    if each.name:
        return f"{at}, {section} {brief(each.name)}: line {line} gives it too; keep one."
    return f"{at}, {section}: it stands in line {line} too; put both together."


def _misplaced(sections: list[str], values: set[tuple[str, str]], place: Place) -> Iterator[str]:
    known = set(sections)
    if len(known) > MOST_SECTIONS:
        yield f"The config has {len(known)} sections; it may have at most {MOST_SECTIONS}."
        return
    if any(section == "DEFAULT" for section, _ in values):
        yield f"{place(('DEFAULT',))}: no section may have this name."
    for section in sections:
        path = tuple(section.split("."))
        above = [path[:end] for end in range(1, len(path)) if "*" not in path[:end]]
        missing = next((each for each in above if ".".join(each) not in known), None)
        parent = ".".join(path[:-1])
        if missing:
            name = ".".join(missing)
            others = [each for each in sections if not each.startswith(f"{name}.")]
            near = suggestion(name, others)
            what_to_do = near if near.endswith("?") else f"Add a line [{brief(name)}]."
            yield f"{place(path)}: it is part of [{brief(name)}], and there is no such section. {what_to_do}"
        elif (parent, path[-1]) in values:
            line = place.lines.get((parent, path[-1]))
            yield f"{place(path)}: line {line} gives {brief(path[-1])} too, as a value; keep one."


def _override(config: Config, overrides: Mapping[str, Any]) -> None:
    names = [".".join(path) for path, _ in paths(config) if len(path) > 1]
    for dotted, value in overrides.items():
        *path, key = str(dotted).split(".")
        node: Any = config
        for part in path:
            node = node.get(part) if isinstance(node, Mapping) else None
        label = f"The override {shown(dotted)}"
        if not path:
            raise ConfigError(f"{label} must name a section and a value in it. {suggestion(dotted, names)}")
        if not isinstance(node, Mapping):
            raise ConfigError(f"{label} is of a section that does not exist. {suggestion(dotted, names)}")
        if key not in node and not any(each.startswith("@") for each in node):
            raise ConfigError(f"{label} is of a value that does not exist. {suggestion(dotted, names)}")
        try:
            refuse_shape({key: value}, label, MOST_CHARACTERS)
            node[key] = json.loads(json.dumps(value))  # type: ignore[index]  # a Config's sections are dictionaries
        except ConfigError:
            raise
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{label} must be what a config can hold, such as a number or a list, not {shown(value)}."
            ) from error
