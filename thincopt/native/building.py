"""Compile kernels and load them: what was asked for by `compile`, or for one recipe. See `demand` for when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from warnings import warn

from ..caching import kept
from ..environment import flag
from ..errors import OpsError, shown
from ..language import Rule
from . import adopt, load, ready, reason
from .compiling import built, compiler, digest, made
from .generate import Printed, kernels_of, printed
from .loading import NAME, loaded, module_in
from .probing import exactly

RUNTIME, LIBRARY = "kernels.c", "library.c"
NOTHING = Printed({}, {})
Get = Callable[[str, Callable[[], bytes]], bytes | None]


def compiled(rules: Iterable[Rule], folder: str | Path | None = None) -> None:
    """Compile these rules now, keep the kernels in this folder or in the user's cache, and let them be found."""
    if not isinstance(folder, str | Path | None):
        raise OpsError(f"compile keeps kernels in a folder, given as a path, not {shown(folder)}.")
    if not flag("THINCOPT_NATIVE", default=True):
        raise OpsError(f"Compiled kernels do not run here ({reason()}); the rules run in NumPy, with the same bits.")
    try:
        _, left = compiler()
        if left:
            warn(f"CC asks for {' '.join(left)}, which would change results: left out.", RuntimeWarning, stacklevel=2)
        bring(printed(kernels_of(rules)), partial(kept, folder=Path(folder) if folder else None))
    except (OpsError, OSError, ImportError) as error:
        told = str(error).rstrip(".")
        text = f"The rules could not be compiled: {told}. They run in NumPy, with the same bits."
        raise OpsError(text) from error


def bring(functions: Printed, get: Get = kept) -> bool:
    """Have runners find these functions: `get` gives what is kept at a path, or makes it; if it gives nothing, False.

    What is not there yet is a small library, of the level of instructions in use, that the runtime enrols. Where that
    was not installed, it is brought too.
    """
    if load() is None:
        runtime = get(_path(RUNTIME), partial(made, RUNTIME, NOTHING))
        if runtime is None:
            return False
        adopt(loaded(runtime, module_in))
    native, level = load(), load().level()
    if functions.names() <= native.names():
        return True
    wanted, only = functions.without(native.shipped()), [f"-DONLY={level}", f"-DONLY_{level}"]
    texts = (text for each in wanted for text in each.values())
    library = get(_path(LIBRARY, level, *texts), partial(made, LIBRARY, wanted, only))
    if library is not None:
        loaded(library, lambda path: exactly(partial(native.enrol, str(path))))
    return library is not None


def build(rules: Iterable[Rule], folder: Path, flags: Sequence[str] = ()) -> Any:
    """Compile the runtime with the kernels of these rules in `folder`, with further flags, and load the module.

    The installed module is made by setup.py in the same way.
    """
    return ready(module_in(built(RUNTIME, printed(kernels_of(rules)), folder, flags)))


def _path(*parts: str) -> str:
    return f"{digest(*parts)}/{NAME}"
