"""Run what documents say: the snippets of a page, from top to bottom, in one namespace and one working folder.

    python   is executed, unless it is the whole file of a rule of ours; a ```text after it is what it prints, or the
             error that it ends with
    pycon    is played, and the interpreter must answer word for word
    ini      is written to train.cfg and must load; a ```text after it is the error that it is told instead
    sh       holds commands of a few known shapes, whose targets and files must exist; so does a fence without a name

A `:caption:` names a file: the snippet, or what is included, is written there, and Python is left for others to import.
A comment that begins with `<!-- python` is executed and not shown. A language or directive that is not known here is
an error, so that nothing slips through.

Python that imports CuPy, or has torch put something on a CUDA device, is executed where CuPy finds one. Elsewhere it
is compiled, and each name in it must be known; so is all on its page that uses what it would have made. See undone.py.
"""

import doctest
import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import thincopt
from tests.commands import ROOT, SnippetError, see_commands, there
from tests.undone import Undone, needs_device, python_of
from thincopt import ThincoptError
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules
from thincopt.stages import stages_around

FENCE = re.compile(r"^ *(?P<marks>`{3,}|~{3,}|:{3,}(?=\{printed\}))(?P<info>.*)$")
DIRECTIVE = re.compile(r"\{(?P<name>[\w-]+)\} *(?P<argument>.*)")
OPTION = re.compile(r":(?P<name>[\w-]+): *(?P<value>.*)")
PEERS = re.compile(r"^(?:>>> )?(?:import|from) +(?:torch|thinc|spacy|optax|jax)\b", re.MULTILINE)
ERROR = re.compile(r"^\w+Error: ")
LAX = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
FORMS = ("python", "c", "numpy", "cuda")  # in which the site prints a rule
SILENT = ("toctree", "image", "figure", "include", "variables")  # Sphinx sees to these itself
MADE = {  # what README takes for granted: any model, and any batches
    "README.md": """
import numpy as np
class model:
    arrays = {"W": np.ones((2, 3), "float32"), "b": np.ones(3, "float32")}
    def parameters(batch):
        return [(key, weights, weights + batch) for key, weights in model.arrays.items()]
batches = range(3)
"""
}


@dataclass
class Snippet:
    """One fence of a page: the language or directive, what stands behind it, and where it begins."""

    line: int
    language: str
    text: str
    argument: str = ""
    options: dict[str, str] = field(default_factory=dict)
    directive: bool = False

    @property
    def caption(self) -> str:
        return self.options.get("caption", "")


def documents() -> dict[str, str]:
    """Every page by its path: those that are written, and those that the site generates."""
    written = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
    written += [path for path in sorted((ROOT / "website").rglob("*.md")) if not path.parts[-2].startswith("_")]
    pages = {str(each.relative_to(ROOT)): each.read_text(encoding="utf-8") for each in written if each.exists()}
    return pages | generated()


def generated() -> dict[str, str]:
    """The pages that the site makes of the registries, without what tests registered."""
    from website.reference import pages

    rules = all_rules()
    own = {name: each for name, each in rules.items() if each.function.__module__.startswith("thincopt.")}
    with patch.dict(rules, own, clear=True):
        return {f"website/{path}": text for path, text in pages().items()}


def needs_peers(text: str) -> bool:
    """Whether a page imports one of the libraries that thincopt is compared with, and not only on a device."""
    return any(PEERS.search(each.text) for each in snippets(text) if not needs_device(each.text))


def on_device(text: str) -> list[Snippet]:
    """The snippets of a page that say that they need a CUDA device."""
    return [each for each in snippets(text) if each.language in ("python", "pycon") and needs_device(each.text)]


