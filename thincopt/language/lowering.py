"""From formulas to a kernel: which phase computes what, in single assignments.

The depth of a value is the number of rounds over memory (or over the keys) that must end before it is known: a
reduction is one deeper than its array, a total one deeper than its number. Phase k computes what has depth k;
arrays are computed again in each walk that needs them, for they are never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .expression import REDUCTIONS, Node, in_order
from .kernel import Assign, Block, Kernel, Operand, Phase, Reduction, Walk, spelled
from .origins import Origin

Leaf = Callable[[Node], Operand | None]


def lower(outputs: Mapping[str, Node], base: tuple[str, ...], kinds: Mapping[str, str]) -> Kernel:
    """Make the kernel that computes `outputs`: arrays to store, and scalar state (by its kind) to keep."""
    work = _Lowering(outputs, base, kinds)
    phases = [work.phase(depth) for depth in reversed(range(work.last + 1))]
    shared = {name for name, kind in kinds.items() if kind == "shared"}
    return Kernel(
        base=base,
        size=len(work.slots),
        phases=tuple(reversed(phases)),
        keeps=tuple((name, work.slot(node)) for name, node in work.keeps.items()),
        whole_model=any(node.op == "total" or (node.op == "scalar" and node.value in shared) for node in work.nodes),
        guarded=any(_carries(node) for node in work.nodes if node.op in REDUCTIONS and work.depth[node] == 1),
    )


class _Lowering:
    """The scalars' numbers, and what later phases still ask of earlier ones; phases are made last to first."""

    def __init__(self, outputs: Mapping[str, Node], base: tuple[str, ...], kinds: Mapping[str, str]) -> None:
        self.keeps = {name: node for name, node in outputs.items() if kinds.get(name, "array") != "array"}
        self.stores = {name: node for name, node in outputs.items() if name not in self.keeps}
        self.nodes = list(in_order(outputs.values()))
        self.slots: dict[str | Node, int] = {name: index for index, name in enumerate(base)}
        self.depth: dict[Node, int] = {}
        for node in self.nodes:
            below = max((self.depth[each] for each in node.args), default=0)
            self.depth[node] = below + (node.op in REDUCTIONS or node.op == "total")
        self.last = max(self.depth.values(), default=0)
        self.asked: dict[int, dict[Node, None]] = {depth: {} for depth in range(self.last + 1)}
        for node in self.keeps.values():
            self.ask(node)

    def slot(self, node: Node) -> int:
        """The number of this scalar among the kernel's scalars."""
        key = str(node.value) if node.op == "scalar" else node
        return self.slots.setdefault(key, len(self.slots))

    def ask(self, node: Node) -> int:
        """Have a scalar computed by the phase of its depth; its number."""
        if node.op not in ("scalar", "total", *REDUCTIONS):
            self.asked[self.depth[node]][node] = None
        return self.slot(node)

    def found_in(self, depth: int, ops: Iterable[str]) -> list[Node]:
        """The reductions or totals that phase `depth` finds."""
        return [node for node in self.nodes if node.op in ops and self.depth[node] == depth + 1]

    def phase(self, depth: int) -> Phase:
        walk, scalars, results = self.storing() if depth == self.last else self.reducing(depth)
        totals = self.found_in(depth, ["total"])
        pairs = tuple((self.ask(node.args[0]), self.slot(node)) for node in totals)
        block, takes, gives = self.block(depth)
        return Phase(block, takes, gives, pairs, walk, scalars, results)

    def block(self, depth: int) -> tuple[Block, tuple[int, ...], tuple[int, ...]]:
        """The scalar code of one phase, and which scalars it takes and gives."""
        wanted, takes = list(self.asked[depth]), dict[int, str]()

        def leaf(node: Node) -> Operand | None:
            if node.op == "const":
                return float(node.value)
            if self.depth[node] == depth and node.op not in ("scalar", "total", *REDUCTIONS):
                return None
            return takes.setdefault(self.ask(node), f"a{len(takes)}")

        outputs, code, origins = straight_line(wanted, leaf)
        block = Block(tuple(takes.values()), code, tuple(outputs), origins)
        return block, tuple(takes), tuple(map(self.slot, wanted))

    def storing(self) -> tuple[Walk, tuple[int, ...], tuple[int, ...]]:
        """The last walk: compute every output array and store it."""
        arrays, scalars, leaf = self.walking()
        values, code, origins = straight_line(self.stores.values(), leaf)
        arrays |= dict.fromkeys(self.stores)
        stores = tuple((name, str(value)) for name, value in zip(self.stores, values, strict=True))
        return Walk(tuple(arrays), tuple(scalars.values()), code, stores, origins=origins), tuple(scalars), ()

    def reducing(self, depth: int) -> tuple[Walk, tuple[int, ...], tuple[int, ...]]:
        """A walk that finds the reductions of one depth, empty if there are none."""
        found = self.found_in(depth, REDUCTIONS)
        arrays, scalars, leaf = self.walking()
        operands, code, origins = straight_line([each for node in found for each in node.args], leaf)
        rest = iter(map(str, operands))
        reductions = tuple(Reduction(node.op, tuple(next(rest) for _ in node.args)) for node in found)
        over = tuple(arrays or ("w",) * bool(found))  # of what is drawn alone there is as much as of the weights
        walk = Walk(over, tuple(scalars.values()), code, reductions=reductions, origins=origins)
        return walk, tuple(scalars), tuple(map(self.slot, found))

    def walking(self) -> tuple[dict[str, None], dict[int, str], Leaf]:
        """The arrays and scalars that a walk comes to load, and the function that names them."""
        arrays: dict[str, None] = {}
        scalars: dict[int, str] = {}

        def leaf(node: Node) -> Operand | None:
            if node.op == "array":
                arrays[str(node.value)] = None
                return f"v_{spelled(str(node.value))}"
            kind = "u" if node.op == "as_word" else "k"
            return None if node.is_array else scalars.setdefault(self.ask(node), f"{kind}{len(scalars)}")

        return arrays, scalars, leaf


def straight_line(roots: Iterable[Node], leaf: Leaf) -> tuple[list[Operand], tuple[Assign, ...], dict[str, Origin]]:
    """Name the roots' values; the assignments that compute them from the leaves; and which line each is of."""
    lines: list[Assign] = []
    names: dict[Node, Operand] = {}
    origins: dict[str, Origin] = {}

    def name(node: Node) -> Operand:
        if node not in names:
            named = leaf(node)
            if named is None:
                args = tuple(map(name, node.args))
                named = f"x{len(lines)}"
                lines.append(Assign(named, node.op, args))
                if node.origin:
                    origins[named] = node.origin
            names[node] = named
        return names[node]

    return [name(root) for root in roots], tuple(lines), origins


def _carries(node: Node) -> bool:
    """Whether this is sure not to be finite where the gradient is not."""
    if node.op == "array":
        return node.value == "g"
    if node.op == "div":
        return _carries(node.args[0])
    passes_on = node.op in ("add", "sub", "mul", "neg", "abs", "sqrt", "sum", "dot", "norm")
    return passes_on and any(map(_carries, node.args))
