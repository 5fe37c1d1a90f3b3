"""`thincopt.source(…)`: the kernels of a rule as text, phase by phase, first of numbers and then of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import fill
from typing import Any, Literal, NamedTuple

from ..engine.settings import validated
from ..errors import SettingError, briefly, shown, suggestion
from ..language.kernel import Block, Kernel, Walk
from ..language.printing_c import c_block, c_walk
from ..language.printing_cuda import cuda_block, cuda_walk
from ..language.printing_numpy import numpy_walk
from ..language.printing_python import python_block
from ..recipes.recipe import Recipe
from .describing import recipe_of
from .naming import RuleLike, rule_of

WIDTH = 100


class Printer(NamedTuple):
    """A language: how it says a block, a walk and a comment; what has no name of its own is given one."""

    block: Callable[[Block, str], str]
    walk: Callable[[Walk, str], str]
    comment: str


PRINTERS = {
    "numpy": Printer(python_block, lambda walk, name: numpy_walk(walk).text(name), "# "),
    "c": Printer(lambda block, _: c_block(block)[1], lambda walk, _: c_walk(walk)[1], "// "),
    "cuda": Printer(lambda block, _: cuda_block(block)[1], lambda walk, _: cuda_walk(walk)[1], "// "),
}


@briefly
def source(rule: RuleLike, target: Literal["numpy", "c", "cuda"] = "numpy", /, **settings: Any) -> str:
    """The kernels that a rule is printed as, in calls of NumPy, in C or in CUDA: `source("Adam.v2", "c")`.

    Settings decide what is in them (`amsgrad=True`); what is not given is at its default. Comments say what the inputs
    of each function stand for.
    """
    if not isinstance(target, str) or target not in PRINTERS:
        raise SettingError(f"A rule is printed as one of {', '.join(PRINTERS)}, not {shown(target)}.{_near(target)}")
    found = rule_of(rule)
    recipe = recipe_of(found, **validated(found, settings, complete=False))
    return "\n".join(_functions(recipe, PRINTERS[target]))


def _near(target: object) -> str:
    near = suggestion(target, PRINTERS)
    return f" {near}" if near.endswith("?") else ""


def _functions(recipe: Recipe, printer: Printer) -> Iterator[str]:
    """Each function below a comment that tells its place in a step and what its names stand for."""
    phases = [
        (_when(recipe, case), kernel, place)
        for case, kernel in enumerate(recipe.kernels)
        for place in range(len(kernel.phases))
    ]
    for number, (when, kernel, place) in enumerate(phases, 1):
        end, head = (f"_{number}", f"Phase {place + 1}{when}, ") if len(phases) > 1 else ("", "")
        phase, names = kernel.phases[place], _names(kernel, place)
        if phase.gives:
            told = _told(f"{head}numbers", phase.block.inputs, phase.takes, names)
            yield _comment(told, printer) + printer.block(phase.block, f"scalars{end}")
        if phase.walk.arrays:
            told = _told(f"{head}arrays", phase.walk.scalars, phase.scalars, names)
            yield _comment(told, printer) + printer.walk(phase.walk, f"walk{end}")


def _when(recipe: Recipe, case: int) -> str:
    """In which steps this case comes."""
    names = [recipe.kernels[case].base[place] for place in recipe.periods]
    asked = [f"{'' if case >> bit & 1 else 'not '}every({name})" for bit, name in enumerate(names)]
    return f" where {' and '.join(asked)}" if asked else ""


def _names(kernel: Kernel, at: int) -> dict[int, str]:
    """What each scalar of a kernel is called in one of its phases: a setting, a sum, or what some phase computed."""
    names = dict(enumerate(kernel.base))
    for place, phase in enumerate(kernel.phases[: at + 1]):
        of = f" of phase {place + 1}" if place < at else ""
        computed = (f"{each}{of}" if isinstance(each, str) else f"{each}" for each in phase.block.outputs)
        names |= zip(phase.gives, computed, strict=True)
        names |= {to: f"the total of {names[index]}" for index, to in phase.totals}
        sums = (f"{each.kind}({', '.join(each.args)}){of}" for each in phase.walk.reductions)
        names |= zip(phase.results, sums, strict=True)
    return names


def _told(head: str, inputs: Iterable[str], indices: Iterable[int], names: Mapping[int, str]) -> str:
    meant = ", ".join(f"{name}={names[index]}" for name, index in zip(inputs, indices, strict=True))
    return f"{head[0].upper()}{head[1:]}{f': {meant}' if meant else ''}"


def _comment(text: str, printer: Printer) -> str:
    return fill(text, WIDTH, initial_indent=printer.comment, subsequent_indent=printer.comment) + "\n"
