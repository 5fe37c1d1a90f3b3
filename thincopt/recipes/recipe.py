"""What a step is made of, as plain data for those who run it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..language.kernel import Kernel


@dataclass(frozen=True)
class Recipe:
    """The kernels of a step: `main`; or, on each k-th step of a key, `before` and then `after`.

    A kernel's scalars begin with the optimizer's numbers, then t, size, the machine epsilon, the key's scalars, the
    shared numbers.
    `rate` and `period` are places among the numbers: the learning rate, which a call may scale, and k.
    """

    main: Kernel
    arrays: tuple[str, ...]
    scalars: tuple[str, ...]
    shared: tuple[str, ...]
    rate: int | None
    period: int | None = None  # none where lookahead is off
    before: Kernel | None = None
    after: Kernel | None = None

    @property
    def numbers(self) -> int:
        """How many numbers a kernel's scalars begin with."""
        return self.main.base.index("t")

    @cached_property
    def kept(self) -> set[str]:
        """The arrays of state that the kernels read or write."""
        return {name for kernel in self.kernels for name in kernel.arrays} - {"w", "g"}

    @property
    def kernels(self) -> list[Kernel]:
        """The kernels of this recipe, one to three."""
        return [each for each in (self.main, self.before, self.after) if each is not None]
