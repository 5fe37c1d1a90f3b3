"""Builds the compiled kernels: their C is printed from the rules first. All else is in setup.cfg."""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent))
from thincopt.native import building, generate  # found beside this file, in whatever environment builds it
from thincopt.rules import all_rules


class BuildKernels(build_ext):
    """Print the kernels, then compile them."""

    def build_extension(self, ext: Extension) -> None:
        generated = Path(self.build_temp).resolve() / "generated"
        generate.write(all_rules().values(), generated)
        ext.include_dirs.append(str(generated))
        ext.extra_compile_args = building.flags_for(self.compiler.compiler_so)
        super().build_extension(ext)


kernels = Extension(
    "thincopt.native.kernels",
    ["thincopt/native/kernels.c"],
    depends=[str(each) for each in Path("thincopt").rglob("*.[ph]*")],  # the rules are sources too
    define_macros=building.MACROS,
    libraries=["m"],
    py_limited_api=True,
    optional=os.environ.get("THINCOPT_REQUIRE_NATIVE") != "1",  # without a compiler, NumPy serves
)

setup(
    ext_modules=[kernels],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
