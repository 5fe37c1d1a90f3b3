"""A Sphinx extension: before a build begins, write the pages and plots of what is registered."""

from pathlib import Path
from typing import Any

from website.plots import plots
from website.reference import pages

HERE = Path(__file__).parent
FOLDER = "reference"


def write(_: Any) -> None:
    """Write what has changed, and remove what is no longer made."""
    wanted = pages() | plots()
    for path, text in wanted.items():
        target = HERE / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    for path in (HERE / FOLDER).rglob("*.*"):
        if path.is_file() and path.relative_to(HERE).as_posix() not in wanted:
            path.unlink()


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx call `write`."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
