"""Print a walk as calls of NumPy with `out=`, on one block of each array.

Values live in registers: scratch blocks that are used again as soon as their value is dead, and the stored arrays
themselves. A new value is written straight to its array once nothing later reads the old one; the gradient, which
ends as a plain number, serves as scratch after its last use.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import NamedTuple

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
    "exp": "exp",
    "log": "log",
    "tanh": "tanh",
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
    """A walk as calls on one block of each array, with the names of its scratch blocks of numbers and of truth.

    `results` are the names of what it reduces.
    """

    arguments: tuple[str, ...]
    calls: tuple[Call, ...]
    numbers: tuple[str, ...]
    truths: tuple[str, ...]
    results: tuple[str, ...]

    def text(self, name: str) -> str:
        """The same as the text of a function."""
        arguments = ", ".join([*self.arguments, *self.numbers, *self.truths])
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
    registers = _Registers(walk)
    calls: list[Call] = []
    for position, line in enumerate(walk.code):
        calls += _calls(line, registers, position)
    calls += _stores(walk, registers)
    results = tuple(registers.place(each) for found in walk.reductions for each in found.args)
    arguments = (*(f"p_{spelled(array)}" for array in walk.arrays), *walk.scalars)
    return Printed(arguments, tuple(calls), tuple(registers.numbers), tuple(registers.truths), results)


def _calls(line: Assign, registers: _Registers, position: int) -> list[Call]:
    args = [registers.place(str(each)) for each in line.args]
    out = registers.take(line, position)
    if line.op != "where":
        return [Call(FUNCTIONS[line.op], (*args, out))]
    condition = args[0] if str(line.args[0]).startswith("x") else f"{args[0]} != 0"
    return [Call("copyto", (out, args[2])), Call("copyto", (out, args[1], condition))]


def _stores(walk: Walk, registers: _Registers) -> list[Call]:
    """Copies of what is not in its place yet: old values first, numbers last, lest one overwrite another."""
    moved = [(array, value) for array, value in walk.stores if value.startswith("v") and value != f"v_{spelled(array)}"]
    computed = [(array, value) for array, value in walk.stores if value.startswith("x")]
    numbers = [(array, value) for array, value in walk.stores if value.startswith("k")]
    calls = []
    if len(moved) > 1:  # they may depend on each other in a circle
        for _, value in moved:
            scratch = registers.scratch(truth=False)
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
        self.numbers: list[str] = []
        self.truths: list[str] = []
        self.free: dict[bool, list[str]] = {True: [], False: []}

    def place(self, value: str) -> str:
        return self.places.get(value, value)

    def take(self, line: Assign, position: int) -> str:
        """A place for the result of `line`: an operand's, if this is its last use, but for a `where`."""
        apart = line.op == "where"
        if not apart:
            self._release(line, position)
        for array in self.zeroed:
            if self._dead(array, position - apart):
                self.zeroed.remove(array)
                self.free[False].append(f"p_{spelled(array)}")
        home, is_truth = self.homes.get(line.target), line.op in PREDICATES
        place = f"p_{spelled(home)}" if home and self._dead(home, position - apart) else self.scratch(is_truth)
        if apart:
            self._release(line, position)
        self.places[line.target] = place
        return place

    def scratch(self, truth: bool) -> str:
        """A free block, new if need be."""
        if self.free[truth]:
            return self.free[truth].pop()
        names = self.truths if truth else self.numbers
        names.append(f"{'t' if truth else 'n'}{len(names)}")
        return names[-1]

    def _dead(self, array: str, position: int) -> bool:
        """Whether what was loaded from `array` is not read after `position`."""
        return self.last_use.get(f"v_{spelled(array)}", -1) <= position

    def _release(self, line: Assign, position: int) -> None:
        """Free the scratch of operands that are used here for the last time."""
        homes = {f"p_{spelled(array)}" for array in self.homes.values()}
        for value in dict.fromkeys(map(str, line.args)):
            if value.startswith("x") and self.last_use[value] == position and self.places[value] not in homes:
                self.free[self.places[value] in self.truths].append(self.places[value])
