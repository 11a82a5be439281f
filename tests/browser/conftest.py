"""One browser for all tests of a process, the pages of one small country, a page a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chrome, small
from browser.chrome import Seen


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if chrome.missing():
        pytest.skip(chrome.missing())
    with chrome.launched() as found:
        yield found


@pytest.fixture(scope="module")
def bare(browser: Any) -> Iterator[Any]:
    page = chrome.bare(browser)
    yield page
    page.close()


@pytest.fixture(scope="session")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small country: ``input``, ``run``, ``pages``."""
    return small.pages(tmp_path_factory.mktemp("country")).parent


@pytest.fixture
def opened(browser: Any, country: Path) -> Iterator[Callable[..., Seen]]:
    """Opens a page of the small country by its name; none may ask, or complain of, anything."""
    seen: list[Seen] = []

    def open_page(name: str, **options: Any) -> Seen:
        seen.append(chrome.seen(browser, country / "pages" / name, **options))
        return seen[-1]

    yield open_page
    for one in seen:
        one.page.context.close()
        assert one.requests == []
        assert one.complaints == []
