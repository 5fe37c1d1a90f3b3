"""State that there are several of: a tuple to the rule, and one by one to the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import RuleError
from .signature import State


def one_by_one(states: Sequence[State], given: Sequence[Any], values: Mapping[str, Any]) -> list[Any]:
    """What was returned for these states, one after the other: of some there are several, in a tuple."""
    found: list[Any] = []
    for state, each in zip(states, given, strict=True):
        count = len(state.names(values))
        if not state.times:
            found.append(each)
        elif isinstance(each, tuple | list) and len(each) == count:
            found += each
        else:
            what = len(each) if isinstance(each, tuple | list) else repr(each)
            raise RuleError(
                f"{state.name} must be returned as a tuple of {count}, for {state.times} = {count}, not {what}: write"
                f" {state.name} = tuple(… for each in {state.name})."
            )
    return found
