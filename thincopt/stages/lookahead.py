"""Lookahead Optimizer: k steps forward, 1 step back. Zhang et al., 2019. arXiv:1907.08610, Algorithm 1."""

from typing import Annotated

from ..language import Array, Count, Share, Starts, every, stage


@stage(at="weights")
def lookahead(w, g, slow: Annotated[Array, Starts("w")], *, lookahead_k: Count = 0, lookahead_alpha: Share = 0.5):
    """At every k-th step, go back to slow weights that follow the fast ones by a share α.

    φ ← φ + α(w−φ);   w ← φ
    """
    if every(lookahead_k):
        w = slow = slow + lookahead_alpha * (w - slow)
    return w, slow
