"""The floor of any recipe: a module in which every walk only moves what it moves, to be run by the same engine.

What a function such as `exp` takes for each element belongs to the floor too; alone it is the difference between a walk
that computes these functions and one that does not, in the cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from thincopt.errors import OpsError
from thincopt.language import Rule
from thincopt.language.elementary import FORMULAS
from thincopt.language.kernel import Assign, Operand, Reduction, Walk, spelled
from thincopt.language.printing_c import c_walk, read_by
from thincopt.native import ready
from thincopt.native.building import RUNTIME
from thincopt.native.compiling import built
from thincopt.native.generate import Printed, kernels_of, printed
from thincopt.native.loading import module_in

from .building import MissingError


def moving_module(rules: Iterable[Rule], folder: Path, *, with_functions: bool = False) -> Any:
    """Compile these rules' kernels, each walk replaced with its floor under the same name."""
    rules = list(rules)
    walks = dict(_floor(each, with_functions=with_functions) for each in _walks(rules))
    functions = Printed(printed(kernels_of(rules)).blocks, walks)
    try:
        return ready(module_in(built(RUNTIME, functions, folder)))
    except OpsError as error:
        raise MissingError(str(error)) from error


def moving(walk: Walk, *, with_functions: bool = False) -> Walk:
    """The same loads and stores, of each value in another array; added up only where more is loaded than stored."""
    code: list[Assign] = []
    targets = [name for name, value in walk.stores if _is_computed(value)]
    loaded = sorted(read_by(walk), key=lambda name: targets.index(name) if name in targets else len(targets))
    values = [f"v_{spelled(name)}" for name in loaded[1:] + loaded[:1]]
    values += _functions(walk, values, code) if with_functions else []
    given = dict(zip(targets, _shared_out(values, len(targets), code), strict=True))
    stores = tuple((name, given.get(name, value)) for name, value in walk.stores)
    sums = tuple(Reduction("sum", (each,)) for each in _shared_out(values, len(walk.reductions), code))
    return Walk(walk.arrays, walk.scalars, tuple(code), stores, sums)


def has_functions(walk: Walk) -> bool:
    """Whether it computes a function for each element, of which memory knows nothing."""
    return any(line.op in FORMULAS for line in walk.code)


def _functions(walk: Walk, values: Sequence[str], code: list[Assign]) -> list[str]:
    """What comes of them, each of a value of its own, at first a loaded one, for compilers compute nothing twice."""
    waiting = deque(values)
    for line in walk.code:
        if line.op in FORMULAS:
            value = waiting.popleft()
            args = tuple(value if _is_computed(each) else each for each in line.args)
            code.append(Assign(f"x{len(code)}", line.op, args))
            waiting.append(code[-1].target)
    return [each for each in waiting if each not in values]


def _is_computed(value: Operand) -> bool:
    """Whether this is no scalar, such as the zero that a gradient becomes."""
    return isinstance(value, str) and value.startswith(("x", "v_"))


def bytes_moved(walk: Walk, itemsize: int = 4) -> int:
    """What it reads and writes of each element."""
    return itemsize * (len(read_by(walk)) + len(walk.stores))


def _shared_out(values: Sequence[str], count: int, code: list[Assign]) -> list[str]:
    """One value for each of so many uses, each loaded one in one of them at least; `code` comes to add them up."""
    found = []
    for use in range(count):
        first, *others = values[use::count] or values[:1]
        for each in others:
            code.append(Assign(f"x{len(code)}", "add", (first, each)))
            first = code[-1].target
        found.append(first)
    return found


def _walks(rules: Iterable[Rule]) -> Iterator[Walk]:
    phases = (phase for kernel in kernels_of(rules) for phase in kernel.phases)
    return iter(dict.fromkeys(phase.walk for phase in phases if phase.walk.arrays))


def _floor(walk: Walk, *, with_functions: bool) -> tuple[str, str]:
    name, (other, source) = c_walk(walk)[0], c_walk(moving(walk, with_functions=with_functions))
    return name, source.replace(other, name)
