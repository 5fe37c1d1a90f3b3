"""Config text is read: its faults told with their lines, overrides put in their places, and variables replaced.

Nothing is built here. Size, depth and what the variables expand to are bounded before anything is expanded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from configparser import (
    ConfigParser,
    DuplicateOptionError,
    DuplicateSectionError,
    Error,
    MissingSectionHeaderError,
    ParsingError,
)
from pathlib import Path
from typing import Any

from confection import Config

from .errors import ConfigError, ThincoptError, shown, suggestion
from .expanding import refuse_expansion
from .place import MOST_CHARACTERS, MOST_DEPTH, MOST_SECTIONS, Place, paths, refuse_shape


def read(source: str | Path, overrides: Mapping[str, Any]) -> tuple[Config, Place]:
    """The config of a file or a text, with overrides in their places and variables replaced, and where it stood."""
    if not isinstance(overrides, Mapping):
        raise ConfigError(f"overrides must be values by name, {{'optimizer.L2': 0.0}}, not {shown(overrides)}.")
    name, text = _text(source)
    place = Place(name, text, overrides)
    _refuse_depth(text, place)
    _refuse_layout(text, place)
    try:
        config = Config().from_str(text, interpolate=False)
        refuse_shape(config)
        _override(config, overrides)
        _refuse_names(config, place)
        refuse_expansion(config, place)
        return Config(config, is_interpolated=False).interpolate(), place
    except ThincoptError:
        raise
    except (Error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # confection's
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ConfigError(f"{name or 'The config'} cannot be read: {reason}.") from error


def _text(source: str | Path) -> tuple[str, str]:
    """The name of the file, or none, and the text."""
    if isinstance(source, str) and ("\n" in source or "[" in source):
        if len(source) > MOST_CHARACTERS:
            raise ConfigError(f"The config has {len(source)} characters; it may have at most {MOST_CHARACTERS}.")
        return "", source
    if not isinstance(source, str | Path):
        raise ConfigError(f"A config is a path or a text, not {shown(source)}.")
    path = Path(source)
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8-sig") if size <= MOST_CHARACTERS else ""
    except UnicodeDecodeError as error:
        raise ConfigError(f"The config {shown(str(source))} is not text in UTF-8.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"The config {shown(str(source))} cannot be read: {reason}."
            " Give the path of a file, or a text with sections."
        ) from error
    if size > MOST_CHARACTERS:
        raise ConfigError(f"{path} has {size} bytes; a config has at most {MOST_CHARACTERS}.")
    return str(path), text


def _refuse_depth(text: str, place: Place) -> None:
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        deepest = line.count(".") if line.lstrip().startswith("[") else 0
        for character in line:
            depth = max(0, depth + (character in "[{") - (character in "]}"))
            deepest = max(deepest, depth)
        if deepest > MOST_DEPTH:
            raise ConfigError(f"{place.at(number)}: this is nested over {MOST_DEPTH} deep.")


def _refuse_layout(text: str, place: Place) -> None:
    """Lines that say nothing, what is given twice, and sections that are part of none; each with its line."""
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # a name keeps its case
    try:
        parser.read_string(text)
    except MissingSectionHeaderError as error:
        found = [
            f"{place.at(error.lineno)}: a config begins with a section, such as [optimizer],"
            f" not with {shown(error.line.strip())}."
        ]
    except ParsingError as error:
        lines = text.split("\n")
        found = [
            f"{place.at(number)}: a line is a [section] or a `name = value`, not {shown(lines[number - 1].strip())}."
            for number, _ in error.errors
        ]
    except DuplicateSectionError as error:
        line = place.lines.get((error.section, ""))
        found = [f"{place.at(error.lineno)}, [{error.section}]: it stands in line {line} too; put both together."]
    except DuplicateOptionError as error:
        line = place.lines.get((error.section, error.option))
        found = [f"{place.at(error.lineno)}, [{error.section}] {error.option}: line {line} gives it too; keep one."]
    else:
        found = list(_misplaced(parser, place))
    if found:
        raise ConfigError("\n".join(found))


def _misplaced(parser: ConfigParser, place: Place) -> Iterator[str]:
    sections = parser.sections()
    if len(sections) > MOST_SECTIONS:
        yield f"The config has {len(sections)} sections; it may have at most {MOST_SECTIONS}."
        return
    if parser.defaults():
        yield f"{place(('DEFAULT',))}: no section may have this name."
    for section in sections:
        path = tuple(section.split("."))
        above = [path[:end] for end in range(1, len(path)) if "*" not in path[:end]]
        missing = next((each for each in above if ".".join(each) not in sections), None)
        parent = ".".join(path[:-1])
        if missing:
            name = ".".join(missing)
            others = [each for each in sections if not each.startswith(f"{name}.")]
            what_to_do = suggestion(name, others) if others else f"Add a line [{name}]."
            yield f"{place(path)}: it is part of [{name}], and there is no such section. {what_to_do}"
        elif parent in sections and parser.has_option(parent, path[-1]):
            line = place.lines.get((parent, path[-1]))
            yield f"{place(path)}: line {line} gives {path[-1]} too, as a value; keep one."


def _refuse_names(config: Config, place: Place) -> None:
    """Names that could not be written as they are: they would be read as something else."""
    for path, value in paths(config):
        name = path[-1]
        written = name.isprintable() and bool(name)
        if not isinstance(value, Mapping):
            written = written and name == name.strip() and name[0] not in "[#;" and not {"=", ":"} & set(name)
        if not written:
            raise ConfigError(f"{place(path[:-1])}: {shown(name)} is no name for a value; use letters, digits and _.")


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
            refuse_shape({key: value})
            node[key] = json.loads(json.dumps(value))  # type: ignore[index]  # a Config's sections are dictionaries
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{label} must be what a config can hold, such as a number or a list, not {shown(value)}."
            ) from error
