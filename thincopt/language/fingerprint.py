"""A formula's fingerprint: another one where the formula is another, whatever is said beside it."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

from .declaring import Rule
from .expression import Node, in_order
from .rewriting import gather_scalars
from .tracing import Answers, Tracer, declared


@cache
def fingerprint(rule: Rule, choices: tuple[tuple[str, Any], ...], numbers: frozenset[str]) -> str:
    """The digest of what a rule computes with these choices, where only these numbers may be other than zero."""
    given = dict(choices), numbers.__contains__
    told = [_told(rule, Answers(*given, periods.__contains__)) for periods in (frozenset(), numbers)]
    return sha256(repr(told).encode()).hexdigest()


def _told(rule: Rule, answers: Answers) -> list[object]:
    """What a rule computes, operation by operation."""
    tracer = Tracer(declared(rule, ()).sized(answers.choices), answers, ())
    inputs = {name: Node("array", value=name, is_array=True) for name in ("w", "g")}
    formulas = {"step": tracer.run(rule, "step", **inputs), **tracer.news}
    rewritten = gather_scalars(formulas.values())
    results = {name: rewritten[id(formulas[name])] for name in sorted(formulas)}
    places: dict[Node, int] = {}
    told: list[object] = [rule.decay, *sorted((each.name, each.kind, each.start) for each in rule.signature.states)]
    for node in in_order(results.values()):
        told.append((node.op, node.value, *(places[each] for each in node.args)))
        places[node] = len(places)
    return [*told, *((name, places[node]) for name, node in results.items())]
