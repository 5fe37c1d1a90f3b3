"""Measure, print, and save what was measured in whole."""
# ruff: noqa: T201  # printing is what this program is for

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from .measuring import measure
from .problems import SIZES
from .programs import programs
from .reporting import preface, save, section

ROUNDS, QUICK_ROUNDS = 15, 7
LARGEST = max(SIZES, key=lambda each: each.total)


def main() -> None:
    """Run the benchmark as the command line asks."""
    options = _options()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    sizes = [each for each in SIZES if each.name == options.only] if options.only else list(SIZES)
    if options.quick and not options.only:
        sizes.remove(LARGEST)
    found, missing = programs()
    print(preface(rounds), *(f"{each}\n" for each in missing), sep="\n")
    results = []
    for size in sizes:
        results += measure(size, found, rounds)
        print(section([each for each in results if each.size == size]), flush=True)
    if options.quick or options.only:
        print("Nothing was saved, for this was not the whole of it.")
    else:
        print(f"Saved as {save(results, rounds).name}, and as JSON beside it, in benchmarks/results.")


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks", description="Measure thincopt, its peers and the floor.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and without the largest size")
    parser.add_argument("--only", choices=[each.name for each in SIZES], help="one size")
    return parser.parse_args()


if __name__ == "__main__":
    main()
