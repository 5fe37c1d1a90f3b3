"""Print a block of scalars as a Python function on float64."""

from collections.abc import Callable, Mapping
from typing import Any

from .drawing import ON_WORDS
from .expression import PREDICATES
from .kernel import INFIX, Block, Operand

SCALAR = {
    **INFIX,
    "and": "{} and {}",
    "or": "{} or {}",
    "not": "not {}",
    "where": "{1} if {0} else {2}",
    "div": "divide({}, {})",
    "abs": "abs({})",
    "min": "minimum({}, {})",
    "max": "maximum({}, {})",
    "pow": "power({}, {})",
    "copysign": "copysign({}, {})",
    "floor": "floor({})",
    "mod": "modulo({}, {})",
    "times_high": "({} * {}) >> 32",
    "times_low": "({} * {}) & 0xFFFFFFFF",
    "xor": "{} ^ {}",
    "plus": "({} + {}) & 0xFFFFFFFF",
    "whole_pow": "whole_power({}, {})",
    **{
        name: name + "({})"
        for name in ("sqrt", "sign", "exp", "log", "tanh", "sigmoid", "two_to", "exponent", "significand")
    },
}


def python_function(block: Block, words: Mapping[str, Any]) -> Callable[..., tuple[float, ...]]:
    """The block as a function of its inputs that returns a tuple of its outputs; `words` are what it may call."""
    return defined(python_block(block), "scalars", words)


def defined(source: str, name: str, words: Mapping[str, Any]) -> Callable[..., Any]:
    """A printed function, which may call these words."""
    known = dict(words)
    exec(source, known)  # noqa: S102  # the source is made by our printers, from traced formulas
    made: Callable[..., Any] = known[name]
    return made


def python_block(block: Block, name: str = "scalars") -> str:
    """The same as text."""
    outputs = "".join(f"{_number(each)}, " for each in block.outputs)
    lines = [f"def {name}({', '.join(block.inputs)}):", *python_lines(block), f"return ({outputs.strip()})"]
    return "\n    ".join(lines) + "\n"


def python_lines(block: Block) -> list[str]:
    """Its code."""
    return [f"{line.target} = {SCALAR[line.op].format(*map(_number, line.args))}" for line in block.code]


def python_outputs(block: Block) -> list[str]:
    """What it gives, as floats."""
    others = {line.target for line in block.code if line.op in PREDICATES or line.op in ON_WORDS}
    return [f"float({each})" if each in others else _number(each) for each in block.outputs]


def _number(value: Operand) -> str:
    return value if isinstance(value, str) else f"({value!r})"
