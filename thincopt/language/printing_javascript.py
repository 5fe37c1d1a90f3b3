"""Print functions as JavaScript. What they call beside `Math` is native/exact.js."""

from .drawing import DRAWN
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
    "floor": "Math.floor({})",
    "mod": "modulo({}, {})",
    "two_to": "two_to({})",
    "exponent": "exponent({})",
    "significand": "significand({})",
    "sqrt": "Math.sqrt({})",
    "times_high": "times_high({}, {})",
    "times_low": "Math.imul({}, {}) >>> 0",
    "xor": "({} ^ {}) >>> 0",
    "plus": "({} + {}) >>> 0",
}


def javascript_functions() -> str:
    """The functions of elementary.py and drawing.py."""
    return "\n".join(_function(f"own_{name}", block_of(each)) for name, each in (FORMULAS | DRAWN).items())


def _function(name: str, block: Block) -> str:
    lines = [f"const {line.target} = {SCALAR[line.op].format(*map(_number, line.args))};" for line in block.code]
    found = ", ".join(map(_number, block.outputs))
    result = found if len(block.outputs) == 1 else f"[{found}]"
    body = "\n".join(f"  {line}" for line in [*lines, f"return {result};"])
    return f"function {name}({', '.join(block.inputs)}) {{\n{body}\n}}\n"


def _number(value: Operand) -> str:
    if isinstance(value, str):
        return value
    return f"({value!r})".replace("inf", "Infinity").replace("nan", "NaN")
