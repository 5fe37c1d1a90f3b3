"""Print a walk as calls of NumPy with `out=`, on one block of each array.

Values live in registers: scratch blocks that are used again as soon as their value is dead, and the stored arrays
themselves. A new value is written straight to its array once nothing later reads the old one; the gradient, which
ends as a plain number, serves as scratch after its last use. The functions of elementary.py are written out, in
blocks of float64, some of whose calls see them as whole numbers, their bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .elementary import FORMULAS, block_of
from .expression import PREDICATES
from .kernel import Assign, Operand, Walk, spelled

FUNCTIONS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "neg": "negative",
    "sqrt": "sqrt",
    "abs": "absolute",
    "sign": "sign",
    "min": "minimum",
    "max": "maximum",
    "copysign": "copysign",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
    "not": "logical_not",
}
SHIFTED = 0x00195F6200000000  # as in native/exact.h
BITWISE: Mapping[str, Sequence[tuple[Any, ...]]] = {
    "two_to": (
        ("add", "x", 1.5 * 2.0**52 + 1023, "out"),
        ("left_shift", "out.bits", 52, "out.bits"),
    ),
    "exponent": (
        ("add", "x.bits", SHIFTED, "out.bits"),
        ("right_shift", "out.bits", 52, "out.bits"),
        ("bitwise_or", "out.bits", 0x4330 << 48, "out.bits"),
        ("subtract", "out", 2.0**52 + 1024, "out"),
    ),
    "significand": (
        ("add", "x.bits", SHIFTED, "out.bits"),
        ("bitwise_and", "out.bits", 0xFFF0 << 48, "out.bits"),
        ("subtract", "x.bits", "out.bits", "out.bits"),
        ("add", "out.bits", 0x4000 << 48, "out.bits"),
    ),
}
APART = ("where", "significand")  # they write their result before they have read all operands


class Call(NamedTuple):
    """One call of NumPy: what it is given, and last where its result goes; for `copyto`, (to, what) or also where."""

    function: str
    args: tuple[str, ...]

    def __str__(self) -> str:
        if self.function != "copyto":
            return f"{self.function}({', '.join(self.args[:-1])}, out={self.args[-1]})"
        return f"copyto({', '.join(self.args[:2])}{f', where={self.args[2]}' if len(self.args) > 2 else ''})"


@dataclass(frozen=True)
class Printed:
    """A walk as calls on one block of each array, with the kinds of its scratch blocks, by their names.

    `results` are the names of what it reduces.
    """

    arguments: tuple[str, ...]
    calls: tuple[Call, ...]
    scratch: Mapping[str, str]
    results: tuple[str, ...]

    def text(self, name: str) -> str:
        """The same as the text of a function."""
        arguments = ", ".join([*self.arguments, *self.scratch])
        result = f"return ({', '.join(self.results)},)" if self.results else "return ()"
        return "\n    ".join([f"def {name}({arguments}):", *map(str, self.calls), result]) + "\n"


def without_ones(walk: Walk, ones: AbstractSet[str]) -> Walk:
    """The same walk where these scalars are 1: what is multiplied by them is itself."""
    alike: dict[Operand, Operand] = {}
    code = []
    for line in walk.code:
        args = tuple(alike.get(each, each) for each in line.args)
        if line.op == "mul" and not ones.isdisjoint(map(str, args)):
            alike[line.target] = args[args[0] in ones]
        else:
            code.append(line._replace(args=args))
    stores = tuple((array, str(alike.get(value, value))) for array, value in walk.stores)
    reductions = tuple(
        each._replace(args=tuple(str(alike.get(arg, arg)) for arg in each.args)) for each in walk.reductions
    )
    return replace(walk, code=tuple(code), stores=stores, reductions=reductions)


def numpy_walk(walk: Walk) -> Printed:
    """The calls on (arrays…, scalars…, scratch…) that store a walk's results, or give what it reduces."""
    walk = replace(walk, code=tuple(_written_out(walk.code)))
    registers = _Registers(walk)
    calls: list[Call] = []
    for position, line in enumerate(walk.code):
        calls += _calls(line, registers, position)
    calls += _stores(walk, registers)
    results = tuple(registers.place(each) for found in walk.reductions for each in found.args)
    arguments = (*(f"p_{spelled(array)}" for array in walk.arrays), *walk.scalars)
    return Printed(arguments, tuple(calls), registers.kinds, results)


def _written_out(code: Iterable[Assign]) -> Iterator[Assign]:
    """The code with each function's formula in its place, and truths in place of numbers that are conditions."""
    for line in code:
        if line.op in FORMULAS:
            yield from _formula(line)
        elif line.op == "where" and str(line.args[0]).startswith("k"):
            truth = f"{line.target}_{line.args[0]}"
            yield Assign(truth, "ne", (line.args[0], 0.0))
            yield line._replace(args=(truth, *line.args[1:]))
        else:
            yield line


