"""Where the text of a config comes from: it is text, or a file, of which no more is read than a config may have."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigError, shown
from .place import MOST_CHARACTERS

WHAT_TO_GIVE = "Give the path of a file, or a text with sections"
KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def text_of(source: str | Path) -> tuple[str, str]:
    """The name of the file, or none, and the text."""
    if isinstance(source, Mapping):
        raise ConfigError(
            f"A config is a path or a text, not {shown(source)}; of sections by name,"
            " thincopt.registry.resolve(config) makes the objects."
        )
    if not isinstance(source, str | Path):
        raise ConfigError(f"A config is a path or a text, not {shown(source)}.")
    if isinstance(source, str) and "\n" not in source and not source.strip():
        raise ConfigError(f"The config is empty. {WHAT_TO_GIVE}, such as [optimizer].")
    is_text = isinstance(source, str) and ("\n" in source or "[" in source or source.lstrip()[:1] == "{")
    name, text = ("", str(source)) if is_text else (str(source), _read(source))
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"The config has {len(text)} characters; it may have at most {MOST_CHARACTERS}.")
    if text.lstrip()[:1] == "{":
        raise ConfigError(
            f"{name or 'The config'} is JSON, and a config has sections, such as [optimizer]; of JSON,"
            " thincopt.registry.resolve(json.loads(…)) makes the objects."
        )
    return name, text


def _read(path: str | Path) -> str:
    """The text of a regular file; of anything else an error that says what it is, before it is read or waited for."""
    try:
        _see(path, os.stat(path))
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            _see(path, os.fstat(file.fileno()))
            found = file.read(MOST_CHARACTERS + 1) or b""
        _see_size(path, len(found), "over ")
        return found.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"The config {shown(str(path))} is not text in UTF-8.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"The config {shown(str(path))} cannot be read: {reason}. {WHAT_TO_GIVE}.") from error


def _see(path: str | Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise ConfigError(f"The config {shown(str(path))} is {kind}, not a regular file. {WHAT_TO_GIVE}.")
    _see_size(path, found.st_size)


def _see_size(path: str | Path, size: int, over: str = "") -> None:
    if size > MOST_CHARACTERS:
        told = MOST_CHARACTERS if over else size
        raise ConfigError(f"{path} has {over}{told} bytes; a config has at most {MOST_CHARACTERS}.")
