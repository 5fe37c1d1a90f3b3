"""Thinc's own tests of optimizers and schedules, with thincopt in the place of thinc.api."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import thincopt

IMPORTED, REPLACED = "from thinc.api import", "from thincopt import"
WITHOUT_THINC = "import sys; sys.modules['thinc'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
AS_IT_IS = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"


def outcomes(program: str, folder: Path, source: str) -> dict[str, str]:
    """What became of each test of this source, in a process of its own that imports the thincopt that runs here."""
    folder.mkdir()
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-c", program, "-v", "-c", os.devnull, "-p", "no:cacheprovider", "test_it.py"]
    env = os.environ | {"PYTHONPATH": str(Path(thincopt.__file__).parents[1]), "PYTEST_ADDOPTS": ""}
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    print(run.stdout, run.stderr)  # noqa: T201  # shown where this test fails
    return dict(re.findall(r"^test_it\.py::(.+) ([A-Z]+) ", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("name", ["test_optimizers.py", "test_schedules.py"])
def test_thincs_own_tests(name: str, tmp_path: Path) -> None:
    """Every test that passes with Thinc passes with thincopt, where Thinc cannot be imported."""
    source = (Path(find_spec("thinc.tests").origin).parent / name).read_text()
    assert source.count(IMPORTED) == source.count("thinc.") == 1
    theirs = outcomes(AS_IT_IS, tmp_path / "theirs", source)
    assert theirs
    assert set(theirs.values()) == {"PASSED"}
    assert outcomes(WITHOUT_THINC, tmp_path / "ours", source.replace(IMPORTED, REPLACED)) == theirs
