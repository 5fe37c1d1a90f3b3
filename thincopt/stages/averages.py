"""Acceleration of Stochastic Approximation by Averaging. Polyak & Juditsky, 1992; decayed and warmed up as in Thinc."""

from ..language import minimum, stage


@stage(at="weights")
def averages(w, g, average, t, *, use_averages: bool = False):
    """Keep a running average of the weights, to evaluate with.

    d = min((1+t)/(10+t), 0.9999);   a ← a − (1−d)(a−w)
    """
    if use_averages:
        decay = minimum((1 + t) / (10 + t), 0.9999)
        average = average - (1 - decay) * (average - w)
    return w, average
