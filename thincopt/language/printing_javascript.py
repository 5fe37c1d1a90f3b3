"""Print functions as JavaScript. What they call beside `Math` is native/exact.js."""

from .elementary import FORMULAS, block_of
from .kernel import INFIX, Block, Operand

SCALAR = {
    **INFIX,
    "where": "{} ? {} : {}",
    "div": "{} / {}",
    "abs": "Math.abs({})",
    "min": "minimum({}, {})",
    "max": "maximum({}, {})",
    "copysign": "copysign({}, {})",
    "two_to": "two_to({})",
    "exponent": "exponent({})",
    "significand": "significand({})",
}


def javascript_functions() -> str:
    """The functions of elementary.py."""
    return "\n".join(_function(f"own_{name}", block_of(name)) for name in FORMULAS)


def _function(name: str, block: Block) -> str:
    lines = [f"const {line.target} = {SCALAR[line.op].format(*map(_number, line.args))};" for line in block.code]
    body = "\n".join(f"  {line}" for line in [*lines, f"return {_number(block.outputs[0])};"])
    return f"function {name}({', '.join(block.inputs)}) {{\n{body}\n}}\n"


def _number(value: Operand) -> str:
    if isinstance(value, str):
        return value
    return f"({value!r})".replace("inf", "Infinity").replace("nan", "NaN")
