"""Random words that are a function of a counter and a key, and numbers of them: the same wherever they are asked for.

Words are whole numbers below 2³²: `times_high` and `times_low` are the halves of a product, `plus` wraps around.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .elementary import Value, log, minimum, polynomial, where
from .expression import Node, apply

ON_WORDS = ("times_high", "times_low", "xor", "plus")
times_high, times_low, xor, plus = (partial(apply, name) for name in ON_WORDS)
sqrt = partial(apply, "sqrt")

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
# AS 241, PPND7: near the middle, and in the tails, of which a word does not reach the farthest.
NEAR = (3.3871327179, 50.434271938, 159.29113202, 59.109374720), (1.0, 17.895169469, 78.757757664, 67.187563600)
TAIL = (1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103), (1.0, 0.73700164250, 0.12021132975)


def philox(c0: Value, c1: Value, c2: Value, c3: Value, k0: Value, k1: Value) -> tuple[Value, ...]:
    """Philox4x32-10. Parallel Random Numbers: As Easy as 1, 2, 3. Salmon et al., 2011."""
    one, other = (Node("const", value=each) for each in MULTIPLIERS)
    for _ in range(ROUNDS):
        c0, c1, c2, c3 = (
            xor(xor(times_high(other, c2), c1), k0),
            times_low(other, c2),
            xor(xor(times_high(one, c0), c3), k1),
            times_low(one, c0),
        )
        k0, k1 = (plus(key, Node("const", value=each)) for key, each in zip((k0, k1), WEYL, strict=True))
    return c0, c1, c2, c3


def uniform(word: Value) -> Value:
    """A number between 0 and 1, never one of them: (word + ½)·2⁻³²."""
    return (word + 0.5) * 2.0**-32


def normal(word: Value) -> Value:
    """The normal number that is greater than a share `uniform(word)` of all. Algorithm AS 241. Wichura, 1988."""
    share = uniform(word)
    q = share - 0.5
    near = q * _ratio(0.180625 - q * q, NEAR)
    tail = _ratio(sqrt(-log(minimum(share, 1.0 - share))) - 1.6, TAIL)
    return where(abs(q) <= 0.425, near, where(q < 0.0, -tail, tail))


def _ratio(x: Value, parts: tuple[tuple[float, ...], tuple[float, ...]]) -> Value:
    above, below = parts
    return polynomial(x, above) / polynomial(x, below)


DRAWN: dict[str, Callable[..., Value]] = {"philox": philox, "uniform": uniform, "normal": normal}
