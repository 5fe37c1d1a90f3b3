"""What the letters of a formula stand for, in a sentence beneath it."""

import re
import unicodedata

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
    "grad_clip_value": "c",
    "ema_decay": "β",
    "lookahead_alpha": "α",
}
STATES = {"velocity": "b", "average": "a", "slow": "φ", "mu_product": "∏μ"}  # others are called as in the signature
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
COUNT = ("ᵗ", "ₜ", "ˢ", "(t", "(1+t)")


def legend(what: Rule | Stage, formula: tuple[str, ...]) -> str:
    """The letters of this formula: weights and gradient, settings, state, and the count of updates."""
    text = " ".join(formula)
    if not text:
        return ""
    parts = [told for letter, told in (("w", "w: the weights"), ("g", "g: the gradient")) if stands(letter, text)]
    settings = [each.name for each in what.signature.settings if stands(letter_of(each.name), text)]
    parts += [f"{letter_of(name)}: `{name}`" for name in settings]
    kept: dict[float | str, list[str]] = {}
    for each in what.signature.states:
        if stands(letter := STATES.get(each.name, each.name), text):
            kept.setdefault(each.start, []).append(letter)
    for start, letters in kept.items():
        first = "the weights" if start == "w" else f"`{start}`" if isinstance(start, str) else f"{start:g}"
        parts.append(f"{', '.join(letters)}: what is remembered from step to step, {first} at first")
    if any(each in text for each in COUNT):
        parts.append("t: how many updates these weights have had, this one included")
    return f":::{{div}} letters\n{'; '.join(parts)}.\n:::"


def letter_of(setting: str) -> str:
    """What stands for a setting in formulas: a known letter, the Greek one of its name, or the name itself."""
    stem = setting.rstrip("0123456789")
    try:
        greek = unicodedata.lookup(f"GREEK SMALL LETTER {stem.upper()}")
    except KeyError:
        greek = ""
    own = greek + setting.removeprefix(stem).translate(SUBSCRIPTS) if greek else setting
    return SETTINGS.get(setting, own)


def stands(letter: str, text: str) -> bool:
    """Whether a formula has this letter: not one with an index or a hat, nor one within a word."""
    word = "A-Za-z_" if letter[0].isascii() else ""
    before = f"(?<![{word}])" if word else ""
    return bool(re.search(f"{before}{re.escape(letter)}(?![{word}₀-₉\u0300-\u036f])", text))
