"""Builds the compiled kernels: their C is printed from the rules first. All else is in setup.cfg."""

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent))
from thincopt.environment import flag  # found beside this file, in whatever environment builds it
from thincopt.native import compiling, flags, generate
from thincopt.rules import all_rules


class BuildKernels(build_ext):
    """Print the kernels, then compile them."""

    def build_extension(self, ext: Extension) -> None:
        generated = Path(self.build_temp).resolve() / "generated"
        generate.write(generate.printed(generate.kernels_of(all_rules().values())), generated)
        ext.include_dirs.append(str(generated))
        for command in ("compiler_so", "linker_so"):  # the environment's CFLAGS are in both
            kept, left = flags.harmless(getattr(self.compiler, command))
            setattr(self.compiler, command, kept)
            if left:
                self.warn(f"{' '.join(left)} would change results, and is left out of {' '.join(kept)}")
        ext.extra_compile_args = ext.extra_link_args = flags.flags_for(self.compiler.compiler_so)
        super().build_extension(ext)


kernels = Extension(
    "thincopt.native.kernels",
    ["thincopt/native/kernels.c"],
    depends=[str(each) for each in Path("thincopt").rglob("*.[ph]*")],  # the rules are sources too
    define_macros=compiling.MACROS,
    libraries=["m"],
    py_limited_api=True,
    optional=not flag("THINCOPT_REQUIRE_NATIVE", default=False),  # without a compiler, NumPy serves
)

setup(
    ext_modules=[kernels],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
