"""Print blocks and walks as C: how each operation is spelled, for scalars and for arrays. CUDA shares the lines.

Types and functions such as `real` and `SQRT` are native/'s.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256

from .drawing import DRAWN, ON_WORDS
from .elementary import FORMULAS, block_of
from .expression import PREDICATES
from .kernel import INFIX, Assign, Block, Operand, Walk, spelled

COMMON = {
    **INFIX,
    "div": "{} / {}",
    "and": "{} && {}",
    "or": "{} || {}",
    "not": "!{}",
    "where": "{} ? {} : {}",
    "min": "MINIMUM({}, {})",
    "max": "MAXIMUM({}, {})",
    "sign": "SIGN({})",
}
OWN = {name: f"own_{name}({', '.join('{}' for _ in block_of(each).inputs)})" for name, each in FORMULAS.items()}
SCALAR = {
    **COMMON,
    **OWN,
    "sqrt": "sqrt({})",
    "abs": "fabs({})",
    "whole_pow": "whole_power({}, {})",
    "copysign": "copysign({}, {})",
    "floor": "floor({})",
    "mod": "modulo({}, {})",
    "two_to": "two_to({})",
    "exponent": "exponent_of({})",
    "significand": "significand_of({})",
    "times_high": "(uint32_t)((uint64_t){} * {} >> 32)",
    "times_low": "(uint32_t)((uint64_t){} * {})",
    "xor": "{} ^ {}",
    "plus": "(uint32_t)({} + {})",
    "as_word": "as_word({})",
    "word": "word_at(0, {}, {}, {}, {})",
    "uniform": "own_uniform({})",
    "normal": "own_normal({})",
}
ARRAY = {
    **COMMON,
    **{name: f"(real){call}" for name, call in OWN.items()},
    "sqrt": "SQRT({})",
    "abs": "ABS({})",
    "word": "{target}_drawn[i - row]",
    "uniform": "(real)own_uniform({})",
    "normal": "(real)own_normal({})",
}
WORDS = (*ON_WORDS, "word")
REDUCE = {  # where a lane begins, how it takes an element, how lanes become one
    "sum": ("0", "{0} += (double){1};", "fold_sum"),
    "dot": ("0", "{0} += (double){1} * (double){2};", "fold_sum"),
    "norm": ("0", "{0} += square(SCALED({1}));", "fold_sum"),
    "amax": ("-INFINITY", "{0} = MAXIMUM((double){1}, {0});", "fold_max"),
}


@cache
def c_block(block: Block) -> tuple[str, str]:
    """The name and the source of `void name(const double *in, double *out)`."""
    unread = [] if block.inputs else ["(void)in;"]
    return _function("scalars", "static void {}(const double *in, double *out)", [*unread, *block_lines(block)])


@cache
def c_walk(walk: Walk) -> tuple[str, str]:
    """The name and the source of one walk over a range of elements, in the type `real`."""
    body = [*pointers(walk, "ARRAY({})"), *numbers(walk, "NUMBER({})")]
    body += _storing(walk) if walk.stores else _reducing(walk)
    return _function("walk", "static void TYPED({})(const struct walk *walk)", body)


def c_functions() -> str:
    """The functions of elementary.py, of numbers, and of drawing.py, of words."""
    own = [_own(name, block_of(each), "double") for name, each in FORMULAS.items()]
    return "\n".join(own + [_own(name, block_of(each), "uint32_t") for name, each in DRAWN.items()])


def _own(name: str, block: Block, kind: str) -> str:
    arguments = [f"{kind} {each}" for each in block.inputs]
    if len(block.outputs) == 1:
        result, given = "double", [f"return {block.outputs[0]};"]
    else:
        result, given = "void", _outputs(block)
        arguments.append(f"{kind} *out")
    text = "\n".join(f"    {line}" for line in [*_computed(block), *given])
    return f"WITHIN {result} own_{name}({', '.join(arguments)})\n{{\n{text}\n}}\n"


def block_lines(block: Block) -> list[str]:
    """The lines that compute `out` from `in`."""
    taken = [f"const double {name} = in[{index}];" for index, name in enumerate(block.inputs)]
    return [*taken, *_computed(block), *_outputs(block)]


def _computed(block: Block) -> list[str]:
    return [f"const {_kind(line, 'double')} {line.target} = {_expression(line, SCALAR)};" for line in block.code]


def _outputs(block: Block) -> list[str]:
    return [f"out[{index}] = {_number(value)};" for index, value in enumerate(block.outputs)]


def digest(prefix: str, text: str) -> str:
    """A name for what this text does: the same text has the same name wherever it is printed."""
    return f"{prefix}_{sha256(text.encode()).hexdigest()[:16]}"


def _function(prefix: str, head: str, body: list[str]) -> tuple[str, str]:
    text = "\n".join(f"    {line}" for line in body)
    name = digest(prefix, text)
    return name, f"{head.format(name)}\n{{\n{text}\n}}\n"


def pointers(walk: Walk, array: str) -> list[str]:
    """The lines that take the arrays of a walk that it reads or stores, as `array` says of the place of each."""
    stored = {name for name, _ in walk.stores}
    places = {name: array.format(walk.arrays.index(name)) for name in _used(walk)}
    return [
        f"{'' if name in stored else 'const '}real *const p_{spelled(name)} = {place};"
        for name, place in places.items()
    ]


def _used(walk: Walk) -> list[str]:
    used = {name for name, _ in walk.stores}.union(read_by(walk))
    return [name for name in walk.arrays if name in used]


def numbers(walk: Walk, scalar: str) -> list[str]:
    """The lines that take the numbers of a walk: words as they are, all others in the type `real`."""
    kinds = ["uint32_t" if name.startswith("u") else "real" for name in walk.scalars]
    return [
        f"const {kind} {name} = ({kind}){scalar.format(index)};"
        for index, (kind, name) in enumerate(zip(kinds, walk.scalars, strict=True))
    ]


def loads(walk: Walk) -> list[str]:
    """The lines that load element i of each array that is read."""
    return [f"const real v_{name} = p_{name}[i];" for name in map(spelled, read_by(walk))]


def read_by(walk: Walk) -> list[str]:
    """The arrays that a walk reads, not only writes."""
    used = {arg for line in walk.code for arg in line.args}
    used |= {value for _, value in walk.stores} | {arg for each in walk.reductions for arg in each.args}
    return [name for name in walk.arrays if f"v_{spelled(name)}" in used]


def assigns(walk: Walk, table: Mapping[str, str] = ARRAY) -> list[str]:
    """The lines that compute."""
    return [f"const {_kind(line, 'real')} {line.target} = {_expression(line, table)};" for line in walk.code]


def _kind(line: Assign, number: str) -> str:
    return "int" if line.op in PREDICATES else "uint32_t" if line.op in WORDS else number


def _storing(walk: Walk) -> list[str]:
    stores = [f"p_{spelled(name)}[i] = {value};" for name, value in walk.stores]
    inside = [*loads(walk), *assigns(walk), *stores]
    return [
        "int64_t row = walk->begin;",
        "for (; row + LANES <= walk->end; row += LANES) {",
        *(f"    {line}" for line in [*_bringing(walk), *_draws(walk)]),
        "    APART",
        "    for (int64_t i = row; i < row + LANES; i++) {",
        *(f"        {line}" for line in inside),
        "    }",
        "}",
        *_draws(walk),
        "APART",
        "for (int64_t i = row; i < walk->end; i++) {",
        *(f"    {line}" for line in inside),
        "}",
    ]


def _bringing(walk: Walk) -> list[str]:
    """Lines that have memory brought before it is asked for."""
    brought = (f"    BRING(p_{spelled(name)} + row + FAR);" for name in _used(walk))
    return ["if (row + LANES + FAR <= walk->end) {", *brought, "}"]


def _draws(walk: Walk) -> list[str]:
    """The lines that draw the random words of a row."""
    words = {f"{line.target}_drawn": ", ".join(map(str, line.args)) for line in walk.code if line.op == "word"}
    return [f"uint32_t {name}[LANES]; draw({name}, row, {given});" for name, given in words.items()]


def _reducing(walk: Walk) -> list[str]:
    """Lanes of 64 within chunks of 4096; the whole rows of a chunk in a loop of fixed length, then its tail."""
    starts, adds, folds = [], [], []
    for index, each in enumerate(walk.reductions):
        start, add, fold = REDUCE[each.kind]
        starts.append(f"    double r{index}[LANES]; START_LANES(r{index}, {start});")
        adds.append(add.format(f"r{index}[j]", *each.args))
        folds.append(f"    walk->sums[{index} * walk->stride + from / CHUNK] = {fold}(r{index});")
    inside = ["const int64_t i = row + j;", *loads(walk), *assigns(walk), *adds]
    return [
        "for (int64_t from = walk->begin; from < walk->end; from += CHUNK) {",
        "    const int64_t to = from + CHUNK < walk->end ? from + CHUNK : walk->end;",
        "    int64_t row = from;",
        *starts,
        "    for (; row + LANES <= to; row += LANES) {",
        *(f"        {line}" for line in [*_bringing(walk), *_draws(walk)]),
        "        for (int j = 0; j < LANES; j++) {",
        *(f"            {line}" for line in inside),
        "        }",
        "    }",
        *(f"    {line}" for line in _draws(walk)),
        "    for (int j = 0; row + j < to; j++) {",
        *(f"        {line}" for line in inside),
        "    }",
        *folds,
        "}",
    ]


def _expression(line: Assign, table: Mapping[str, str]) -> str:
    return table[line.op].format(*map(_number, line.args), target=line.target)


def _number(value: Operand) -> str:
    if isinstance(value, str):
        return value
    return f"({value!r})" if value - value == 0 else "NAN" if value != value else f"({'-' * (value < 0)}INFINITY)"
