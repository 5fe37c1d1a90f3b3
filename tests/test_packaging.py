"""What is shipped: the source distribution is the repository, and what is built from it is whole."""

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.lowest import lowest
from tests.test_building import ROOT, run
from thincopt.native import load

MADE = {"PKG-INFO"}  # by setuptools
RULES = ("adam.py", "lion.py")


def setup(folder: Path, *command: str, **environment: str) -> None:
    words = [sys.executable, "setup.py", "-q", *command]
    environment = {**os.environ, **environment}
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files of the repository."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this is no repository")
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout.splitlines()
    return [each for each in listed if (ROOT / each).is_file()]


@pytest.fixture(scope="module")
def unpacked(tracked, tmp_path_factory) -> Path:
    """A source distribution, made of a clean copy and unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    for each in tracked:
        (folder / "source" / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / each, folder / "source" / each)
    setup(folder / "source", "sdist")
    (packed,) = (folder / "source" / "dist").iterdir()
    subprocess.run([sys.executable, "-m", "tarfile", "-e", packed, folder], check=True)
    return folder / packed.name.removesuffix(".tar.gz")


def test_the_source_distribution_is_the_repository(tracked, unpacked):
    files = {str(each.relative_to(unpacked)) for each in unpacked.rglob("*") if each.is_file()}
    assert {each for each in files if not each.startswith("thincopt.egg-info/")} == {*tracked, *MADE}


def test_its_tests_run(unpacked):
    words = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=unpacked, env=environment)
    assert done.returncode == 0, done.stdout


def test_a_wheel_that_is_built_of_it_is_whole(unpacked, tmp_path):
    """Of two rules, so that it takes seconds."""
    source = shutil.copytree(unpacked, tmp_path / "source")
    for each in (source / "thincopt" / "rules").glob("[a-z]*.py"):
        if each.name not in RULES:
            each.unlink()
    setup(source, "bdist_wheel", THINCOPT_REQUIRE_NATIVE=str(int(load() is not None)))
    (wheel,) = (source / "dist").iterdir()
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    sources = {str(each.relative_to(source)) for each in (source / "thincopt").rglob("*.[ph]*") if each.is_file()}
    assert {each for each in sources if "__pycache__" not in each} <= names
    assert {"thincopt/py.typed", "thincopt/native/kernels.c", "thincopt/native/device.cuh"} <= names
    assert {each.split("/")[0].split("-")[0] for each in names} == {"thincopt"}
    if load() is not None:
        assert "-cp311-abi3-" in wheel.name
        code = "import thincopt; print(thincopt.Lion()); print(thincopt.__file__); print(thincopt.info().native)"
        told = run(code, cwd=tmp_path / "installed", THINCOPT_NATIVE="1").splitlines()
        assert told[1:] == [str(tmp_path / "installed" / "thincopt" / "__init__.py"), "True"]


def test_the_lowest_versions_are_those_of_setup_cfg():
    """`make lowest` installs them."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = config["options"]["install_requires"].split()
    assert [each.partition(",")[0] for each in needs] == [each.replace("==", ">=") for each in lowest()]
    assert "pydantic==2.0.3" in lowest()  # before it, an error of ours comes as text, and is lost
