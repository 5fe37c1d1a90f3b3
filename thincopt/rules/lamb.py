"""Large Batch Optimization for Deep Learning: Training BERT in 76 minutes. You et al., 2019. arXiv:1904.00962."""

from ..language import Positive, Rate, Unit, minimum, norm, rule, sqrt, where


@rule("LAMB.v1", takes="weight_decay")
def LAMB(
    w,
    g,
    m,
    v,
    t,
    *,
    learn_rate: Rate = 1e-3,
    beta1: Unit = 0.9,
    beta2: Unit = 0.999,
    eps: Positive = 1e-6,
    weight_decay: Rate = 0.0,
    clamp: Positive = 10.0,
    debias: bool = False,
):
    """Adam's direction, scaled to the size of each array of weights (Algorithm 2, with φ(z) = min(z, clamp)).

    The paper corrects the moments' bias; as its authors note, warm-up does the same, so `debias` is off here as
    in the implementations in use. Where either norm is zero the ratio is 1.

    m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   u = m̂ / (√v̂ + ε) + λw;   w ← w − η · φ(‖w‖)/‖u‖ · u

    weight_decay: This share of each weight is added to the direction before it is scaled. 0.01 is usual; 0 is off.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t) if debias else m
    v_hat = v / (1 - beta2**t) if debias else v
    u = m_hat / (sqrt(v_hat) + eps) + weight_decay * w
    ratio = where((norm(w) > 0) & (norm(u) > 0), minimum(norm(w), clamp) / norm(u), 1.0)
    return learn_rate * ratio * u, m, v
