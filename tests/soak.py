"""The model fuzzer for as long as one likes, with fresh seeds: `make soak SECONDS=600`, or again `make soak SEED=7`.

A seed that fails belongs to those that test_fuzz_model.py keeps, once what it found is mended.
"""
# ruff: noqa: T201  # it tells how far it came, and what has failed

import sys
import traceback
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from random import SystemRandom
from time import monotonic
from typing import Any

from tests.fuzzing.playing import fails, play, script_of, shortened
from tests.fuzzing.together import play_together
from thincopt.ops.numpy.ops import NumpyOps

OFTEN = 10  # scripts to one with two threads
TOLD = 30  # seconds between two lines


def together(seed: int, backends: Sequence[NumpyOps]) -> None:
    """Two threads, by each backend."""
    for each in backends:
        play_together(seed, each)


def tell(seed: int, backends: Sequence[NumpyOps], error: Exception, played: Callable[..., Any]) -> None:
    """What has failed, and the fewest acts that it needs."""
    traceback.print_exception(error)
    print(f"\nSeed {seed} fails ({played.__name__}): make soak SEED={seed}")
    if played is play and fails(seed, backends, script_of(seed)):
        kept = shortened(seed, backends)
        print(f"These acts are enough: {', '.join(act.__name__ for act, _ in kept)}; the last error then is")
        print(repr(fails(seed, backends, kept)))


def soak(seconds: float, backends: Sequence[NumpyOps], seed: int | None = None) -> int:
    """Play until the time is over or something fails; the exit code."""
    begun = told = monotonic()
    count = 0
    while monotonic() - begun < seconds:
        this = SystemRandom().getrandbits(40) if seed is None else seed
        for played in (play, together) if seed is not None or count % OFTEN == 0 else (play,):
            try:
                played(this, backends)
            except Exception as error:  # whatever it is, it is told
                tell(this, backends, error, played)
                return 1
        count += 1
        if seed is not None:
            break
        if monotonic() - told > TOLD:
            told = monotonic()
            print(f"{count} scripts in {told - begun:.0f} s, all as they should be", flush=True)
    print(f"{count} scripts, all as they should be: {', '.join(map(repr, backends))}")
    return 0


def main() -> int:
    """Read the command line and soak."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "State of .* was loaded")  # when it is told, test_standing.py sees
    return soak(asked.seconds, [NumpyOps(), NumpyOps(None)], asked.seed)


if __name__ == "__main__":
    sys.exit(main())
