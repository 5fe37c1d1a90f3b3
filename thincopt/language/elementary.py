"""exp, log, tanh, sigmoid and xʸ from + − × ÷, comparisons and the bits of exponents: the same bits on every machine.

Each is a formula in float64, printed as rules are, and never more than one unit in the last place beside the number
nearest to the true one. What formulas here may ask beyond the words is exact: `two_to(k)` is 2ᵏ; `exponent(x)` and
`significand(x)` are the e and m of a normal x = m·2ᵉ, with m from √½ to √2; of other numbers they may be anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, reduce
from inspect import signature
from math import inf, nan
from typing import Any

from .expression import Node, apply
from .kernel import Block
from .lowering import straight_line
from .rewriting import compute_once

Value = Any  # a symbol, or a plain number

two_to, exponent, significand, copysign = (
    partial(apply, name) for name in ("two_to", "exponent", "significand", "copysign")
)
where, minimum, maximum = (partial(apply, name) for name in ("where", "min", "max"))

LN2, LN2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # ln 2; times a whole number the first is exact
LOG2_E = 1.44269504088896338700
SMALLEST = 2.0**-1022  # of the normal numbers
WHOLE = 2.0**52  # from here on all numbers are whole
# (eʳ−1)/(eʳ+1) and atanh by the polynomials of fdlibm (Sun Microsystems, 1993).
HALF_TANH = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
ATANH_ODD = (6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01)
ATANH_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)
ATANH_SERIES = tuple(1.0 / n for n in range(5, 29, 2))
THIRD, THIRD_REST = 1.0 / 3.0, 2.0**-54 / 3.0


def exp(x: Value) -> Value:
    """eˣ = 2ᵏ·eʳ of x = k·ln 2 + r."""
    k, q, _ = _reduced(minimum(maximum(x, -746.0), 710.0))
    return _scaled(1.0 + q, k)


def log(x: Value) -> Value:
    """The natural logarithm: e·ln 2 + ln m of x = m·2ᵉ, and ln m = 2·atanh(f/(2+f)) of f = m−1."""
    e, m = _parts(x)
    f = m - 1.0
    half_square = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    rest = z * polynomial(w, ATANH_ODD) + w * polynomial(w, ATANH_EVEN)
    y = e * LN2 - ((half_square - (s * (half_square + rest) + e * LN2_REST)) - f)
    return where(x > 0.0, where(x < inf, y, x), where(x == 0.0, -inf, nan))


def tanh(x: Value) -> Value:
    """−t/(2+t) of t = e⁻²ˣ − 1."""
    k, q, q_rest = _reduced(-2.0 * minimum(abs(x), 22.0))
    scale = two_to(k)
    t, t_rest = _sum(scale - 1.0, scale * q)
    t_rest = t_rest + scale * q_rest
    below, below_rest = _sum(2.0, t)
    return copysign(_quotient(t, t_rest, below, below_rest + t_rest), x)


def sigmoid(x: Value) -> Value:
    """1/(1+e⁻ˣ), and below 0 eˣ/(1+eˣ)."""
    k, q, q_rest = _reduced(maximum(-abs(x), -746.0))
    one_and_q, rest = _sum(1.0, q)
    e, e_rest = _scaled(one_and_q, k), _scaled(rest + q_rest, k)
    below, below_rest = _sum(1.0, e)
    is_negative = x < 0.0
    return _quotient(where(is_negative, e, 1.0), where(is_negative, e_rest, 0.0), below, below_rest + e_rest)


def power(x: Value, y: Value) -> Value:
    """xʸ = e^(y·ln|x|), with ln|x| as a sum of two; where that is no number, as C's Annex F says."""
    size = abs(x)
    y = where(x == 1.0, 0.0, y)  # 1ʸ is 1, as x⁰ is, even of NaN
    high, low = _long_log(size)
    high = where(size < inf, where(size > 0.0, high, -inf), size)
    product, lost = _product(y, high)
    lost = where(abs(product) < 1000.0, lost + y * low, 0.0)
    k, q, _ = _reduced(minimum(maximum(product, -746.0), 710.0), lost)
    found = where(size == 1.0, 1.0, _scaled(1.0 + q, k))
    sign = where(_beside_whole(0.5 * y) == 0.5, -1.0, 1.0)  # ½y is so only of odd whole numbers
    beside = where(size > 0.0, where(size < inf, _beside_whole(y), 0.0), 0.0)
    sign = where(copysign(1.0, x) < 0.0, where(beside == 0.0, sign, nan), 1.0)
    return where(y == 0.0, 1.0, found * sign)


