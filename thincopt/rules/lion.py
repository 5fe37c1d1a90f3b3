"""Symbolic Discovery of Optimization Algorithms. Chen et al., 2023. arXiv:2302.06675, Algorithm 2."""

from ..language import Rate, Unit, rule, sign


@rule("Lion.v1")
def Lion(w, g, m, *, learn_rate: Rate = 1e-4, beta1: Unit = 0.9, beta2: Unit = 0.99):
    """Step by the sign of a mix of momentum and gradient, so that every weight moves equally far.

    c = β₁m + (1−β₁)g;   w ← w − η·sign(c);   m ← β₂m + (1−β₂)g

    beta1: How much of the running mean goes into a step; the rest is the present gradient.
    beta2: How slowly the running mean of gradients forgets. 0.99 averages about the last 100 steps.
    """
    c = beta1 * m + (1 - beta1) * g
    m = beta2 * m + (1 - beta2) * g
    return learn_rate * sign(c), m
