"""The house: rooms in an order, from which imports point down only, and the doors that users know."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import thincopt

HOME = Path(thincopt.__file__).parent
CONTRIBUTING = HOME.parent / "CONTRIBUTING.md"
# From the roof to the ground: a room imports from itself and from the lines below. The package itself, which imports
# nothing until it is asked, may be asked its version by all.
ROOMS = """
    thinc registry
    bridges
    configs
    surface
    saving
    engine
    ops
    native
    recipes
    schedules rules stages
    concurrency
    caching environment
    errors
    language
""".strip().splitlines()
HEIGHTS = {room: height for height, line in enumerate(reversed(ROOMS)) for room in line.split()}
DOORS = ("registry", "schedules", "language")
MOST_LINES = 300
SUFFIXES = (".py", ".h", ".cuh", ".c", ".js")
NAMED = re.compile(r"\b(?:[a-z_]+/)+[a-z_]+\.(?:pyi?|h|cuh|c|js)\b")


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    paths = [each for each in HOME.rglob("*.py") if each != HOME / "__init__.py"]
    return {
        ".".join(each.relative_to(HOME.parent).with_suffix("").parts).removesuffix(".__init__"): each for each in paths
    }


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of ours that one imports, anywhere in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{module}.{each.name}" for each in node.names]
        else:
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        for each in names:
            found = each if each in known else each.rpartition(".")[0]
            if found in known and found != name:
                yield found


KNOWN = modules()
IMPORTS = {name: set(imports(name, path, KNOWN)) for name, path in KNOWN.items()}


def room(name: str) -> str:
    return name.split(".")[1]


def test_every_room_has_its_place():
    assert {room(name) for name in KNOWN} == set(HEIGHTS), "say in ROOMS where it stands"


@pytest.mark.parametrize("name", KNOWN)
def test_imports_point_down(name):
    here = HEIGHTS[room(name)]
    upwards = {each for each in IMPORTS[name] if room(each) != room(name) and HEIGHTS[room(each)] >= here}
    assert not upwards, f"{room(name)} stands below or beside these"


def test_no_modules_import_each_other():
    """A module is laid when all that it imports is; a circle never is."""
    laid: set[str] = set()
    while ready := {name for name in IMPORTS if name not in laid and IMPORTS[name] <= laid}:
        laid |= ready
    assert set(IMPORTS) == laid


@pytest.mark.parametrize("name", KNOWN)
def test_modules_are_read_at_a_sitting(name):
    assert len(KNOWN[name].read_text("utf-8").splitlines()) <= MOST_LINES


def test_files_that_are_named_are_there():
    """In docstrings and comments, with their folders."""
    texts = {each: each.read_text("utf-8") for each in HOME.rglob("*.*") if each.suffix in SUFFIXES}
    named = {(path, name) for path, text in texts.items() for name in NAMED.findall(text)}
    gone = [each for each in named if not any((root / each[1]).exists() for root in (HOME, HOME.parent))]
    assert not gone, "write in the first of each pair where the second one is now"


def test_the_contributing_page_shows_every_room():
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \| (.+) \|$", CONTRIBUTING.read_text("utf-8"), re.MULTILINE)
    said = dict(rows)
    assert list(said) == " ".join(ROOMS).split(), "the table in CONTRIBUTING.md has a row for each, in order"
    for name, text in said.items():
        docstring = ast.get_docstring(ast.parse(KNOWN[f"thincopt.{name}"].read_text("utf-8")))
        assert text == docstring.partition("\n")[0], f"the docstring of thincopt.{name} says it"


@pytest.mark.parametrize("line", [f"import thincopt.{each}; thincopt.{each}.__name__" for each in DOORS])
def test_doors_open_as_modules(line):
    subprocess.run([sys.executable, "-c", line], check=True)


@pytest.mark.parametrize("name", ["registry.optimizers", "schedules.constant", "language.sqrt"])
def test_doors_open_for_a_name(name):
    door, inside = name.split(".")
    lines = f"from thincopt import {door}\nfrom thincopt.{door} import {inside}\nassert {door}.{inside} is {inside}"
    subprocess.run([sys.executable, "-c", lines], check=True)
