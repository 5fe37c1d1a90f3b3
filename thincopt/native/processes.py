"""Run the compiler so that no fork, signal or exit of this process leaves one behind. The standard library alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from signal import SIGKILL
from subprocess import DEVNULL, STDOUT, Popen
from tempfile import mkdtemp
from typing import IO

from ..concurrency.importing import late
from ..errors import OpsError, shown

NICE = 10  # how much the compiler stands back behind others
_under_way: set[Popen[bytes]] = set()
_ended: list[bool] = []


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a while."""
    with late:  # tempfile has locks
        folder = Path(mkdtemp(prefix="thincopt-"))
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """How this command ends, and what it says; that and all else that it keeps for a while is in this folder.

    No pipes: a child that another thread forks would hold them open. It is a session of its own, so that Ctrl-C at a
    terminal does not reach it, and so that it is ended with all that it has begun.
    """
    said = folder / "said"
    with said.open("wb") as file:
        code = _run(command, file, {**os.environ, "TMPDIR": str(folder)})
    return code, said.read_text("utf-8", "replace")


def _run(command: Sequence[str], said: IO[bytes], environment: Mapping[str, str]) -> int:
    with late:
        if _ended:
            raise OpsError("this process is about to end")
        try:
            process = Popen(  # noqa: S603  # the user's own compiler
                command, stdin=DEVNULL, stdout=said, stderr=STDOUT, env=environment, start_new_session=True
            )
        except (OSError, ValueError) as error:
            text = f"{shown(command[0])} cannot be run ({error}): install a C compiler, or name the one to use in CC"
            raise OpsError(text) from error
        _under_way.add(process)
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, process.pid, NICE)
    try:
        return process.wait()
    finally:
        _kill(process)
        process.wait()
        _under_way.discard(process)


def end_all() -> None:
    """Kill what runs, for this process ends; nothing begins any more."""
    with late:
        _ended[:] = [True]
        for each in list(_under_way):
            _kill(each)


def _kill(process: Popen[bytes]) -> None:
    """Kill a process that runs still, and all that it has begun."""
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, SIGKILL)


os.register_at_fork(after_in_child=_under_way.clear)
