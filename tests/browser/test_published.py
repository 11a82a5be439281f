"""Region 93 on the published APL of 2022: its page, and the five BVCV that its agency may move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chrome
from browser.acts import LOWEST, decide, digits, limit, refusals, save
from browser.chrome import Seen, needs_browser
from browser.small import ASKED, apl
from shared import DATA, needs_data, needs_jit

pytestmark = [needs_browser, needs_data, needs_jit]
REGION = "93"
PARAMETERS = '[territories_without_apl]\n"06" = 279471\n'  # Mayotte, as the text has it
SECOND = "sous_dotee"


@pytest.fixture(scope="module")
def made(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Seen]]:
    """The folder of the run, and the page."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "parameters.toml").write_text(PARAMETERS, encoding="utf-8")
    communes, zones = folder / "communes.csv", folder / "zones"
    land = DATA / "geography"
    assert apl("bvcv", land / "communes_geographie_2023.csv",
               DATA / "population" / "population_municipale_geographie_2023.csv",
               "--year", 2020, "--out", communes) == 0  # fmt: skip
    assert apl("zone", DATA / "published" / "apl_mk_2022.csv", communes, *ASKED,
               "--parameters", folder / "parameters.toml", "--out", zones) == 0  # fmt: skip
    assert (
        apl(
            "report",
            zones,
            "--communes",
            communes,
            "--region",
            REGION,
            "--outlines",
            land / "communes_2024_simplifiees.geojson.gz",
            "--out",
            folder / "pages",
        )
        == 0
    )
    page = chrome.seen(browser, folder / "pages" / f"region-{REGION}.html")
    yield folder, page
    page.page.context.close()


def test_the_five_of_the_second_class_move_up(made: tuple[Path, Seen], tmp_path: Path) -> None:
    folder, seen = made
    page = seen.page
    rows = page.evaluate("DONNEES.zones.map((z) => [z.code, z.bvcv, z.population])")
    count = {code: (bvcv, persons) for code, bvcv, persons in rows}
    assert sum(bvcv for bvcv, _ in count.values()) == 167
    assert (count[LOWEST][0], count[SECOND][0]) == (5, 5)
    assert sum(persons for _, persons in count.values()) == 5_118_636
    assert limit(page) == ("0", "127965", "127965")
    up = page.evaluate(f"DONNEES.bvcv.filter((b) => b.dans_region && b.zone === '{SECOND}')"
                       ".map((b) => b.code)")  # fmt: skip
    for code in up:
        decide(page, code, "les plus faibles niveaux d'APL")
    assert refusals(page) == []
    row = page.locator(f"tr[data-part={LOWEST}]")
    assert digits(row.locator("[data-quoi=bvcv]").inner_text()) == "10"
    assert digits(row.locator("[data-quoi=population]").inner_text()) == "70887"
    file = save(page, tmp_path / "decisions.csv")
    asked = ("--region", REGION, *ASKED, "--parameters", folder / "parameters.toml")
    out = ("--out", tmp_path / "adapted")
    assert apl("adapt", folder / "zones" / "bvcv.parquet", file, *asked, *out) == 0
    assert seen.requests == seen.complaints == []
