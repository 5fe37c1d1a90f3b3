"""See that the commands of documents could be run: that what they name is there."""

import io
import re
import shlex
from configparser import ConfigParser
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parent.parent
ASSIGNMENT = re.compile(r"(?P<name>[A-Z_]+)=")


class SnippetError(AssertionError):
    """A snippet that does not do what its page says."""


def see_commands(text: str) -> None:
    """See that each command could be run: what it names is there."""
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        while words and (assigned := ASSIGNMENT.match(words[0])):
            there(_is_read(assigned["name"]), words.pop(0))
        if words:
            there(_could_run([words[0].rpartition("/")[2], *words[1:]]), line)


def _could_run(words: list[str]) -> bool:
    """Whether a command is of a shape that is known here, and names what exists; a line of Python is executed."""
    found = False
    match words:
        case ["make", *targets]:
            known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            found = all(each in known or ASSIGNMENT.match(each) for each in targets)
        case ["pip", "install", what]:
            one = "|".join(_extras())
            found = bool(re.fullmatch(rf"\.(\[({one})(,({one}))*\])?", what))
        case ["python", "-m", "venv", _] | ["source", ".venv/bin/activate"]:
            found = True
        case ["python", "-m", "pip", *rest]:
            found = _could_run(["pip", *rest])
        case ["python", "-m", "pytest", *paths]:
            found = _exist(paths)
        case ["python", "-c", code]:
            with redirect_stdout(io.StringIO()):
                exec(code, {})  # noqa: S102  # our own pages
            found = True
        case ["python", path, *_]:
            found = _exist([path])
    return found


def _exist(words: list[str]) -> bool:
    """Whether the files named are in the repository, or were written by the page."""
    paths = [each.partition("::")[0] for each in words if not each.startswith("-")]
    return bool(paths) and all((ROOT / each).exists() or Path(each).exists() for each in paths)


def _extras() -> list[str]:
    """The optional sets of packages."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return list(config["options.extras_require"])


def _is_read(variable: str) -> bool:
    """Whether the library asks the environment for this name."""
    return any(variable in each.read_text(encoding="utf-8") for each in (ROOT / "thincopt").rglob("*.py"))


def there(found: bool, what: str) -> None:
    if not found:
        raise SnippetError(f"there is nothing of this name, or nobody checks it: {what}")
