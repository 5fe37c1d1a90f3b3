"""Clip by value: no element of a gradient is larger than a number."""

from math import inf

from ..language import Rate, maximum, minimum, stage, where


@stage(at="gradient")
def clip_value(w, g, *, grad_clip_value: Rate = 0.0):
    """Bring each element of a gradient between −c and c; 0 is no clip.

    g ← min(max(g, −c), c)

    It stands before the clip by the norm. torch, Keras and Lightning let one choose between the two and give no order.
    In this one, a few elements that are far too large are cut before they make the norm, and so all others small; and
    both limits hold in the end, for a norm only scales down.
    """
    if not grad_clip_value:
        return g
    limit = where(grad_clip_value > 0, grad_clip_value, inf)  # a schedule may come to 0
    return minimum(maximum(g, -limit), limit)
