"""Weights changed for a while, and changed back."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager

from .ops.contract import Array


@contextmanager
def swapped(weights: Mapping[Hashable, Array], others: Mapping[Hashable, Array]) -> Iterator[None]:
    """Have the weights hold what `others` hold; afterwards all is as before, whatever happens."""
    kept = {key: each.copy() for key, each in weights.items()}
    try:
        for key, each in weights.items():
            each[...] = others[key]
        yield
    finally:
        for key, each in weights.items():
            each[...] = kept[key]
