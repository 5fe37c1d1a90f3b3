"""Symbols: what a rule computes with while it is traced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Any

from .errors import RuleError
from .origins import Origin, here
from .refusing import OF_YOUR_OWN, Untraced

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
LOGIC = frozenset({"and", "or", "not"})
REDUCTIONS = frozenset({"sum", "dot", "norm", "amax"})
PREDICATES = COMPARISONS | LOGIC
SIZE = "elements of w"  # a name that no state can have
EPSILON = "machine_epsilon"
LONGEST = 60  # characters of a formula that are printed
DEEPEST = 10  # operations within each other that are printed: what is used often would be told without end
# How each is written, and how closely it binds.
SIGNS = {
    "lt": (1, "<"),
    "le": (1, "<="),
    "gt": (1, ">"),
    "ge": (1, ">="),
    "eq": (1, "=="),
    "ne": (1, "!="),
    "or": (2, "|"),
    "and": (3, "&"),
    "add": (4, "+"),
    "sub": (4, "-"),
    "mul": (5, "*"),
    "div": (5, "/"),
    "mod": (5, "%"),
    "pow": (7, "**"),
    "whole_pow": (7, "**"),
}
PREFIXES = {"neg": "-", "not": "~"}
PREFIXED = 6


class Node(Untraced):
    """One operation of a traced formula; `value` is a constant's number or an input's name.

    An operation knows the line that asked for it: its `origin`, found where none is given.
    """

    __slots__ = ("args", "asks", "is_array", "op", "origin", "value", "whole")

    def __init__(
        self,
        op: str,
        args: tuple[Node, ...] = (),
        value: float | str = 0.0,
        *,
        is_array: bool = False,
        whole: bool = False,
        asks: Callable[[str], bool] | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.op, self.args, self.value = op, args, value
        self.is_array, self.whole, self.asks = is_array, whole, asks
        self.origin = origin or (here() if args else None)

    def of(self, args: tuple[Node, ...]) -> Node:
        """The same operation of other operands."""
        return Node(self.op, args, self.value, is_array=self.is_array, whole=self.whole, origin=self.origin)

    def __repr__(self) -> str:
        text = _text(self)
        return f"<{text if len(text) <= LONGEST else f'{text[: LONGEST - 1]}…'}>"

    @property
    def is_predicate(self) -> bool:
        """Whether this is true or false rather than a number."""
        return self.op in PREDICATES

    def __add__(self, other: Any) -> Node:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return apply("mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        return apply("mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        return apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return apply("div", other, self)

    def __mod__(self, other: Any) -> Node:
        return apply("mod", self, other)

    def __rmod__(self, other: Any) -> Node:
        return apply("mod", other, self)

    def __floordiv__(self, other: Any) -> Node:
        return _quotient(self, other)

    def __rfloordiv__(self, other: Any) -> Node:
        return _quotient(other, self)

    def __floor__(self) -> Node:
        return apply("floor", self)

    def __pow__(self, other: Any) -> Node:
        return apply("pow", self, other)

    def __rpow__(self, other: Any) -> Node:
        return apply("pow", other, self)

    def __neg__(self) -> Node:
        return apply("neg", self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return apply("abs", self)

    def __lt__(self, other: Any) -> Node:
        return apply("lt", self, other)

    def __le__(self, other: Any) -> Node:
        return apply("le", self, other)

    def __gt__(self, other: Any) -> Node:
        return apply("gt", self, other)

    def __ge__(self, other: Any) -> Node:
        return apply("ge", self, other)

    def __eq__(self, other: object) -> Node:  # type: ignore[override]  # an equation is a formula here
        return apply("eq", self, other)

    def __ne__(self, other: object) -> Node:  # type: ignore[override]  # as above
        return apply("ne", self, other)

    def __and__(self, other: Any) -> Node:
        return apply("and", self, other)

    def __rand__(self, other: Any) -> Node:
        return apply("and", other, self)

    def __or__(self, other: Any) -> Node:
        return apply("or", self, other)

    def __ror__(self, other: Any) -> Node:
        return apply("or", other, self)

    def __invert__(self) -> Node:
        return apply("not", self)

    __hash__ = object.__hash__  # a node is a key by identity

    def __bool__(self) -> bool:
        if self.asks is not None:
            return self.asks(str(self.value))
        raise RuleError(_asked(self))


def _asked(node: Node) -> str:
    """What to write where the value of a formula was asked."""
    text = repr(node)[1:-1]
    if not node.is_predicate:
        return (
            f"{text} has no value yet: only a setting can be asked, and only whether it is zero (`if momentum:`);"
            " write where(condition, a, b), from thincopt.language."
        )
    periodic = any(each.op == "mod" for each in in_order([node]))
    instead = "for each k-th step `if every(k):`, where k is a setting" if periodic else f"where({text}, a, b)"
    return (
        f"`if {text}:` cannot be known yet: write {instead}, or minimum(a, b) and maximum(a, b) for Python's min and"
        " max, from thincopt.language; combine conditions with & | ~ in place of and, or, not and a < b < c."
    )


def _text(node: Node, level: int = 0, depth: int = DEEPEST) -> str:
    """The formula as it is written, in parentheses where it binds less closely than `level`."""
    if not node.args or node.op in ("held", "word"):
        return format(node.value, "g" if node.op == "const" else "")
    if not depth:
        return "…"
    if node.op in SIGNS:
        own, sign = SIGNS[node.op]
        text = f" {sign} ".join(_text(each, own + place, depth - 1) for place, each in enumerate(node.args))
    elif node.op in PREFIXES:
        own, text = PREFIXED, PREFIXES[node.op] + _text(node.args[0], PREFIXED, depth - 1)
    else:
        word = {"min": "minimum", "max": "maximum"}.get(node.op, node.op)
        return f"{word}({', '.join(_text(each, 0, depth - 1) for each in node.args)})"
    return f"({text})" if own < level else text


def constant(value: Any) -> Node:
    """A number, or the symbol that it is already."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Real):
        try:
            return Node("const", value=float(value), whole=float(value).is_integer())
        except OverflowError:
            raise RuleError("a formula's numbers are float64, and a whole number in it is larger than any.") from None
    told = f"a formula is made of numbers, settings and its own arrays, not of {value!r} ({type(value).__name__})"
    raise RuleError(f"{told}{f'; {OF_YOUR_OWN}' * hasattr(value, '__array_namespace__')}.")


