"""On the Variance of the Adaptive Learning Rate and Beyond. Liu et al., 2019. arXiv:1908.03265, Algorithm 2."""

from ..language import Positive, Rate, Unit, rule, sqrt, where


def rectification(beta2, t):
    """r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ)), and ρₜ, which says whether the variance can be told"""
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    return sqrt((rho - 4) / (rho_inf - 4) * (rho - 2) / rho * rho_inf / (rho_inf - 2)), rho


@rule("RAdam.v1", decay="weights", grad_clip=1.0, use_averages=True, L2_is_weight_decay=True)
def ThincRAdam(w, g, m, v, t, *, learn_rate: Rate = 1e-3, beta1: Unit = 0.9, beta2: Unit = 0.999, eps: Positive = 1e-8):
    """Adam that begins as plain momentum, until enough gradients were seen to divide by their squares, as in Thinc.

    Its steps count from 2, ε is added to the root before that is corrected, and it divides from ρₛ = 5 on. The RAdam
    of torch and of the paper is RAdam.v2, whose page says what r and ρ are.

    s = t+1;   m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;
    w ← w − η·r·√(1−β₂ˢ)/(1−β₁ˢ)·m / (√v + ε) where ρₛ ≥ 5, else w − η·m/(1−β₁ˢ)
    """
    s = t + 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    r, rho = rectification(beta2, s)
    adapted = r * sqrt(1 - beta2**s) * m / (sqrt(v) + eps)
    return learn_rate / (1 - beta1**s) * where(rho >= 5, adapted, m), m, v


@rule("RAdam.v2")
def RAdam(w, g, m, v, t, *, learn_rate: Rate = 1e-3, beta1: Unit = 0.9, beta2: Unit = 0.999, eps: Positive = 1e-8):
    """Adam that begins as plain momentum, until enough gradients were seen to divide by their squares.

    The factor r makes steps smaller while the mean of squares is still uncertain.

    m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   m̂ = m/(1−β₁ᵗ);
    ρ∞ = 2/(1−β₂) − 1;   ρₜ = ρ∞ − 2tβ₂ᵗ/(1−β₂ᵗ);   r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ));
    w ← w − η·m̂·r·√(1−β₂ᵗ) / (√v + ε) where ρₜ > 5, else w − η·m̂
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    r, rho = rectification(beta2, t)
    adapted = m_hat * r * sqrt(1 - beta2**t) / (sqrt(v) + eps)
    return learn_rate * where(rho > 5, adapted, m_hat), m, v
