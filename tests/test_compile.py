"""Rules of one's own, compiled: found by every optimizer made from then on."""

import os
import pickle
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import thincopt
from tests.compilers import script
from tests.conftest import another, is_compiled
from thincopt import NumpyOps, OpsError, SettingError, native
from thincopt.native import building, compiling
from thincopt.native.generate import kernels_of, printed


def trained(optimizer):
    weights = np.linspace(-1, 1, 1000)
    for _ in range(3):
        optimizer("w", weights, weights / 2)
    return weights.tobytes()


def test_compiled_from_then_on_however_it_is_made_and_with_the_same_bits(cache):
    rules = another("OneForTests.v1"), another("OtherForTests.v1")
    before = thincopt.get("OneForTests.v1")(0.5)
    assert not is_compiled(before)
    thincopt.compile(*rules)
    config = "[optimizer]\n@optimizers = OneForTests.v1\nlearn_rate = 0.5\n"
    made = [
        thincopt.get("OneForTests.v1")(0.5),
        thincopt.load(config)["optimizer"],
        pickle.loads(pickle.dumps(before)),
    ]
    assert all(map(is_compiled, made))
    assert {trained(each) for each in made} == {trained(before)}
    assert is_compiled(thincopt.get("OtherForTests.v1")())
    assert is_compiled(thincopt.Adam())
    assert not is_compiled(thincopt.get("OneForTests.v1")(ops=NumpyOps(None)))


def test_the_cache_serves_a_formula_again_and_never_a_changed_one(cache):
    """In processes of their own: what one has loaded, it has."""
    folder = str(cache)
    assert by_a_new_process(folder) == "compiled"
    (kept,) = cache.iterdir()
    assert by_a_new_process(folder, CC="cc", PATH="") == "compiled"  # the compiler is not called again
    assert by_a_new_process(folder, formula="learn_rate * g * 0.25") == "compiled"
    assert len(list(cache.iterdir())) == 2
    assert [each.name for each in kept.iterdir()] == ["kernels.so"]


def test_a_folder_of_ones_own(cache, tmp_path):
    thincopt.compile(another(), folder=str(tmp_path / "mine"))
    assert not cache.exists()
    assert len(list((tmp_path / "mine").glob("*/kernels.so"))) == 1


def test_without_a_compiler_it_is_told_and_numpy_serves(cache, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(OpsError, match=r"^The rules could not be compiled: .*no-such-compiler.*They run in NumPy"):
        thincopt.compile(another())
    assert not list(cache.rglob("*.so"))
    assert not is_compiled(thincopt.get("AnotherForTests.v1")())


def test_a_rule_may_be_given_by_its_name_or_its_factory(cache):
    another("SharpForTests.v1"), another("SharperForTests.v1")
    thincopt.compile("SharpForTests.v1", thincopt.get("SharperForTests"))
    assert is_compiled(thincopt.get("SharpForTests.v1")())
    assert is_compiled(thincopt.get("SharperForTests.v1")())


@pytest.mark.parametrize("given", [(), (another,), ([],)])
def test_what_is_no_rule_is_refused(given, cache):
    with pytest.raises(SettingError, match=r"^A rule is wanted"):
        thincopt.compile(*given)


def test_where_kernels_do_not_run_it_says_so():
    code = "import thincopt; thincopt.compile(thincopt.get('Lion.v1').rule)"
    command = ["env", "THINCOPT_NATIVE=0", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "OpsError: Compiled kernels do not run here (plain NumPy: THINCOPT_NATIVE=0)" in done.stderr


def by_a_new_process(folder, *, before="", formula="learn_rate * g * 0.5", **variables):
    """Compile a rule, and say how that ended."""
    code = f"""
{before}
import thincopt
from thincopt.language import Rate, rule
@rule("Mine.v1")
def Mine(w, g, *, learn_rate: Rate = 0.1):
    return {formula}
try:
    thincopt.compile(Mine, folder={folder!r})
    print("compiled")
except thincopt.OpsError as error:
    print(error)
"""
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "THINCOPT_NATIVE": "1", **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.strip()


def test_what_was_cut_is_compiled_again_and_never_loaded(cache, tmp_path):
    """A library that ends too early would end the process, so it is a process of its own."""
    folder, compiler = str(tmp_path / "mine"), script(tmp_path / "cc", 'test -z "$GONE" && exec cc "$@"')
    assert by_a_new_process(folder, CC=compiler) == "compiled"
    (kept,) = Path(folder).glob("*/kernels.so")
    whole = kept.read_bytes()
    assert by_a_new_process(folder, CC=compiler, GONE="1") == "compiled"
    for length in (0, 4096, len(whole) // 8192 * 4096, len(whole) - 1):
        kept.write_bytes(whole[:length])
        assert by_a_new_process(folder, CC=compiler, GONE="1").startswith("The rules could not be compiled: ")
    assert by_a_new_process(folder, CC=compiler) == "compiled"
    assert len(kept.read_bytes()) == len(whole)


def test_what_somebody_else_may_have_put_there_is_not_loaded(cache, tmp_path):
    """The name of the folder is a digest of public text, so anybody can make it."""
    mine = another()
    wanted = printed(kernels_of([mine])).without(native.load().shipped())
    texts = (text for each in wanted for text in each.values())
    planted = tmp_path / "shared" / building._path(building.LIBRARY, native.load().level(), *texts)
    planted.parent.mkdir(parents=True)
    planted.parent.chmod(0o1777)
    planted.write_text("to be loaded, this would have to be a library")
    with pytest.raises(OpsError, match=r"may be written by others, so nothing in it is used: .*\. They run in NumPy"):
        thincopt.compile(mine, folder=tmp_path / "shared")
    assert not is_compiled(thincopt.get(mine)())


def test_an_ASCII_locale_and_no_home_do_not_matter(cache):
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "XDG_CACHE_HOME": "", "THINCOPT_CACHE": ""}
    homeless = "import pathlib\ndef home(): raise RuntimeError\npathlib.Path.home = home"
    assert by_a_new_process(None, before=homeless, **bare) == "compiled"


FAILS = "echo warning: >&2; echo 'kernels.c:1: error: such a machine' >&2; yes more | head -n 1000 >&2; exit 3"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (
            "cc 'x",
            r"CC must be a command such as `gcc` .*, not \"cc 'x\" \(No closing quotation\): set it",
        ),
        ("/", r"'/' cannot be run \(.*\): install a C compiler, or name the one to use in CC\. They run in NumPy"),
        (f'sh -c "{FAILS}"', r"'sh', the C compiler, failed \(3\):\nkernels\.c:1: error: such a machine\n(more\n)+mo"),
        ("true", r"\[Errno 2\] No such file"),
    ],
    ids=["an open quote", "a folder", "one that fails", "one that makes nothing"],
)
def test_a_compiler_that_cannot_be_used_is_told(named, told, cache, monkeypatch):
    monkeypatch.setenv("CC", named)
    with pytest.raises(OpsError, match=f"^The rules could not be compiled: {told}") as caught:
        thincopt.compile(another())
    assert str(caught.value).endswith("They run in NumPy, with the same bits.")
    assert len(str(caught.value)) < 1000


