"""`thincopt.compile`: compile rules of one's own."""

from __future__ import annotations

from pathlib import Path

from ..errors import briefly
from ..native.building import compiled
from .naming import REQUIRED, RuleLike, rule_of


@briefly
def compile(*rules: RuleLike, folder: str | Path | None = None) -> None:  # noqa: A001  # thincopt.compile is its name
    """Compile rules of one's own: every optimizer made from then on that can runs by these kernels, with the same bits.

    Each is given as itself, by its name or by its factory. The kernels are kept in `folder`, or in the user's cache,
    and are compiled again when a formula has changed.
    """
    compiled([rule_of(each) for each in rules or [REQUIRED]], folder)
