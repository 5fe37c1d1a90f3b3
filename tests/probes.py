"""Rules that exist to be tested: every word, reduction and kind of state, and what later rules will need."""

import sys
from pathlib import Path
from typing import Annotated

from thincopt.language import RULES as REGISTERED
from thincopt.language import (
    Array,
    Count,
    Number,
    Positive,
    Rate,
    Scalar,
    Shared,
    Size,
    Starts,
    Times,
    Unit,
    abs,
    amax,
    dot,
    every,
    exp,
    floor,
    log,
    maximum,
    mean,
    minimum,
    norm,
    normal,
    rule,
    sigmoid,
    sign,
    sqrt,
    stage,
    sum,
    tanh,
    total,
    uniform,
    where,
)
from thincopt.native.building import RUNTIME
from thincopt.native.compiling import built
from thincopt.native.generate import kernels_of, printed


@rule("ProbeSums.v1")
def Sums(w, g, size: Scalar, added: Scalar, product: Scalar, largest: Scalar, middle: Scalar):
    """Keep what each reduction finds."""
    return 0.0 * g, norm(g), sum(g), dot(w, g), amax(g), mean(g)


@rule("ProbeWords.v1")
def Words(w, g, m, previous, low: Annotated[Array, Starts(1.0)], *, learn_rate: Rate = 0.1, limit: Positive = 0.5):
    """Every elementwise word, a state that takes the old gradient, and conditions joined."""
    bounded = minimum(maximum(g, -limit), limit)
    agrees = (sign(g) == sign(m)) & (abs(g) > 0.01) | ~(w < 0) & (g != previous)
    low = where((m <= g) & (previous >= -1.0), low / (1 + abs(bounded)), -low)
    m = 0.5 * m + bounded * bounded**3
    return learn_rate * where(agrees, bounded, g / sqrt(1 + m * m)), m, g, low


@rule("ProbeFunctions.v1")
def Functions(w, g, m, v, seen: Annotated[Scalar, Starts(1.0)], t, *, learn_rate: Rate = 0.1, power: Number = 1.5):
    """Every function of elementary.py, of arrays and of numbers, and every kind of power."""
    rate = learn_rate * exp(-0.1 * t) * sigmoid(seen) / (1 + abs(tanh(log(t)))) ** 0.3
    m = sigmoid(10 * g) * m + log(1 + abs(w)) * abs(g) ** 0.75
    v = v + exp(-abs(m)) ** power * g**-2 + g**0.5 + t**g + m**0
    return rate * tanh(m), m, v, 0.5 * seen + norm(tanh(g)) ** power


@rule("ProbeElementary.v1")
def Elementary(w, g, exp_, log_, tanh_, sigmoid_, pow_):
    """Keep what each function finds of any gradient."""
    return 0.0 * w, exp(g), log(g), tanh(g), sigmoid(g), w**g


