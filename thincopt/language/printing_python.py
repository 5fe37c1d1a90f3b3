"""Print a block of scalars as a Python function on float64."""

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
    "whole_pow": "whole_power({}, {})",
    **{name: name + "({})" for name in ("sqrt", "sign", "exp", "log", "tanh")},
}


def python_block(block: Block, name: str = "scalars") -> str:
    """The source of a function that takes the block's inputs and returns a tuple of its outputs."""
    lines = [f"def {name}({', '.join(block.inputs)}):"]
    lines += [f"    {line.target} = {SCALAR[line.op].format(*map(_number, line.args))}" for line in block.code]
    outputs = "".join(f"{_number(each)}, " for each in block.outputs)
    return "\n".join([*lines, f"    return ({outputs.strip()})", ""])


def _number(value: Operand) -> str:
    return value if isinstance(value, str) else f"({value!r})"
