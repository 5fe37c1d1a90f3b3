"""What a rule returns: whether it can be what was meant, and what to write instead."""

from __future__ import annotations

import dis
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest
from typing import Any

from .errors import RuleError
from .expression import Node, in_order

JUMPS = {*dis.hasjrel, *dis.hasjabs}


def results_of(label: str, names: Sequence[str], returned: Any) -> tuple[Any, ...]:
    """What was returned, one for each of these names."""
    results = returned if isinstance(returned, tuple) else (returned,)
    wanted = f"{label} must return ({', '.join(names)})"
    ending = f"`return {', '.join(names)}`"
    if returned is None:
        raise RuleError(f"{wanted}, but it returns nothing: end it with {ending}.")
    if isinstance(returned, list | dict | set):
        kind = type(returned).__name__
        raise RuleError(f"{wanted}, {len(names)} in all, not a {kind}: end it with {ending}, without brackets.")
    if isinstance(returned, Generator):
        raise RuleError(f"{wanted}, but it is a generator: put `return` in the place of `yield`.")
    if len(results) != len(names):
        raise RuleError(f"{wanted}, {len(names)} in all, not {len(results)}.")
    return results


def see_order(function: Callable[..., Any], label: str, states: Sequence[str]) -> None:
    """An error if states are returned under each other's names, as in (w, g, m, v) with `return step, v, m`, or first.

    From the compiled code, for of what is typed at a prompt there is no source. States that only change places, none
    of them computed anew, are meant to.
    """
    code = list(dis.get_instructions(function))
    computed = {name for each in code if each.opname.startswith("STORE_FAST") for name in _names(each)}
    for first, *returned in _returned(code, 1 + len(states)):
        if computed.issuperset(states) and _stand_first(states, [first, *returned]):
            own, other = ", ".join(states), returned[-1] or "…"
            raise RuleError(
                f"{label} returns its states first, ({own}, {other}), but they come last: write"
                f" `return {other}, {own}`. If {states[0]} is to stand first, give it another name there."
            )
        given = {state: name for state, name in zip(states, returned, strict=True) if name in states}
        if any(_goes_round(given, state) and state in computed for state in states):
            told = ", ".join(name or "…" for name in returned)
            raise RuleError(
                f"{label} returns its states as ({told}), but its signature has them as ({', '.join(states)}): write"
                f" `return …, {', '.join(states)}`. If they are to change places, give the new ones other names."
            )


def _returned(code: Sequence[dis.Instruction], count: int) -> Iterator[list[str | None]]:
    """The names of each tuple of so many that is returned; None for what is no plain name."""
    stack: list[str | None] = []
    for each, after in pairwise(code):
        if each.opname == "BUILD_TUPLE" and after.opname == "RETURN_VALUE" and count == each.arg:
            yield ([None] * count + stack)[-count:]
        if each.is_jump_target or each.opcode in JUMPS:
            stack = []  # what lies below is not known here
        if each.opname.startswith("LOAD_FAST"):
            stack += _names(each)
        else:
            stack = _after(each, stack)


def _after(instruction: dis.Instruction, stack: list[str | None]) -> list[str | None]:
    """What lies on the stack: what came last is no plain name, as of a result."""
    grown = dis.stack_effect(instruction.opcode, instruction.arg)
    kept = stack if grown > 0 else stack[: max(0, len(stack) + grown - 1)]
    return [*kept, *[None] * max(1, grown)]


def _stand_first(states: Sequence[str], returned: Sequence[str | None]) -> bool:
    """Whether the states stand where the step and all but the last are to be, and then what else is computed.

    A single state may be the step, with a new one computed in its place.
    """
    *first, last = returned
    return bool(states) and first == list(states) and last not in states and (last is not None or len(states) > 1)


def _names(instruction: dis.Instruction) -> tuple[str, ...]:
    """The variables of an instruction: some load or store two at once."""
    return instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)


def _goes_round(given: Mapping[str, str | None], state: str) -> bool:
    """Whether one comes from this state by way of others back to it."""
    at, way = given.get(state), {state}
    while at is not None and at not in way:
        way.add(at)
        at = given.get(at)
    return at == state and len(way) > 1


def see_repeatable(first: Sequence[Node], again: Sequence[Node]) -> None:
    """An error if a second run of the same function gave another formula: then something in it is left to chance."""
    nodes = list(in_order(first))
    for one, other in zip_longest(_steps(nodes), _steps(list(in_order(again)))):
        if one != other:
            changed = one is not None and other is not None and one[0] == other[0] == "const"
            told = f" ({one[1]} at first, then {other[1]})" if changed and one and other else ""
            raise RuleError(
                f"it gave two formulas when it was run twice{told}. The formula that a rule gives is kept: a"
                " random number, the time, or a count of its own would be the same number for ever. What changes from"
                " step to step is t, a state, a setting with a schedule, and what normal(random, of=w) or"
                " uniform(random, of=w) draws, from thincopt.language, in a rule that takes `random` beside w and g."
            )


def _steps(nodes: Sequence[Node]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """What each node does, with the places of its operands among the nodes; a number by its text, NaN too."""
    places = {id(node): place for place, node in enumerate(nodes)}
    for node in nodes:
        yield node.op, repr(node.value), tuple(places[id(each)] for each in node.args)
