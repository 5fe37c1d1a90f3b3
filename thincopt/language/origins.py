"""Where a line of a traced formula stands in its rule's source."""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType
from typing import NamedTuple

LANGUAGE = os.path.dirname(__file__) + os.sep
TRACING = LANGUAGE + "tracing.py"


class Origin(NamedTuple):
    """A line of a rule or a stage."""

    file: str
    line: int

    def __str__(self) -> str:
        linecache.checkcache(self.file)
        text = linecache.getline(self.file, self.line).strip()
        return f"{_short(self.file)}, line {self.line}" + f": `{text}`" * bool(text)


def here() -> Origin | None:
    """The line of the rule or stage that is being traced; None where tracing itself computes."""
    frame: FrameType | None = sys._getframe(2)  # beyond this and a symbol's own; inspect would look for its source too
    while frame:
        file = frame.f_code.co_filename
        if not file.startswith(LANGUAGE):
            return Origin(file, frame.f_lineno)
        if file == TRACING:
            return None
        frame = frame.f_back
    return None


def _short(file: str) -> str:
    """The path within thincopt or the current folder, or else the whole."""
    for folder in (os.path.dirname(os.path.dirname(LANGUAGE)), os.getcwd()):
        if file.startswith(folder + os.sep):
            return os.path.relpath(file, folder)
    return file
