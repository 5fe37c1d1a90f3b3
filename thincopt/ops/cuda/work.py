"""What a runner has on devices: a side for each device, a slot for each key, a work for each batch that it has met."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import accumulate, chain, islice
from typing import Any
from weakref import ref

import numpy as np

from ...concurrency.whole import at_once, calls
from ...errors import OpsError
from ..contract import DTYPES, Array, Cohort, KeyState, counts
from ..fitting import are_alike
from .batch import Entry, Table
from .launching import Launches

STOPPED, NUMBERS = 0, 1  # words that all keys have in common
CULPRIT, LONGEST, LONGEST_OF = range(3)  # what a device tells: a key's number from 1; a streak, and whose
# Threads of a block, and at most how many blocks for each of the device's processors: measured on none yet, but
# whatever the numbers, the bits are the same.
SHAPES = {"scalars": (128, 1 << 20), "between": (256, 1), "reduce": (64, 64), "store": (256, 32)}
NEW = "they were not met before"


class Slot:
    """One key: its state, and its record on the device where its weights are."""

    def __init__(self, number: int, state: KeyState, cohort: int) -> None:
        self.number, self.state, self.cohort = number, state, cohort
        self.side: Side | None = None
        self.record: Array = None
        self.alone: Work | None = None

    def settle(self, side: Side) -> bool:
        """Be on this device, with all state, for a key follows its weights; whether it was elsewhere."""
        state, driver = self.state, side.driver
        if self.side is side:
            return False
        self.collect()
        for name, each in state.arrays.items():
            state.arrays[name] = driver.brought(each, side.device)
        words = np.array([state.t, state.skipped, state.streak, *state.scalars], np.float64)
        self.record = driver.words(len(words))
        driver.send(self.record, 0, words.view(np.int64))
        self.side, self.alone = side, None
        return True

    def collect(self) -> None:
        """Read the record back."""
        if self.side is None:
            return
        t, skipped, streak, *scalars = self.side.fetch(self.record).view(np.float64)
        self.state.counts[:] = counts(int(t), int(skipped), int(streak))
        self.state.scalars[:] = array("d", scalars)


class Side:
    """What all keys on one device have in common: numbers, shared state, wiring, and a word to the host."""

    def __init__(self, driver: Any, device: int, launches: Launches, numbers: array[float]) -> None:
        self.driver, self.device, self.launches, self.numbers = driver, device, launches, numbers
        wiring = [np.array([*each.wiring, *[0] * (len(each.wiring) % 2)], np.int32) for each in launches.steps]
        shared = list(chain.from_iterable(launches.shared))
        sizes = [NUMBERS + len(numbers), len(shared), *(len(each) // 2 for each in wiring)]
        self.places = [0, *accumulate(sizes)]
        self.memory = driver.words(self.places[-1])
        self.address = driver.address(self.memory)
        self.told, self.told_address = driver.word_to_host(3)
        self.is_behind = False  # the numbers have changed and were not sent
        self.is_foreign = False  # the weights of the last step were a tensor of torch, whose stream is torch's
        self.sender = driver.stream()
        self.streams: dict[int, Any] = {self.sender.ptr: self.sender}
        everything = [array("d", [0.0]), numbers, shared]
        words = np.concatenate([np.array(each, np.float64) for each in everything]).view(np.int64)
        driver.send(self.memory, 0, np.concatenate([words, *(each.view(np.int64) for each in wiring)]))

    def on(self) -> AbstractContextManager[None]:
        """Have the device be the current one, with the stream that steps are given to."""
        context: AbstractContextManager[None] = self.driver.on(self.device, self.is_foreign)
        return context

    def send_numbers(self) -> None:
        """Send the settings, if they have changed."""
        if self.is_behind and self.driver.is_capturing(self.driver.stream()):
            raise OpsError(
                "Settings cannot reach the device while a CUDA graph is captured: change them between its replays."
                " Those that were changed now count from the next step that is no part of a graph."
            )
        if self.is_behind:
            self._send(NUMBERS, self.numbers)
            self.is_behind = False

    def _send(self, at: int, numbers: Sequence[float]) -> None:
        """Send numbers: after what other streams were given to do, and before what they will be given."""
        others, here = self.gathered(), self.driver.stream()
        self.driver.send(self.memory, at, np.array(numbers, np.float64).view(np.int64))
        for each in others:
            self.driver.order(here, each)
        self.sender = self.streams[here.ptr] = here

    def gathered(self) -> list[Any]:
        """The other streams, for which the current one then waits."""
        here = self.driver.stream()
        others = [each for pointer, each in self.streams.items() if pointer != here.ptr]
        for each in others:
            self.driver.order(each, here)
        return others

    def fetch(self, memory: Array) -> Any:
        """Words from the device, when all streams have done what they were given."""
        with self.on():
            refuse_capture(self.driver, "the host would have to wait for the device")
            self.gathered()
            return self.driver.fetch(memory)

    def join(self, stream: Any) -> None:
        """Have a stream that is new here wait for the settings."""
        if not self.driver.is_capturing(stream) and self.sender.ptr != stream.ptr:
            self.driver.order(self.sender, stream)
        self.streams[stream.ptr] = stream

    def release(self) -> None:
        """Let steps be taken again, after the host has heard why they were not."""
        self.told[CULPRIT] = self.told[LONGEST] = 0
        self._send(STOPPED, [0.0])

    def collect(self) -> None:
        """Read the shared state back, if there is any."""
        begin, end = self.places[1:3]
        rest = iter(self.fetch(self.memory)[begin:end].view(np.float64) if end > begin else ())
        for each in self.launches.shared:
            each[:] = array("d", islice(rest, len(each)))


class Work:
    """A batch that was met before: what its arrays must be like, and the launches that update it."""

    def __init__(self, side: Side, cohorts: Sequence[Cohort], slots: Sequence[Slot]) -> None:
        self.side, self.driver, self.cohorts, self.slots = side, side.driver, cohorts, slots
        self.seen: list[Any] = []  # weak references to the arrays of the last time: w, g, w, g …
        self.addresses: list[int] = []
        self.is_foreign = False
        self.is_captured = False  # a graph uses the table as it is
        self.table: Table | None = None
        self.calls: list[tuple[Any, tuple[int], tuple[int], tuple[int, int]]] = []

    def takes(self, pairs: Sequence[tuple[Array, Array]]) -> bool:
        """Whether these can be updated as those of the last time were; the device learns where they are."""
        place = 0
        if not self.seen or self.is_foreign:
            return self._meets(pairs)
        for pair in pairs:
            if type(pair) is not tuple or len(pair) != 2:
                return False
            if self.seen[place]() is not pair[0] or self.seen[place + 1]() is not pair[1]:
                return self._meets(pairs)
            place += 2
        return True

    def _meets(self, pairs: Sequence[tuple[Array, Array]]) -> bool:
        """As `takes`, for arrays that are new."""
        if any(type(pair) is not tuple or len(pair) != 2 for pair in pairs):
            return False
        values = [self.driver.seen(value) for pair in pairs for value in pair]
        self.side.is_foreign = self.is_foreign = any(map(self.driver.is_foreign, values[::2]))
        if len(values) != 2 * len(self.slots) or not all(map(self._fits, values, range(len(values)))):
            return False
        addresses = list(map(self.driver.address, values))
        if addresses != self.addresses:
            if not _are_apart(addresses, [each.nbytes for each in values]):
                return False
            self._point(addresses)
        self.seen = [ref(value) for value in values]
        return True

    def _fits(self, value: Any, place: int) -> bool:
        state = self.slots[place // 2].state
        return (self.seen and self.seen[place]() is value) or (
            isinstance(value, self.driver.array_type)
            and value.dtype == state.dtype
            and are_alike(value.shape, state.shape)
            and value.size == state.size
            and value.flags.c_contiguous
            and self.driver.address(value) % value.dtype.itemsize == 0
            and self.driver.device_of(value) == self.side.device
        )

    def _point(self, addresses: list[int]) -> None:
        with self.side.on():
            refuse_capture(self.driver, NEW)
            table = self._begin() if self.table is None or self.is_captured else self.table
            table.point(addresses[::2], addresses[1::2])
        self.addresses = addresses

    def _entry(self, slot: Slot) -> Entry:
        arrays = [slot.state.arrays.get(name) for name in self.cohorts[slot.cohort].recipe.arrays]
        found = tuple(0 if each is None else self.driver.address(each) for each in arrays)
        return Entry(
            slot.number, slot.cohort, slot.state.size, slot.state.dtype, self.driver.address(slot.record), found
        )

    def _begin(self) -> Table:
        """Lay out the table, and have every kernel ready."""
        side, driver = self.side, self.driver
        shared = (side.address, side.address + 8 * side.places[1], side.told_address)
        self.table = Table(driver, side.launches, [self._entry(each) for each in self.slots], shared)
        self.calls, self.is_captured = [], False
        processors = driver.processors()
        for launch, place in zip(side.launches.steps, side.places[2:], strict=False):
            for dtype, units in zip(DTYPES, self.table.units if launch.walk else (self.table.count, 0), strict=True):
                if units:
                    threads, most = SHAPES[launch.kind]
                    blocks = 1 if launch.kind == "between" else min(units, most * processors)
                    kernel = driver.kernel(launch, dtype)
                    arguments = (self.table.address, side.address + 8 * place)
                    self.calls.append((kernel, (blocks,), (threads,), arguments))
        return self.table

    def launch(self, lr_scale: float) -> None:
        """Do one step."""
        driver, side = self.driver, self.side
        stream = driver.stream()
        if stream.ptr not in side.streams:
            side.join(stream)
        if driver.is_capturing(stream):
            self.is_captured = True
            driver.keep((side, self.table, [(each.record, *each.state.arrays.values()) for each in self.slots]))
        elif side.is_behind:
            side.send_numbers()
        each = [(kernel, grid, block, (*arguments, lr_scale)) for kernel, grid, block, arguments in self.calls]
        at_once(calls(*each))  # a signal's exception between two would leave t ahead of the weights


def refuse_capture(driver: Any, why: str) -> None:
    """An error while a graph is captured, for this is nothing that it could do again."""
    if driver.is_capturing(driver.stream()):
        raise OpsError(
            f"These arrays cannot be updated while a CUDA graph is captured: {why}. Make one step with the very same"
            " arrays before the capture. Nothing was changed."
        )


def _are_apart(addresses: list[int], sizes: list[int]) -> bool:
    """Whether no arrays share memory."""
    starts = np.array(addresses)
    order = np.argsort(starts)
    ends = (starts + sizes)[order]
    return bool((ends[:-1] <= starts[order][1:]).all())
