"""CUDA text becomes a cubin, once; a stand-in for NVRTC says what it was asked. The true one is asked in tests/cuda."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType

import pytest

from tests.conftest import traced
from thincopt import OpsError
from thincopt.caching import cache_folder
from thincopt.language import Rate, Unit, sqrt
from thincopt.language.printing_c import c_block, c_walk
from thincopt.ops.cuda import nvrtc
from thincopt.ops.cuda.nvrtc import compiled

SOURCE = 'extern "C" __global__ void nothing() {}\n'


class NVRTCError(RuntimeError):
    """As CuPy's."""


class FakeNvrtc(ModuleType):
    """Compiles all but what contains `fails_at`, which it reports as NVRTC does."""

    NVRTCError = NVRTCError

    def __init__(self):
        super().__init__("nvrtc")
        self.version, self.asked, self.living, self.logs = (13, 0), [], {}, {}
        self.fails_at, self.log, self.meeting = None, None, None

    def getVersion(self):
        return self.version

    def createProgram(self, source, name, headers, includes):
        assert (name, headers, includes) == ("kernels.cu", [], [])
        program = object()
        self.living[program] = source
        return program

    def compileProgram(self, program, options):
        self.asked.append(options)
        if self.meeting:
            self.meeting.wait(10)
        source = self.living[program]
        if self.log:
            raise NVRTCError("NVRTC_ERROR_INVALID_OPTION (5)")
        if self.fails_at and self.fails_at in source:
            line = source[: source.index(self.fails_at)].count("\n") + 1
            warning = 'kernels.cu(1): warning #177-D: variable "k1" was declared but never referenced\n\n'
            error = f'kernels.cu({line}): error: identifier "SQRT" is undefined\n  …\n       ^\n\n'
            self.logs[program] = f'{warning}{error}1 error detected in the compilation of "kernels.cu".\n'
            raise NVRTCError("NVRTC_ERROR_COMPILATION (6)")

    def getProgramLog(self, program):
        return self.log or self.logs[program]

    def getCUBIN(self, program):
        return b"\x7fELF" + self.living[program].encode()

    def destroyProgram(self, program):
        del self.living[program]


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("THINCOPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fake(monkeypatch, cache):
    made, cuda = FakeNvrtc(), ModuleType("cupy.cuda")
    cuda.nvrtc = made
    monkeypatch.setitem(sys.modules, "cupy", ModuleType("cupy"))
    monkeypatch.setitem(sys.modules, "cupy.cuda", cuda)
    yield made
    assert not made.living  # every program was given back


def files(folder):
    return [each for each in folder.rglob("*") if each.is_file()]


def rooted(w, g, m, *, learn_rate: Rate = 0.1, beta: Unit = 0.9):
    m = beta * m + (1 - beta) * g * g
    root = sqrt(m)
    return learn_rate * root, m


def test_the_options_are_those_of_exact_arithmetic(fake):
    assert compiled(SOURCE, "sm_90") == b"\x7fELF" + SOURCE.encode()
    exact = ("--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true")
    assert fake.asked == [("--gpu-architecture=sm_90", "--std=c++17", *exact)]


def test_what_was_compiled_is_kept(fake, cache):
    first = compiled(SOURCE, "sm_90")
    assert compiled(SOURCE, "sm_90") == first
    assert len(fake.asked) == 1
    assert [each.parent for each in files(cache)] == [cache / "cuda"]


def change_options(fake, monkeypatch):
    monkeypatch.setattr(nvrtc, "OPTIONS", (*nvrtc.OPTIONS, "--device-debug"))


def change_version(fake, monkeypatch):
    fake.version = (13, 1)


@pytest.mark.parametrize(
    ("source", "architecture", "change"),
    [
        (SOURCE + " ", "sm_90", None),
        (SOURCE, "sm_100", None),
        (SOURCE, "sm_90", change_options),
        (SOURCE, "sm_90", change_version),
    ],
    ids=["source", "architecture", "options", "version"],
)
def test_what_is_made_otherwise_is_compiled_again(fake, cache, monkeypatch, source, architecture, change):
    compiled(SOURCE, "sm_90")
    if change:
        change(fake, monkeypatch)
    assert compiled(source, architecture) == b"\x7fELF" + source.encode()
    assert (len(fake.asked), len(files(cache))) == (2, 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:40],
        lambda whole: whole[:-1],
        lambda whole: whole + b"\0",
        lambda whole: bytes([whole[0] ^ 1]) + whole[1:],
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    ],
    ids=["empty", "cut", "short", "long", "first bit", "last bit"],
)
def test_what_was_damaged_is_compiled_again(fake, cache, damage):
    first = compiled(SOURCE, "sm_90")
    (kept,) = files(cache)
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert compiled(SOURCE, "sm_90") == first
    assert (len(fake.asked), kept.read_bytes()) == (2, whole)