@rule("ProbeRandom.v1")
def Random(w, g, m, seen: Scalar, random, t, *, learn_rate: Rate = 0.1, refresh: Count = 3):
    """Numbers for each element and one alone, drawn anew or held for some steps, kept, and summed."""
    rate = learn_rate * uniform(random, of=1.0, draw="rate")
    m = m + normal(random, of=w, draw=1, at=t // refresh) * sum(uniform(random, of=w, draw=2))
    return rate * (g + normal(random, of=w)), m, seen + normal(random, of=t, draw=3)


@rule("ProbeUniform.v1")
def Uniform(w, g, random):
    """w ← w − u"""
    return uniform(random, of=w)


@rule("ProbeSwap.v1")
def Swap(
    w, g, one: Annotated[Array, Starts("w")], other, third: Annotated[Array, Starts("level")], *, level: Number = 3.0
):
    """State that changes places, in a circle."""
    return g, other, third, one


@rule("ProbeProdigy.v1")
def Prodigy(
    w,
    g,
    m,
    v,
    s,
    w0: Annotated[Array, Starts("w")],
    d: Annotated[Shared, Starts("first_rate")],
    numerator: Shared,
    k: Shared,
    *,
    learn_rate: Rate = 1.0,
    beta1: Unit = 0.9,
    beta2: Unit = 0.999,
    eps: Positive = 1e-8,
    first_rate: Positive = 1e-6,
):
    """Prodigy (Mishchenko & Defazio 2023, arXiv:2306.06101, Algorithm 4): sums over the whole model, shared numbers."""
    k = k + 1
    root = sqrt(beta2)
    rate = d * learn_rate * sqrt(1 - beta2**k) / (1 - beta1**k)
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * d * d * g * g
    s = root * s + (1 - root) * rate * d * g
    numerator = root * numerator + (1 - root) * rate * d * total(dot(g, w0 - w))
    d_hat = numerator / total(sum(abs(s)))
    return rate * m / (sqrt(v) + d * eps), m, v, s, w0, where(d_hat > d, d_hat, d), numerator, k


@rule("ProbeCounter.v1")
def Counter(w, g, seen: Shared, own: Annotated[Scalar, Starts("first")], largest: Scalar, t, *, first: Number = 2.0):
    """Scalar state fed by t, by itself and by a reduction; a shared counter."""
    return 0.1 * g, seen + 1, own * 0.5 + t, maximum(largest, amax(abs(g)))


@rule("ProbePeriods.v1")
def Periods(w, g, scale, length: Scalar, t, *, learn_rate: Rate = 0.1, refresh: Count = 3, jump: Count = 5):
    """Adagrad, whose scale follows only on some steps; on others it doubles its step; and its rate turns with t."""
    if every(refresh):
        scale, length = scale + g * g, norm(g)
    turning = t % 3 - 0.5 * (t // 4) + floor(-0.3 * t)
    step = learn_rate * g / (1 + scale) + 0.01 * length + 0.001 * turning
    if every(jump):
        step = 2 * step
    return step, scale, length


@rule("ProbeNames.v1")
def Names(w, g, slow, average, lookahead_slow: Annotated[Array, Starts("w")], *, average_rate: Unit = 0.5):
    """State that is called as that of the stages."""
    slow = average_rate * slow + g
    average = average_rate * average + slow
    return 0.1 * average + 0.01 * (lookahead_slow - w), slow, average, 0.5 * (lookahead_slow + w)


@rule("ProbeAggMo.v1")
def AggMo(w, g, v: Annotated[Array, Times("copies")], *, learn_rate: Rate = 0.1, copies: Size = 3, a: Unit = 0.1):
    """Aggregated Momentum (Lucas et al. 2018, arXiv:1804.00325, Algorithm 1), β⁽ⁱ⁾ = 1 − aⁱ: a mean of velocities."""
    v = tuple((1 - a**i) * each + g for i, each in enumerate(v))
    step = v[0]
    for i in range(1, copies):
        step = step + v[i]
    return learn_rate / copies * step, v


@rule("ProbeOptional.v1")
def Optional(
    w, g, m, machine_epsilon, *, learn_rate: Rate = 0.1, cap: Positive | None = None, floor: Rate | None = None
):
    """Numbers that may be None, one of which the type's machine epsilon stands in for; state of one alone."""
    if cap is not None:
        m = 0.5 * m + minimum(maximum(g, -cap), cap)
        g = m
    lowest = machine_epsilon if floor is None else floor
    return learn_rate * g / maximum(norm(g), lowest) + where(abs(g) > lowest, lowest, 0.0), m


RULES = [each for name, each in REGISTERED.items() if name.startswith("Probe")]


@stage(at="step")
def cautious(w, g, step):
    """Steps against the gradient are dropped, the others enlarged (Liang et al. 2024, arXiv:2411.16085)."""
    mask = where(step * g > 0, 1.0, 0.0)
    return step * mask / maximum(mean(mask), 1e-3)


if __name__ == "__main__":  # compiled into a folder, with further flags
    folder, *flags = sys.argv[1:]
    built(RUNTIME, printed(kernels_of(RULES)), Path(folder), flags)
