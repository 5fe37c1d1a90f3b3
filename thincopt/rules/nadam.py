"""Incorporating Nesterov Momentum into Adam. Dozat, 2016. ICLR workshop."""

from typing import Annotated

from ..language import Positive, Rate, Scalar, Starts, Unit, rule, sqrt


@rule("NAdam.v1")
def NAdam(
    w,
    g,
    m,
    v,
    mu_product: Annotated[Scalar, Starts(1.0)],
    t,
    *,
    learn_rate: Rate = 2e-3,
    beta1: Unit = 0.9,
    beta2: Unit = 0.999,
    eps: Positive = 1e-8,
    momentum_decay: Rate = 4e-3,
):
    """Adam with Nesterov's momentum, which looks one step ahead.

    The weight of the momentum, μ, rises in the first steps at the pace ψ.

    μₜ = β₁(1 − ½·0.96^(tψ));   m ← β₁m + (1−β₁)g;   v ← β₂v + (1−β₂)g²;   v̂ = v/(1−β₂ᵗ);
    m̂ = μₜ₊₁m/(1−∏μ·μₜ₊₁) + (1−μₜ)g/(1−∏μ);   w ← w − η·m̂ / (√v̂ + ε)
    """
    mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
    mu_product = mu_product * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = mu_next / (1 - mu_product * mu_next) * m + (1 - mu) / (1 - mu_product) * g
    v_hat = v / (1 - beta2**t)
    return learn_rate * m_hat / (sqrt(v_hat) + eps), m, v, mu_product
