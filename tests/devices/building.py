"""Kernels' CUDA text compiled as C++, with shim.h in the place of CUDA."""

import ctypes
import os
import shlex
import subprocess
from array import array
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from thincopt.language import Rule
from thincopt.ops.contract import DTYPES, Cohort
from thincopt.ops.cuda.launching import Launch, launches, source
from thincopt.recipes.recipe import Recipe
from thincopt.recipes.shipping import every_recipe

SHIM = Path(__file__).with_name("shim.h")
COMPILER = shlex.split(os.environ.get("CXX") or "c++")
FLAGS = ["-std=c++20", "-O1", "-shared", "-fPIC", "-pthread", "-ffp-contract=off", "-fno-fast-math"]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter", "-Wno-maybe-uninitialized"]


class Library:
    """Kernels by name and type. Those that are known before are compiled together, others when they come."""

    def __init__(self, folder: Path, flags: Iterable[str] = ()) -> None:
        self.folder, self.flags = folder, list(flags)
        self.found: dict[tuple[str, str], ctypes.CDLL] = {}

    def prepare(self, steps: Iterable[Launch], dtypes: Iterable[str] = DTYPES) -> None:
        """Compile those that are not yet, each type in a process of its own."""
        steps, running = list(steps), []
        for dtype in dtypes:
            texts = {each.name: each.text for each in steps if (each.name, dtype) not in self.found}
            if texts:
                running.append((texts, dtype, *self._compiling(source("\n".join(texts.values()), dtype))))
        for texts, dtype, process, target in running:
            assert process.wait() == 0, "the compiler says above what is wrong"
            self.found |= dict.fromkeys(((name, dtype) for name in texts), ctypes.CDLL(str(target)))

    def of(self, launch: Launch, dtype: str) -> ctypes.CDLL:
        """The library that a kernel is in."""
        self.prepare([launch], [dtype])
        return self.found[launch.name, dtype]

    def _compiling(self, text: str) -> tuple[subprocess.Popen, Path]:
        whole = f'#include "{SHIM}"\n{text}'
        path = self.folder / f"{sha256(whole.encode()).hexdigest()[:24]}.cpp"
        path.write_text(whole)
        target = path.with_suffix(".so")
        command = [*COMPILER, *FLAGS, *WARNINGS, *self.flags, str(path), "-o", str(target)]
        return subprocess.Popen(command, env={**os.environ, "LD_PRELOAD": ""}), target  # sanitizers are not for it


def every_launch(rules: Iterable[Rule]) -> list[Launch]:
    """All that any settings of these rules can ask for."""
    recipes = [recipe for each in rules for recipe in every_recipe(each)]
    return [
        step for each in recipes for policy in ("propagate", "raise") for step in launches([alone(each)], policy).steps
    ]


def alone(recipe: Recipe) -> Cohort:
    """The cohort of an optimizer without groups."""
    return Cohort(recipe, array("d", [0.0] * len(recipe.shared)))
