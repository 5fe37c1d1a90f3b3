"""IEEE float64 on the host: x/0 and √negative give inf and NaN, as they do in C, and do not raise.

These are the functions that printed scalar code calls in Python; native/exact.h states the same for C and CUDA.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache

from .elementary import FORMULAS, block_of
from .printing_python import python_function

nan, inf = math.nan, math.inf
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
    result, base, rest = (1.0, 0.0), (float(x), 0.0), int(abs(n))
    while rest:
        if rest & 1:
            result = _product(result, base)
        rest >>= 1
        if rest:
            base = _product(base, base)
    return result[0] if n >= 0 else divide(1.0, result[0])


def _product(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """The product of two numbers that are each a sum of two, the second what the first lost (Dekker, 1971)."""
    product = a[0] * b[0]
    if not (1e-290 < abs(product) < 1e290 and abs(a[0]) < 1e290 and abs(b[0]) < 1e290):
        return product, 0.0
    (high, low), (other_high, other_low) = _halves(a[0]), _halves(b[0])
    lost = ((high * other_high - product) + high * other_low + low * other_high) + low * other_low
    lost = lost + (a[0] * b[1] + a[1] * b[0])
    total = product + lost
    return total, lost - (total - product)


def _halves(x: float) -> tuple[float, float]:
    """The upper 26 bits of a number, and the rest."""
    scaled = 134217729.0 * x
    high = scaled - (scaled - x)
    return high, x - high


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


@cache
def _own(name: str) -> Callable[..., float]:
    made = python_function(block_of(FORMULAS[name]), globals())
    return lambda *operands: made(*operands)[0]
