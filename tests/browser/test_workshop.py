"""The pages of a small country in a real browser: what they show, decide, save and compute."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from browser.acts import LOWEST, choose, decide, digits, limit, refusals, save
from browser.chrome import Seen, needs_browser
from browser.small import ASKED, HOSTILE, apl
from regions import LAW

from apl.scenarios.opened import open_run
from apl.scenarios.simulate import simulate

pytestmark = needs_browser
Opened = Callable[..., Seen]
REGION = "region-84.html"
# BVCV sous dotés of region 84 by ascending APL: 900, 1,500 and 900 persons fit in 3,425, the
# fourth (2,400) does not
FIRST, SECOND, THIRD, FOURTH = "01099", "01013", "01037", "01003"


@pytest.mark.parametrize("name", ["index.html", REGION, "region-93.html"])
def test_a_page_opens_from_disk_and_asks_nothing(opened: Opened, name: str) -> None:
    """That it makes no request and has no complaint, `opened` holds of every page of every test."""
    page = opened(name).page
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.get_attribute("html", "data-pret")
    policy = page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert page.locator("script[src], link[rel=stylesheet], iframe, object").count() == 0


def test_the_pages_lead_to_one_another(browser: Any, country: Path) -> None:
    page = browser.new_page()
    page.goto((country / "pages" / "index.html").as_uri())
    page.click("a[href='region-84.html'] >> nth=0")
    assert page.url.endswith(REGION)
    page.click("a[href='index.html']")
    assert page.url.endswith("index.html")
    page.close()


def test_without_a_script_the_page_is_read_all_the_same(opened: Opened) -> None:
    page = opened(REGION, java_script_enabled=False).page
    assert page.locator("#tableau tbody tr").count() == 30
    assert page.locator("#carte-bvcv path").count() == 30
    assert "3425" in digits(page.inner_text("[data-jauge='0']"))
    assert page.locator("#tableau tbody tr", has_text="Commune 01099").count() == 1
    assert not page.is_visible("#enregistrer")
    assert not page.is_visible("#cherche")


def test_table_and_map_stay_in_step(opened: Opened) -> None:
    page = opened(REGION).page
    choose(page, THIRD)
    assert page.get_attribute(f"#c-{THIRD}", "aria-selected") == "true"
    assert THIRD in page.inner_text("#fiche-corps h3")
    page.click(f"#c-{FOURTH}")
    pressed = page.locator("#tableau [aria-pressed=true]")
    assert pressed.count() == 1
    assert page.locator(f"#l-{FOURTH} [aria-pressed=true]").count() == 1
    assert page.get_attribute(f"#c-{THIRD}", "aria-selected") == "false"
    whole = page.get_attribute("#carte-svg", "viewBox")
    page.click("text=Voir de près sur la carte")
    assert page.get_attribute("#carte-svg", "viewBox") != whole
    page.click("#zoom-tout")
    assert page.get_attribute("#carte-svg", "viewBox") == whole
    assert page.locator("#courbe-points .choisi").get_attribute("data-code") == FOURTH
    page.fill("#cherche", "Commune 01100")  # the second commune of the BVCV 01099
    rows = page.locator("#tableau tbody tr:visible")
    assert rows.count() == 1
    assert rows.first.get_attribute("data-code") == FIRST
    assert page.locator("#carte-bvcv path:not(.hors)").count() == 1
    page.fill("#cherche", "")
    page.select_option("#par-zone", LOWEST)
    shown = page.locator("#tableau tbody tr:visible").count()
    assert shown == page.locator("#carte-bvcv path:not(.hors)").count() == 8
    page.select_option("#par-zone", "")
    page.click("th[data-tri=population] button")
    persons = page.locator("#tableau tbody tr:visible td:nth-of-type(4)").all_inner_texts()
    found = [int(digits(text)) for text in persons]
    assert found == sorted(found)
    assert page.get_attribute("th[data-tri=population]", "aria-sort") == "ascending"
    page.check("input[name=mode][value=apl]")
    assert page.get_attribute("#carte-svg", "data-mode") == "apl"
    assert page.is_visible("#legende-apl")


def test_decisions_move_the_gauges_and_refusals_name_the_article(opened: Opened) -> None:
    page = opened(REGION).page
    assert limit(page) == ("0", "3425", "3425")
    decide(page, FIRST)
    assert (limit(page), refusals(page)) == (("900", "3425", "2525"), [])
    assert page.get_attribute(f"#c-{FIRST}", "data-zone") == LOWEST
    decide(page, THIRD)
    (told,) = refusals(page)
    assert f"({SECOND})" in told
    assert "l’APL la plus faible d’abord" in told
    assert told.endswith("(annexe, V, alinéa 2)")
    decide(page, SECOND)
    assert (limit(page), refusals(page)) == (("3300", "3425", "125"), [])
    decide(page, FOURTH)
    told = " ".join(refusals(page))
    assert "5\u202f700 habitants, 3\u202f425 au plus" in told
    assert f"({FOURTH})" in told
    assert "annexe, V, alinéa 4" in told
    page.click("#defaire")
    assert (limit(page), refusals(page)) == (("3300", "3425", "125"), [])
    page.click("#defaire")
    assert len(refusals(page)) == 1
    page.click("#refaire")
    assert page.locator("#decisions tbody tr").count() == 3
    page.click("#decisions tbody tr:first-of-type button")
    assert "alinéa 2" in refusals(page)[0]


def test_a_decision_needs_its_motive(opened: Opened) -> None:
    page = opened(REGION).page
    decide(page, FIRST, "  ")
    assert page.inner_text("#decider-refus") != ""
    assert limit(page)[0] == "0"


def test_saved_decisions_have_the_same_verdict_and_load_again(
    opened: Opened, country: Path, tmp_path: Path
) -> None:
    page, out = opened(REGION).page, tmp_path / "out"
    asked = ("--region", "84", *ASKED, "--out", out)
    for code, motive in ((FIRST, '=1+1 et "là"'), (SECOND, "deux\nlignes"), (THIRD, "<b>")):
        decide(page, code, motive)
    assert refusals(page) == []
    good = save(page, tmp_path / "decisions.csv")
    assert apl("adapt", country / "run" / "bvcv.parquet", good, *asked) == 0
    zonage = pq.ParquetFile(out / "zonage.parquet").read().to_pylist()
    moved = {r["code_bvcv"]: r["motif"] for r in zonage if r["zone"] != r["zone_nationale"]}
    assert moved == {FIRST: '\'=1+1 et "là"', SECOND: "deux lignes", THIRD: "<b>"}
    decide(page, FOURTH)
    assert refusals(page)
    bad = save(page, tmp_path / "bad.csv")
    assert apl("adapt", country / "run" / "bvcv.parquet", bad, *asked, "--overwrite") == 8
    other = opened(REGION).page
    other.set_input_files("#ouvrir", good)
    other.wait_for_selector("#decisions tbody tr:nth-of-type(3)")
    assert limit(other)[0] == "3300"
    again = save(other, tmp_path / "again.csv")
    assert again.read_bytes() == good.read_bytes()
    other.set_input_files(
        "#ouvrir",
        {
            "name": "mal.csv",
            "mimeType": "text/csv",
            "buffer": b"code_bvcv,zone,motif\n99999,rouge,x\n",
        },
    )
    other.wait_for_selector("#erreurs-fichier li")
    assert "Ligne 2" in other.inner_text("#erreurs-fichier")
    assert limit(other)[0] == "3300"


def test_a_zonage_opens_with_its_decisions(
    opened: Opened, browser: Any, country: Path, tmp_path: Path
) -> None:
    page = opened(REGION).page
    decide(page, FIRST)
    file = save(page, tmp_path / "decisions.csv")
    bvcv, adapted, out = country / "run" / "bvcv.parquet", tmp_path / "adapted", tmp_path / "pages"
    assert apl("adapt", bvcv, file, "--region", "84", *ASKED, "--out", adapted) == 0
    assert apl("report", country / "run", "--input", country / "input", "--region", "84",
               "--zonage", adapted / "zonage.parquet", "--out", out) == 0  # fmt: skip
    page = browser.new_page()
    page.goto((out / REGION).as_uri())
    assert limit(page)[0] == "900"
    page.click("#decisions tbody tr:first-of-type button")
    back = save(page, tmp_path / "back.csv")
    page.close()
    again = ("--region", "84", *ASKED, "--out", tmp_path / "back")
    assert apl("adapt", adapted / "zonage.parquet", back, *again) == 0
    zonage = pq.ParquetFile(tmp_path / "back" / "zonage.parquet").read().to_pylist()
    assert all(row["zone"] == row["zone_nationale"] for row in zonage)


def test_what_if_is_what_the_engine_says(opened: Opened, country: Path) -> None:
    page = opened(REGION).page
    run = open_run(country / "run", country / "input")
    place = "01054"
    page.fill("#essai-commune", place)
    page.fill("#essai-etp", "2.5")
    page.press("#essai-etp", "Enter")
    told = dict(page.evaluate("[...Etat.etat.essai]"))
    found = simulate(run.place, LAW, {place: 2.5}, hold_cuts=True).bvcv.to_pylist()
    theirs = {row["code_bvcv"]: row for row in found}
    assert told
    assert told.keys() <= theirs.keys()
    for code, one in told.items():
        assert one["apl"] == pytest.approx(theirs[code]["apl_apres"], abs=1e-9)
        assert one["zone"] == theirs[code]["zone_apres"]
    assert page.locator("#essai-effets tbody tr").count() == len(told)
    page.fill("#essai-commune", place)
    page.fill("#essai-etp", "-500")
    page.press("#essai-etp", "Enter")
    assert page.inner_text("#essai-refus") != ""
    page.click("#essai-vider")
    assert page.evaluate("Etat.etat.essai.size") == 0


def test_names_that_would_be_programs_are_text(opened: Opened) -> None:
    for name in ("index.html", REGION):
        page = opened(name).page
        assert page.evaluate("window.run === undefined")
        assert page.locator("body img").count() == 0
        assert page.locator("script").count() == 2
    for code in ("01001", "01003", "01005"):
        choose(page, code)
        assert page.evaluate("window.run === undefined")
    data = json.loads(page.evaluate("document.getElementById('donnees').textContent"))
    names = {c["libelle"] for b in data["bvcv"] for c in b["communes"]}
    turned = next(name for name in HOSTILE if "\u202e" in name)
    assert {*HOSTILE} - {turned} <= names
    assert f"\u2068{turned}\u2069" in names  # isolated: it turns nothing but itself
    assert HOSTILE[4] in page.inner_text("#fiche-corps h3")
