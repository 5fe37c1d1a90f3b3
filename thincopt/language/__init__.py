"""The language of rules: all that a file in `rules/` or `stages/` needs. The standard library only."""

from .declaring import RULES, Rule, Stage, rule, stage
from .errors import RuleError, ThincoptError
from .periods import at_step, every
from .types import Array, Count, Number, Positive, Range, Rate, Scalar, Share, Shared, Size, Starts, Times, Unit
from .words import abs, amax, dot, exp, log, maximum, mean, minimum, norm, sigmoid, sign, sqrt, sum, tanh, total, where

__all__ = [
    "RULES",
    "Array",
    "Count",
    "Number",
    "Positive",
    "Range",
    "Rate",
    "Rule",
    "RuleError",
    "Scalar",
    "Share",
    "Shared",
    "Size",
    "Stage",
    "Starts",
    "ThincoptError",
    "Times",
    "Unit",
    "abs",
    "amax",
    "at_step",
    "dot",
    "every",
    "exp",
    "log",
    "maximum",
    "mean",
    "minimum",
    "norm",
    "rule",
    "sigmoid",
    "sign",
    "sqrt",
    "stage",
    "sum",
    "tanh",
    "total",
    "where",
]
