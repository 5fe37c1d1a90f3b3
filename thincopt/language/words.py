"""The words of rules: each works on symbols, on numbers, and on arrays through their own namespace."""

import math
from collections.abc import Callable
from typing import Any

from . import arithmetic
from .expression import SIZE, Node, apply, reduction

Word = Callable[..., Any]


def _namespace(values: tuple[Any, ...]) -> Any:
    """The array library of the first array among `values`, or None if all are numbers."""
    for value in values:
        if hasattr(value, "__array_namespace__"):
            return value.__array_namespace__()
    return None


def _word(op: str, name: str, number: Word, doc: str) -> Word:
    def word(*operands: Any) -> Any:
        if any(isinstance(each, Node) for each in operands):
            return apply(op, *operands)
        arrays = _namespace(operands)
        return number(*operands) if arrays is None else getattr(arrays, name)(*operands)

    word.__name__ = word.__qualname__ = name
    word.__doc__ = doc
    return word


sqrt = _word("sqrt", "sqrt", arithmetic.sqrt, "The square root.")
abs = _word("abs", "abs", math.fabs, "The absolute value.")
sign = _word("sign", "sign", arithmetic.sign, "−1, 0 or 1.")
minimum = _word("min", "minimum", arithmetic.minimum, "The lesser of two; NaN if either is.")
maximum = _word("max", "maximum", arithmetic.maximum, "The greater of two; NaN if either is.")
where = _word("where", "where", arithmetic.where, "`a` where the condition holds, else `b`.")
exp = _word("exp", "exp", arithmetic.exp, "eˣ.")
log = _word("log", "log", arithmetic.log, "The natural logarithm.")
tanh = _word("tanh", "tanh", math.tanh, "The hyperbolic tangent.")


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return 1.0 / (1.0 + exp(-x))


def _reduction(op: str, name: str, plain: Callable[..., Any], doc: str) -> Word:
    def word(*operands: Any) -> Any:
        if any(isinstance(each, Node) for each in operands):
            return reduction(op, *operands)
        return plain(_namespace(operands), *operands)

    word.__name__ = word.__qualname__ = name
    word.__doc__ = doc
    return word


sum = _reduction("sum", "sum", lambda xp, x: xp.sum(x), "The sum of an array's elements.")
dot = _reduction("dot", "dot", lambda xp, a, b: xp.sum(a * b), "The sum of the products of two arrays' elements.")
norm = _reduction("norm", "norm", lambda xp, x: xp.sqrt(xp.sum(x * x)), "The Euclidean norm of an array.")
amax = _reduction("amax", "amax", lambda xp, x: xp.max(x), "The greatest element of an array.")


def mean(x: Any) -> Any:
    """The mean of an array's elements."""
    return sum(x) / (Node("scalar", value=SIZE, whole=True) if isinstance(x, Node) else x.size)


def total(x: Any) -> Any:
    """A pass scalar summed over all keys of one `update`; of a single array, itself."""
    return Node("total", (x,)) if isinstance(x, Node) else x
