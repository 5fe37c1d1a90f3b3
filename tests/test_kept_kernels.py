"""What is kept of kernels is loaded only as it was written, and from where nobody else can write."""

import pytest

from tests.compilers import compiled_anew
from tests.conftest import another
from thincopt import Optimizer


def planted(folder, data):
    """A kept file of another formula, at this one's name."""
    other = another("OtherForTests.v1")
    Optimizer.of(other)
    (kept,) = (each for each in folder.parent.glob("*/kernels.so") if each.parent != folder)
    return kept.read_bytes()


ATTACKS = {
    "planted": lambda folder, data: b"to be loaded, this would have to be a library",
    "cut": lambda folder, data: data[: len(data) // 2],
    "empty": lambda folder, data: b"",
    "changed": lambda folder, data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "swapped": planted,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_done_to_the_cache_is_never_loaded(attack, waits, cache, monkeypatch):
    made = another()
    Optimizer.of(made)
    (kept,) = cache.glob("*/kernels.so")
    whole = kept.read_bytes()
    kept.write_bytes(ATTACKS[attack](kept.parent, whole))
    assert compiled_anew(made) == "True once"
    assert kept.read_bytes()[:-32] == whole[:-32] or attack != "planted"
    assert compiled_anew(made) == "True never"


@pytest.mark.parametrize("mode", [0o770, 0o703])
def test_a_folder_in_which_others_may_write_is_not_used(mode, waits, cache):
    made = another()
    Optimizer.of(made)
    (kept,) = cache.glob("*/kernels.so")
    kept.parent.chmod(mode)
    assert compiled_anew(made, "-W", "ignore") == "True once"
    assert compiled_anew(made, "-W", "ignore") == "True once"


def test_another_user_s_folder_is_not_used(waits, cache):
    made = another()
    Optimizer.of(made)
    before = "mine = os.geteuid(); os.geteuid = lambda: mine + 1"
    assert compiled_anew(made, "-W", "ignore", before=before) == "True once"
