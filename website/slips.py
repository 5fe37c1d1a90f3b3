"""The page of errors: the classes, and what is answered to real slips, word for word from the tests' table."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from thincopt import errors
from thincopt.engine.settings import settings_of
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules

TABLE = Path(__file__).parent.parent / "tests" / "slips.txt"
THEMES = {  # of configs, by what is typed and answered; the first that fits
    "Variables": r"\$\{|variables",
    "Limits": r" deep|over \d+",
    "Names of what is made": r"is named|no registry|wants @|says nothing of what to make|names @|has a section",
    "Settings": r"must be|has no|needs |keep one|set one|has no value",
    "The shape of a file": r"",
}
TASKS = {  # what one is about when such an error comes in Python
    "SettingError": "Making an optimizer, or changing its settings",
    "ImportError": "Importing a name",
    "AttributeError": "Asking an optimizer for a name that it does not have",
    "ArrayError": "Passing weights and gradients",
    "NonFiniteError": "Passing weights and gradients",
    "StateError": "Loading state",
    "RuleError": "Writing a rule",
    "ScheduleError": "Using a schedule, or writing one",
    "OpsError": "Choosing what runs the steps",
    "ConfigError": "Reading a config",
}
INTRODUCTION = """\
# Errors

Every error says what was given, what is allowed and what to do. Where a call cannot be done, nothing was changed.

All errors are `ThincoptError`s, so `except thincopt.ThincoptError` catches them. Only a name that does not
exist is Python's own `AttributeError` or `ImportError`. Below are {count} mistakes, as they are typed, each with what
thincopt answers. The tests check every answer, word for word.

What were you doing?

{tasks}
- Writing a config: {themes}
"""


@dataclass(frozen=True)
class Slip:
    """What is typed and what is answered; `python` tells a line of Python from a config."""

    typed: str
    answer: str
    python: bool

    @property
    def raised(self) -> str:
        """The class of the error."""
        return self.answer.partition(":")[0] if self.python else "ConfigError"


def slips() -> list[Slip]:
    """The table, in its order."""
    found = []
    for text in TABLE.read_text(encoding="utf-8").strip().split("\n\n")[1:]:
        lines = text.split("\n")
        if text.startswith(">>> "):
            found.append(Slip(lines[0].removeprefix(">>> "), _told("\n".join(lines[1:])), True))
        else:
            answers = [each.removeprefix("=> ") for each in lines if each.startswith("=> ")]
            typed = [each for each in lines if not each.startswith("=> ")]
            found.append(Slip("\n".join(typed), _told("\n".join(answers)), False))
    return found


def errors_page() -> str:
    """The page, as Markdown."""
    known = slips()
    python = [each for each in known if each.python]
    classes = dict.fromkeys(each.raised for each in python)
    themes = _by_theme(each for each in known if not each.python)
    tasks = "\n".join(f"- {TASKS[each]}: {_link(f'In Python: {each}', each)}" for each in classes if each in TASKS)
    introduction = INTRODUCTION.format(count=len(known), tasks=tasks, themes=", ".join(map(_link, themes)))
    parts = [introduction, "## The classes\n", _classes()]
    for raised in classes:
        parts.append(f"## In Python: {raised}\n")
        parts.append(_folded([each for each in python if each.raised == raised]))
    parts.append(
        "## In a config\n\nThese are `ConfigError`s. Every mistake of a file is told at once, with its line.\n"
    )
    for theme, members in themes.items():
        parts.append(f"### {theme}\n")
        parts.append(_folded(members))
    return "\n".join(parts)


def _folded(known: list[Slip]) -> str:
    """Slips in a box that opens: all of them would be a long way to scroll."""
    count = f"{len(known)} mistakes with their answers" if len(known) > 1 else "1 mistake with its answer"
    shown = "\n".join(map(_shown, known))
    return f'<details class="slips"><summary>Show {count}</summary>\n\n{shown}\n</details>\n'


def _link(heading: str, text: str = "") -> str:
    """A link to a heading of the page."""
    return f"[{text or heading}](#{heading.lower().replace(':', '').replace(' ', '-')})"


def _classes() -> str:
    found = [each for each in (getattr(errors, name) for name in errors.__all__) if inspect.isclass(each)]
    rows = ["| error | is also | when |", "| --- | --- | --- |"]
    for each in sorted(found, key=lambda each: len(each.__mro__)):
        bases = ", ".join(f"`{base.__name__}`" for base in each.__bases__)
        rows.append(f"| `{each.__name__}` | {bases} | {inspect.getdoc(each)} |")
    return "\n".join(rows) + "\n"


def _by_theme(known: Iterator[Slip]) -> dict[str, list[Slip]]:
    found: dict[str, list[Slip]] = {theme: [] for theme in THEMES}
    for each in known:
        theme = next(theme for theme, pattern in THEMES.items() if re.search(pattern, f"{each.typed}\n{each.answer}"))
        found[theme].append(each)
    return {theme: members for theme, members in found.items() if members}


def _shown(slip: Slip) -> str:
    """What is typed, and the answer beneath it."""
    answer = escape(slip.answer.removeprefix(f"{slip.raised}: "), quote=False).replace("\n", "<br>")
    language = "python" if slip.python else "ini"
    return f':::{{code-block}} {language}\n:class: typed\n\n{slip.typed}\n:::\n\n<p class="answer">{answer}</p>\n'


def _told(text: str) -> str:
    """A text with the lists that its marks stand for, cut short."""
    adam = settings_of(all_rules()["Adam.v1"]).values()
    lists = {
        "settings": [each.name for each in adam],
        "numbers": [each.name for each in adam if each.range],
        "optimizers": list(all_rules()),
        "schedules": list(all_schedules()),
    }
    for mark, names in lists.items():
        text = text.replace(f"<{mark}>.", f"Known: {', '.join(sorted(names)[:3])}, …")
    return text
