"""Weight decay, coupled to the gradient (L2) or decoupled from it (AdamW's)."""

from ..language import Rate, stage


@stage(at="gradient")
def coupled_decay(w, g, *, L2: Rate = 0.0):
    """Add a share of the weights to the gradient, as the square of their norm in the loss would.

    g ← g + λw
    """
    return g + L2 * w if L2 else g


@stage(at="start")
def weight_decay(w, g, *, learn_rate: Rate = 1.0, weight_decay: Rate = 0.0):
    """Shrink the weights themselves at each step, in proportion to the learning rate.

    w ← w − ηλw
    """
    return (1 - learn_rate * weight_decay) * w
