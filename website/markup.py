"""Markdown and HTML in small pieces."""

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from thincopt.schedules import Schedule
from thincopt.surface.describing import Paper, Told


def tidy(text: str) -> str:
    """A page without the gaps that empty parts leave."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def formula(lines: Iterable[str]) -> str:
    """A formula set large, a line for each of its parts."""
    parts = "\n".join(f"<p>{escape(line, quote=False)}</p>" for line in lines)
    return f'<div class="formula">\n{parts}\n</div>' if parts else ""


def papers(cited: Sequence[Paper]) -> str:
    """The papers, each linked to where it can be read."""
    lines = [f"[{each.text}]({each.address})" if each.address else each.text for each in cited]
    return "\n".join([":::{div} papers", *(f"- {line}" for line in lines), ":::"]) if lines else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


SETTING = ("setting", "what it means", "default", "allowed")


def setting(told: Told) -> tuple[str, str, str, str]:
    """The cells of a setting: its name, what it means, its default, and what is allowed."""
    default = f"`{told.default}`" if told.default else "required"
    allowed = told.allowed.replace("<=", "≤").replace(">=", "≥").removeprefix("one of ")
    allowed = allowed.removeprefix("a finite number ").replace("a finite number", "any number")
    allowed = re.sub(r"(?<![\w])('\w+'|True|False)", r"`\1`", allowed)
    return f"`{told.name}`", told.meaning, default, allowed


def settings_table(told: Iterable[Told], what: str = "setting") -> str:
    """A table of settings."""
    return f":::{{div}} settings\n{table((what, *SETTING[1:]), map(setting, told))}\n:::"


def section(name: str, kind: str, of: str, values: dict[str, Any]) -> str:
    """A section of a config; a schedule among the values gets a section of its own below."""
    plain = {key: each for key, each in values.items() if not isinstance(each, Schedule)}
    nested = {key: each for key, each in values.items() if isinstance(each, Schedule)}
    lines = [f"[{name}]", f"@{kind} = {of}", *(f"{key} = {json.dumps(each)}" for key, each in plain.items())]
    below = [section(f"{name}.{key}", "schedules", each.family.name, each.arguments) for key, each in nested.items()]
    return "\n\n".join(["\n".join(lines), *below])


def first_sentence(text: str) -> str:
    """The first sentence, for a listing."""
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]
