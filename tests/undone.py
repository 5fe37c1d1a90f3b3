"""Snippets that only a CUDA device can run: where there is none they are compiled, and what they name must be known."""

import ast
import builtins
import re
import warnings
from collections.abc import Mapping
from doctest import DocTestParser
from functools import cache
from importlib import import_module
from typing import Any

from thincopt import OpsError

DEVICE = re.compile(r"^(?:>>> )?(?:import|from) +cupy\b|\.cuda\(\)|[\"']cuda\b", re.MULTILINE)


def needs_device(code: str) -> bool:
    """Whether a snippet imports CuPy, or has torch put something on a device."""
    return bool(DEVICE.search(code))


def python_of(snippet: Any) -> str:
    """The Python that a snippet would execute, if any; see documents.Snippet."""
    if snippet.directive or snippet.caption or snippet.language not in ("python", "pycon"):
        return ""
    if snippet.language == "python":
        return str(snippet.text)
    return "".join(each.source for each in DocTestParser().get_examples(snippet.text))


@cache
def has_device() -> bool:
    """Whether CuPy finds a device here."""
    from thincopt.ops.cuda.driver import cuda

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what CuPy warns of on a new machine is CuPy's
        try:
            cuda()
        except OpsError:
            return False
    return True


class Undone:
    """What the snippets of a page would have made that were not run; those that use it cannot be run either."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def holds(self, code: str) -> bool:
        """Whether this snippet cannot be run here."""
        return not has_device() and (needs_device(code) or not self.names.isdisjoint(_used(ast.parse(code))))

    def see(self, code: str, page: str, namespace: Mapping[str, Any]) -> None:
        """Compile a snippet; each name must be made by some snippet, and what it imports of thincopt must be there."""
        compile(code, page, "exec")
        tree = ast.parse(code)
        unknown = _used(tree) - _made(tree) - self.names - namespace.keys() - set(dir(builtins))
        if unknown:
            raise NameError(f"nobody makes {', '.join(sorted(unknown))}")
        for each in ast.walk(tree):
            if isinstance(each, ast.ImportFrom) and each.module and each.module.partition(".")[0] == "thincopt":
                for name in each.names:
                    getattr(import_module(each.module), name.name)
        self.names |= _made(tree)

    def done(self, code: str) -> None:
        """A snippet was run: what it made is there."""
        self.names -= _made(ast.parse(code))


def _used(tree: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def _made(tree: ast.AST) -> set[str]:
    found = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    for each in ast.walk(tree):
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            found.add(each.name)
        elif isinstance(each, ast.arg):
            found.add(each.arg)
        elif isinstance(each, ast.alias):
            found.add(each.asname or each.name.partition(".")[0])
    return found
