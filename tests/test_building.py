"""What is built, where, and what importing costs."""

import os
import shutil
import subprocess
import sys
import textwrap
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
        from thincopt.native.generate import write
        from thincopt.rules import all_rules
        write(all_rules().values(), Path({str(tmp_path)!r}))
        assert "numpy" not in sys.modules
    """
    run(code, "-I", "-S")
    walks = (tmp_path / "walks.h").read_text()
    assert walks.count("static void TYPED(walk_") > 20
    assert "double" in (tmp_path / "scalars.h").read_text()


def test_native_can_be_turned_off_and_info_tells():
    told = run("import thincopt; print(thincopt.info())", THINCOPT_NATIVE="0")
    assert told == f"thincopt {thincopt.__version__}; kernels: plain NumPy: THINCOPT_NATIVE=0"
    if load() is not None:
        assert run("import thincopt; print(thincopt.info())", THINCOPT_NATIVE="1").endswith("kernels: compiled")


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


def test_a_new_rule_is_one_file(tmp_path):
    """One file in rules/, nothing else touched: it is found, compiled, and runs with the same bits."""
    if load() is None:
        pytest.skip("the kernels are not compiled here")
    folder = copied(tmp_path)
    (folder / "thincopt" / "rules" / "signum.py").write_text(
        textwrap.dedent(
            '''
            """signSGD: Compressed Optimisation for Non-Convex Problems. Bernstein et al., 2018. arXiv:1802.04434."""

            from ..language import Rate, Unit, rule, sign


            @rule("Signum.v1")
            def Signum(w, g, m, *, learn_rate: Rate = 1e-3, beta: Unit = 0.9):
                """m ← βm + (1−β)g;   w ← w − η·sign(m)"""
                m = beta * m + (1 - beta) * g
                return learn_rate * sign(m), m
            '''
        )
    )
    assert build(folder, THINCOPT_REQUIRE_NATIVE="1").returncode == 0
    told = run(
        """
        import numpy as np
        from thincopt import Optimizer
        from thincopt.ops.numpy_ops import NumpyOps
        ends = []
        for ops in (None, NumpyOps()):
            optimizer = Optimizer.of("Signum.v1", learn_rate=0.25, ops=ops)
            weights = np.zeros(5, "float32")
            for step in range(3):
                optimizer("w", weights, np.array([1, -1, 0, 2, -step], "float32"))
            ends.append(weights)
            print(type(optimizer._runner).__name__, end=" ")
        print((ends[0] == ends[1]).all(), ends[0])
        """,
        cwd=folder,
    )
    assert told == "CompiledRunner PlainRunner True [-0.75  0.75  0.   -0.75  0.5 ]"
