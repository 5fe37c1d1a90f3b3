"""What is built, where, and what importing costs."""

import os
import shutil
import subprocess
import sys
import textwrap
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import thincopt
from thincopt.native import load

ROOT = Path(thincopt.__file__).parent.parent


def run(code: str, *flags: str, cwd: Path = ROOT, **environment: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, *flags, "-c", textwrap.dedent(code)]
    path = str(cwd)
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    return done.stdout.strip()


def test_import_takes_the_standard_library_only():
    loaded = run(
        """
        import sys
        before = set(sys.modules)
        import thincopt
        print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
        """
    )
    assert set(loaded.split()) <= set(sys.stdlib_module_names) | {"thincopt"}


def test_names_are_there_in_a_fresh_interpreter():
    code = """
        from thincopt import SGD, Adam, AdamW, RAdam, decaying, registry
        print(SGD.v2.rule.name, Adam.rule.name, AdamW(decaying(0.5, 1)).learn_rate, "Lion.v1" in registry.optimizers)
    """
    assert run(code) == "SGD.v2 Adam.v1 0.5 True"


def test_the_C_of_all_rules_is_made_without_any_package(tmp_path):
    """With -I -S there is nothing but the standard library, as in an empty virtual environment."""
    code = f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from thincopt.native.generate import printed, kernels_of, write
        from thincopt.rules import all_rules
        write(printed(kernels_of(all_rules().values())), Path({str(tmp_path)!r}))
        assert "numpy" not in sys.modules
    """
    run(code, "-I", "-S")
    walks = (tmp_path / "walks.h").read_text()
    assert walks.count("static void TYPED(walk_") > 20
    assert "double" in (tmp_path / "scalars.h").read_text()


def test_native_can_be_turned_off_and_info_tells():
    tell = "import thincopt; print(thincopt.info())"
    told = run(tell, THINCOPT_NATIVE="0", THINCOPT_NUM_THREADS="3")
    assert told.startswith(
        f"thincopt {thincopt.__version__}; kernels: plain NumPy: THINCOPT_NATIVE=0; on demand: never; 3 threads; "
    )
    if load() is not None:
        told = run(tell, THINCOPT_NATIVE="1", THINCOPT_NUM_THREADS="1", THINCOPT_ISA="baseline")
        assert "; kernels: compiled, baseline; on demand: never; 1 thread; " in told


@pytest.mark.parametrize(("installed", "told"), [("cupy-cuda13x", "CuPy 14.2.0"), ("numpy", "no CuPy")])
def test_info_tells_of_CuPy_and_does_not_import_it(installed, told, monkeypatch):
    def version(package: str) -> str:
        if package != installed:
            raise PackageNotFoundError(package)
        return "14.2.0"

    monkeypatch.setattr("thincopt.surface.about.version", version)
    assert str(thincopt.info()).endswith(f"; {told}")
    assert run("import sys, thincopt; thincopt.info(); print('cupy' in sys.modules)") == "False"


def copied(folder: Path) -> Path:
    """The package in a folder of its own, without compiled kernels."""
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "thincopt", folder / "thincopt", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return folder


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env={**os.environ, **environment}
    )


def test_without_a_compiler_the_build_goes_on_and_numpy_serves(tmp_path):
    folder = copied(tmp_path)
    missing = {"CC": "/nowhere/cc"}
    assert build(folder, **missing, THINCOPT_REQUIRE_NATIVE="0").returncode == 0
    told = run("import thincopt; print(thincopt.info())", cwd=folder, THINCOPT_NATIVE="1")
    assert "kernels: plain NumPy: the extension was not built where thincopt was installed" in told
    assert build(folder, **missing, THINCOPT_REQUIRE_NATIVE="1").returncode != 0


def test_a_source_that_hides_the_installed_kernels_says_what_to_do(tmp_path):
    (tmp_path / "source").mkdir()
    source = copied(tmp_path / "source")
    kernels = tmp_path / "site" / "thincopt" / "native" / "kernels.abi3.so"
    kernels.parent.mkdir(parents=True)
    kernels.touch()
    path = {"THINCOPT_NATIVE": "1", "PYTHONPATH": f"{source}{os.pathsep}{tmp_path / 'site'}"}
    told = run("import thincopt; print(thincopt.info().reason)", cwd=source, **path)
    assert told == (
        f"plain NumPy: the thincopt in {source}, where no kernels were built, hides the one in {tmp_path / 'site'},"
        f" where they were: run Python in another folder, or build them here too, by pip install -e {source}"
    )
