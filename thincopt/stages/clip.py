"""On the difficulty of training recurrent neural networks. Pascanu et al., 2013. arXiv:1211.5063, Algorithm 1."""

from typing import Literal

from ..language import Rate, dot, norm, sqrt, stage, total, where


@stage(at="gradient")
def clip(w, g, *, grad_clip: Rate = 0.0, grad_clip_by: Literal["key", "model"] = "key"):
    """Scale a gradient down to the norm `grad_clip`, taken of each key or of the whole model; 0 is no clip.

    g ← g·c/‖g‖ where ‖g‖ ≥ c
    """
    scale = 1.0
    if grad_clip:
        size = norm(g) if grad_clip_by == "key" else sqrt(total(dot(g, g)))
        scale = where((grad_clip > 0) & (size >= grad_clip), grad_clip / size, 1.0)
    return scale * g