def snippets(text: str) -> Iterator[Snippet]:
    """The fences of a page in order, hidden ones included."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        fence = FENCE.match(line)
        if line.startswith("<!-- python"):
            body = _until(lines, lambda each: each.startswith("-->"), number)
            yield Snippet(number, "python", "\n".join(body))
        elif fence:
            end = re.compile(rf" *{fence['marks'][0]}{{{len(fence['marks'])},}} *$")
            body = _until(lines, end.match, number)
            yield _snippet(number, fence["info"].strip(), textwrap.dedent("\n".join(body)))


def _until(lines: Iterator[tuple[int, str]], is_end: Any, start: int) -> list[str]:
    body: list[str] = []
    for _, line in lines:
        if is_end(line):
            return body
        body.append(line)
    raise SnippetError(f"line {start}: this never ends")


def _snippet(line: int, info: str, text: str) -> Snippet:
    directive = DIRECTIVE.fullmatch(info)
    if not directive:
        return Snippet(line, info, text)
    body, options = text.splitlines(), {}
    while body and (option := OPTION.fullmatch(body[0])):
        options[option["name"]] = option["value"]
        del body[0]
    rest = "\n".join(body).strip("\n")
    if directive["name"] == "code-block":
        return Snippet(line + len(options), directive["argument"], rest, options=options)
    return Snippet(line, directive["name"], rest, directive["argument"], options, directive=True)


def run_page(name: str, text: str) -> None:
    """Run every snippet of a page in the present folder; an error says which one fails."""
    namespace: dict[str, Any] = {"__name__": "page"}
    undone = Undone()
    exec(MADE.get(name, ""), namespace)  # noqa: S102  # written above
    found = list(snippets(text))
    for before, each, after in zip([None, *found], found, [*found[1:], None], strict=False):
        told = after.text if after and after.language == "text" else None
        try:
            code = python_of(each)
            if code and undone.holds(code):
                undone.see(code, name, namespace)
            elif each.language != "text":
                _run(each, name, namespace, told)
                undone.done(code)
            elif before is None or before.language not in ("python", "ini"):
                raise SnippetError("a text is what the python or ini before it says, and there is none")
        except Exception as error:
            raise SnippetError(f"{name}, line {each.line}: {type(error).__name__}: {error}") from error


def _run(snippet: Snippet, page: str, namespace: dict[str, Any], told: str | None) -> None:
    known: dict[str, Callable[[], None]] = {
        "python": lambda: _python(snippet, page, namespace, told),
        "pycon": lambda: _played(snippet, page, namespace),
        "ini": lambda: _config(snippet, told),
        "sh": lambda: see_commands(snippet.text),
        "": lambda: see_commands(snippet.text),
    }
    shown: dict[str, Callable[[], None]] = {
        "printed": lambda: _printed(snippet),
        "literalinclude": lambda: _included((ROOT / page).parent / snippet.argument, snippet.caption),
        "ran": lambda: there((ROOT / snippet.argument).is_file(), snippet.argument),
        **dict.fromkeys(SILENT, lambda: None),
    }
    run = (shown if snippet.directive else known).get(snippet.language)
    if run is None:
        raise SnippetError(f"nobody checks {snippet.language!r}")
    if snippet.caption and not snippet.directive:
        Path(snippet.caption).write_text(f"{snippet.text}\n", encoding="utf-8")
    if not (snippet.caption and snippet.language == "python"):
        with patch("thincopt.language.tracing.getline", return_value=""):  # doctest takes a note for the error's text
            run()


def _same(told: str | None, found: str) -> None:
    """The text that a page shows must be what is said; a page need not show it."""
    if told is not None and not doctest.OutputChecker().check_output(f"{told}\n", found, LAX):
        raise SnippetError(f"the page shows\n{told}\nbut it says\n{found}")


def _python(snippet: Snippet, page: str, namespace: dict[str, Any], told: str | None) -> None:
    """Execute a program. What it prints is compared with `told`, or the error that it ends with."""
    if snippet.text in (each.read_text(encoding="utf-8").strip() for each in (ROOT / "thincopt/rules").glob("*.py")):
        return  # a file of ours, word for word
    code = compile("\n" * snippet.line + snippet.text, page, "exec")
    out = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(out):
        warnings.simplefilter("error")
        try:
            exec(code, namespace)  # noqa: S102  # our own pages
        except ThincoptError as error:
            if not ERROR.match(told or ""):
                raise
            out.write(f"{type(error).__name__}: {error}\n")
    _same(told, out.getvalue())


def _played(snippet: Snippet, page: str, namespace: dict[str, Any]) -> None:
    """Play a session; an error's text is compared too, to the last word."""
    test = doctest.DocTestParser().get_doctest(f"{snippet.text}\n", {}, page, page, snippet.line)
    if not test.examples:
        raise SnippetError("a session holds lines after >>>")
    test.globs = namespace
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = doctest.DocTestRunner(optionflags=LAX).run(test, out=out.write, clear_globs=False)
    if found.failed:
        raise SnippetError(out.getvalue())


def _config(snippet: Snippet, told: str | None) -> None:
    """Load a config; where an error is shown it must be told, and just that."""
    path = Path(snippet.caption or "train.cfg")
    path.write_text(f"{snippet.text}\n", encoding="utf-8")
    if told is None:
        thincopt.load(path)
        return
    try:
        thincopt.load(path)
    except ThincoptError as error:
        _same(told, f"{type(error).__name__}: {error}\n")
    else:
        raise SnippetError("the page shows an error, but the config loads")


def _included(path: Path, caption: str) -> None:
    """Write what a page includes under its name, for the page to import."""
    path = path.resolve()  # from a folder of generated pages, which need not be there
    there(path.is_file(), str(path))
    if caption:
        Path(caption).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")


def _printed(snippet: Snippet) -> None:
    """The site prints a formula here: there must be one of this name, and such a form."""
    rules = all_rules()
    stages = {stage.name for each in rules.values() for stage in stages_around(each)}
    there(snippet.argument in {*rules, *all_schedules(), *stages}, snippet.argument)
    there(snippet.options.get("as", FORMS[0]) in FORMS, str(snippet.options))
