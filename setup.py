"""Builds the compiled kernels: their C is printed from the rules first. All else is in setup.cfg."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
EXACT = ["-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FAST = ["-O3", "-fno-tree-loop-distribute-patterns"]


class BuildKernels(build_ext):
    """Print the kernels, compile them; where that cannot be, go on without, unless they are required."""

    def build_extension(self, ext: Extension) -> None:
        sys.path.insert(0, str(HERE))
        from thincopt.native import generate
        from thincopt.rules import all_rules

        generated = Path(self.build_temp).resolve() / "generated"
        generate.write(all_rules().values(), generated)
        ext.include_dirs.append(str(generated))
        super().build_extension(ext)


kernels = Extension(
    "thincopt.native.kernels",
    ["thincopt/native/kernels.c"],
    depends=["thincopt/native/arithmetic.h"],
    define_macros=[("Py_LIMITED_API", "0x030b0000")],
    extra_compile_args=["-std=c11", *FAST, *EXACT],
    libraries=["m"],
    py_limited_api=True,
    optional=os.environ.get("THINCOPT_REQUIRE_NATIVE") != "1",
)

setup(
    ext_modules=[kernels],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
