"""The reference of the Python interface, made from signatures and docstrings: whatever is public is on it."""

import inspect
import re
from types import ModuleType
from typing import Any

import thincopt
from thincopt import language
from thincopt.language.refusing import WORDS, written
from thincopt.schedules import Family
from thincopt.surface.factory import Factory
from website.markup import first_sentence, table, tidy

PAGE = """\
# Python interface

All that `import thincopt` gives. Every [optimizer](../optimizers/index.md) and every
[schedule](../schedules/index.md) is there by its name too: `thincopt.Adam`, `thincopt.warmup_linear`. For Thinc and
spaCy there is `thincopt.thinc`, of which [its guide](../../guides/thinc.md) tells.

{listing}

## Functions

{functions}

## Classes

The optimizer has [a page of its own](Optimizer.md).

{classes}

## Modules

{modules}

## Errors

All are `ThincoptError`s. [Errors](../errors.md) shows when each is raised, and what it says.

{errors}

```{{toctree}}
:hidden:

Optimizer
```
"""
OPTIMIZER = """\
# Optimizer

Most often an optimizer is made by a factory, such as [`thincopt.Adam`](../optimizers/Adam.v1.md), or from
[a config](../../tutorial/config.md). However it is made, it has what stands on this page.

{text}
"""
OPTIMIZERS = "Optimizer"


def public() -> dict[str, Any]:
    """Every public name and what it is, but for optimizers and schedules, which have pages of their own."""
    names = {*thincopt.__all__, *thincopt._HOMES, *thincopt._MODULES}
    known = {name: getattr(thincopt, name) for name in sorted(names, key=str.lower) if name[0] != "_"}
    return {name: each for name, each in known.items() if not isinstance(each, Factory | Family)}


def api_pages() -> dict[str, str]:
    """The pages by their paths; a public name without a docstring is an error."""
    known = public()
    bare = [name for name, each in known.items() if not inspect.getdoc(each)]
    if bare:
        raise ValueError(f"public, but without a docstring: {', '.join(bare)}")
    classes = {name: each for name, each in known.items() if inspect.isclass(each)}
    errors = {name: each for name, each in classes.items() if issubclass(each, thincopt.ThincoptError)}
    modules = {name: each for name, each in known.items() if isinstance(each, ModuleType)}
    functions = {name: each for name, each in known.items() if name not in classes and name not in modules}
    plain = {name: each for name, each in classes.items() if name not in errors and name != OPTIMIZERS}
    page = PAGE.format(
        listing=table(
            ("name", "what it is"), [(_link(name), _first(each)) for name, each in known.items() if name not in errors]
        ),
        functions="\n\n".join(_entry("function", f"thincopt.{name}", each) for name, each in functions.items()),
        classes="\n\n".join(_entry("class", f"thincopt.{name}", each) for name, each in plain.items()),
        modules="\n\n".join([_language(), *(_module(name, each) for name, each in modules.items())]),
        errors="\n\n".join(_entry("exception", f"thincopt.{name}", each, "") for name, each in errors.items()),
    )
    return {"reference/api/index.md": tidy(page), "reference/api/Optimizer.md": _optimizer()}


def _link(name: str) -> str:
    return f"[`{name}`](Optimizer.md)" if name == OPTIMIZERS else f"[`{name}`](#thincopt.{name})"


def _first(each: Any) -> str:
    return first_sentence(" ".join((inspect.getdoc(each) or "").split("\n\n")[0].split()))


def _optimizer() -> str:
    """The optimizer with each public method and attribute, in the order of its file."""
    made = thincopt.Optimizer
    parts = [_entry("class", "thincopt.Optimizer", made)]
    for name, each in vars(made).items():
        what = each.__func__ if isinstance(each, classmethod) else each
        if name[0] == "_" and name != "__call__":
            continue
        if isinstance(what, property):
            parts.append(_entry("attribute", f"thincopt.Optimizer.{name}", what, ""))
        elif inspect.isfunction(what):
            kind = "classmethod" if isinstance(each, classmethod) else "method"
            parts.append(_entry(kind, f"thincopt.Optimizer.{name}", what))
    return tidy(OPTIMIZER.format(text="\n\n".join(parts)))


def _module(name: str, module: ModuleType) -> str:
    """A module with the names that it is for."""
    parts = [f"### {name}", _entry("module", f"thincopt.{name}", module, "")]
    for inner in getattr(module, "__all__", ()):
        each, path = getattr(module, inner), f"thincopt.{name}.{inner}"
        if getattr(thincopt, inner, None) is each or isinstance(each, dict | list | tuple):
            continue  # told above, or nothing that says what it is
        kind = "function" if inspect.isfunction(each) else "class" if inspect.isclass(each) else "data"
        told = {"class": "", "data": ""}.get(kind)
        parts.append(_entry(kind, path, each, told))
    return "\n\n".join(parts)


def _language() -> str:
    """The language's words as they are written, and what declares and asks."""
    parts = ["### language", _entry("module", "thincopt.language", language, "")]
    parts.append("[Rules in full](../../own-rule.md) has its types, and how a rule is made of all this.")
    for name in language.__all__:
        each = getattr(language, name)
        if inspect.isfunction(each) and name not in public():
            told = written(name).removeprefix(name) if name in WORDS else None
            parts.append(_entry("function", f"thincopt.language.{name}", each, told))
    return "\n\n".join(parts)


def _entry(kind: str, path: str, what: Any, signature: str | None = None) -> str:
    """One name: Sphinx's directive, with the docstring as Markdown inside."""
    told = _signature(what) if signature is None else signature
    text = inspect.getdoc(what) or ""
    if kind == "class" and what is thincopt.Optimizer:
        text = f"{text}\n\n{inspect.getdoc(what.__init__) or ''}"
    return f"::::{{py:{kind}}} {path}{told}\n{_code(text)}\n::::"


def _signature(what: Any) -> str:
    """The signature as it is called: without `self`, with short names of types."""
    if not what.__module__.startswith("thincopt"):
        return ""
    made = inspect.signature(what)
    parameters = [each for each in made.parameters.values() if each.name not in ("self", "cls")]
    returns = made.empty if inspect.isclass(what) else made.return_annotation
    told = str(made.replace(parameters=parameters, return_annotation=returns))
    told = re.sub(r"<[^>]*>", "…", told.replace("'", "").replace("/, ", ""))  # of a default without a text
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", told)


def _code(text: str) -> str:
    """A docstring as Markdown: what is indented is code."""
    return re.sub(r"(?m)^(\s*)\* ", r"\1- ", text)
