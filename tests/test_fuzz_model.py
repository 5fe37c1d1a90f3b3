"""Random scripts on one optimizer: both backends agree in every bit, and with a simple model of the engine.

`make soak` plays fresh ones. The seeds here were chosen for what they meet, of a thousand; one that fails is added.
What a seed plays changes with the fuzzer itself, so what it has found gets a test of its own too.
"""

import os
import subprocess
import sys

import pytest

from tests.fuzzing.playing import play
from tests.fuzzing.together import play_together
from thincopt.ops.numpy.ops import NumpyOps

KEPT = """
    10 14 23 25 49 58 60 70 87 88 103 107 109 111 114 149 151 152 155 156 161 165 167 176 179 184 191 197 198 205
    222 225 227 228 230 234 240 252 278 291 292 307 317 319 330 331 336 345 362 418 421 428 439 446 451 458 470 476
    491 496 505 515 530 531 532 537 543 558 563 564 571 580 586 589 596 599 613 628 629 631 633 640 646 666 669 670
    683 701 714 721 730 745 747 760
"""
PLAYED = "from tests.test_fuzz_model import *; print([play(seed, BACKENDS).actor.last for seed in (14, 23)])"
BACKENDS = [NumpyOps(), NumpyOps(None)]


@pytest.mark.filterwarnings("ignore:State of .* was loaded")
@pytest.mark.parametrize("seed", [int(each) for each in KEPT.split()])
def test_a_script_by_both_backends_beside_the_model(seed):
    play(seed, BACKENDS)


@pytest.mark.parametrize("ops", BACKENDS, ids=repr)
@pytest.mark.parametrize("seed", range(4))
def test_two_threads_with_keys_of_their_own_make_what_one_after_the_other_makes(seed, ops):
    play_together(seed, ops)


def played(hashes):
    """How some seeds end, in a process whose sets are in an order of their own."""
    environment = {**os.environ, "PYTHONHASHSEED": hashes}
    return subprocess.run([sys.executable, "-c", PLAYED], env=environment, capture_output=True, check=True).stdout


def test_a_seed_plays_the_same_in_every_process():
    assert played("1") == played("2") != b""
