"""`apl adapt`: what it writes, prints and refuses; and region 93 on the published APL of 2022."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from naive_regimes import LEAST, LOW, MIDDLE, REST, Area
from regions import LAW, region_of, table_of, zones_of
from shared import DATA, needs_data

import apl
from apl.__main__ import main
from apl.outputs import write_file, write_results
from apl.regions.adaptation import adapt, adapted, no_decisions, suggest
from apl.regions.zonage import read_zones
from apl_core.tables import read_table

ASKED = ["--profession", "masseur_kinesitherapeute", "--on", "2025-06-06"]
COUNTRY = {
    **region_of((1, 10, LOW), (2, 20, LOW), (3, 5, LEAST)),
    "02050": Area("32", None, 7, LOW),
}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def asked(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["apl", "adapt", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return asked


def bvcv(folder: Path, suffix: str = "parquet") -> Path:
    """The table ``bvcv`` of the small country in a file."""
    table = zones_of(COUNTRY)
    persons = pa.array(table.column("population").to_pylist(), pa.float64())
    table = table.append_column("population_standardisee", persons)
    for name in ("rang", "part_cumulee"):
        table = table.append_column(name, pa.nulls(table.num_rows, pa.int64()))
    write_file(table, folder / f"bvcv.{suffix}")
    return folder / f"bvcv.{suffix}"


def decided(folder: Path, decisions: dict[str, str]) -> Path:
    write_file(table_of(decisions), folder / "decisions.csv")
    return folder / "decisions.csv"


def test_decisions_are_applied_told_and_recorded(run: Run, tmp_path: Path) -> None:
    files = bvcv(tmp_path), decided(tmp_path, {"01001": LEAST})
    out = tmp_path / "out"
    done = run(*files, "--region", "84", *ASKED, "--out", out)
    assert done.code == 0, done.err
    place = "Region 84 Auvergne-Rhône-Alpes: 1,000 inhabitants"
    rows = (f"limit   {LOW} → {LEAST}", "01001  1.00", "APL-G09", f"Written: {out}")
    for said in ("Regime article_v_2024", place, *rows):
        assert said in done.out, said
    assert sorted(p.name for p in out.iterdir()) == [
        "manifeste.json", "parts_regionales.parquet", "zonage.parquet",
    ]  # fmt: skip
    zonage = read_table(out / "zonage.parquet", "zonage")
    assert zonage.num_rows == len(COUNTRY)
    row = next(row for row in zonage.to_pylist() if row["code_bvcv"] == "01001")
    assert (row["zone_nationale"], row["zone"], row["motif"]) == (LOW, LEAST, "accès difficile")
    assert row["article"] == "annexe, V, alinéa 2"
    parts = read_table(out / "parts_regionales.parquet", "parts_regionales").to_pylist()
    found = [(p["zone"], p["bvcv"], p["population"]) for p in parts]
    assert found == [(LEAST, 2, 15), (LOW, 1, 20), (MIDDLE, 1, 965), (REST, 0, 0)]
    manifest = json.loads((out / "manifeste.json").read_text(encoding="utf-8"))
    assert manifest["decisions"] == [{"code_bvcv": "01001", "zone": LEAST,
                                      "motif": "accès difficile"}]  # fmt: skip
    assert [entry["table"] for entry in manifest["inputs"]] == ["bvcv", "decisions"]
    assert all(len(entry["sha256"]) == 64 for entry in manifest["inputs"])
    assert (manifest["region"], manifest["regime"]["name"]) == ("84", "article_v_2024")
    used = {g["subject"]: (g["used"], g["allowed"], g["left"]) for g in manifest["gauges"]}
    assert used == {f"{LOW} → {LEAST}": (10, 25, 15), f"{LEAST} → {LOW}": (0, 25, 25),
                    LEAST: (10, 25, 15)}  # fmt: skip
    assert manifest["gauges"][0]["left_points"] == 1.5


def test_a_broken_rule_leaves_with_8_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    files = bvcv(tmp_path), decided(tmp_path, {"01002": LEAST, "02050": LEAST, "01099": LOW})
    out = tmp_path / "out"
    done = run(*files, "--region", "84", *ASKED, "--out", out, "--json")
    assert done.code == 8
    faults = json.loads(done.out)["faults"]
    assert [fault["fault"] for fault in faults] == ["APL-G07", "APL-G06", "APL-G06"]
    assert "stay behind: 01001" in done.err
    assert not out.exists()


def test_a_suggestion_writes_its_decisions_and_a_zoning_is_adapted_again(
    run: Run, tmp_path: Path
) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    done = run(bvcv(tmp_path), "--region", "84", *ASKED, "--suggest", "--out", first,
               "--format", "csv", "--json")  # fmt: skip
    assert done.code == 0, done.err
    assert [move["code_bvcv"] for move in json.loads(done.out)["moves"]] == ["01001"]
    done = run(first / "zonage.csv", first / "decisions.csv", "--region", "84", *ASKED,
               "--out", again, "--format", "csv")  # fmt: skip
    assert done.code == 0, done.err
    assert "APL-G10" in done.out
    for name in ("zonage.csv", "parts_regionales.csv"):
        assert (again / name).read_bytes() == (first / name).read_bytes()


def test_regimes_are_named_and_never_mixed(run: Run, tmp_path: Path) -> None:
    zones, decisions = bvcv(tmp_path), decided(tmp_path, {"01099": REST})
    for asked, code in ((["--regime", "guide_paca_2025"], 8), ([], 8), (["--regime", "x"], 4)):
        done = run(zones, decisions, "--region", "84", *ASKED, *asked, "--out", tmp_path / "out")
        assert done.code == code
    (tmp_path / "decisions.csv").unlink()
    none = decided(tmp_path, {})
    done = run(zones, none, "--region", "84", *ASKED, "--regime", "guide_paca_2025",
               "--out", tmp_path / "out")  # fmt: skip
    assert "its legal basis was not read" in done.out
    assert "No change of class." in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--region", "84"], 2, "--suggest"),
        (["--region", "11", "--suggest"], 2, "one of: 32, 84"),
        (["--suggest"], 2, "--region"),
    ],
)
def test_what_is_not_asked_well(
    arguments: Sequence[str], code: int, said: str, run: Run, tmp_path: Path
) -> None:
    done = run(bvcv(tmp_path), *arguments, *ASKED, "--out", tmp_path / "out")
    assert (done.code, said in done.err) == (code, True), done.err


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_made_up_country_stays_one(suffix: str, run: Run, tmp_path: Path) -> None:
    table = read_zones(bvcv(tmp_path))
    write_results(tmp_path / "made", {"bvcv": table}, {}, file_format=suffix, synthetic=True)
    done = run(tmp_path / "made" / f"bvcv.{suffix}", "--region", "84", *ASKED, "--suggest",
               "--out", tmp_path / "out")  # fmt: skip
    assert done.out.startswith("SYNTHETIC COUNTRY")
    assert b"apl.synthetic" in pq.read_schema(tmp_path / "out" / "zonage.parquet").metadata


def test_a_later_table_of_shares_comes_from_the_caller(run: Run, tmp_path: Path) -> None:
    given = tmp_path / "parameters.toml"
    given.write_text(
        '[readings]\n"adaptation.reference" = "printed"\n'
        '[law.shares]\nunit = "1/1000"\nregions = { "84" = ["4.0", "1.0", "95.0"] }\n',
        encoding="utf-8",
    )
    files = bvcv(tmp_path), decided(tmp_path, {"01001": LEAST})
    done = run(*files, "--region", "84", *ASKED, "--parameters", given, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "supplied by the caller, not law: shares.regions" in done.out
    assert "  4.0  " in done.out


# --- region 93 -----------------------------------------------------------------------------------

MAYOTTE = {"06": 279_471}
FIVE = {"83121": 6_603, "83032": 8_973, "05179": 10_991, "0402_": 250, "0611_": 24_623}


@pytest.fixture(scope="module")
def zones() -> pa.Table:
    """The national classes of the published APL of 2022."""
    geography = read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    persons = read_table(DATA / "population/population_municipale_geographie_2023.csv",
                         "population_municipale", choose={"population": "2020"})  # fmt: skip
    communes = apl.build_bvcv(geography, persons, LAW).communes
    published = read_table(DATA / "published/apl_mk_2022.csv", "apl_publie")
    areas = apl.aggregate(published, communes, LAW)
    return apl.classify(areas, LAW, territories_without_apl=MAYOTTE)


@needs_data
def test_region_93_may_move_its_whole_second_class_up(zones: pa.Table) -> None:
    decisions = table_of(dict.fromkeys(FIVE, LEAST), "les plus faibles niveaux d'APL")
    done = adapted(zones, decisions, LAW, region="93")
    up, down, margin = done.held.gauges
    assert (up.used, up.allowed, up.left) == (51_440, 127_965, 76_525)
    assert (margin.before, margin.persons, margin.allowed) == (19_447, 70_887, 127_965)
    assert round(up.points(up.used), 1) == 1.0
    assert down.used == 0
    parts = {row["zone"]: (row["bvcv"], row["population"]) for row in done.parts.to_pylist()}
    assert parts == {LEAST: (10, 70_887), LOW: (0, 0), MIDDLE: (76, 1_453_446),
                     REST: (81, 3_594_303)}  # fmt: skip
    assert {change.unit.code: change.unit.persons for change in done.held.changes} == FIVE


@needs_data
def test_the_suggestion_for_region_93_is_the_same_five(zones: pa.Table) -> None:
    found = suggest(zones, LAW, region="93")
    assert found.column("code_bvcv").to_pylist() == list(FIVE)
    assert suggest(zones, LAW, region="93", regime="guide_paca_2025").equals(
        found.set_column(2, "motif", pa.array(
            ["proposé par la règle : guide PACA, partie 02, « en basculant toutes les zones sous "
             "dotées en zones très sous dotées »"] * 5))
    )  # fmt: skip
    assert adapt(zones, no_decisions(), LAW, region="93").num_rows == zones.num_rows


@needs_data
def test_other_regions_have_suggestions_that_the_law_accepts(zones: pa.Table) -> None:
    for region in ("24", "53", "94"):
        found = suggest(zones, LAW, region=region)
        gauges = adapted(zones, found, LAW, region=region).held.gauges
        assert all(gauge.left >= 0 for gauge in gauges)
