"""The lines that run, by a tracer; and an exception at one of them: what Ctrl-C may do anywhere, done everywhere."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import thincopt

HOME = str(Path(thincopt.__file__).parent)


def lines_of(operation: Callable[[], Any], within: str = HOME) -> list[tuple[str, int]]:
    """The lines of the library, or of other files that begin so, that an operation comes to, in order."""
    met: list[tuple[str, int]] = []
    _traced(operation, lambda frame: met.append((frame.f_code.co_filename, frame.f_lineno)), within)
    return met


def interrupt(operation: Callable[[], Any], at: int) -> bool:
    """Do an operation with a KeyboardInterrupt at its n-th line; whether there was such a line."""
    count = 0

    def strike(_: FrameType) -> None:
        nonlocal count
        count += 1
        if count == at + 1:
            raise KeyboardInterrupt

    try:
        _traced(operation, strike)
    except KeyboardInterrupt:
        return True
    return count > at


def places(met: list[tuple[str, int]], *, all_of_them: bool) -> Iterator[int]:
    """Which of the lines to strike at: all; or each where it first comes and where it last comes.

    Making a recipe is pure and goes over the same lines again and again: a few of them will do.
    """
    if all_of_them:
        yield from range(len(met))
        return
    pure = tuple(str(Path(HOME, each)) for each in ("language", "recipes", "rules", "stages"))
    first = {line: index for index, line in reversed(list(enumerate(met)))}
    last = dict(zip(met, range(len(met)), strict=True))
    chosen = sorted({*first.values(), *last.values()})
    yield from (at for at in chosen if not met[at][0].startswith(pure) or at % 10 == 0)


def _traced(operation: Callable[[], Any], seen: Callable[[FrameType], None], within: str = HOME) -> None:
    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(within):
            return None
        if event == "line":
            seen(frame)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        operation()
    finally:
        sys.settrace(before)
