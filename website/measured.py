"""The tables of the page on speed: the summary of the benchmarks, with a column for each size."""

import re
from itertools import takewhile
from pathlib import Path

from website.markup import table

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "amd-epyc-2core.md"
SIZES = re.compile(r",? at ((?:\w+ · )+\w+)$")
LEGEND = """\
*Plain* is the rule alone. *Default policy* also looks for NaN in the gradient first. *Clip + decay + averages* has
these three stages on. *Zero gradients over usual ones*: the time with gradients that are all zero, divided by the
usual time; first the mean over a long run, then at its end, when the moments are the smallest possible numbers."""
NAMES = {"1M": "1 million", "10M": "10 million", "50M": "50 million", "100k": "100,000"}


def speed_tables() -> dict[str, str]:
    """What speed.md includes, by path."""
    title, summary, *texts = RESULTS.read_text(encoding="utf-8").split("\n\n")
    (_, *threads), *rest = _rows(summary)
    sized: dict[tuple[str, ...], dict[str, list[tuple[str, ...]]]] = {}
    single, sizes, parent = [], (), ""
    for label, *cells in rest:
        found = SIZES.search(label)
        if found:
            sizes, parent = tuple(found[1].split(" · ")), label[: found.start()]
        elif not label.startswith("— "):
            single.append((label, *cells))
            continue
        plain = parent.removeprefix("Plain ").removesuffix(", plain")
        name = f"{plain}, {label.removeprefix('— ')}" if label.startswith("— ") else parent
        for count, each in zip(threads, cells, strict=True):
            if " · " in each:
                sized.setdefault(sizes, {}).setdefault(count, []).append((name, *each.split(" · ")))
    heads = {of: ("what", *(f"{NAMES.get(each, each)} elements" for each in of)) for of in sized}
    tables = [
        f"**With {count}**\n\n{table(heads[of], found)}"
        for of, by_threads in sized.items()
        for count, found in by_threads.items()
    ]
    tables.append(f"**Small arrays, and a whole model**\n\n{table(('what', *threads), single)}")
    notes = takewhile(lambda each: not each.startswith("!["), texts)
    return {"reference/speed.txt": "\n\n".join([f"## On {title.lstrip('# ')}", LEGEND, *tables, *notes]) + "\n"}


def _rows(text: str) -> list[list[str]]:
    """The cells of a table, without the rule beneath its head."""
    lines = [each for each in text.split("\n") if not each.startswith("|:")]
    return [[cell.strip() for cell in each.strip("|").split("|")] for each in lines]
