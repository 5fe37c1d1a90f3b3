"""Whose turn it is: what is asked of one optimizer is done in turns, each of them whole, whoever asks.

Another thread waits for its turn. A signal's handler, or a key's own Python, that asks in the midst of a turn of its
own thread may read (each change is made at once, so there is nothing half done to be read); more would have to wait
for itself, and is refused. A fork waits for every turn, and holds the next ones back.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial, wraps
from operator import methodcaller
from threading import RLock
from time import sleep
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from weakref import ref

from ..errors import BusyError
from . import importing  # noqa: F401  # what is told of forks last acts first: whoever imports in a turn can end it
from .threads import end_all
from .whole import at_once, calls

PATIENCE = 60.0  # seconds that a fork waits for one turn to end; there is no telling what a key's own Python does

P = ParamSpec("P")
R = TypeVar("R")


class Turns:
    """One optimizer's turns: who has it holds `lock`; `ticket[0]` is what a quick call must bring, if nobody has.

    A quick call is one of compiled code that never lets go of the interpreter's lock: it needs no turn, but brings the
    settings that it knows, and is done only if they are still the present ones.
    """

    __slots__ = ("__weakref__", "lent", "lock", "ticket")

    def __init__(self) -> None:
        self.lock: Any = RLock()
        self.ticket: list[bytes | None] = [None]
        self.lent: list[frozenset[Hashable]] = []  # keys whose weights hold something else for a while
        with _gate:
            _all.add(ref(self, _all.discard))  # compiled code: Python would lose what a signal raises there

    def recall(self) -> None:
        """Take the ticket back: the next call goes by the engine. This waits for the turn that is under way."""
        with self.lock: self.ticket[0] = None  # fmt: skip  # noqa: E701  # as below

    @property
    def enter(self) -> tuple[Callable[[], Any], ...]:
        """What compiled code calls one by one to take a turn; in compiled code no signal comes between them."""
        return _gate.acquire, _gate.release, self.lock.acquire

    def quick(self, ticket: bytes, otherwise: R, work: Callable[..., R], *args: Any) -> R:
        """Have a turn for a quick call in Python, if its ticket is good by then and this thread has no other turn."""
        if self.lock._is_owned():
            return otherwise
        with _gate: pass  # fmt: skip  # noqa: E701  # as below
        with self.lock: return work(ticket, *args) if self.ticket[0] is ticket else otherwise  # fmt: skip  # noqa: E701


class TakesTurns(Protocol):
    """Something with turns, and with settings as numbers, anew with each change."""

    _turns: Turns

    @property
    def _numbers(self) -> bytes: ...


S = TypeVar("S", bound=TakesTurns)


def in_turn(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have a method take a turn of its own; within another of the same thread it is refused.

    Where it raises, there is no ticket from then on: the next call goes by the engine, and has one again.
    """

    def alone(self: S, args: Any, kwargs: Any) -> R:
        self._turns.ticket[0] = None
        result = method(self, *args, **kwargs)
        self._turns.ticket[0] = None if self._turns.lent else self._numbers
        return result

    @wraps(method)
    def taken(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._turns.lock._is_owned():
            raise BusyError(
                "This optimizer is at work already, in a call of this very thread, in the midst of which a signal's"
                " handler or a key's own Python asks for more. Nothing was changed by it: set a flag there, and act on"
                " it when the present call has returned."
            )
        # Each on one line: a tracer's exception finds no place between the end of a turn and its being given back.
        with _gate: pass  # fmt: skip  # noqa: E701
        with self._turns.lock: return alone(self, args, kwargs)  # fmt: skip  # noqa: E701

    return taken


def between_turns(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have a method that only reads see one moment; within a turn of the same thread, that of before or after."""

    def still(self: S, args: Any, kwargs: Any) -> R:
        before, self._turns.ticket[0] = self._turns.ticket[0], None
        result = method(self, *args, **kwargs)
        self._turns.ticket[0] = before
        return result

    @wraps(method)
    def taken(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._turns.lock: return still(self, args, kwargs)  # fmt: skip  # noqa: E701  # as above

    return taken


_all: set[ref[Turns]] = set()
_gate: Any = RLock()  # a fork holds it; whoever takes a turn passes by
_held: list[Any] = []
_give_back = methodcaller("release")


class _GivingBack:
    """What is held, given back one by one as one goes through it; each time anew, by compiled code alone."""

    __iter__ = staticmethod(partial(map, _give_back, _held))


def _before_fork() -> None:
    """Hold the gate and every turn, in rounds of more and more patience.

    Between them all is given back: who waits at the gate in the midst of another optimizer's turn can then end it.
    """
    raised: list[BaseException] = []
    patience = 0.1
    while True:
        try:
            alive = [each for each in (known() for known in list(_all)) if each is not None]
            locks = [_gate, *(each.lock for each in alive)]
            _held.extend(filter(methodcaller("acquire", True, patience), locks))  # no signal between taking and noting
            if len(_held) == len(locks) or 2 * patience > PATIENCE:
                end_all()
                break
            at_once(map(_give_back, _held), calls((_held.clear,)))
            sleep(0.001)  # they are to come before this thread
            patience *= 2
        except BaseException as error:  # of a signal's handler; or of a set that a handler has changed
            raised += [error]
            at_once(map(_give_back, _held), calls((_held.clear,)))
    if raised:
        raise raised[0]


# In compiled code alone: a signal's exception here would leave the turns taken for ever.
_after_fork: Callable[[], Any] = partial(deque, _GivingBack(), 0)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
os.register_at_fork(after_in_parent=_held.clear, after_in_child=_held.clear)
