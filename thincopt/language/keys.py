"""A key's text: one name for each key that files, patterns and random numbers can tell apart."""

import json
from collections.abc import Hashable
from numbers import Integral
from typing import Any


def key_text(key: Hashable) -> str | None:
    """Canonical JSON of a str, a whole number, bytes, None, or a tuple of these; None for any other key.

    Keys that are equal have one text, and others have others: True is 1, and bytes stand in an object.
    """
    try:
        return json.dumps(_plain(key), ensure_ascii=False, separators=(",", ":"))
    except TypeError:
        return None


def _plain(key: Hashable) -> Any:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, Integral):
        return int(key)
    if isinstance(key, bytes):
        return {"bytes": key.hex()}
    if isinstance(key, tuple):
        return list(map(_plain, key))
    if key is None:
        return None
    raise TypeError(key)
