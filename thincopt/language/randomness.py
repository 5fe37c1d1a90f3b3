"""Random numbers in a formula: a function of seed, key, step and part, and so the same wherever they are drawn."""

from __future__ import annotations

from collections.abc import Hashable
from hashlib import sha256
from typing import Any

from . import arithmetic
from .errors import RuleError
from .expression import Node, apply, constant
from .keys import key_text
from .refusing import WORDS, Untraced, written

KEY_WORDS = ("random.0", "random.1")  # the scalars of a key that its numbers are made of; no state has a number's name


class Random(Untraced):
    """What a rule takes as `random`: all that its numbers depend on, but for which of them is drawn.

    To run a formula on arrays, give it what the engine would: `Random("Mine.v1", "W", t=1)`, of the optimizer's rule,
    the key, and its step.
    """

    __slots__ = ("drawn", "part", "step", "words")

    def __init__(self, part: str, key: Hashable, *, t: Any, seed: int = 0) -> None:
        self.part, self.step, self.words = part, t, words_of(seed, key)
        self.drawn: set[int | str] = set()  # in a trace

    @classmethod
    def traced(cls, part: str, t: Node) -> Random:
        """The same of a key and a step that are not known yet."""
        made = cls.__new__(cls)
        made.part, made.step, made.words = part, t, tuple(Node("scalar", value=each) for each in KEY_WORDS)
        made.drawn = set()
        return made

    def __repr__(self) -> str:
        return f"<random numbers of {self.part}>"


def uniform(random: Random | None = None, *, of: Any = None, draw: int | str = 0, at: Any = None) -> Any:
    """A random number between 0 and 1: one for each element of an array, or for a number one.

    `draw`, a number or a text, tells several draws of one rule apart. `at` is the whole number that they are drawn for;
    t stands for it, and with `at=t // k` they are others at each k-th step.
    """
    return _drawn("uniform", random, of, draw, at)


def normal(random: Random | None = None, *, of: Any = None, draw: int | str = 0, at: Any = None) -> Any:
    """A random number of the normal distribution, of mean 0 and variance 1; all else as `uniform`."""
    return _drawn("normal", random, of, draw, at)


def words_of(seed: int, key: Hashable) -> tuple[Any, ...]:
    """The two words that stand for the seed and the key."""
    text = key_text(key)
    if text is None:
        raise RuleError(
            f"random numbers depend on the key, and {key!r} ({type(key).__name__}) has no text that a later run could"
            " name it by: use a str, a whole number, bytes, None, or a tuple of these."
        )
    return _words(seed, text)[:2]


def _words(*parts: int | str) -> tuple[float, ...]:
    """The first words of a digest."""
    digest = sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).digest()
    return tuple(float(int.from_bytes(digest[place : place + 4], "big")) for place in (0, 4))


def _drawn(name: str, random: Random | None, of: Any, draw: int | str, at: Any) -> Any:
    if not isinstance(random, Random):
        raise RuleError(
            f"{name} draws from what the engine supplies as `random`, not from {random!r}: name it beside w and g, as"
            f" in `def Mine(w, g, random, *, …):`, and write {written(name)}."
        )
    if of is None:
        raise RuleError(f"{name} must be told how many numbers are wanted: write {written(name)}, as many as w has.")
    if not isinstance(draw, int | str):
        raise RuleError(f"{name}: draw= is a plain number or a text that tells several apart, not {draw!r}.")
    at = random.step if at is None else at
    words = (*random.words, at, _words(random.part, draw)[0])
    if isinstance(random.step, Node):
        if draw in random.drawn:
            raise RuleError(
                f"{name} draws a second time with draw={draw!r}, which would give the same numbers: tell the draws"
                " apart, as by draw=1 and draw=2, or keep in a variable what is wanted twice."
            )
        random.drawn.add(draw)
        return _symbol(name, words, constant(of))
    if not hasattr(of, "__array_namespace__"):
        return _number(name, words, 0)
    numbers = [_number(name, words, place) for place in range(of.size)]
    return of.__array_namespace__().asarray(numbers, dtype=of.dtype).reshape(of.shape)


def _symbol(name: str, words: tuple[Any, ...], of: Node) -> Node:
    at = constant(words[2])
    if at.is_array or not at.whole:
        raise RuleError(f"{name}: at= is a whole number, such as t or t // k, not {at!r}.")
    known = tuple(apply("as_word", each) for each in words)
    return apply(name, Node("word", known, "random", is_array=of.is_array))


def _number(name: str, words: tuple[Any, ...], place: int) -> float:
    key, other, at, part = map(arithmetic.as_word, words)
    word = arithmetic.word(key, other, at, part, place)
    return arithmetic.uniform(word) if name == "uniform" else arithmetic.normal(word)


WORDS += [uniform.__name__, normal.__name__]
