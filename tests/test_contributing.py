"""The steps of CONTRIBUTING.md, followed in a copy of the repository: they must be enough, and nothing else touched."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.documents import ROOT, snippets
from thincopt.native import load

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
IGNORED = shutil.ignore_patterns(".git", *(each.rstrip("/") for each in (ROOT / ".gitignore").read_text().split()))
STUBS = "thincopt/__init__.pyi", "thincopt/thinc.pyi"
ADDED = ("Add an optimizer", "Add a schedule", "Add a stage")
TRAIN = """
import numpy as np, thincopt
optimizer = thincopt.load("train.cfg")["optimizer"]
weights = np.linspace(-1, 1, 99, dtype="float32")
for step in range(5):
    optimizer("w", weights, np.cos(np.arange(99) * step).astype("float32"))
print(type(optimizer._now.runner).__name__, weights.tobytes().hex())
"""


def section(title):
    """The snippets of a section: what is written by path, all else in order by language."""
    lines = PAGE.splitlines()
    start = lines.index(f"## {title}") + 1
    end = next((number for number in range(start, len(lines)) if lines[number].startswith("## ")), len(lines))
    files, others = {}, []
    for each in snippets(PAGE):
        if start < each.line <= end and each.text and not lines[each.line - 1].startswith("<!--"):
            path = re.fullmatch(r"`([\w./]+)`", lines[each.line - 3])
            if path:
                files[path[1]] = f"{each.text}\n"
            else:
                others.append((each.language, each.text))
    return files, others


def contents(root):
    """The lines of every file that git would see."""
    found = {}
    for folder, inner, names in os.walk(root):
        skipped = IGNORED(folder, [*inner, *names])
        inner[:] = [each for each in inner if each not in skipped]
        for name in set(names) - skipped:
            path = Path(folder, name)
            found[str(path.relative_to(root))] = path.read_bytes().splitlines(keepends=True)
    return found


@pytest.fixture
def root(tmp_path):
    """A copy of the repository."""
    if not shutil.which("make"):
        pytest.skip("there is no make")
    return shutil.copytree(ROOT, tmp_path / "thincopt", ignore=IGNORED)


def run(root, *words, **variables):
    """A command of the page, in this environment instead of the one that make would make."""
    if words[0] == "make":
        words = ("make", "--old-file=.venv/installed", f"VENV={Path(sys.executable).parent}", *words[1:])
    elif words[0] == ".venv/bin/python":
        words = (sys.executable, *words[1:])
    environment = {**os.environ, "PYTHONPATH": str(root), **variables}
    return subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)


def follow(root, commands):
    """Each command must succeed."""
    for line in commands.splitlines():
        done = run(root, *shlex.split(line, comments=True))
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def refused(root, command):
    """What a test says that must fail."""
    done = run(root, *shlex.split(command))
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def added(root, before):
    """The files that are new or that have more lines, and what is new in them; nothing else may differ."""
    after = contents(root)
    changed = {name: lines for name, lines in after.items() if before.get(name) != lines}
    lost = {name for name in before if not set(before[name]) <= set(after.get(name, ()))}
    assert not lost, lost
    return {name: [each for each in lines if each not in before.get(name, ())] for name, lines in changed.items()}


def write(root, files):
    """The files of a section, which must be new."""
    for path, text in files.items():
        assert not (root / path).exists(), f"{path} is taken: the page needs another example"
        (root / path).write_text(text, encoding="utf-8")


def lint(root, files):
    """The linters, where they are installed, have no wish."""
    if find_spec("ruff"):
        for command in (("check",), ("format", "--check")):
            done = run(root, sys.executable, "-m", "ruff", *command, *files)
            assert done.returncode == 0, done.stdout + done.stderr


def compile_kernels(root, tmp_path, files):
    """What make does when a source has changed; without the rules that were there, so that it takes seconds."""
    if load() is not None:
        apart = shutil.copytree(root, tmp_path / "apart")
        for each in (apart / "thincopt" / "rules").glob("[a-z]*.py"):
            if str(each.relative_to(apart)) not in files:
                each.unlink()
        done = run(apart, sys.executable, "setup.py", "-q", "build_ext", "--inplace", THINCOPT_REQUIRE_NATIVE="1")
        assert done.returncode == 0, done.stderr
        (made,) = (apart / "thincopt" / "native").glob("kernels*.so")
        shutil.copy(made, root / "thincopt" / "native")


def test_an_optimizer_is_one_file_and_one_line(root, tmp_path):
    """And a stub that is written by itself; compiled and plain, from a config, it gives the same bits."""
    files, [(_, config), (_, check), _, (_, record)] = section("Add an optimizer")
    before = contents(root)
    write(root, files)
    compile_kernels(root, tmp_path, files)
    told = refused(root, check)
    assert "trajectories.txt has no line of AddSign.v1; `make record` adds it" in told
    assert "`make stubs` writes it" in told
    follow(root, f"{record}\n{check}")
    lint(root, files)
    new = added(root, before)
    assert new.keys() == {*files, "tests/trajectories.txt", *STUBS}
    assert [line.split()[0] for line in new["tests/trajectories.txt"]] == [b"AddSign.v1"]
    (root / "train.cfg").write_text(config)
    ends = [run(root, sys.executable, "-c", TRAIN, THINCOPT_NATIVE=native).stdout.split() for native in "01"]
    assert ends[0][0] == "PlainRunner"
    assert ends[1][0] == ("PlainRunner" if load() is None else "CompiledRunner")
    assert ends[0][1] == ends[1][1]


def test_a_schedule_is_one_function_and_one_line(root):
    files, [(_, record)] = section("Add a schedule")
    before = contents(root)
    write(root, files)
    check = ".venv/bin/python -m pytest tests/test_schedules.py tests/test_surface.py -k 'recorded or stub'"
    assert "schedules.txt has no line of {'sawtooth'}; `make record SCHEDULE='NAME(…)'` adds it" in refused(root, check)
    follow(root, f"{record}\n{check}")
    lint(root, files)
    new = added(root, before)
    assert new.keys() == {*files, "tests/schedules.txt", *STUBS}
    assert [line.split(b")")[0] for line in new["tests/schedules.txt"]] == [b"sawtooth(0.05, 0.01, 4"]


def test_a_stage_is_one_function_and_its_place(root):
    """Which is taken from the page, as its test is; in plain NumPy, for all is compiled anew."""
    files, [(_, place), (_, commands)] = section("Add a stage")
    write(root, files)
    check = shlex.split(commands.splitlines()[0])
    failed = run(root, *check, THINCOPT_NATIVE="0")
    assert failed.returncode
    assert "has no setting 'centralize'" in failed.stdout
    home = root / "thincopt" / "stages" / "__init__.py"
    text, count = re.subn(r"(?m)^ORDER = .*$", place, home.read_text(encoding="utf-8"))
    assert count == 1
    home.write_text(
        text.replace("from .clip import", "from .centralize import centralize\nfrom .clip import"), encoding="utf-8"
    )
    done = run(root, *check, THINCOPT_NATIVE="0")
    assert done.returncode == 0, done.stdout + done.stderr
    lint(root, [*files, "thincopt/stages/__init__.py"])


def test_what_is_named_is_there():
    """Each file and folder, in the package or beside it; and in a file what is named after it."""
    homes = (ROOT, ROOT / "thincopt")
    named = set(re.findall(r"`((?:\w+/)+[\w./]*)`", PAGE)) - {path for title in ADDED for path in section(title)[0]}
    gone = [each for each in named if not any((home / each).exists() for home in homes)]
    assert not gone, "CONTRIBUTING.md names them: write there where they are now"
    inside = re.findall(r"`((?:\w+/)+\w+\.\w+)`,\s+`(\w+)`", PAGE)
    inside += [(path, name) for name, path in re.findall(r"`(\w+)`,\s+in\s+`((?:\w+/)+\w+\.\w+)`", PAGE)]
    for path, name in inside:
        text = next(home / path for home in homes if (home / path).exists()).read_text(encoding="utf-8")
        assert re.search(rf"\b{name}\b", text), f"CONTRIBUTING.md says that {name} is in {path}: write where it is now"


def test_the_rows_of_a_peer_are_those_that_are_there():
    """Each stands in the file and in the table that the page names."""
    _, [_, _, (_, rows), _] = section("Add an optimizer")
    path, table, seen = "", "", 0
    for line in rows.splitlines():
        if line.startswith("# "):
            path = line.removeprefix("# ").partition(":")[0]
        elif line.endswith(" = {"):
            table = line.removesuffix(" = {")
        elif line.startswith("    "):
            seen += 1
            text = (ROOT / path).read_text(encoding="utf-8")
            assert f"\n{line}\n" in re.split(rf"\n{table}\b[^\n]* = {{(?=\n)", text)[1].partition("\n}")[0] + "\n"
    assert seen == 2


def test_what_is_checked_is_told():
    """Each step of the checks is named on the page."""
    steps = re.findall(r"^run (make \w+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert [each for each in steps if f"`{each}`" not in PAGE] == []
