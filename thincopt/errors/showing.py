"""Any value as an error tells it, in a bounded time and a bounded memory, whatever the value is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

MOST_SHOWN = 120  # characters of a value in an error
MOST_PARTS = 1 << 8  # of what is printed whole, and cut then
MOST_TEXT = 1 << 13  # characters and digits of these
MOST_DEPTH = 32
BRACKETS: dict[Any, tuple[str, str]] = {
    dict.__repr__: ("{", "}"),
    list.__repr__: ("[", "]"),
    tuple.__repr__: ("(", ")"),
    set.__repr__: ("{", "}"),
    frozenset.__repr__: ("frozenset({", "})"),
}
TEXTS = (str.__repr__, bytes.__repr__, bytearray.__repr__)
BUILT_IN = ("builtins", "collections", "array", "types")


def shown(value: object) -> str:
    """The value as an error tells it: as in Python, in one line, and cut where it is long."""
    try:
        pieces = [repr(value)] if _is_small(value) else _until(MOST_SHOWN, _pieces(value, ()))
        text = " ".join("".join(pieces).split())
    except Exception:  # a repr may fail in any way, and an int's does beyond 4300 digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _is_small(value: object) -> bool:
    """Whether Python prints this in no time, as far as it is Python's own."""
    left = [MOST_PARTS, MOST_TEXT]

    def fits(value: Any, way: tuple[int, ...]) -> bool:
        left[0] -= 1
        if isinstance(value, str | bytes | bytearray):
            left[1] -= len(value)
        elif isinstance(value, int):
            left[1] -= value.bit_length() // 3
        elif id(value) not in way and _is_group(value):
            if len(way) > MOST_DEPTH or len(value) > left[0]:
                return False
            inner, further = _inner(value), (*way, id(value))
            return all(fits(each, further) for each in inner)
        return min(left) >= 0

    return fits(value, ())


def _is_group(value: Any) -> bool:
    """Whether this prints what it holds, as Python's own do."""
    if type(value).__repr__ in BRACKETS:
        return True
    own = type(value).__module__ in BUILT_IN and not isinstance(value, type | range | memoryview)
    return own and isinstance(value, Iterable) and hasattr(value, "__len__")


def _inner(value: Any) -> Iterable[Any]:
    return (each for pair in value.items() for each in pair) if isinstance(value, Mapping) else value


def _pieces(value: Any, way: tuple[int, ...]) -> Iterator[str]:
    """What Python prints of a value, from its beginning."""
    printed: Any = type(value).__repr__
    if printed in TEXTS:
        yield repr(value[:MOST_TEXT])
    elif printed not in BRACKETS:
        known = type(value).__module__ in BUILT_IN and not _is_small(value)
        yield f"a value of type {type(value).__name__}" if known else repr(value)
    elif id(value) in way:
        yield "...".join(BRACKETS[printed])
    else:
        yield BRACKETS[printed][0]
        for index, each in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(each, (*way, id(value)))
            if isinstance(value, dict):
                yield ": "
                yield from _pieces(value[each], (*way, id(value)))
        yield BRACKETS[printed][1]


def _until(count: int, pieces: Iterator[str]) -> Iterator[str]:
    """The first pieces, until there are more than so many characters."""
    for each in islice(pieces, MOST_TEXT):
        yield each
        count -= len(each)
        if count < 0:
            return