def _reduced(x: Value, rest: Value = None) -> tuple[Value, Value, Value]:
    """The k and q of e^(x + rest) = 2ᵏ(1 + q), q as a sum of two: x = k·ln 2 + r, and 1 + q = eʳ."""
    k = _nearest(LOG2_E * x)
    over, under = x - k * LN2, k * LN2_REST
    if rest is not None:
        under = under - rest
    r = over - under
    square = r * r
    c = r - square * polynomial(square, HALF_TANH)
    return k, *_sum(over, r * c / (2.0 - c) - under)


def _scaled(x: Value, k: Value) -> Value:
    """x·2ᵏ by two factors, for the ends of the range, where it is rounded once."""
    half = _nearest(0.5 * k)
    return x * two_to(half) * two_to(k - half)


def _parts(x: Value) -> tuple[Value, Value]:
    """The e and m of x = m·2ᵉ, of a subnormal x too."""
    is_small = x < SMALLEST
    normal = where(is_small, x * 2.0**54, x)
    return exponent(normal) - where(is_small, 54.0, 0.0), significand(normal)


def _long_log(x: Value) -> tuple[Value, Value]:
    """The logarithm as a sum of two, to some 65 bits: e·ln 2 + 2s(1 + s²/3 + s⁴/5 + …) of s = (m−1)/(m+1)."""
    e, m = _parts(x)
    above, below = m - 1.0, m + 1.0
    s = above / below
    product, lost = _product(s, below)
    s_rest = (above - product - lost - s * (m - (below - 1.0))) / below
    z, z_rest = _product(s, s)
    third, third_rest = _product(z, THIRD)
    third_rest = third_rest + (z_rest + 2.0 * s * s_rest) * THIRD + z * THIRD_REST
    tail, tail_rest = _sum(third, z * z * polynomial(z, ATANH_SERIES))
    cubic, cubic_rest = _product(2.0 * s, tail)
    high, high_rest = _sum(e * LN2, 2.0 * s)
    high, rest = _sum(high, cubic)
    small = 2.0 * s * (tail_rest + third_rest) + 2.0 * s_rest * (1.0 + tail)
    return _sum(high, rest + (high_rest + (cubic_rest + (e * LN2_REST + small))))


def _product(a: Value, b: Value) -> tuple[Value, Value]:
    """The product as a sum of two (Dekker, 1971)."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(x: Value) -> tuple[Value, Value]:
    """The upper 26 bits, and the rest."""
    scaled = 134217729.0 * x
    high = scaled - (scaled - x)
    return high, x - high


def _quotient(a: Value, a_rest: Value, b: Value, b_rest: Value) -> Value:
    """The quotient of two sums of two."""
    found = a / b
    return found + (a_rest - found * b_rest) / b


def _sum(a: Value, b: Value) -> tuple[Value, Value]:
    """The sum of a and a smaller b, or of 0 and any b, as a sum of two."""
    total = a + b
    return total, b - (total - a)


def _nearest(x: Value) -> Value:
    """The nearest whole number, of one below 2⁵¹."""
    return (x + 1.5 * WHOLE) - 1.5 * WHOLE


def _beside_whole(x: Value) -> Value:
    """How far this is from the nearest whole number."""
    size = abs(x)
    return where(size >= WHOLE, 0.0, abs(size - ((size + WHOLE) - WHOLE)))


def polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """The sum of c₀, c₁x, c₂x² and so on."""
    return reduce(lambda found, each: found * x + each, reversed(coefficients))


FORMULAS: dict[str, Callable[..., Value]] = {"exp": exp, "log": log, "tanh": tanh, "sigmoid": sigmoid, "pow": power}


@cache
def block_of(formula: Callable[..., Value]) -> Block:
    """A formula of numbers as code in single assignments."""
    inputs = tuple(signature(formula).parameters)
    found = formula(*(Node("scalar", value=each) for each in inputs))
    roots = found if isinstance(found, tuple) else (found,)
    once = compute_once(roots)

    def leaf(node: Node) -> float | str | None:
        return None if node.args else node.value

    outputs, code, _ = straight_line([once[each] for each in roots], leaf)
    return Block(inputs, code, tuple(outputs))
