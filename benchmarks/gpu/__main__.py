"""Measure on a CUDA device, print, and save what was measured; or draw again what was saved."""
# ruff: noqa: T201  # printing is what this program is for

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from ..building import FOLDER
from ..results import Report, load, save
from .names import OURS
from .plotting import plot
from .reporting import document, summary, table
from .sizes import MODEL, NUMBERS, SEVERAL, sizes

ROUNDS, QUICK_ROUNDS = 11, 7
NAMES = (*NUMBERS, SEVERAL.name, MODEL)
QUICK = ("16", "1M", "100M", "1G", SEVERAL.name)
RESULTS = Path(__file__).parent.parent / "results"


def main() -> None:
    """Run the benchmark as the command line asks."""
    options = _options()
    if options.plot:
        _write(load(options.plot), options.plot)
        return
    device = _device()
    if options.shapes:
        _sweep(device, options.only)
    else:
        _measure(device, options)


def _device() -> Any:
    try:
        from .device import Device

        return Device()
    except ImportError as error:
        sys.exit(f"This needs CuPy, which cannot be imported here: {error}")
    except Exception as error:  # CuPy has many for a missing device or driver
        sys.exit(f"CuPy finds no CUDA device that it can use here: {type(error).__name__}: {error}")


def _sweep(device: Any, only: list[str] | None) -> None:
    from .shapes import SWEPT, sweep

    with device.used():
        for line in sweep(device, [each for each in only or SWEPT if each in NUMBERS]):
            print(line, flush=True)


def _measure(device: Any, options: Namespace) -> None:
    """Size by size, saved after each; a program whose step is not the formula's is not timed."""
    from .measuring import measure, verified
    from .programs import programs

    found, missing = programs(device)
    report = Report(device.description(), [device.cache], device.processors, options.rounds, missing, [], [])
    path = _path(device, options)
    print(*report.machine, sep="\n")
    with device.used():
        sound, wrong = verified(device, found)
        missing += [f"{name} is left out: {fault}." for name, fault in wrong.items()]
        print(*missing, "", sep="\n", flush=True)
        for size in sizes(device.free()):
            if size.name.partition("/")[0] in options.only:
                results, left_out = measure(device, size, sound, options.rounds)
                report.results += results
                missing += left_out
                told = [table(report, size.name)] * bool(results)
                print(f"## {size.title}\n", *told, *left_out, "", sep="\n", flush=True)
                _write(report, path)
    print(summary(report), f"Saved as {path}; .md and .svg beside it.", sep="\n")
    ours = [name for name in wrong if name.startswith(OURS)]
    sys.exit(f"Not the formula's: {', '.join(ours)}." if ours else None)


def _path(device: Any, options: Namespace) -> Path:
    name = f"{device.file_stem}.json"
    if options.to:
        return options.to / name
    return RESULTS / name if options.is_whole else FOLDER / f"partly-{name}"


def _write(report: Report, path: Path) -> None:
    save(report, path)
    drawing = path.with_suffix(".svg")
    drawing.write_text(plot(report))
    path.with_suffix(".md").write_text(document(report, drawing.name))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.gpu", description="Measure thincopt and its peers on a GPU.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and sizes")
    parser.add_argument("--only", nargs="+", metavar="SIZE", choices=NAMES, help="some of: " + " ".join(NAMES))
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS} unless given, {QUICK_ROUNDS} with --quick")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where to save the results")
    parser.add_argument("--plot", type=Path, metavar="JSON", help="only write the tables and the plot of saved results")
    parser.add_argument("--shapes", action="store_true", help="only try threads and blocks for the kernels of thincopt")
    options = parser.parse_args()
    options.is_whole = not (options.quick or options.only or options.rounds)
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    if not options.shapes:
        options.only = options.only or (QUICK if options.quick else NAMES)
    return options


if __name__ == "__main__":
    main()
