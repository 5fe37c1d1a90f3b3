"""A batch of keys as kernels on a device read it: native/device.cuh's `struct table` and what it points to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from ...errors import RuleError
from ..contract import DTYPES
from .launching import Launches

CHUNK = 4096
PROGRAM, EPOCH, SCALARS = 0, 2, 3  # places in a row
HEAD, TASK, LISTS = 80, 8, 64  # words of a table, of a task, and the lists of addresses that a table has room for


class Entry(NamedTuple):
    """One key: its number, its cohort, its size and type, and the addresses of its record and of its state."""

    number: int
    cohort: int
    size: int
    dtype: str
    record: int
    state: tuple[int, ...]


class Table:
    """Words in a device's memory: the head, the keys, the arrays of each walk; then chunks, rows and sums.

    Only the first three hold addresses of weights and gradients, and are sent again when these have changed.
    """

    def __init__(self, driver: Any, launches: Launches, entries: Sequence[Entry], shared: Sequence[int]) -> None:
        self.driver, self.launches, self.shared, self.count = driver, launches, shared, len(entries)
        if len(launches.arrays) > LISTS:
            raise RuleError(
                f"On a device a step can have walks over {LISTS} sets of arrays, not {len(launches.arrays)}."
            )
        chunks = [-(-each.size // CHUNK) for each in entries]
        self.firsts = [0, *accumulate(chunks)]
        units = [_units(chunks, [each.dtype == dtype for each in entries]) for dtype in DTYPES]
        self.units = [len(each) for each in units]
        self.width = SCALARS + launches.scalars + launches.numbers
        rows = np.zeros((self.count, self.width))
        rows[:, EPOCH] = 1
        rows[:, PROGRAM] = [launches.programs_at[each.cohort] for each in entries]
        lists = self.count * sum(map(len, launches.arrays))
        sums = launches.sums * self.firsts[-1]
        sizes = [HEAD, TASK * self.count, lists, *self.units, rows.size, sums]
        self.places = [0, *accumulate(sizes)]
        self.memory = driver.words(self.places[-1])
        self.address = driver.address(self.memory)
        driver.send(self.memory, self.places[3], np.concatenate([*units, rows.reshape(-1).view(np.int64)]))
        self.tasks = np.array(
            [
                (
                    each.size,
                    first,
                    each.number,
                    each.dtype == DTYPES[1],
                    each.cohort,
                    launches.stands[each.cohort],
                    each.record,
                    0,
                )
                for each, first in zip(entries, self.firsts, strict=False)
            ],
            np.int64,
        )
        most = max(len(each.state) for each in entries)
        self.arrays = np.array([(0, 0, *each.state, *[0] * (most - len(each.state))) for each in entries], np.int64)
        self.head = self._head()

    def point(self, weights: Sequence[int], gradients: Sequence[int]) -> None:
        """Send where everything is."""
        self.arrays[:, 0], self.arrays[:, 1], self.tasks[:, -1] = weights, gradients, gradients
        lists = [self.arrays[:, list(which)].reshape(-1) for which in self.launches.arrays]
        self.driver.send(self.memory, 0, np.concatenate([self.head, self.tasks.reshape(-1), *lists]))

    def _head(self) -> Any:
        _, tasks, lists, floats, doubles, rows, sums, _ = (self.address + 8 * each for each in self.places)
        common, shared, told = self.shared
        starts = [lists + 8 * self.count * each for each in accumulate(map(len, self.launches.arrays), initial=0)]
        numbers_at = SCALARS + self.launches.scalars
        words = [self.count, self.firsts[-1], self.width, numbers_at, *self.units, rows, sums, common, shared]
        words += [told, tasks, floats, doubles, 0, *starts[:-1]]
        return np.array(words + [0] * (HEAD - len(words)), np.int64)


def _units(chunks: Iterable[int], chosen: Iterable[bool]) -> Any:
    """Each chunk of the chosen keys as one word: the key's place below, the chunk's above."""
    parts = [
        (np.arange(count, dtype=np.int64) << 32) | task
        for task, (count, is_chosen) in enumerate(zip(chunks, chosen, strict=True))
        if is_chosen
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])
