"""Compilers to wait for, and processes of their own that ask for kernels."""

import os
import subprocess
import sys
import textwrap
import time


def script(path, text):
    """An executable."""
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(text)}\n")
    path.chmod(0o755)
    return str(path)


SLOW = """
    echo $$ >> "{folder}/began"
    case "$*" in *-shared*) echo >> "{folder}/compiled";; esac
    while ! test -e "{folder}/go"; do sleep .02; done
    exec cc "$@"
"""


class Compiler:
    """A compiler that waits until it may go."""

    def __init__(self, folder):
        self.folder = folder
        self.command = script(folder / "cc", SLOW.format(folder=folder))

    def go(self):
        (self.folder / "go").touch()

    @property
    def began(self):
        return [int(each) for each in self._lines("began")]

    @property
    def compiled(self):
        return len(self._lines("compiled"))

    def _lines(self, name):
        return (self.folder / name).read_text().split("\n")[:-1] if (self.folder / name).exists() else []


def until(holds, seconds=60):
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it did not come in time"
        time.sleep(0.005)


SAME = """
        import os, sys, time
        import numpy as np
        import thincopt
        from thincopt import Optimizer
        from thincopt.language import Rate, Unit, rule, sign
        from thincopt.native import building

        def is_compiled(optimizer):
            return type(optimizer._now.runner).__name__ == "CompiledRunner"

        @rule("Again.v1")
        def Again(w, g, m, *, learn_rate: Rate = 0.1, beta: Unit = 0.9):
            m = beta * m + (1 - beta) * g
            return learn_rate * sign(m) * (m * m + {number}), m
"""


def number_of(made):
    """The number in a formula that `another` made."""
    return made.function.__closure__[0].cell_contents


def run(code, *flags, seconds=120, **environment):
    """What a process prints."""
    command = [sys.executable, *flags, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "THINCOPT_NATIVE": "1", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def compiled_anew(made, *flags, before=""):
    """Whether another process has compiled kernels, and whether the compiler was called for them."""
    code = f"""
        {SAME.format(number=number_of(made))}
        {before}
        calls, real = [], building.made
        building.made = lambda *given: (calls.append(given), real(*given))[1]
        print(is_compiled(Optimizer.of(Again)), "once" if calls else "never")
    """
    return run(code, *flags)
