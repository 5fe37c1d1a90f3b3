"""Run the suite with kernels under AddressSanitizer and UndefinedBehaviorSanitizer: `make sanitize`.

The kernels are compiled into a folder of their own and take the place of the installed ones in one process, which
has the sanitizers' runtime loaded first. Python itself leaks at exit on purpose, so leaks are not looked for.
"""
# ruff: noqa: T201  # it runs the compiler and the tests, and tells how they ended

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Werror"]
INSIDE = """
import sys, pytest
from pathlib import Path
from thincopt import native
from thincopt.native.building import build
from thincopt.rules import all_rules
module = build(all_rules().values(), Path(sys.argv[1]), sys.argv[2].split())
native._found = lambda: (module, "sanitized")
native.load.cache_clear()
assert native.load() is module
python_alone = ["building", "examples", "fuzz_config", "slips"]  # no kernel has a part in these
others = [f"--ignore=tests/test_{name}.py" for name in python_alone]
sys.exit(pytest.main(["-p", "no:cacheprovider", *others, *sys.argv[3:]]))
"""


def main() -> int:
    """Build, run, and tell."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    found = subprocess.run([*compiler, "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": found.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernels").mkdir()
        command = [sys.executable, "-c", INSIDE, str(Path(folder, "kernels")), " ".join(FLAGS), *sys.argv[1:]]
        code = subprocess.run(command, check=False, env=environment).returncode
    print("sanitizers: clean" if code == 0 else f"sanitizers: FAILED ({code})")
    return code


if __name__ == "__main__":
    sys.exit(main())
