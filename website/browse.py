"""Look at every page of the built site in Chromium, as on a desk, a tablet and a phone, and fail on whatever is wrong.

make docs browse
.venv-docs/bin/python website/browse.py --shots build/shots index reference/optimizers/Adam.v2
"""
# ruff: noqa: T201  # it tells what it finds

import argparse
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from playwright.sync_api import sync_playwright

SITE = Path(__file__).parent.parent / "build" / "docs"
SIZES = {
    "desktop": {"width": 1280, "height": 900},
    "tablet": {"width": 820, "height": 1180},
    "phone": {"width": 390, "height": 844},
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOK = """() => ({
    links: [...document.querySelectorAll("a[href], form[action]")].map(each => each.href || each.action),
    anchors: [...document.querySelectorAll("[id]")].map(each => each.id),
    unnamed: [...document.querySelectorAll("img")].filter(each => !each.alt.trim()).map(each => each.src),
    broken: [...document.images].filter(each => each.complete && !each.naturalWidth).map(each => each.src),
    wide: Math.max(...["html", "body", ".content"].flatMap(each => [...document.querySelectorAll(each)])
        .map(each => each.scrollWidth - (each.clientWidth || window.innerWidth))),
})"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@dataclass
class Found:
    """What is wrong, what each page links to, and which anchors it has."""

    faults: list[str] = field(default_factory=list)
    links: dict[str, set[str]] = field(default_factory=dict)
    anchors: dict[str, set[str]] = field(default_factory=dict)


def main() -> int:
    """Browse the site; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description="Look at every page of the built site in Chromium.")
    parser.add_argument("--shots", type=Path, metavar="FOLDER", help="write screenshots, light and dark, instead")
    parser.add_argument("pages", nargs="*", help="the pages to take, such as `index`; all if none is named")
    given = parser.parse_args()
    program = browser_path()
    if not (SITE / "index.html").exists():
        sys.exit(f"There is no site in {SITE}: run `make docs` first.")
    with serving() as home, opened(program) as context:
        pages = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
        if given.shots:
            wanted = [each for each in pages if not given.pages or each.removesuffix(".html") in given.pages]
            shoot(context, home, wanted, given.shots)
            return 0
        found = Found()
        for each in pages:
            visit(context, home, each, found)
    found.faults += [*dead_links(found, home), *unreachable(found, home, pages)]
    print("\n".join(found.faults) or f"{len(pages)} pages, at {', '.join(SIZES)} width: nothing is wrong")
    return 1 if found.faults else 0


def browser_path() -> str:
    """Chromium's or Chrome's path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        sys.exit("Chromium is not here: install it, or set CHROMIUM to the path of Chromium or Chrome.")
    return found


@contextmanager
def serving() -> Iterator[str]:
    """The address of the site, served on a free port of this machine while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def opened(program: str) -> Iterator[Any]:
    """A browser with a profile of its own."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as play:
        context = play.chromium.launch_persistent_context(profile, executable_path=program, args=QUIET)
        yield context
        context.close()


def visit(context: Any, home: str, path: str, found: Found) -> None:
    """Open a page at each width, and note what is wrong with it."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda each: wrong.append(each.text) if each.type in ("error", "warning") else None)
    page.on("pageerror", lambda each: wrong.append(str(each)))
    page.on("requestfailed", lambda each: wrong.append(f"{each.url} failed"))
    page.on("response", lambda each: wrong.append(f"{each.url} is {each.status}") if each.status >= 400 else None)
    page.on("request", lambda each: wrong.append(f"asks for {each.url}") if is_foreign(each.url, home) else None)
    page.goto(home + path, wait_until="networkidle")
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        seen = page.evaluate(LOOK)
        wrong += [f"an image without a description: {each}" for each in seen["unnamed"]]
        wrong += [f"an image that does not show: {each}" for each in seen["broken"]]
        if seen["wide"] > 0:
            wrong.append(f"{seen['wide']} pixels too wide for a {size}")
    page.close()
    found.links[home + path] = set(seen["links"])
    found.anchors[home + path] = set(seen["anchors"])
    found.faults += [f"{path}: {each}" for each in dict.fromkeys(wrong)]


def is_foreign(url: str, home: str) -> bool:
    """Whether a request leaves the site."""
    return not url.startswith(home) and urlsplit(url).scheme not in ("data", "blob")


def dead_links(found: Found, home: str) -> list[str]:
    """Links within the site to what is not there."""
    dead = []
    for page, links in found.links.items():
        for link in sorted(each for each in links if each.startswith(home)):
            target, anchor = urldefrag(link)
            target = f"{target}index.html" if target.endswith("/") else target
            if target not in found.anchors and not (SITE / unquote(urlsplit(target).path).lstrip("/")).is_file():
                dead.append(f"{page.removeprefix(home)}: links to {link.removeprefix(home)}, which does not exist")
            elif anchor and target in found.anchors and unquote(anchor) not in found.anchors[target]:
                dead.append(
                    f"{page.removeprefix(home)}: links to {link.removeprefix(home)}: no such place on that page"
                )
    return dead


def unreachable(found: Found, home: str, pages: list[str]) -> list[str]:
    """Pages that no way leads to from the first."""
    seen, waiting = {f"{home}index.html"}, deque([f"{home}index.html"])
    while waiting:
        for link in found.links.get(waiting.popleft(), ()):
            target = urldefrag(link)[0]
            if target in found.links and target not in seen:
                seen.add(target)
                waiting.append(target)
    return [f"{each}: nothing leads here from the first page" for each in pages if home + each not in seen]


def shoot(context: Any, home: str, pages: list[str], folder: Path) -> None:
    """Write a screenshot of each page, whole, at each width, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    page = context.new_page()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            for path in pages:
                page.goto(home + path, wait_until="networkidle")
                name = f"{path.removesuffix('.html').replace('/', '-')}-{size}-{scheme}.png"
                page.screenshot(path=folder / name, full_page=True)
                print(folder / name)


if __name__ == "__main__":
    sys.exit(main())
