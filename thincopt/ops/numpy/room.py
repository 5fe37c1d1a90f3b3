"""Where blocks are walked one after the other: what is made for a size is kept, in memory that all sizes share."""

from __future__ import annotations

from typing import Any

import numpy as np


class Room(dict[tuple[Any, ...], Any]):
    """By (function, argument, …), what that function made of the room and these; one walk at a time is in a room."""

    def __init__(self, dtype: str) -> None:
        super().__init__()
        self.dtype = dtype

    def __missing__(self, asked: tuple[Any, ...]) -> Any:
        make, *given = asked
        self[asked] = made = make(self, *given)
        return made

    def scratch(self, name: str, size: int, dtype: str) -> Any:
        """So many elements of the memory of this name, of which nothing outlasts a walk."""
        return self[_memory, name, 1 << (size - 1).bit_length(), dtype][:size]


def _memory(_room: Room, _name: str, size: int, dtype: str) -> Any:
    return np.empty(size, dtype)