def apply(op: str, *operands: Any) -> Node:
    """The symbol of `op` on these operands, checked for sense."""
    args = tuple(constant(each) for each in operands)
    _refuse_mixed_truth(op, args)
    is_array = any(each.is_array for each in args)
    if op == "pow":
        return _power(*args)
    if op in ("floor", "mod") and is_array:
        raise RuleError("%, // and floor are of numbers, such as t; there is no word for them that is of arrays.")
    whole = op in ("floor", "as_word") or (op in ("add", "sub", "mul", "mod") and all(each.whole for each in args))
    return Node(op, args, is_array=is_array, whole=whole)


def reduction(op: str, *operands: Any, called: str = "") -> Node:
    """The number that a reduction finds in arrays; `called` is the word for it, if it is not `op`."""
    args, word = tuple(map(constant, operands)), called or op
    if any(each.is_predicate for each in args):
        raise RuleError(f"{word} of a condition: a condition is no number; write where(condition, 1.0, 0.0).")
    if not all(each.is_array for each in args):
        raise RuleError(f"{word} is of an array, and a number was given: a number needs no {word}.")
    return Node(op, args)


def _refuse_mixed_truth(op: str, args: tuple[Node, ...]) -> None:
    wants = args[:1] if op == "where" else args if op in LOGIC else ()
    if any(not each.is_predicate for each in wants):
        raise RuleError(f"{op} takes conditions, such as a > b or t == 1; a number is not one.")
    if op not in LOGIC and any(each.is_predicate for each in args[len(wants) :]):
        raise RuleError(f"{op} of a condition: a condition is no number; write where(condition, 1.0, 0.0).")


def _quotient(a: Any, b: Any) -> Node:
    """A // b: what is left without the rest is a multiple of b, but for a rounding."""
    return apply("floor", (constant(a) - apply("mod", a, b)) / b + 0.5)


def _power(base: Node, exponent: Node) -> Node:
    is_array = base.is_array or exponent.is_array
    if exponent.op == "const" and exponent.value == 0.5:
        return Node("sqrt", (base,), is_array=is_array)
    if not is_array:
        return Node("whole_pow" if exponent.whole else "pow", (base, exponent))
    times = int(exponent.value) if exponent.op == "const" and exponent.whole else 0
    if times == 0:
        return Node("pow", (base, exponent), is_array=True)
    result = base
    for bit in format(abs(times), "b")[1:]:
        result = result * result
        result = result * base if bit == "1" else result
    return result if times > 0 else 1.0 / result


def in_order(roots: Iterable[Node]) -> Iterator[Node]:
    """Every node that the roots are made of, once each, operands before results."""
    seen: set[int] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            if node.args:
                stack.append((node, True))
                stack += [(each, False) for each in reversed(node.args)]
            else:
                yield node