def test_flags_of_CC_that_are_left_out_are_told(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("CC", script(tmp_path / "cc", "exit 1") + " -Ofast -ffast-math")
    told = r"^CC asks for -Ofast -ffast-math, which would change results: left out\.$"
    with pytest.warns(RuntimeWarning, match=told), pytest.raises(OpsError):
        thincopt.compile(another())


def test_a_blank_CC_is_none(monkeypatch):
    monkeypatch.setenv("CC", "  ")
    assert compiling.compiler() == (["cc"], [])


@pytest.mark.parametrize("fault", ["full", "a file", "no path"])
def test_a_folder_that_cannot_be_used_is_told(fault, cache, monkeypatch, tmp_path):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    (tmp_path / "file").touch()
    if fault == "full":
        monkeypatch.setattr(os, "fsync", full)
        monkeypatch.setattr(building, "made", lambda *given: b"")
    folder = {"full": tmp_path / "mine", "a file": tmp_path / "file", "no path": 1}[fault]
    told = {"full": r"No space left on device", "a file": r"Not a directory", "no path": r"given as a path, not 1"}[
        fault
    ]
    with pytest.raises(OpsError, match=told):
        thincopt.compile(another(), folder=folder)


@pytest.mark.parametrize("without", ["such files", "the right to run them", "any"])
def test_it_is_loaded_from_memory_or_else_from_a_file_that_is_gone_at_once(without, cache, monkeypatch, tmp_path):
    def refused(load):
        path = Path(load.args[0])
        if without == "any" or "fd" in path.parts:
            raise ImportError(f"{path}: failed to map segment from shared object")
        assert path.is_relative_to(tmp_path)
        return load()

    mine = another()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if without == "such files":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(building, "exactly", refused)
    with pytest.raises(OpsError, match=r"segment from shared object\. They run") if without == "any" else nullcontext():
        thincopt.compile(mine, folder=tmp_path / "mine")
    assert is_compiled(thincopt.get(mine)()) == (without != "any")
    assert {each.name for each in tmp_path.rglob("*") if each.is_file()} == {"kernels.so"}


def test_two_libraries_are_two_in_memory(cache):
    """The loader knows a library by its name."""
    for each in (another("OneForTests.v1"), another("OtherForTests.v1")):
        thincopt.compile(each)
    assert is_compiled(thincopt.get("OneForTests.v1")())
    assert is_compiled(thincopt.get("OtherForTests.v1")())


def test_a_library_that_is_none_is_an_error(cache, tmp_path):
    (tmp_path / "text").write_text("to be loaded, this would have to be a library")
    with pytest.raises(ImportError, match=r"file too short|invalid ELF header|not a mach-o|slice is not valid"):
        native.load().enrol(str(tmp_path / "text"))
    with pytest.raises(TypeError):
        native.load().enrol(1)
