"""Builds the compiled kernels: their C is printed from the rules first. All else is in setup.cfg."""

import sys
from pathlib import Path
from shutil import copy2

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent))
from thincopt.environment import flag  # found beside this file, in whatever environment builds it
from thincopt.native import compiling, flags, generate
from thincopt.rules import all_rules
from thincopt.schedules import all_schedules


class BuildKernels(build_ext):
    """Print the kernels, then compile them; for another environment of the same checkout, take what was compiled."""

    def build_extension(self, ext: Extension) -> None:
        generated = Path(self.build_temp).resolve() / "generated"
        functions = generate.printed(generate.kernels_of(all_rules().values()))
        generate.write(functions, generated)
        ext.include_dirs.append(str(generated))
        for command in ("compiler_so", "linker_so"):  # the environment's CFLAGS are in both
            kept, left = flags.harmless(getattr(self.compiler, command))
            setattr(self.compiler, command, kept)
            if left:
                self.warn(f"{' '.join(left)} would change results, and is left out of {' '.join(kept)}")
        ext.extra_compile_args = ext.extra_link_args = flags.flags_for(self.compiler.compiler_so)
        texts = (text for each in functions for text in each.values())
        command = [*self.compiler.compiler_so, *self.compiler.linker_so, *ext.extra_compile_args]
        made = Path(self.get_ext_fullpath(ext.name))
        kept = Path("build", compiling.digest(*command, *texts), made.name)
        if not self.editable_mode:
            super().build_extension(ext)
        elif kept.exists():
            _copy(kept, made)
        else:
            super().build_extension(ext)
            _copy(made, kept)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy2(source, target)


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
    entry_points={  # so that Thinc and spaCy know them all by name
        "thinc_optimizers": [f"thincopt.{name} = thincopt.thinc:{name}" for name in all_rules()],
        "thinc_schedules": [
            f"thincopt.{name} = thincopt.schedules:{name.removesuffix('.v1')}" for name in all_schedules()
        ],
    },
)
