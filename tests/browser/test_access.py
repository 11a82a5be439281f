"""Access for all: axe, the keyboard alone, narrow and enlarged pages, motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.acts import LOWEST, decide
from browser.chrome import Seen, needs_browser
from browser.small import ASKED, apl

pytestmark = needs_browser
Opened = Callable[..., Seen]
PAGES = ["index.html", "region-84.html", "region-93.html"]
REGION = "region-84.html"
SIZES = {"wide": (1400, 900), "narrow": (320, 800)}
FIRST, LATER = "01099", "01037"
MANY_STOPS = 400
# what has the focus: its name, and whether it is seen to have it
STOP = """() => {
  const e = document.activeElement;
  const s = getComputedStyle(e);
  return {
    id: e.id || e.name || e.className || e.tagName,
    words: e.getAttribute('aria-label') || [...e.labels || []].map((l) => l.innerText).join(' ')
      || e.innerText,
    seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none'
      || Boolean(e.querySelector('.ici')),
  };
}"""


def violations(page: Any) -> list[str]:
    """What axe-core has to say, with the elements concerned."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def used(page: Any) -> None:
    """A choice, a decision, a refusal and a what-if, so that all of the page is there."""
    for code in (FIRST, LATER):
        decide(page, code)
    assert page.locator("#refus li").count() > 0
    page.fill("#essai-commune", "01054")
    page.press("#essai-etp", "Enter")
    assert page.locator("#essai-effets tbody tr").count() > 0
    page.evaluate("document.querySelector('#tableau details').open = true")


@pytest.mark.parametrize(("name", "size"), [
    ("index.html", "wide"), ("index.html", "narrow"), ("region-93.html", "wide"),
])  # fmt: skip
def test_axe_finds_nothing(opened: Opened, name: str, size: str) -> None:
    width, height = SIZES[size]
    page = opened(name, viewport={"width": width, "height": height}).page
    assert violations(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_in_a_page_at_work(opened: Opened, size: str) -> None:
    width, height = SIZES[size]
    page = opened(REGION, viewport={"width": width, "height": height}).page
    used(page)
    page.check(f"input[name=mode][value={'apl' if size == 'wide' else 'essai'}]")
    assert violations(page) == []


@pytest.mark.parametrize("name", PAGES[:2])
def test_a_narrow_or_enlarged_page_scrolls_one_way_alone(opened: Opened, name: str) -> None:
    """1,280 pixels at 200 % are 640; 320 are those of 400 %, and of a telephone."""
    page = opened(name, viewport={"width": 640, "height": 700}).page
    if name == REGION:
        used(page)
    for width in (640, 320):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def stops(page: Any) -> Iterator[dict[str, Any]]:
    """What Tab leads to, until it begins again."""
    for _ in range(MANY_STOPS):
        page.keyboard.press("Tab")
        stop: dict[str, Any] = page.evaluate(STOP)
        if stop["id"] == "BODY":
            return
        yield stop
    raise AssertionError("Tab never comes to an end")


@pytest.mark.parametrize("name", PAGES[:2])
def test_every_stop_of_the_keyboard_is_seen_and_named(opened: Opened, name: str) -> None:
    page = opened(name).page
    met = list(stops(page))
    assert met[0]["words"] == "Aller au contenu"
    assert [stop for stop in met if not stop["seen"]] == []
    assert [stop for stop in met if not stop["words"].strip()] == []


class Keys:
    """A person with a keyboard alone."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def to(self, selector: str) -> None:
        """Tab, or the skip of a long way back, until an element has the focus."""
        for _ in range(MANY_STOPS):
            if self.page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {selector}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, selector: str, text: str) -> None:
        self.to(selector)
        self.press("Control+a")
        self.page.keyboard.type(text)


def test_the_whole_work_is_done_with_the_keyboard_alone(
    opened: Opened, country: Path, tmp_path: Path
) -> None:
    """Search, choose in the table and on the map, decide, see a refusal, undo, try, save."""
    page = opened(REGION).page
    keys = Keys(page)
    keys.to("#carte-bvcv")
    keys.press("ArrowRight", "ArrowDown", "Enter")
    chosen = page.locator("#carte-bvcv [aria-selected=true]")
    assert chosen.count() == 1
    keys.press("+", "0")
    keys.write("#cherche", "Commune 01100")
    keys.to(f"#l-{FIRST} .nom button")
    keys.press("Enter")
    assert page.get_attribute(f"#c-{FIRST}", "aria-selected") == "true"
    keys.to("#decider input[type=radio]")
    keys.press("ArrowUp")
    if not page.is_checked(f"#decider input[value={LOWEST}]"):
        keys.press("ArrowUp")
    assert page.is_checked(f"#decider input[value={LOWEST}]")
    keys.write("#motif", "accès difficile")
    keys.to("#decider button[type=submit]")
    keys.press("Enter")
    assert page.inner_text("[data-jauge='0'] [data-quoi=utilise]") == "900"
    assert page.evaluate("document.activeElement.closest('#decider') !== null")  # not lost
    assert "Toutes les règles" in page.text_content("#annonce")
    keys.to("#defaire")
    keys.press("Enter")
    assert page.inner_text("[data-jauge='0'] [data-quoi=utilise]") == "0"
    keys.to("#refaire")
    keys.press("Enter")
    keys.to("#enregistrer")
    with page.expect_download() as waiting:
        keys.press("Enter")
    waiting.value.save_as(tmp_path / "decisions.csv")
    keys.write("#essai-commune", "01054")
    keys.write("#essai-etp", "2")
    keys.press("Enter")
    assert page.locator("#essai-effets tbody tr").count() > 0
    keys.to("#essai-vider")
    keys.press("Space")
    assert page.evaluate("Etat.etat.ajouts.size") == 0
    asked = ("--region", "84", *ASKED, "--out", tmp_path / "out")
    bvcv = country / "run" / "bvcv.parquet"
    assert apl("adapt", bvcv, tmp_path / "decisions.csv", *asked) == 0


def test_what_changes_is_said(opened: Opened) -> None:
    """Live regions: the gauges politely, refusals at once, what was done as a status."""
    page = opened(REGION).page
    assert page.get_attribute("#marges", "aria-live") == "polite"
    assert page.get_attribute("#refus", "role") == "alert"
    used(page)
    assert "BVCV" not in page.inner_text("main")  # spelt out, in French
    assert page.inner_text("#annonce") != ""


def test_nothing_moves_where_motion_is_not_wanted(opened: Opened) -> None:
    page = opened(REGION, reduced_motion="reduce").page
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);"
        " return s.transitionDuration.split(',').some((t) => parseFloat(t) > 0.01)"
        " || parseFloat(s.animationDuration) > 0.01; }).length"
    )
    assert moving == 0
    assert page.evaluate("Outils.doux()") == "auto"
