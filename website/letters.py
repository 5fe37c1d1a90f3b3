"""What the letters of a formula stand for, in a sentence beneath it."""

from thincopt.language import Rule, Stage

SETTINGS = {
    "learn_rate": "η",
    "beta1": "β₁",
    "beta2": "β₂",
    "eps": "ε",
    "L2": "λ",
    "weight_decay": "λ",
    "momentum": "μ",
    "dampening": "τ",
    "momentum_decay": "ψ",
    "grad_clip": "c",
    "lookahead_alpha": "α",
}
STATES = {"velocity": "b", "average": "a", "slow": "φ"}  # others are called as in the signature
COUNT = ("ᵗ", "ₜ", "ˢ", "(t", "(1+t)")


def legend(what: Rule | Stage, formula: tuple[str, ...]) -> str:
    """The letters of this formula: weights and gradient, settings, state, and the count of updates."""
    text = " ".join(formula)
    if not text:
        return ""
    settings = [each.name for each in what.signature.settings if SETTINGS.get(each.name, "\0") in text]
    states = [STATES.get(each.name, each.name) for each in what.signature.states]
    parts = [told for letter, told in (("w", "w: the weights"), ("g", "g: the gradient")) if letter in text]
    parts += [f"{SETTINGS[name]}: `{name}`" for name in settings]
    kept = [each for each in states if each in text]
    parts += [f"{', '.join(kept)}: what is remembered from step to step, 0 at first"] if kept else []
    if any(each in text for each in COUNT):
        parts.append("t: how many updates these weights have had, this one included")
    return f":::{{div}} letters\n{'; '.join(parts)}.\n:::"
