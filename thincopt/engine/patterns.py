"""Patterns over keys' texts: globs, and regular expressions whose time grows with the text alone, whatever they say."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from fnmatch import fnmatchcase
from functools import cache, partial
from numbers import Integral

from ..errors import SettingError, shown

REGULAR = "re:"
MOST_STATES = 10_000
CLASSES: dict[str, Callable[[str], bool]] = {
    "d": str.isdigit,
    "w": lambda letter: letter.isalnum() or letter == "_",
    "s": str.isspace,
}
CLASSES |= {name.upper(): partial(lambda holds, letter: not holds(letter), holds) for name, holds in [*CLASSES.items()]}

Test = Callable[[str], bool]
# A program to match by: at each place a test of the next letter, or a list of places where to go on at once.
Program = list[Test | list[int]]


def pattern_text(key: Hashable) -> str | None:
    """What patterns see of a key: a text as it is, numbers and bytes as written, a tuple's parts with dots between.

    None for any other key, which no pattern takes.
    """
    if isinstance(key, str):
        return key
    if isinstance(key, Integral):
        return str(int(key))
    if isinstance(key, bytes):
        return repr(key)
    if isinstance(key, tuple):
        parts = [pattern_text(each) for each in key]
        return None if None in parts else ".".join(map(str, parts))
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern takes the whole of a text."""
    if not pattern.startswith(REGULAR):
        return fnmatchcase(text, pattern)
    return _runs(_program(pattern), text)


def pattern_fault(pattern: object) -> str:
    """Why this is no pattern; nothing if it is one."""
    if not isinstance(pattern, str) or not pattern:
        return f"a pattern is a text such as '*.bias' or 're:layer[.][0-9]+[.]W', not {shown(pattern)}"
    try:
        _program(pattern)
    except SettingError as error:
        return str(error)
    return ""


def _runs(program: Program, text: str) -> bool:
    """Go through the text once, at all places of the program that may be meant."""
    end = len(program)
    here = _reached(program, [0])
    for letter in text:
        here = _reached(program, [place + 1 for place in here if place < end and program[place](letter)])  # type: ignore[operator]  # lists are gone through
        if not here:
            return False
    return end in here


def _reached(program: Program, places: list[int]) -> set[int]:
    """The places that stand still at a letter, or at the end, from these on."""
    found, seen = set[int](), set[int]()
    while places:
        place = places.pop()
        if place in seen:
            continue
        seen.add(place)
        step = program[place] if place < len(program) else None
        if isinstance(step, list):
            places += [place + each for each in step]
        else:
            found.add(place)
    return found


@cache
def _program(pattern: str) -> Program:
    return _Reading(pattern).all()


class _Reading:
    """Reads a regular expression from left to right; a glob needs no reading."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.place = pattern, 0
        self.rest = pattern.removeprefix(REGULAR) if pattern.startswith(REGULAR) else ""

    def all(self) -> Program:
        """The program of all of it."""
        program = self.either()
        if self.next:
            self.refuse("there is no ( for this )")
        return program

    @property
    def next(self) -> str:
        return self.rest[self.place : self.place + 1]

    def take(self) -> str:
        letter = self.next or self.refuse("it ends too early")
        self.place += 1
        return letter

    def refuse(self, why: str) -> str:
        where = repr(self.rest[self.place :]) if self.next else "its end"
        raise SettingError(
            f"{self.pattern!r} cannot be read at {where}: {why}. A pattern takes the"
            " whole text of a key; it may have . [a-z] \\d \\w \\s ( | ) * + ? {2,3}, and a backslash before a sign"
            " that stands for itself"
        )

    def either(self) -> Program:
        """Parts with | between them."""
        found = [self.row()]
        while self.next == "|":
            self.take()
            found.append(self.row())
        program = found.pop()
        while found:
            before = found.pop()
            program = [[1, len(before) + 2], *before, [len(program) + 1], *program]
        return program

    def row(self) -> Program:
        """Parts one after the other."""
        program: Program = []
        while self.next and self.next not in "|)":
            program += self.repeated(self.one())
            if len(program) > MOST_STATES:
                self.refuse("it is too long")
        return program

    def repeated(self, one: Program) -> Program:
        """A part, and how often."""
        for low, high in self.counts():
            if (high or low) * len(one) > MOST_STATES:
                self.refuse("it is repeated too often")
            many = [*one] * low
            if high is None:
                one = [*many, [1, len(one) + 2], *one, [-len(one) - 1]]
            else:
                rest: Program = []
                for _ in range(high - low):
                    rest = [[1, len(one) + len(rest) + 1], *one, *rest]
                one = [*many, *rest]
        return one

    def counts(self) -> Iterator[tuple[int, int | None]]:
        """The counts that stand behind a part: at least, and at most, if there is a most."""
        while self.next and self.next in "*+?{":
            sign = self.take()
            if sign == "{":
                low, _, high = self.until("}").partition(",")
                is_open = self.rest[: self.place].endswith(",}")
                if not low.isdecimal() or not (high.isdecimal() or not high):
                    self.refuse("between { and } stand one or two whole numbers")
                most = None if is_open else int(high or low)
                if most is not None and most < int(low):
                    self.refuse("the second number is the greater one")
                yield int(low), most
            else:
                yield {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]

    def until(self, end: str) -> str:
        """What stands before a sign, which is taken too."""
        found = ""
        while (letter := self.take()) != end:
            found += letter
        return found

    def one(self) -> Program:
        """A letter, a class of letters, or a part in parentheses."""
        letter = self.take()
        if letter == "(":
            if self.next == "?":
                self.take()
                if self.take() != ":":
                    self.refuse("of what begins with (? there is (?:…) alone")
            program = self.either()
            if self.take() != ")":
                self.refuse("a ) is wanted")
            return program
        if letter == "[":
            return [self.letters()]
        if letter == ".":
            return [lambda _: True]
        if letter == "\\":
            return [self.escaped()]
        if letter in "*+?{^$":
            self.refuse("the whole text is taken, without ^ and $" if letter in "^$" else "there is nothing to repeat")
        return [letter.__eq__]

    def escaped(self) -> Test:
        """A class such as that of digits, or a sign that stands for itself."""
        letter = self.take()
        if letter in CLASSES:
            return CLASSES[letter]
        if letter.isalnum():
            self.refuse(f"there is no \\{letter}")
        return letter.__eq__

    def letters(self) -> Test:
        """A class of letters, of which the [ is taken."""
        tests, is_not = list[Test](), self.next == "^"
        if is_not:
            self.take()
        while not tests or self.next != "]":
            letter = self.take()
            if letter == "\\":
                tests.append(self.escaped())
            elif self.next == "-" and self.rest[self.place + 1 : self.place + 2] not in ("]", ""):
                self.take()
                tests.append(partial(_between, letter, self.take()))
            else:
                tests.append(letter.__eq__)
        self.take()
        return lambda letter: any(test(letter) for test in tests) != is_not


def _between(low: str, high: str, letter: str) -> bool:
    return low <= letter <= high
