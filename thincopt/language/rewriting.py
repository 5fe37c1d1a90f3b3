"""The one fixed rewrite: in each chain of × and ÷, scalar factors are gathered first, in float64, in source order.

A chain is `a * b / c …` with its parenthesised left sides and right factors; what stands under a ÷ is a chain of its
own. A value that is used more than once, or that leaves a stage, is computed as it stands: its chain ends there
(else a clipped gradient would be squared together with its scale, which need not be representable).
Dividing an array by a scalar thus multiplies it by the scalar's float64 reciprocal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .expression import Node, constant, in_order
from .origins import Origin

Factor = tuple[bool, Node, Origin | None]


def gather_scalars(roots: Iterable[Node]) -> dict[int, Node]:
    """The rewritten node of each node, by its id."""
    roots = list(roots)
    nodes = list(in_order(roots))
    uses = Counter(id(each) for node in nodes for each in node.args) + Counter(map(id, roots))
    done: dict[int, Node] = {}
    for node in nodes:
        done[id(node)] = _rewritten(node, uses, done)
    once = compute_once(done.values())
    return {key: once[node] for key, node in done.items()}


def compute_once(nodes: Iterable[Node]) -> dict[Node, Node]:
    """One node for all that are computed alike."""
    one: dict[object, Node] = {}
    new: dict[Node, Node] = {}
    for node in in_order(nodes):
        args = tuple(new[each] for each in node.args)
        new[node] = one.setdefault((node.op, node.value, *map(id, args)), node.of(args) if args else node)
    return new


def _rewritten(node: Node, uses: Counter[int], done: dict[int, Node]) -> Node:
    if node.op == "held":
        return done[id(node.args[0])]
    if node.is_array and node.op in ("mul", "div"):
        factors = [(under, done[id(each)], origin) for under, each, origin in _factors(node, uses, node)]
        scalars = [factor for factor in factors if not factor[1].is_array]
        if scalars:
            arrays = [factor for factor in factors if factor[1].is_array]
            return _product(arrays, _product(scalars, None))
    if not node.args:
        return node
    return node.of(tuple(done[id(each)] for each in node.args))


def _factors(node: Node, uses: Counter[int], within: Node) -> list[Factor]:
    """The factors of a chain in source order, each with whether it divides, and the line that made it a factor."""
    inner = node.is_array and (node is within or uses[id(node)] == 1)
    if inner and node.op == "mul":
        return _factors(node.args[0], uses, node) + _factors(node.args[1], uses, node)
    if inner and node.op == "div":
        return [*_factors(node.args[0], uses, node), (True, node.args[1], node.origin)]
    return [(False, node, within.origin)]


def _product(factors: list[Factor], result: Node | None) -> Node:
    for divides, factor, origin in factors:
        if result is None:
            result = Node("div", (Node("const", value=1.0), factor), origin=origin) if divides else factor
        else:
            is_array = result.is_array or factor.is_array
            result = Node("div" if divides else "mul", (result, factor), is_array=is_array, origin=origin)
    return constant(result)