def _formula(line: Assign) -> Iterator[Assign]:
    """A function's formula, of values in float64 whose names begin with d."""
    block, within = block_of(FORMULAS[line.op]), f"d_{line.target}_"
    for name, given in zip(block.inputs, line.args, strict=True):
        yield Assign(within + name, "convert", (given,))
    for each in block.code:
        args = tuple(within + arg if isinstance(arg, str) else arg for arg in each.args)
        yield Assign(within + each.target, each.op, args)
    yield Assign(line.target, "convert", (f"{within}{block.outputs[0]}",))


def _calls(line: Assign, registers: _Registers, position: int) -> list[Call]:
    args = [registers.place(each) for each in line.args]
    out = registers.take(line, position)
    if line.op == "convert":
        return [Call("copyto", (out, *args))]
    if line.op in BITWISE:
        places = {"x": args[0], "x.bits": f"{args[0]}.view(uint64)", "out": out, "out.bits": f"{out}.view(uint64)"}
        return [
            Call(function, tuple(places.get(str(each)) or registers.place(each) for each in operands))
            for function, *operands in BITWISE[line.op]
        ]
    if line.op != "where":
        return [Call(FUNCTIONS[line.op], (*args, out))]
    return [Call("copyto", (out, args[2])), Call("copyto", (out, args[1], args[0]))]


def _stores(walk: Walk, registers: _Registers) -> list[Call]:
    """Copies of what is not in its place yet: old values first, numbers last, lest one overwrite another."""
    moved = [(array, value) for array, value in walk.stores if value.startswith("v") and value != f"v_{spelled(array)}"]
    computed = [(array, value) for array, value in walk.stores if value.startswith("x")]
    numbers = [(array, value) for array, value in walk.stores if value.startswith("k")]
    calls = []
    if len(moved) > 1:  # they may depend on each other in a circle
        for _, value in moved:
            scratch = registers.scratch("numbers")
            calls.append(Call("copyto", (scratch, registers.place(value))))
            registers.places[value] = scratch
    for array, value in [*moved, *computed, *numbers]:
        if registers.place(value) != f"p_{spelled(array)}":
            calls.append(Call("copyto", (f"p_{spelled(array)}", registers.place(value))))
    return calls


class _Registers:
    """Where each value is, and which scratch is free."""

    def __init__(self, walk: Walk) -> None:
        self.last_use: dict[str, float] = {}
        for position, line in enumerate(walk.code):
            self.last_use |= {str(each): position for each in line.args}
        for value in [value for _, value in walk.stores] + [arg for each in walk.reductions for arg in each.args]:
            self.last_use[value] = float("inf")
        self.places = {f"v_{each}": f"p_{each}" for each in map(spelled, walk.arrays)}
        self.homes = {value: array for array, value in reversed(walk.stores) if value.startswith("x")}
        self.zeroed = [array for array, value in walk.stores if value.startswith("k")]
        self.kinds: dict[str, str] = {}
        self.free: dict[str, list[str]] = {"numbers": [], "truths": [], "doubles": []}

    def place(self, value: Operand) -> str:
        """Where a value is; of a constant, itself."""
        return self.places.get(str(value), str(value))

    def take(self, line: Assign, position: int) -> str:
        """A place for the result of `line`: an operand's, if this is its last use and is read in time."""
        apart = line.op in APART
        if not apart:
            self._release(line, position)
        for array in self.zeroed:
            if self._dead(array, position - apart):
                self.zeroed.remove(array)
                self.free["numbers"].append(f"p_{spelled(array)}")
        home = self.homes.get(line.target)
        place = f"p_{spelled(home)}" if home and self._dead(home, position - apart) else self.scratch(_kind(line))
        if apart:
            self._release(line, position)
        self.places[line.target] = place
        return place

    def scratch(self, kind: str) -> str:
        """A free block, new if need be."""
        if self.free[kind]:
            return self.free[kind].pop()
        name = f"{kind[0]}{[*self.kinds.values()].count(kind)}"
        self.kinds[name] = kind
        return name

    def _dead(self, array: str, position: int) -> bool:
        """Whether what was loaded from `array` is not read after `position`."""
        return self.last_use.get(f"v_{spelled(array)}", -1) <= position

    def _release(self, line: Assign, position: int) -> None:
        """Free the scratch of operands that are used here for the last time."""
        homes = {f"p_{spelled(array)}" for array in self.homes.values()}
        for value in dict.fromkeys(map(str, line.args)):
            if value[0] in "xd" and self.last_use[value] == position and self.places[value] not in homes:
                place = self.places[value]
                self.free[self.kinds.get(place, "numbers")].append(place)


def _kind(line: Assign) -> str:
    if line.op in PREDICATES:
        return "truths"
    return "doubles" if line.target.startswith("d") else "numbers"
