"""Averages of the weights, to evaluate with.

Acceleration of Stochastic Approximation by Averaging. Polyak & Juditsky, 1992; decayed and warmed up as in Thinc.
Averaging Weights Leads to Wider Optima and Better Generalization. Izmailov et al., 2018. arXiv:1803.05407 (SWA).
"""

from typing import Annotated, Literal

from ..language import Count, Period, Scalar, Unit, When, every, maximum, minimum, stage, where


@stage(at="weights")
def averages(
    w,
    g,
    average,
    mass: Scalar,
    t,
    *,
    use_averages: bool = False,
    averages_by: Annotated[Literal["thinc", "ema", "swa"], When("use_averages")] = "thinc",
    ema_decay: Annotated[Unit, When("averages_by", "ema")] = 0.999,
    ema_debias: Annotated[bool, When("averages_by", "ema")] = False,
    swa_start: Annotated[Count, When("averages_by", "swa")] = 0,
    swa_every: Annotated[Period, When("averages_by", "swa")] = 1,
):
    """Keep an average of the weights, to evaluate with.

    a ← a − s(a−w);   thinc: s = 1 − min((1+t)/(10+t), 0.9999);
    ema: s = 1−β, and 1 at first;   debiased: s = (1−β)/(1−βⁿ);   swa: s = 1/n

    s = the share of the new weights; n = how many weights have entered.
    """
    if not use_averages:
        return w, average, mass
    if averages_by == "thinc":
        share = 1 - minimum((1 + t) / (10 + t), 0.9999)
    elif averages_by == "ema":
        first = mass == 0
        mass = ema_decay * mass + (1 - ema_decay)  # 1 − βⁿ, and right for a β that changes
        share = (1 - ema_decay) / mass if ema_debias else where(first, 1.0, 1 - ema_decay)
    elif every(swa_every):
        enters = where(t >= swa_start, 1.0, 0.0)
        mass = mass + enters  # n
        share = enters / maximum(mass, 1.0)
    else:
        return w, average, mass
    return w, average - share * (average - w), mass
