"""Chromium without a network, and the scripts of the pages on a bare one."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

# What Chromium would ask the network of its own accord is not what a page asks of it.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
LIBRARIES = ("playwright", "axe_playwright_python", "jinja2", "shapely")
SCRIPTS = ("decisions.js", "fichier.js", "simulation.js")


def chromium() -> str | None:
    """Debian's, or that of APL_CHROMIUM."""
    return os.environ.get("APL_CHROMIUM") or shutil.which("chromium")


def missing() -> str:
    """What the tests in a browser lack, in words; empty where nothing does."""
    lacking = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if chromium() is None:
        lacking.append("chromium")
    mend = "tests/browser/install.sh, then pip install '.[test,report,browser]' (make test-browser)"
    return f"no {', '.join(lacking)}: {mend}" if lacking else ""


needs_browser = pytest.mark.skipif(bool(missing()), reason=missing() or "nothing is missing")


@contextmanager
def launched() -> Iterator[Any]:
    """A browser, closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass(frozen=True, eq=False)
class Seen:
    """A page, the requests that it made besides its own file, and what it complained of."""

    page: Any
    requests: list[str]
    complaints: list[str]


def seen(browser: Any, path: Path, **options: Any) -> Seen:
    """A page opened from disk, in a context of its own (``options`` are the context's)."""
    context = browser.new_context(locale="fr-FR", **options)
    page = context.new_page()
    found = Seen(page, [], [])
    own = path.as_uri()
    page.on("request", lambda asked: found.requests.append(asked.url)
            if asked.url.split("#")[0] not in (own, f"{own}#") else None)  # fmt: skip
    page.on("console", lambda said: found.complaints.append(said.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.goto(own)
    return found


def script(name: str) -> str:
    """The text of a script of the pages."""
    return (files("apl.report") / "templates" / name).read_text(encoding="utf-8")


def bare(browser: Any) -> Any:
    """An empty page with the scripts that decide and compute."""
    page = browser.new_page()
    for name in SCRIPTS:
        page.add_script_tag(content=script(name))
    return page
