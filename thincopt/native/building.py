"""Compile kernels and load them: what was asked for by `compile`, or for one recipe. See `demand` for when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from warnings import warn

from ..caching import found, kept
from ..environment import flag
from ..errors import OpsError, RuleError, shown
from ..language import Rule
from . import adopt, load, ready, reason
from .compiling import built, compiler, digest, made
from .generate import Printed, printed, recipes_of
from .loading import loaded, module_in
from .probing import exactly

RUNTIME, LIBRARY = "kernels.c", "library.c"
NOTHING = Printed({}, {})
NAME = "kernels.so"


def compile(*rules: Rule, folder: str | Path | None = None) -> None:  # noqa: A001  # thincopt.compile is its name
    """Compile rules of one's own now: every optimizer made from then on that can runs by these kernels.

    The bits are the same. The kernels are kept in `folder`, or in the user's cache, and are compiled again when a
    formula has changed.
    """
    for each in rules or [None]:
        if not isinstance(each, Rule):
            makes = isinstance(getattr(each, "rule", None), Rule)
            instead = f": write thincopt.compile({shown(each)}.rule)" if makes else ""
            raise RuleError(f"compile takes rules, such as @rule makes of a function, not {shown(each)}{instead}.")
    if not isinstance(folder, str | Path | None):
        raise OpsError(f"compile keeps kernels in a folder, given as a path, not {shown(folder)}.")
    if not flag("THINCOPT_NATIVE", default=True):
        raise OpsError(f"Compiled kernels do not run here ({reason()}); the rules run in NumPy, with the same bits.")
    try:
        _, left = compiler()
        if left:
            warn(f"CC asks for {' '.join(left)}, which would change results: left out.", RuntimeWarning, stacklevel=2)
        bring(printed(recipes_of(rules)), Path(folder) if folder else None)
    except (OpsError, OSError, ImportError) as error:
        told = str(error).rstrip(".")
        text = f"The rules could not be compiled: {told}. They run in NumPy, with the same bits."
        raise OpsError(text) from error


def bring(functions: Printed, folder: Path | None = None) -> None:
    """Have runners find these functions: those that are not there yet are compiled, or taken from where they are kept.

    They are a small library of the level of instructions that is in use. The runtime enrols it; where that was not
    installed, it is compiled too.
    """
    if load() is None:
        data = kept(_runtime(), partial(made, RUNTIME, NOTHING), folder)
        adopt(loaded(data, module_in))
    if not functions.names() <= load().names():
        wanted = functions.without(load().shipped())
        _enrol(kept(_library(wanted), partial(made, LIBRARY, wanted, _only()), folder))


def brought(functions: Printed) -> bool:
    """Whether runners find these functions, once what the user's cache has is loaded."""
    if load() is None:
        data = found(_runtime())
        if data is None:
            return False
        adopt(loaded(data, module_in))
    if not functions.names() <= load().names():
        data = found(_library(functions.without(load().shipped())))
        if data is None:
            return False
        _enrol(data)
    return True


def build(rules: Iterable[Rule], folder: Path, flags: Sequence[str] = ()) -> Any:
    """Compile the runtime with the kernels of these rules in `folder`, with further flags, and load the module.

    The installed module is made by setup.py in the same way.
    """
    return ready(module_in(built(RUNTIME, printed(recipes_of(rules)), folder, flags)))


def _enrol(data: bytes) -> None:
    loaded(data, lambda path: exactly(partial(load().enrol, str(path))))


def _runtime() -> str:
    return f"{digest(RUNTIME)}/{NAME}"


def _library(functions: Printed) -> str:
    texts = (text for each in functions for text in each.values())
    return f"{digest(LIBRARY, load().level(), *texts)}/{NAME}"


def _only() -> list[str]:
    level = load().level()
    return [f"-DONLY={level}", f"-DONLY_{level}"]
