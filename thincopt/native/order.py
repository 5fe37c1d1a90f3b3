"""What becomes of kernels that were asked for: whether they are there, and if not, why."""

from __future__ import annotations

from _thread import allocate_lock
from contextlib import suppress
from weakref import ref

from ..concurrency.turns import Turns

LONGEST = 60.0  # seconds that anybody waits for a compiler: it might hang


class Order:
    """Kernels that were asked for: `is_there` says that a new runner may have them, `remark` why this one has none."""

    def __init__(self) -> None:
        self.is_there = False
        self.remark = ", in plain NumPy: compiling"
        self._settled = allocate_lock()
        self._settled.acquire()
        self._recalled: list[ref[Turns]] = []

    @property
    def is_open(self) -> bool:
        """Whether that is not settled yet."""
        return self._settled.locked()

    def settle(self, why_not: str = "") -> Order:
        """They are there; or they will not be."""
        if why_not:
            self.remark = f", in plain NumPy: not compiled: {why_not}"
        else:
            self.remark = ", in plain NumPy: compiled, from the next step on"
        self.is_there = not why_not
        for turns in filter(None, [each() for each in self._recalled]):
            turns.recall()
        with suppress(RuntimeError):  # it was settled
            self._settled.release()
        return self

    def recall(self, turns: Turns) -> None:
        """Have this optimizer's next call go by the engine when they are there: a quick one would not see them."""
        self._recalled.append(ref(turns))

    def wait(self) -> None:
        """Wait until it is settled, but not for ever."""
        if self._settled.acquire(timeout=LONGEST):
            self._settled.release()
