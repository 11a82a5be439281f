"""Family H: ours against the published. One test a fault, named after it."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from faults.faulty import Left, Scene

import apl
from apl_core.errors import GapError, TableError

PUBLISHED = "code_commune,apl,population_standardisee\n"


def published(scene: Scene, *rows: str) -> Path:
    path = scene.place / "published.csv"
    path.write_text(PUBLISHED + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def ours(scene: Scene) -> list[str]:
    """The results of a run as somebody would publish them, to one digit."""
    assert scene.run("--format", "csv").code == 0
    with (scene.out / "apl_communes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ("code_commune", "apl", "population_standardisee")
    return [",".join((row[columns[0]], f"{float(row['apl']):.1f}", row[columns[2]]))
            for row in rows]  # fmt: skip


def compared(scene: Scene, rows: list[str], *options: object) -> Left:
    return scene.apl("compare", scene.out, published(scene, *rows), "--json", *options)


def test_apl_h01_gap_beyond_the_tolerance(scene: Scene) -> None:
    """One value that moved: exit 6, its code and gap, and the table of all gaps is written."""
    rows = ours(scene)
    code, value, weight = rows[0].split(",")
    rows[0] = f"{code},{float(value) + 2},{weight}"
    results = scene.place / "gaps"
    left = compared(scene, rows, "--tolerance", "1", "--out", results)
    assert left.code == 6, left.errors
    (fault,) = left.told["faults"]
    assert (fault["fault"], fault["count"]) == ("APL-H01", 1)
    assert code in fault["values"][0]
    assert left.told["worst"][0]["code"] == code
    assert left.told["accepted"] is False
    assert "exit 6: " in left.errors
    assert {path.name for path in results.iterdir()} == {"ecarts.parquet", "manifeste.json"}
    assert scene.apl("verify", results).code == 0
    assert compared(scene, rows, "--tolerance", "3").code == 0
    assert compared(scene, rows).code == 0


def test_apl_h03_rounding_of_what_is_published(scene: Scene) -> None:
    """Values that were printed with one digit are ours, and none is at two."""
    rows = ours(scene)
    told = compared(scene, rows, "--digits", "1", "--tolerance", "0").told
    assert told["n"] == told["equal"] == 3
    assert [one["fault"] for one in told["noticed"]] == ["APL-H03"]
    assert compared(scene, rows, "--digits", "9", "--tolerance", "0").code == 6


def test_apl_h04_different_communes(scene: Scene) -> None:
    """Listed on both sides; refused under a tolerance."""
    rows = [*ours(scene)[1:], "01999,50,100"]
    left = compared(scene, rows)
    assert left.code == 0
    assert (left.told["left_only"], left.told["right_only"]) == (["01001"], ["01999"])
    assert "APL-H04" in [one["fault"] for one in left.told["noticed"]]
    left = compared(scene, rows, "--tolerance", "1000")
    assert left.code == 6
    (fault,) = left.told["faults"]
    assert (fault["fault"], fault["values"]) == ("APL-H04", ["01001", "01999"])
    table = pa.table({"code_commune": ["01001"], "apl": [1.0]})
    more = pa.table({"code_commune": ["01001", "01002"], "apl": [1.0, None]})
    apl.compare(table, table).hold(0)
    with pytest.raises(GapError):
        apl.compare(table, more).hold(1000)


def test_apl_h06_nothing_to_compare(scene: Scene) -> None:
    ours(scene)
    told = compared(scene, ["01999,50,100"]).told
    assert [fault["fault"] for fault in told["faults"]] == ["APL-H06"]
    left = scene.apl("compare", scene.out / "bvcv.csv", published(scene, "01001,50,100"), "--json")
    assert (left.code, left.told["faults"][0]["fault"]) == (2, "APL-H06")
    with pytest.raises(TableError) as caught:
        apl.compare(*(pa.table({"code_commune": [code], "apl": [1.0]}) for code in ("a", "b")))
    assert caught.value.fault == "APL-H06"


def test_apl_h07_nothing_to_certify_against(scene: Scene) -> None:
    """No folder named, none there, one with nothing of it: refused, and no page is written."""
    scene.monkeypatch.delenv("APL_REAL_DATA", raising=False)
    page = scene.place / "page.md"
    for named in ([], ["--data", scene.place / "nowhere"], ["--data", scene.source]):
        left = scene.apl("certify", *named, "--out", page, "--json")
        assert (left.code, left.told["faults"][0]["fault"]) == (5, "APL-H07")
        assert "APL_REAL_DATA" in left.told["faults"][0]["mend"]
        assert not page.exists()


def certified(scene: Scene, index: str) -> Left:
    """A folder of published data that has no more than the index of worked cases."""
    folder = scene.place / "data" / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").write_text(index, encoding="utf-8")
    page = scene.place / "page.md"
    return scene.apl("certify", "--data", folder.parent, "--out", page, "--overwrite", "--json")


def test_apl_h08_claim_that_fell(scene: Scene) -> None:
    """Cases that are not met: exit 6, named; the page is written and says so too."""
    left = certified(scene, "[]")
    assert left.code == 6, left.errors
    (fault,) = left.told["faults"]
    assert fault["fault"] == "APL-H08"
    assert "cases.independent: 0, official 33" in fault["values"]
    assert left.told["accepted"] is False
    assert left.told["counts"]["tombé"] == 3
    assert "exit 6: " in left.errors
    page = (scene.place / "page.md").read_text(encoding="utf-8")
    assert "**tombé** | apl.FAMILY" in page


def test_apl_h09_data_not_laid_out_as_expected(scene: Scene) -> None:
    """A list of cases that is none: refused before anything is written."""
    left = certified(scene, '[{"id": "a/b"}]')
    assert (left.code, left.told["faults"][0]["fault"]) == (5, "APL-A11")
    left = certified(scene, "[{}]")
    assert (left.code, left.told["faults"][0]["fault"]) == (3, "APL-H09")
    assert not (scene.place / "page.md").exists()
