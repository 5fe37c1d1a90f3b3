"""Random scripts on one optimizer: both backends agree in every bit, and with a simple model of the engine.

`make soak` plays fresh ones. The seeds here were chosen for what they meet, of a thousand; one that fails is added.
What a seed plays changes with the fuzzer itself, so what it has found gets a test of its own too.
"""

import pytest

from tests.fuzzing.playing import play
from tests.fuzzing.together import play_together
from thincopt.ops.numpy_ops import NumpyOps

KEPT = """
    2 3 7 14 25 88 92 97 100 108 109 113 114 152 155 156 161 178 179 184 185 206 222 230 234 259 266 291 292 323 336
    343 345 346 373 388 398 413 419 421 422 439 443 444 459 464 466 470 473 480 487 502 516 541 543 558 574 581 583 586
    590 616 628 632 640 645 646 654 683 712 714 728 730 735 740 745 772 773 788 791 793 802 806 807 828 844 857 862 866
"""
BACKENDS = [NumpyOps(), NumpyOps(None)]


@pytest.mark.parametrize("seed", [int(each) for each in KEPT.split()])
def test_a_script_by_both_backends_beside_the_model(seed):
    play(seed, BACKENDS)


@pytest.mark.parametrize("ops", BACKENDS, ids=repr)
@pytest.mark.parametrize("seed", range(4))
def test_two_threads_with_keys_of_their_own_make_what_one_after_the_other_makes(seed, ops):
    play_together(seed, ops)
