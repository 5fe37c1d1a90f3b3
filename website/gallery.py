"""The gallery: every example with its first paragraph, its text, and what comes of it."""

import ast
import json
from pathlib import Path

from website.markup import tidy

HERE = Path(__file__).parent
FOLDER = HERE.parent / "examples"
PAGE = """\
# Examples

Whole programs, to run and to change. They are in the folder `examples` of the repository, and each is run by the tests.

{parts}
"""
PART = """\
## {title}

{text}

{shown}

<details><summary>{path}</summary>

```{{literalinclude}} {up}/{path}
:language: python
```

</details>
"""
PLOTTED = """\
```{{figure}} examples/{stem}.svg
:alt: What the example {stem} finds.
:class: plot
```
"""
RAN = "```{{ran}} {path}\n```"
NOTEBOOK = """\
## {title}

{text}

It is `examples/{name}`: open it with Jupyter, in an environment that has thincopt and matplotlib. `make notebook` runs
it from the first cell to the last.
"""


def scripts() -> list[Path]:
    """The programs, those in folders of their own first."""
    return [*sorted(FOLDER.glob("*/*.py")), *sorted(FOLDER.glob("*.py"))]


def gallery_page() -> str:
    """The page, as Markdown; outputs and pictures are made when Sphinx builds it."""
    parts = [*map(_script, scripts()), *map(_notebook, sorted(FOLDER.glob("*.ipynb")))]
    return tidy(PAGE.format(parts="\n".join(parts)))


def plotted(path: Path) -> bool:
    """Whether an example draws something: it then has a function `plot` of matplotlib's axes."""
    return any(isinstance(each, ast.FunctionDef) and each.name == "plot" for each in _tree(path).body)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _script(path: Path) -> str:
    title, _, text = (ast.get_docstring(_tree(path)) or "").partition("\n\n")
    relative = path.relative_to(FOLDER.parent).as_posix()
    shown = PLOTTED.format(stem=path.stem) if plotted(path) else ""
    if path.parent == FOLDER:  # the others need packages of their own
        shown += "\n" + RAN.format(path=relative)
    return PART.format(title=title.rstrip("."), text=text, shown=shown, path=relative, up="../..")


def _notebook(path: Path) -> str:
    first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    title, _, text = first.partition("\n\n")
    return NOTEBOOK.format(title=title.lstrip("# "), text=text, name=path.name)
