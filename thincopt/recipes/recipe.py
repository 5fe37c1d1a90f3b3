"""What a step is made of, as plain data for those who run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..language.kernel import Kernel


@dataclass(frozen=True)
class Recipe:
    """The kernels of a step, and which of them a key's step is: one for each answer to `every(k)` of its periods.

    The t-th step is `kernels[case]`: bit i of a case says whether t is a multiple of the number at `periods[i]`. A
    kernel's scalars begin with the optimizer's numbers, then t, size, the machine epsilon, the key's scalars, the
    shared numbers. `rate` and `periods` are places among the numbers: the learning rate, which a call may scale, and
    each k; 0 never falls.

    The rule and its stages are so many `parts`, in order. `segment(first, last, case)` is the kernel of some of them
    alone, with which the parts before and after it can walk apart; None where what is between cannot be kept in arrays.
    A key whose recipe `stands` is frozen: its steps are not counted, nor is its gradient looked at.
    """

    kernels: tuple[Kernel, ...]
    arrays: tuple[str, ...]
    scalars: tuple[str, ...]
    shared: tuple[str, ...]
    rate: int | None
    periods: tuple[int, ...]
    parts: int
    segment: Callable[[int, int, int], Kernel | None] = field(compare=False, repr=False)
    stands: bool = False

    @property
    def numbers(self) -> int:
        """How many numbers a kernel's scalars begin with."""
        return self.kernels[0].base.index("t")

    @property
    def whole_model(self) -> bool:
        """Whether a step needs all keys at once."""
        return any(each.whole_model for each in self.kernels)

    @cached_property
    def kept(self) -> set[str]:
        """The arrays of state that the kernels read or write."""
        return {name for kernel in self.kernels for name in kernel.arrays} - {"w", "g"}

    def case(self, t: int, numbers: Sequence[float]) -> int:
        """Which of the kernels a key's t-th step is."""
        case = 0
        for bit, place in enumerate(self.periods):
            period = int(numbers[place])
            if period and t % period == 0:
                case |= 1 << bit
        return case
