"""Stochastic gradient descent, plain and with momentum.

A Stochastic Approximation Method. Robbins & Monro, 1951.
On the importance of initialization and momentum in deep learning. Sutskever et al., 2013 (Nesterov's momentum).
"""

from ..language import Number, Rate, rule, where


@rule("SGD.v1", decay="weights", grad_clip=1.0, use_averages=True, L2_is_weight_decay=True)
def PlainSGD(w, g, *, learn_rate: Rate):
    """Follow the gradient, as Thinc's SGD. SGD.v2 has momentum.

    w ← w − η·g
    """
    return learn_rate * g


@rule("SGD.v2")
def SGD(
    w, g, velocity, t, *, learn_rate: Rate = 1e-3, momentum: Rate = 0.0, dampening: Number = 0.0, nesterov: bool = False
):
    """Follow the gradient, with momentum if you like, as torch's SGD. The first gradient enters undampened.

    b ← μb + (1−τ)g;   w ← w − η·b, or with Nesterov w − η·(g + μb)
    """
    step = g
    if momentum:
        undampened = (t == 1) | (momentum == 0)
        velocity = momentum * velocity + where(undampened, 1.0, 1.0 - dampening) * g
        step = g + momentum * velocity if nesterov else velocity
    return learn_rate * step, velocity
