"""The lines of a config, read as Python's `configparser` reads them, but in linear time and with every fault told.

`configparser` itself, which confection calls, takes quadratic time for long runs of blanks in a name, and for many
lines that it cannot read. What has no fault here has neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_BLANKS = 16  # within a name
SEPARATOR = re.compile("[=:]")
BRACKET = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)  # or text in quotes, whose brackets are none


@dataclass
class Entry:
    """A section's first line, or a value with all of its lines; or a line that is neither."""

    line: int
    section: str = ""
    name: str = ""
    lines: list[str] = field(default_factory=list)
    is_fault: bool = False

    @property
    def depth(self) -> int:
        """How deep this is nested: sections in sections, or what a value's brackets hold."""
        if not self.name:
            return self.section.count(".")
        text = "\n".join(self.lines).strip()
        depth = deepest = 0
        for found in BRACKET.finditer(text if text[:1] in ("[", "{") else ""):
            depth += (found[0] in "[{") - (found[0] in "]}")
            deepest = max(deepest, depth)
        return deepest


def entries(text: str) -> Iterator[Entry]:
    """Everything that the lines of a config say, in their order; comments say nothing."""
    section, level = "", 0
    value: Entry | None = None
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip()
        if not content or content[0] in "#;":
            if not content and value is not None:
                value.lines.append("")
            continue
        indent = len(line) - len(line.lstrip())
        if value is not None and indent > level:
            value.lines.append(content)
            continue
        level = indent
        found = _entry(number, section, content)
        if not found.is_fault:
            if value is not None:
                yield value
            section, value = found.section, found if found.name else None
        if value is not found:
            yield found
    if value is not None:
        yield value


def _entry(number: int, section: str, content: str) -> Entry:
    """What a line says that continues no other one."""
    end = content.rfind("]")
    if content[0] == "[" and end > 1:
        return Entry(number, content[1:end])
    found = SEPARATOR.search(content)
    name = content[: found.start()].rstrip() if found else ""
    if not section or not found or not name:
        return Entry(number, section, lines=[content], is_fault=True)
    return Entry(number, section, name, [content[found.end() :].strip()])
