"""Adam: A Method for Stochastic Optimization. Kingma & Ba, 2014. arXiv:1412.6980.

On the Convergence of Adam and Beyond. Reddi et al., 2018. arXiv:1904.09237 (AMSGrad).
Decoupled Weight Decay Regularization. Loshchilov & Hutter, 2017. arXiv:1711.05101 (AdamW).
"""

from ..language import Positive, Rate, Unit, maximum, rule, sqrt


@rule("Adam.v1", decay="weights", grad_clip=1.0, use_averages=True, L2_is_weight_decay=True)
def ThincAdam(w, g, m, v, t, *, learn_rate: Rate = 1e-3, beta1: Unit = 0.9, beta2: Unit = 0.999, eps: Positive = 1e-8):
    """Divide the running mean of gradients by the root of the running mean of their squares, as Thinc's Adam.

    It has the efficient order of the paper's section 2: ε is added to the root of v before that is corrected. The Adam
    of torch, optax and the paper's Algorithm 1 is Adam.v2.

    m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε)
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    rate = learn_rate * sqrt(1 - beta2**t) / (1 - beta1**t)
    return rate * m / (sqrt(v) + eps), m, v


@rule("Adam.v2")
def Adam(
    w,
    g,
    m,
    v,
    vmax,
    t,
    *,
    learn_rate: Rate = 1e-3,
    beta1: Unit = 0.9,
    beta2: Unit = 0.999,
    eps: Positive = 1e-8,
    amsgrad: bool = False,
):
    """Divide the running mean of gradients by the root of the running mean of their squares (Algorithm 1).

    m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   m̂ = m/(1−β₁ᵗ);   v̂ = v/(1−β₂ᵗ);   w ← w − η·m̂ / (√v̂ + ε)

    With `amsgrad`, the greatest v so far takes its place beneath the root, so that a step never grows back.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    if amsgrad:
        vmax = maximum(vmax, v)
    m_hat = m / (1 - beta1**t)
    v_hat = (vmax if amsgrad else v) / (1 - beta2**t)
    return learn_rate * m_hat / (sqrt(v_hat) + eps), m, v, vmax


AdamW = rule("AdamW.v1", decay="start", weight_decay=0.01)(Adam.function)
