"""What the page on speed tells of the benchmarks: the summary with a column for each size, and how it was measured."""

import re
from itertools import takewhile
from pathlib import Path

from website.markup import table

FOLDER = Path(__file__).parent.parent / "benchmarks" / "results"
SIZES = re.compile(r",? at ((?:\w+ · )+\w+)$")
LEGEND = """\
*Plain* is the rule alone. *The gradient kept* is one that is not zeroed: `zero_gradient=False`. *Default policy* also
looks for NaN in the gradient first. *Clip + decay + averages* has these three stages on. *Bound* are arrays that were
checked once: `optimizer.bound(…)`. *Zero gradients over usual ones*: the time with gradients that are all zero,
divided by the usual time; first the mean over a long run, then at its end, when the moments are the smallest possible
numbers."""
FIGURE = """\
```{{figure}} ../benchmarks/results/{}.svg
:alt: Time for an element of one array, against the size of the array, for thincopt and for others.

Time for one element of one array, against the array's size.
```"""
NAMES = {"1M": "1 million", "10M": "10 million", "50M": "50 million", "100k": "100,000"}


def speed_tables() -> dict[str, str]:
    """What speed.md includes, by path."""
    (results,) = (each for each in FOLDER.glob("*.md") if not each.stem.endswith("-recipes"))
    title, summary, *texts = results.read_text(encoding="utf-8").split("\n\n")
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
    rest = iter(texts)
    notes = list(takewhile(lambda each: not each.startswith("!["), rest))
    method = takewhile(lambda each: not each.startswith("## "), rest)
    parts = [FIGURE.format(results.stem), f"## On {title.lstrip('# ')}", LEGEND, *tables, *notes]
    return {"reference/speed.txt": "\n\n".join([*parts, "## How it was measured", *method]) + "\n"}


def _rows(text: str) -> list[list[str]]:
    """The cells of a table, without the rule beneath its head."""
    lines = [each for each in text.split("\n") if not each.startswith("|:")]
    return [[cell.strip() for cell in each.strip("|").split("|")] for each in lines]
