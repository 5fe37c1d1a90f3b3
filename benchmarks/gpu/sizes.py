"""The sizes that are measured on a device."""

from __future__ import annotations

from ..problems import Size

NUMBERS = {"16": 16, "1k": 10**3, "100k": 10**5, "1M": 10**6, "10M": 10**7, "100M": 10**8, "1G": 10**9}
SWEEP = tuple(Size(name, f"{number:,} elements", (number,), ()) for name, number in NUMBERS.items())
SEVERAL = Size("1000x300", "1,000 arrays of 300 elements", (300,) * 1000, ())
WIDTH, INNER, WORDS, LAYERS = 4096, 11008, 32000, 32  # of a language model with seven thousand million parameters
MODEL = "7B"
LAYER = (*(WIDTH * WIDTH,) * 4, *(WIDTH * INNER,) * 3, WIDTH, WIDTH)
HELD = 128  # bytes an element that all programs together have


def model(layers: int) -> Size:
    """So many of the model's layers, with its embedding and the last norm."""
    title = f"{layers} of the {LAYERS} layers of a language model with 7 thousand million parameters"
    return Size(f"{MODEL}/{layers}", title, (WORDS * WIDTH, *LAYER * layers, WIDTH), ())


def sizes(free: int) -> list[Size]:
    """Every size; of the model so many layers as there is memory for."""
    layers = (free * 8 // 10 // HELD - WORDS * WIDTH) // sum(LAYER)
    return [*SWEEP, SEVERAL, model(max(1, min(LAYERS, layers)))]


def named(name: str) -> Size:
    """A size by its name."""
    if name.startswith(MODEL):
        return model(int(name.partition("/")[2]))
    return next(each for each in (*SWEEP, SEVERAL) if each.name == name)