def without_home(monkeypatch, cache):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("THINCOPT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)


def without_folder(monkeypatch, cache):
    cache.write_text("a file is where the folder would be")


def without_space(monkeypatch, cache):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)


def without_renaming(monkeypatch, cache):
    def refused(*given, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)


@pytest.mark.parametrize("without", [without_home, without_folder, without_space, without_renaming])
def test_what_cannot_be_kept_is_compiled_each_time(fake, cache, monkeypatch, without):
    without(monkeypatch, cache)
    before = files(cache.parent)
    assert {compiled(SOURCE, "sm_90") for _ in range(2)} == {b"\x7fELF" + SOURCE.encode()}
    assert len(fake.asked) == 2
    assert files(cache.parent) == before
    assert not list(cache.rglob("cuda/*"))


def test_several_at_once(fake, cache):
    fake.meeting = Barrier(2)
    with ThreadPoolExecutor(2) as both:
        made = set(both.map(compiled, [SOURCE, SOURCE], ["sm_90", "sm_90"]))
    assert made == {b"\x7fELF" + SOURCE.encode()}
    assert (len(fake.asked), len(files(cache))) == (2, 1)


def test_an_error_keeps_nothing(fake, cache):
    fake.fails_at = "nothing"
    for _ in range(2):
        with pytest.raises(OpsError):
            compiled(SOURCE, "sm_90")
    assert len(fake.asked) == 2
    assert not files(cache)


def line_of(text):
    """The number of this line of this file."""
    return Path(__file__).read_text().split("\n").index(text) + 1


def told_of(fake, source, of, fails_at):
    """The error where this text stands, and the generated line that it is in."""
    fake.fails_at = fails_at
    with pytest.raises(OpsError) as told:
        compiled(source, "sm_90", of)
    return str(told.value), next(each.strip() for each in source.split("\n") if fails_at in each)


def test_an_error_tells_the_line_of_an_array_s_formula(fake, monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    walk = traced(rooted).phases[-1].walk
    told, generated = told_of(fake, f"// a first line\n{c_walk(walk)[1]}", walk, "SQRT(")
    number = line_of("    root = sqrt(m)")
    assert told == (
        'A CUDA kernel could not be compiled (--gpu-architecture=sm_90): identifier "SQRT" is undefined, in the'
        f" generated line `{generated}`, made for tests/test_nvrtc.py, line {number}: `root = sqrt(m)`."
    )


def test_an_error_tells_the_line_of_a_scalar_s_formula(fake):
    block = traced(rooted).phases[0].block
    text = "m = beta * m + (1 - beta) * g * g"
    target = next(name for name, each in block.origins.items() if each.line == line_of(f"    {text}"))
    told, generated = told_of(fake, c_block(block)[1], block, f"const double {target} = ")
    assert told.endswith(f"`{generated}`, made for {block.origins[target]}.")
    assert text in told


@pytest.mark.parametrize("fails_at", ["const int x0 = threadIdx.x;", "p_w[i] = ", "w - step", "SQRT("])
def test_an_error_elsewhere_is_not_laid_to_a_rule(fake, fails_at):
    """A name is not enough: the text around a walk has names of its own."""
    walk = traced(rooted).phases[-1].walk
    of = None if fails_at == "SQRT(" else walk
    text = f" {walk.code[-1].target} = " if fails_at == "w - step" else fails_at
    told, generated = told_of(fake, f"const int x0 = threadIdx.x;\n{c_walk(walk)[1]}", of, text)
    assert told.endswith(f", in the generated line `{generated}`.")


@pytest.mark.parametrize("log", ["nvrtc: error: invalid value for --gpu-architecture (-arch)\n", "something else\n"])
def test_an_error_of_no_line(fake, log):
    fake.log = log
    with pytest.raises(OpsError) as told:
        compiled(SOURCE, "sm_9")
    assert str(told.value).endswith(
        f" compiled (--gpu-architecture=sm_9): {log.removeprefix('nvrtc: error: ').strip()}"
    )


def test_without_CuPy_it_is_said_what_to_install(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(OpsError, match=r"NVRTC, through CuPy: pip install 'cupy-cuda13x\[ctk\]'"):
        compiled(SOURCE, "sm_90")


def test_without_NVRTC_it_is_said_what_to_install(fake, monkeypatch):
    def missing():
        raise RuntimeError('Failure finding "libnvrtc.so.13"')

    monkeypatch.setattr(fake, "getVersion", missing)
    with pytest.raises(OpsError, match=r"pip install .* Here it fails: Failure finding \"libnvrtc.so.13\"$"):
        compiled(SOURCE, "sm_90")


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("THINCOPT_CACHE", "/mine")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/mine")
    monkeypatch.delenv("THINCOPT_CACHE")
    assert cache_folder() == Path("/caches/thincopt")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "thincopt"
