"""What Python and NumPy may ask of a symbol that it cannot give, and what to write instead."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any, NoReturn

from .errors import RuleError

WORDS: list[str] = []  # the names of all words; words.py tells them, which is made of symbols
OF_YOUR_OWN = (
    "an array of your own, such as a mask, is state that the rule returns as it came; random numbers are drawn by"
    " normal(random, of=w) or uniform(random, of=w), from thincopt.language"
)
FLAT = "A rule knows no shapes, rows, columns or matrices: it is written for each element alike."

# How words are written that do not take one x.
WRITTEN = {
    "minimum": "minimum(a, b)",
    "maximum": "maximum(a, b)",
    "where": "where(condition, a, b)",
    "dot": "dot(a, b)",
    "uniform": "uniform(random, of=w)",
    "normal": "normal(random, of=w)",
}
ALIKE = {
    "absolute": "abs",
    "fabs": "abs",
    "fmax": "maximum",
    "fmin": "minimum",
    "inner": "dot",
    "matmul": "dot",
    "max": "amax",
    "rand": "uniform",
    "randn": "normal",
    "random_sample": "uniform",
    "standard_normal": "normal",
    "vdot": "dot",
}  # NumPy's names of words
OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "add": ("a + b", operator.add),
    "divide": ("a / b", operator.truediv),
    "floor_divide": ("a // b", operator.floordiv),
    "remainder": ("a % b", operator.mod),
    "equal": ("a == b", operator.eq),
    "greater": ("a > b", operator.gt),
    "greater_equal": ("a >= b", operator.ge),
    "less": ("a < b", operator.lt),
    "less_equal": ("a <= b", operator.le),
    "multiply": ("a * b", operator.mul),
    "not_equal": ("a != b", operator.ne),
    "power": ("a**b", operator.pow),
    "subtract": ("a - b", operator.sub),
}  # NumPy's names of operators
OTHERWISE = {
    "astype": "x alone: all arrays are of the weights' type",
    "clip": "minimum(maximum(x, low), high)",
    "copy": "x alone: nothing is changed in place",
    "logical_and": "a & b",
    "logical_not": "~a",
    "logical_or": "a | b",
    "negative": "-x",
    "reciprocal": "1 / x",
    "size": "mean(x) for sum(x) / x.size, from thincopt.language",
    "square": "x**2",
    "zeros_like": "0 * x",
}
SHAPED = """
    T diag diagonal einsum expand_dims flatten mT matvec ndim outer ravel repeat reshape shape sort squeeze stack
    swapaxes tensordot tile trace transpose tril triu vecmat concatenate cumsum roll flip argmax argmin argsort
    cholesky eig eigh inv pinv qr solve svd
"""


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array_namespace__") and getattr(value, "ndim", 0) > 0


def written(word: str) -> str:
    """How a word is written."""
    return WRITTEN.get(word, f"{word}(x)")


def instead(name: str) -> str:
    """What to write for what is called `name` elsewhere: the word, an operator, or else a list of all there is."""
    word = ALIKE.get(name, name)
    if word in WORDS:
        return f"write {written(word)}, from thincopt.language." + f" {FLAT}" * (name == "matmul")
    if name in OPERATORS:
        return f"write {OPERATORS[name][0]}, of formulas and numbers."
    if name in OTHERWISE:
        return f"write {OTHERWISE[name]}."
    if name in SHAPED.split():
        return FLAT[0].lower() + FLAT[1:]
    return (
        "there is no word for it. A rule is written for each element alike, with + - * /, x**2, comparisons, % and //"
        f" of numbers, and, from thincopt.language, {', '.join(WORDS)}, and `if every(k):` for each k-th step."
    )


class Untraced:
    """A symbol's refusals: each an error that says what to write."""

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuleError(f"a formula has no .{name}: {instead(name)}")

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        number = args[0]
        if method == "__call__" and ufunc.__name__ in OPERATORS and isinstance(number, Real):
            return OPERATORS[ufunc.__name__][1](float(number), self)  # so NumPy's numbers ask, left of an operator
        if method == "__call__" and ufunc.__name__ in OPERATORS and any(_is_array(each) for each in args):
            raise RuleError(f"a formula is made of numbers, settings and its own arrays, not of others: {OF_YOUR_OWN}.")
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        raise RuleError(f"np.{name} cannot be traced: {instead(name)}")

    def __array_function__(self, function: Any, *args: Any) -> NoReturn:
        home = function.__module__.replace("numpy", "np", 1)
        raise RuleError(f"{home}.{function.__name__} cannot be traced: {instead(function.__name__)}")

    def __getitem__(self, index: Any) -> NoReturn:
        raise RuleError(
            "a rule cannot index its arrays, for it knows no rows, columns or elements: it is written for each element"
            " alike; use where(…)."
        )

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise RuleError(
            "a rule assigns to no array: write m = …, without [ ], and return m; for some elements use where(…)."
        )

    def __iter__(self) -> NoReturn:
        raise RuleError(
            "a rule cannot loop over an array, nor can Python's sum, any and all: it is written for each element"
            " alike; write sum(x), mean(x), norm(x) or amax(x), from thincopt.language."
        )

    def __len__(self) -> NoReturn:
        raise RuleError(
            "len() cannot be traced: a rule is the same for arrays of every size; for a mean write mean(x), from"
            " thincopt.language."
        )

    def __format__(self, how: str) -> str:
        if how:
            raise RuleError(
                f"{how!r} cannot write a formula, which has no value yet: to see values, call the rule on arrays."
            )
        return repr(self)

    def __matmul__(self, other: Any) -> NoReturn:
        raise RuleError(f"@ cannot be traced: for the sum of a * b write dot(a, b), from thincopt.language. {FLAT}")

    __rmatmul__ = __matmul__

    def __divmod__(self, other: Any) -> NoReturn:
        raise RuleError("divmod cannot be traced: write a // b and a % b, of numbers.")

    __rdivmod__ = __divmod__

    def __round__(self, *digits: Any) -> NoReturn:
        raise RuleError("rounding cannot be traced: write floor(x), of a number, from thincopt.language.")

    __ceil__ = __trunc__ = __round__

    def __float__(self) -> NoReturn:
        same = [f"{each}(x)" for each in WORDS if hasattr(math, each)]
        raise RuleError(
            "float() and the functions of Python's math module cannot be traced, for a formula has no value yet:"
            f" leave float() out, and for math's write {', '.join(same)} or abs(x), from thincopt.language."
        )

    def __int__(self) -> NoReturn:
        raise RuleError(
            "int() and range() cannot be traced, for a formula has no value yet: leave int() out, and let range() count"
            " to a plain number, or to a setting of type Size."
        )

    __index__ = __int__
