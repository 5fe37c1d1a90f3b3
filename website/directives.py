"""What pages may say beyond Markdown: a rule as it is written or printed, what an example says, and a box, `{div}`.

```{printed} Lion.v1
:as: c
```
```{ran} examples/resume.py
```
```{variables}
```
"""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.parsers.rst.directives.body import Container

from thincopt import environment, source
from thincopt.language import Stage
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules
from thincopt.stages import stages_around
from thincopt.surface.describing import describe

ROOT = Path(__file__).parent.parent
FORMS: dict[str, tuple[str, Callable[[Any], str]]] = {  # what `:as:` may say: the language to highlight, and the text
    "python": ("python", lambda rule: describe(rule).source),
    "c": ("c", lambda rule: source(rule, "c")),
    "numpy": ("python", lambda rule: source(rule, "numpy")),
    "cuda": ("cuda", lambda rule: source(rule, "cuda")),
}


def all_stages() -> dict[str, Stage]:
    """Every stage that is around some rule, by name."""
    return {each.name: each for rule in all_rules().values() for each in stages_around(rule)}


def note(directive: Directive, path: str | None) -> None:
    """Have the page made anew when this file has changed."""
    if path:
        directive.state.document.settings.env.note_dependency(path)


class Printed(Directive):
    """The text of a rule, stage or schedule; or the kernels that a rule is printed as, with its default settings."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"as": lambda given: directives.choice(given, tuple(FORMS))}

    def run(self) -> list[nodes.Node]:
        """The text as a block of code."""
        name, form = self.arguments[0], self.options.get("as", "python")
        known = all_rules() if form != "python" else {**all_stages(), **all_schedules(), **all_rules()}
        if name not in known:
            raise self.error(f"nothing is named {name!r}; known: {', '.join(known)}")
        note(self, inspect.getsourcefile(known[name].function))
        language, text = FORMS[form]
        written = text(known[name])
        return [nodes.literal_block(written, written, language=language)]


class Ran(Directive):
    """What an example prints."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its output as a block of text."""
        note(self, str(ROOT / self.arguments[0]))
        command = [sys.executable, str(ROOT / self.arguments[0])]
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)  # noqa: S603  # ours
        if done.returncode:
            raise self.error(f"{self.arguments[0]} failed:\n{done.stderr}")
        return [nodes.literal_block(done.stdout, done.stdout.strip(), language="text")]


class Variables(Directive):
    """The variables of the environment that thincopt reads, as a list."""

    def run(self) -> list[nodes.Node]:
        """Each with what it does."""
        note(self, inspect.getsourcefile(environment))
        items = [nodes.definition_list_item("", *_told(*each)) for each in environment.VARIABLES.items()]
        return [nodes.definition_list("", *items)]


def _told(name: str, text: str) -> tuple[nodes.term, nodes.definition]:
    """A variable, and what it does; in backticks is what may be written."""
    kinds = (nodes.Text, lambda code: nodes.literal(code, code))
    parts = [kinds[place % 2](part) for place, part in enumerate(text.split("`"))]
    return nodes.term("", "", nodes.literal(name, name)), nodes.definition("", nodes.paragraph("", "", *parts))


def setup(app: Any) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("printed", Printed)
    app.add_directive("ran", Ran)
    app.add_directive("variables", Variables)
    app.add_directive("div", Container)
    return {"parallel_read_safe": True}
