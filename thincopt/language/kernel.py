"""What a traced formula becomes: straight-line code in single assignments, and the wiring around it.

Code and wiring are apart on purpose. A `Block` (scalars, float64) and a `Walk` (arrays) name their inputs by
position, so that formulas that compute the same thing share one printed function; a `Kernel` says which numbers
go in. Phases run in order: scalars, then sums over keys, then one walk over memory. Only the last walk stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .origins import Origin

Operand = str | float

# What Python, C and JavaScript write alike.
INFIX = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "neg": "-{}",
    "lt": "{} < {}",
    "le": "{} <= {}",
    "gt": "{} > {}",
    "ge": "{} >= {}",
    "eq": "{} == {}",
    "ne": "{} != {}",
}


def spelled(array: str) -> str:
    """An array's name in code, where `lookahead.slow` must be one word; no state has two underscores in a row."""
    return array.replace(".", "__")


class Assign(NamedTuple):
    """target = op(args); each target is assigned once."""

    target: str
    op: str
    args: tuple[Operand, ...]


class Reduction(NamedTuple):
    """A sum, dot, norm or amax of array values of a walk."""

    kind: str
    args: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Scalar code in float64: `inputs` and `outputs` by position; `origins` as a walk's."""

    inputs: tuple[str, ...]
    code: tuple[Assign, ...]
    outputs: tuple[Operand, ...]
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Walk:
    """One walk over memory: load `arrays`, compute, then store or reduce.

    The value loaded from array `m` is called `v_m` (see `spelled`). `scalars` are rounded once to the compute type, but
    for those whose names begin with u, which are words.
    `origins` gives, for each target in the code, the line of the rule or stage that it is of; the engine's own w − step
    has none.
    """

    arrays: tuple[str, ...]
    scalars: tuple[str, ...]
    code: tuple[Assign, ...]
    stores: tuple[tuple[str, str], ...] = ()
    reductions: tuple[Reduction, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Phase:
    """One round: a block's wiring, the sums over keys (from, to), a walk's wiring. Numbers index the scalars.

    A block or walk without anything to do is empty.
    """

    block: Block
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    totals: tuple[tuple[int, int], ...]
    walk: Walk
    scalars: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True)
class Kernel:
    """A whole update of one key, ready to be printed and wired.

    The scalars begin with `base` (settings, then "t", size and machine epsilon, then the scalar state); `keeps` says
    which of them are stored back as which scalar state.
    """

    base: tuple[str, ...]
    size: int
    phases: tuple[Phase, ...]
    keeps: tuple[tuple[str, int], ...]
    whole_model: bool
    guarded: bool

    @property
    def arrays(self) -> tuple[str, ...]:
        """The arrays that are read or written, in order of first use."""
        return tuple(dict.fromkeys(name for each in self.phases for name in each.walk.arrays))

    @property
    def does_something(self) -> bool:
        """Whether it stores or keeps anything."""
        return bool(self.phases[-1].walk.stores or self.keeps)
