"""Recipes run on a device: a few launches for a whole batch, and nothing that a step would wait for.

The device keeps t, the scalar state and whether a step may be taken; `collect` brings them back when they are asked
for. What a gradient that is not finite leads to is told late: at a later call, by a word in memory that both see.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from math import inf
from typing import Any

from ...concurrency.turns import Turns
from ...errors import ArrayError, NonFiniteError
from ..contract import Array, Batch, Cohort, KeyState, Outcome, Updating
from .launching import launches
from .work import CULPRIT, LONGEST, LONGEST_OF, Side, Slot, Work


class CudaRunner(Updating):
    """Runs recipes on the devices that a driver reaches. See `contract.Runner`."""

    way, remark = "CUDA kernels", ""
    outrun = False

    def __init__(self, driver: Any, cohorts: Sequence[Cohort], turns: Turns, *, nonfinite: str) -> None:
        self.driver, self.cohorts, self.turns = driver, cohorts, turns
        self.packed, self.numbers = b"", array("d", [0.0] * sum(1 + each.recipe.numbers for each in cohorts))
        self.launches = launches(cohorts, nonfinite)
        self.sides: dict[int, Side] = {}
        self.slots: list[Slot] = []
        self.handles: dict[Hashable, Slot] = {}
        self.model: tuple[list[Hashable], Work | None] = ([], None)

    def bind(self, key: Hashable, state: KeyState, cohort: int) -> None:
        """Keep the state; which device it is on is known when weights come."""
        self.slots.append(Slot(len(self.slots), state, cohort))
        self.handles[key] = self.slots[-1]

    def step(self, numbers: bytes, key: Hashable, weights: Array, gradient: Array, scale: float) -> int:
        """Update one key, if its arrays are such as they were, and nobody is at work."""
        slot = self.handles.get(key)
        if slot is None or slot.alone is None or not _is_scale(scale):
            return Outcome.UNKNOWN if slot is None else Outcome.REFUSED
        return self._in_turn(slot.alone, [(weights, gradient)], numbers, scale)

    def update(self, numbers: bytes, batch: Batch, scale: float) -> int:
        """Update a model, if its keys are those of the last time and its arrays such as they were."""
        work = self._met(batch) if type(batch) is dict and _is_scale(scale) else None
        return self._in_turn(work, list(batch.values()), numbers, scale) if work else Outcome.REFUSED

    def _in_turn(self, work: Work, pairs: Sequence[tuple[Array, Array]], numbers: bytes, scale: float) -> int:
        """Do a step, unless another is under way: another thread's must not come between the launches of one."""
        with self.turns.lock: return self._alone(work, pairs, numbers, scale)  # fmt: skip  # noqa: E701  # as in turns.py

    def _alone(self, work: Work, pairs: Sequence[tuple[Array, Array]], numbers: bytes, scale: float) -> int:
        if self.turns.ticket[0] is not numbers:
            return Outcome.REFUSED
        self.turns.ticket[0] = None  # a signal's handler in the midst of this is refused
        outcome = self._go(work, pairs, numbers, scale)
        self.turns.ticket[0] = numbers
        return outcome

    def _met(self, batch: Batch) -> Work | None:
        """What these keys were last updated by."""
        if len(batch) == 1:
            slot = self.handles.get(next(iter(batch)))
            return slot.alone if slot else None
        keys, model = self.model
        return model if keys == list(batch) else None

    def run(self, numbers: bytes, batch: Batch, lr_scale: float) -> int:
        """Update every key of a batch that the engine has checked."""
        if not batch:
            return Outcome.DONE
        work, slots = self._met(batch), [self.handles[key] for key in batch]
        if work is None or self._go(work, list(batch.values()), numbers, lr_scale) != Outcome.DONE:
            outcome = self._meet(numbers, batch, slots, lr_scale)
            if outcome != Outcome.DONE:
                return outcome
        for each in slots:
            each.state.taken[0] = not self.cohorts[each.cohort].recipe.stands
        return Outcome.DONE

    def _meet(self, numbers: bytes, batch: Batch, slots: list[Slot], lr_scale: float) -> int:
        """Do a first step with these arrays."""
        self._know(numbers)
        device = self._device_of(batch)
        with self.driver.on(device, any(self.driver.is_foreign(weights) for weights, _ in batch.values())):
            if device not in self.sides:
                self.sides[device] = Side(self.driver, device, self.launches, self.numbers)
            side = self.sides[device]
            moved = [each.settle(side) for each in slots]
            if any(moved):
                self.model = ([], None)
                self.driver.synchronize()  # streams that their state was made on
        work = Work(side, self.cohorts, slots)
        outcome = self._go(work, list(batch.values()), numbers, lr_scale)
        if outcome != Outcome.DONE:
            return outcome
        if len(slots) == 1:
            slots[0].alone = work
        else:
            self.model = (list(batch), work)
        return outcome

    def told(self, numbers: bytes) -> None:
        """Send the numbers to every device, and raise what the devices have told."""
        self._know(numbers)
        for side in self.sides.values():
            with side.on():
                side.send_numbers()
        for side in self.sides.values():
            self._hear(side)

    def _know(self, numbers: bytes) -> None:
        """Take the numbers, if they are new."""
        if numbers != self.packed:
            self.packed, self.numbers[:] = numbers, array("d", numbers)
            for side in self.sides.values():
                side.is_behind = True

    def collect(self) -> None:
        """Bring t, counts, scalar and shared state back; this waits for the devices."""
        for slot in self.slots:
            slot.collect()
        for side in self.sides.values():
            side.collect()
        for side in self.sides.values():
            self._hear(side)

    def _go(self, work: Work, pairs: Sequence[tuple[Array, Array]], numbers: bytes, lr_scale: float) -> int:
        """Do a step, if these arrays can be updated as those of the last time were."""
        self._know(numbers)
        if not work.takes(pairs):
            return Outcome.REFUSED
        work.side.is_foreign = work.is_foreign
        self._hear(work.side)
        if work.is_foreign or self.driver.device() != work.side.device:
            with work.side.on():
                work.launch(lr_scale)
        else:
            work.launch(lr_scale)
        return Outcome.DONE

    def _device_of(self, batch: Batch) -> int:
        """The one device of a batch; and of all batches, where keys share state."""
        devices: dict[int, Hashable] = {}
        for key, (weights, _) in batch.items():
            devices.setdefault(self.driver.device_of(weights), key)
        (device, key), *others = devices.items()
        if others:
            other, another = others[0]
            raise ArrayError(
                f"The weights of keys {key!r} and {another!r} are on devices {device} and {other}: call update once for"
                " the keys of each device. Nothing was changed."
            )
        if any(map(len, self.launches.shared)) and self.sides and device not in self.sides:
            raise ArrayError(
                f"The weights of key {key!r} are on device {device}, but the state that all keys share is on device"
                f" {next(iter(self.sides))}: keep all weights there, or move all of them, after optimizer.to_cpu() and"
                " to_gpu(). Nothing was changed."
            )
        return device

    def _hear(self, side: Side) -> None:
        """Raise what a device has told of gradients that were not finite."""
        if not (side.told[CULPRIT] or side.told[LONGEST]):
            return
        with side.on():
            if self.driver.is_capturing(self.driver.stream()):
                return  # nobody can wait within a graph; it is told after the capture
            self.driver.synchronize()
            culprit, longest, longest_of = (side.told[each] for each in (CULPRIT, LONGEST, LONGEST_OF))
            side.release()
        for slot in self.slots:
            slot.collect()
        number = (culprit or longest_of) - 1
        key = next((key for key, slot in self.handles.items() if slot.number == number), None)
        if culprit:
            raise NonFiniteError(
                f"Key {key!r}: the gradient was not finite. Nothing was changed by that step, nor by those that were"
                " asked for since; the device tells of it late."
            )
        raise NonFiniteError(
            f"Key {key!r}: the gradient was not finite. The last {longest} steps in a row were skipped for such"
            " gradients; the device tells of it late."
        )


def _is_scale(scale: Any) -> bool:
    return type(scale) is float and 0 <= scale < inf
