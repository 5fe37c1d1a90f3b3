"""On the difficulty of training recurrent neural networks. Pascanu et al., 2013. arXiv:1211.5063, Algorithm 1."""

from math import inf
from typing import Literal

from ..language import Rate, norm, sqrt, stage, total, where

SHRINK = 2.0**-600  # a power of two, by which float64 is scaled without rounding


@stage(at="gradient")
def clip(w, g, *, grad_clip: Rate = 0.0, grad_clip_by: Literal["key", "model"] = "key"):
    """Scale a gradient down to the norm `grad_clip`, taken of each key or of the whole model; 0 is no clip.

    g ← g·c/‖g‖ where ‖g‖ ≥ c
    """
    scale = 1.0
    if grad_clip:
        size = norm(g) if grad_clip_by == "key" else whole_norm(norm(g))
        scale = where((grad_clip > 0) & (size >= grad_clip), grad_clip / size, 1.0)
    return scale * g


def whole_norm(size):
    """The norm of the model from that of each key; norms whose squares overflow are squared at a smaller scale."""
    square, small = total(size * size), total((SHRINK * size) * (SHRINK * size))
    return where(square < inf, sqrt(square), sqrt(small) / SHRINK)
