"""The words of rules: each works on symbols, on numbers, and on arrays through their own namespace."""

import math
from collections.abc import Callable, Mapping
from inspect import isfunction
from typing import Any

from . import arithmetic
from .errors import RuleError
from .expression import SIZE, Node, apply, reduction
from .refusing import FLAT, WORDS, written

Word = Callable[..., Any]


def _namespace(values: tuple[Any, ...]) -> Any:
    """The array library of the first array among `values`, or None if all are numbers."""
    for value in values:
        if hasattr(value, "__array_namespace__"):
            return value.__array_namespace__()
    return None


def _word(op: str, name: str, number: Word, doc: str, plain: Word | None = None) -> Word:
    """A word: of symbols, of numbers, and of arrays `plain`, or what their library has by its name."""

    def word(*operands: Any, **named: Any) -> Any:
        _see(name, operands, named)
        if any(isinstance(each, Node) for each in operands):
            return apply(op, *operands)
        arrays = _namespace(operands)
        if arrays is None:
            return number(*operands)
        return plain(arrays, *operands) if plain else getattr(arrays, name)(*operands)

    return _named(word, name, doc)


def _reduction(op: str, name: str, plain: Callable[..., Any], doc: str) -> Word:
    def word(*operands: Any, **named: Any) -> Any:
        _see(name, operands, named, FLAT)
        if any(isinstance(each, Node) for each in operands):
            return reduction(op, *operands, called=name)
        arrays = _namespace(operands)
        if arrays is None:
            raise RuleError(f"{name} is of an array, not of {operands[0]!r}.")
        return plain(arrays, *operands)

    return _named(word, name, doc)


def _named(word: Word, name: str, doc: str) -> Word:
    word.__name__ = word.__qualname__ = name
    word.__doc__ = doc
    return word


def _see(name: str, operands: tuple[Any, ...], named: Mapping[str, Any], why: str = "") -> None:
    """Refuse what a word does not take; an axis above all."""
    form = written(name)
    for each in named:
        raise RuleError(f"{name} takes no {each}=: write {form}. {why}".rstrip())
    if len(operands) != form.count(",") + 1:
        count = f"{len(operands)} operand" + "s" * (len(operands) != 1)
        raise RuleError(f"{name} does not take {count}: write {form}. {why}".rstrip())
    for each in operands:
        if isinstance(each, list | tuple | set | dict) or hasattr(type(each), "__next__"):
            plus = " To add several, write a + b." if name == "sum" else ""
            raise RuleError(f"{name} takes no {type(each).__name__}: write {form}, of arrays.{plus}")


sqrt = _word("sqrt", "sqrt", arithmetic.sqrt, "The square root.")
abs = _word("abs", "abs", math.fabs, "The absolute value.")
floor = _word("floor", "floor", arithmetic.floor, "The greatest whole number that is not above a number.")
sign = _word("sign", "sign", arithmetic.sign, "−1, 0 or 1.")
minimum = _word("min", "minimum", arithmetic.minimum, "The lesser of two; NaN if either is.")
maximum = _word("max", "maximum", arithmetic.maximum, "The greater of two; NaN if either is.")
where = _word("where", "where", arithmetic.where, "`a` where the condition holds, else `b`.")
exp = _word("exp", "exp", arithmetic.exp, "eˣ.")
log = _word("log", "log", arithmetic.log, "The natural logarithm.")
tanh = _word("tanh", "tanh", arithmetic.tanh, "The hyperbolic tangent.")
sigmoid = _word("sigmoid", "sigmoid", arithmetic.sigmoid, "1 / (1 + e⁻ˣ).", lambda xp, x: 1.0 / (1.0 + xp.exp(-x)))

sum = _reduction("sum", "sum", lambda xp, x: xp.sum(x), "The sum of an array's elements.")
dot = _reduction("dot", "dot", lambda xp, a, b: xp.sum(a * b), "The sum of the products of two arrays' elements.")
norm = _reduction("norm", "norm", lambda xp, x: xp.sqrt(xp.sum(x * x)), "The Euclidean norm of an array.")
amax = _reduction("amax", "amax", lambda xp, x: xp.max(x), "The greatest element of an array.")
_mean = _reduction("sum", "mean", lambda xp, x: xp.sum(x), "The sum, where a mean is asked for.")


def mean(*operands: Any, **named: Any) -> Any:
    """The mean of an array's elements."""
    added = _mean(*operands, **named)
    return added / (Node("scalar", value=SIZE, whole=True) if isinstance(added, Node) else operands[0].size)


def total(*operands: Any, **named: Any) -> Any:
    """A pass scalar summed over all keys of one `update`; of a single array, itself."""
    _see("total", operands, named, FLAT)
    (x,) = operands
    if not isinstance(x, Node):
        return x
    if x.is_predicate:
        raise RuleError("total of a condition: a condition is no number; write where(condition, 1.0, 0.0).")
    if x.is_array:
        raise RuleError("total adds one number of each key: write total(sum(x)), for the sum of all that x holds.")
    return Node("total", (x,))


WORDS += [
    name
    for name, each in [*globals().items()]
    if isfunction(each) and each.__module__ == __name__ and not name.startswith("_")
]
