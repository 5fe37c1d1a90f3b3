"""Run the suite with kernels under sanitizers: `make sanitize`.

The kernels are compiled into a folder of their own and take the place of the installed ones in one process, which
has the sanitizers' runtime loaded first. Python itself leaks at exit on purpose, so leaks are not looked for.
"""
# ruff: noqa: T201  # it runs the compiler and the tests, and tells how they ended

import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass

# No compiled kernel of the processor's has a part in these; those of devices see to sanitizers themselves.
PYTHON_ALONE = [
    "building",
    "caching",
    "compile",
    "contributing",
    "demand",
    "describing",
    "documents",
    "drawing",
    "elementary",
    "environment",
    "examples",
    "flags",
    "floors",
    "forks",
    "fuzz_config",
    "interrupts",
    "more_stages",
    "nvrtc",
    "origins",
    "packaging",
    "slips",
    "waiting",
    "vectorizing",
]
APART = ["devices", *(f"test_{name}.py" for name in PYTHON_ALONE)]
THREADS = ("tests/test_threads.py", "tests/test_turns.py")
FLAGS = ["-g", "-O1", "-fno-sanitize-recover=all", "-Werror"]
INSIDE = """
import sys, pytest
from pathlib import Path
from thincopt import native
from thincopt.native.building import build
from thincopt.rules import all_rules
folder, flags, *arguments = sys.argv[1:]
module = build(all_rules().values(), Path(folder), flags.split())
native._found = lambda: (module, "sanitized")
assert native.load() is module
sys.exit(pytest.main(["-p", "no:cacheprovider", *arguments]))
"""


@dataclass(frozen=True)
class Run:
    """One way to compile the kernels, and the tests that it is for."""

    sanitizers: str
    runtime: str
    tests: tuple[str, ...]
    environment: dict[str, str]


RUNS = [
    Run(
        "address,undefined",
        "libasan.so",
        tuple(f"--ignore=tests/{name}" for name in APART),
        {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1", "PYTHONMALLOC": "malloc"},
    ),
    Run(
        "thread",
        "libtsan.so",
        (*THREADS, "--exhaustive", "-k", "not every_number or (AdamW and all and raise)"),
        {"TSAN_OPTIONS": "halt_on_error=1"},
    ),
]


def run(each: Run, compiler: list[str], arguments: list[str]) -> int:
    """Build and test under these sanitizers; the exit code of the tests."""
    found = subprocess.run([*compiler, f"-print-file-name={each.runtime}"], check=True, capture_output=True, text=True)
    environment = {**os.environ, "LD_PRELOAD": found.stdout.strip(), **each.environment}
    with tempfile.TemporaryDirectory() as folder:
        flags = " ".join([*FLAGS, f"-fsanitize={each.sanitizers}"])
        command = [sys.executable, "-c", INSIDE, folder, flags, *each.tests, *arguments]
        return subprocess.run(command, check=False, env=environment).returncode


def main() -> int:
    """Run each, and tell."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    worst = 0
    for each in RUNS:
        code = run(each, compiler, sys.argv[1:])
        print(f"sanitizers {each.sanitizers}: {'clean' if code == 0 else f'FAILED ({code})'}", flush=True)
        worst = worst or code
    return worst


if __name__ == "__main__":
    sys.exit(main())
