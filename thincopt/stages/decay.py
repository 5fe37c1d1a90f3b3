"""Weight decay, coupled to the gradient (L2) or decoupled from it.

Decoupled Weight Decay Regularization. Loshchilov & Hutter, 2017. arXiv:1711.05101 (AdamW).
Why Gradients Rapidly Increase Near the End of Training. Defazio, 2025. arXiv:2506.02285 (AdamC, `corrected`).
Cautious Weight Decay. Chen et al., 2025. arXiv:2510.12402, Algorithm 1.
"""

from typing import Annotated, Any, Literal

from ..language import Rate, Scalar, When, maximum, stage, where

Kind = Annotated[Literal["rate", "independent", "squared", "corrected"], When("weight_decay")]
Switch = Annotated[bool, When("weight_decay")]


@stage(at="gradient")
def coupled_decay(w, g, *, L2: Rate = 0.0):
    """Add a share of the weights to the gradient, as the square of their norm in the loss would.

    g ← g + λw
    """
    return g + L2 * w if L2 else g


@stage(at="start")
def weight_decay(
    w,
    g,
    max_rate: Scalar,
    *,
    learn_rate: Rate = 1.0,
    weight_decay: Rate = 0.0,
    decay_kind: Kind = "rate",
    cautious_decay: Switch = False,
):
    """Shrink the weights themselves at each step, by a share that the kind of decay says.

    w ← w − ρλw;   rate: ρ = η;   independent: ρ = 1;   squared: ρ = η²;   corrected: ρ = η²/η_max

    ρ = how much of λ a step takes; η_max = the greatest η that the key has had.
    """
    if cautious_decay:
        return w, max_rate
    pace, max_rate = paced(decay_kind, learn_rate, max_rate)
    return (1 - pace * weight_decay) * w, max_rate


@stage(at="step")
def cautious_decay(
    w,
    g,
    step,
    max_rate: Scalar,
    *,
    learn_rate: Rate = 1.0,
    weight_decay: Rate = 0.0,
    decay_kind: Kind = "rate",
    cautious_decay: Switch = False,
):
    """Shrink only those weights that the step makes smaller too, or leaves: where both have one sign.

    s ← s + ρλw where s·w ≥ 0

    s = the step, which is subtracted from the weights that the rule starts from; ρ as in weight decay.
    """
    if not cautious_decay:
        return step, max_rate
    pace, max_rate = paced(decay_kind, learn_rate, max_rate)
    if weight_decay:
        step = step + where(step * w >= 0, pace * weight_decay * w, 0.0)
    return step, max_rate


def paced(kind: str, rate: Any, max_rate: Any) -> tuple[Any, Any]:
    """How much of λ a step takes, and the greatest rate so far, where the kind asks for it."""
    if kind == "independent":
        return 1.0, max_rate
    if kind == "squared":
        return rate * rate, max_rate
    if kind == "corrected":
        max_rate = maximum(max_rate, rate)
        return where(max_rate > 0, rate * rate / max_rate, 0.0), max_rate
    return rate, max_rate
