"""IEEE float64 on the host: x/0 and √negative give inf and NaN, as they do in C, and do not raise.

These are the functions that printed scalar code calls in Python; native/exact.h states the same for C and CUDA.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache

from .drawing import DRAWN
from .elementary import FORMULAS, block_of
from .printing_python import python_function

Pair = tuple[float, float]

nan, inf = math.nan, math.inf
REMEMBERED = 1 << 11
ROOT_HALF = float.fromhex("0x1.6a09ep-1")  # cut off, as in native/exact.h


def divide(a: float, b: float) -> float:
    """a ÷ b"""
    if b:
        return a / b
    if not a or a != a:
        return nan
    return math.copysign(inf, a) * math.copysign(1.0, b)


def sqrt(x: float) -> float:
    """√x."""
    return math.sqrt(x) if x >= 0 else nan


def floor(x: float) -> float:
    """⌊x⌋"""
    return float(math.floor(x)) if math.isfinite(x) else x


def modulo(a: float, b: float) -> float:
    """a − b·⌊a/b⌋, exactly; it has the sign of b."""
    return a % b if b and math.isfinite(a) and b == b else nan


def sign(x: float) -> float:
    """−1, 0 or 1; NaN of NaN."""
    return float((x > 0) - (x < 0)) if x == x else x


def minimum(a: float, b: float) -> float:
    """The lesser; NaN if either is."""
    return a if a < b or a != a else b


def maximum(a: float, b: float) -> float:
    """The greater; NaN if either is."""
    return a if a > b or a != a else b


def where(condition: float, a: float, b: float) -> float:
    """`a` where the condition holds, else `b`."""
    return a if condition else b


@lru_cache(maxsize=256)  # the keys of a model ask for the same few
def whole_power(x: float, n: float) -> float:
    """xⁿ for whole n, by repeated squaring that carries each rounding along: the same bits on every machine.

    Plain squaring would be off by some n roundings, which 1 − βᵗ and RAdam's ρₜ magnify.
    """
    whole = int(abs(n))
    result, _ = _product(_begun(float(x), whole % REMEMBERED), _ended(float(x), whole // REMEMBERED))
    return result if n >= 0 else divide(1.0, result)


@lru_cache(maxsize=4 * REMEMBERED)  # after so many steps βᵗ begins with the same products again
def _begun(x: float, n: int) -> Pair:
    """The product of those squares that n has a bit for, the highest last."""
    bits = n.bit_length()
    return _product(_begun(x, n - (1 << bits - 1)), _squares(x, bits)[-1:]) if n else (1.0, 0.0)


@lru_cache(maxsize=256)
def _ended(x: float, n: int) -> list[Pair]:
    """The squares that come after the first so many steps'."""
    first = REMEMBERED.bit_length() - 1
    squares = _squares(x, first + n.bit_length())[first:]
    return [square for place, square in enumerate(squares) if n >> place & 1]


@lru_cache(maxsize=256)
def _squares(x: float, count: int) -> list[Pair]:
    """x, x², x⁴, …"""
    found = [(x, 0.0)]
    while len(found) < count:
        found.append(_product(found[-1], found[-1:]))
    return found


def _product(first: Pair, others: list[Pair]) -> Pair:
    """The product of numbers that are each a sum of two, the second what the first lost (Dekker, 1971)."""
    a, rest_of_a = first
    for b, rest_of_b in others:
        product = a * b
        if not (1e-290 < abs(product) < 1e290 and -1e290 < a < 1e290 and -1e290 < b < 1e290):
            a, rest_of_a = product, 0.0
            continue
        split_a, split_b = 134217729.0 * a, 134217729.0 * b  # the upper 26 bits of each, and the rest
        high_a, high_b = split_a - (split_a - a), split_b - (split_b - b)
        low_a, low_b = a - high_a, b - high_b
        lost = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b
        lost = lost + (a * rest_of_b + rest_of_a * b)
        a = product + lost
        rest_of_a = lost - (a - product)
    return a, rest_of_a


def two_to(k: float) -> float:
    """2ᵏ, of whole k; of NaN anything."""
    return math.ldexp(1.0, int(k)) if k == k else nan


def exponent(x: float) -> float:
    """The whole e of x = m·2ᵉ with m from √½ to √2."""
    m, e = math.frexp(x)
    return float(e - (m < ROOT_HALF))


def significand(x: float) -> float:
    """The m of x = m·2ᵉ."""
    m, _ = math.frexp(x)
    return m * 2.0 if m < ROOT_HALF else m


copysign = math.copysign


def exp(x: float) -> float:
    """eˣ."""
    return _own("exp")(x)


def log(x: float) -> float:
    """The natural logarithm."""
    return _own("log")(x)


def tanh(x: float) -> float:
    """The hyperbolic tangent."""
    return _own("tanh")(x)


def sigmoid(x: float) -> float:
    """1 / (1 + e⁻ˣ)."""
    return _own("sigmoid")(x)


def power(x: float, y: float) -> float:
    """xʸ; `whole_power` is taken wherever y is whole."""
    return _own("pow")(x, y)


def as_word(x: float) -> float:
    """A whole number modulo 2³²; 0 of NaN."""
    rest = modulo(x, 2.0**32)
    return rest if rest == rest else 0.0


def word(key: float, other: float, at: float, part: float, place: int = 0) -> int:
    """The random word of the element at this place."""
    group = place // 4
    drawn = _functions("philox")(group & 0xFFFFFFFF, group >> 32, int(at), int(part), int(key), int(other))
    return int(drawn[place % 4])


def uniform(word: int) -> float:
    """A number between 0 and 1."""
    return _own("uniform")(word)


def normal(word: int) -> float:
    """A number of the normal distribution."""
    return _own("normal")(word)


@cache
def _own(name: str) -> Callable[..., float]:
    made = _functions(name)
    return lambda *operands: made(*operands)[0]


@cache
def _functions(name: str) -> Callable[..., tuple[float, ...]]:
    return python_function(block_of((FORMULAS | DRAWN)[name]), globals())
