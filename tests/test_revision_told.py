"""What a revision tells, its command, and the one that the published APL of two years make."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner, Result
from shared import DATA, needs_data, needs_jit
from test_revision import ALONE, DAY, LAW, LOW, UNDER, Zoning, compared, matrix

import apl
from apl.__main__ import cli
from apl.law_schema import zone_order
from apl.outputs import write_file
from apl.regions.causes import STEPS
from apl.regions.passage import passage
from apl.regions.revision import notices_of_dates, revise
from apl.regions.revision_text import WORDS, describe, text
from apl_core import TableError
from apl_core.schema import schema


def test_the_text() -> None:
    seen = compared(ALONE, replace(ALONE, level={**ALONE.level, "01001": 25.0}))
    told = describe(
        seen, (LAW, LAW), notices_of_dates(date(2019, 6, 1), date(2025, 6, 6), "infirmier")
    )
    words = [" ".join(line.split()) for line in text(told).splitlines()]
    for line in (
        "4 BVCV of the later geography · 100 inhabitants",
        "tres_sous_dotee 0 1 0 0 1",
        "sous_dotee 1 0 0 0 1",
        "all 15 15 40 30 100",
        "its own APL 1 15",
        "01001 84 tres_sous_dotee sous_dotee apl_propre",
    ):
        assert line in words, line
    assert any("more than 2 years apart" in line for line in words)


def test_words_and_schema_have_every_cause_and_class() -> None:
    assert list(WORDS) == list(STEPS)
    shape = schema("revision")
    assert shape.field("cause").enum == tuple(STEPS)
    names = ["zone_avant", *STEPS.values()]
    assert {shape.field(name).enum for name in names} == {zone_order()}
    assert schema("annexes").field("zone").enum == zone_order()


@pytest.mark.parametrize(
    ("earlier", "later", "apart"),
    [(date(2023, 6, 6), date(2025, 6, 6), False), (date(2023, 6, 6), date(2025, 6, 7), True),
     (date(2024, 2, 29), date(2026, 2, 28), False), (date(2024, 2, 29), date(2026, 3, 1), True)],
)  # fmt: skip
def test_a_zoning_lasts_two_years(earlier: date, later: date, apart: bool) -> None:
    for profession in ("masseur_kinesitherapeute", "infirmier"):
        assert bool(notices_of_dates(earlier, later, profession)) == apart


def run(*arguments: str) -> Result:
    """The command line without a new process."""
    return CliRunner().invoke(cli, list(arguments), standalone_mode=False)


def written(folder: Path, name: str, zoning: Zoning) -> list[str]:
    table = zoning.table
    for column in ("motif", "article"):
        table = table.append_column(column, pa.nulls(table.num_rows, pa.string()))
    paths = [str(folder / f"{name}.parquet"), str(folder / f"communes_{name}.parquet")]
    for path, one in zip(paths, (table, zoning.communes), strict=True):
        write_file(one, Path(path))
    return paths


def test_the_command(tmp_path: Path) -> None:
    before = written(tmp_path, "before", ALONE)
    unit = {code: code for code in ALONE.unit if code != "01002"}
    after = written(tmp_path, "after", Zoning(unit, {**ALONE.persons, "01003": 56}, ALONE.level))
    moves = tmp_path / "moves.csv"
    moves.write_text("MOD,DATE_EFF,TYPECOM_AV,COM_AV,TYPECOM_AP,COM_AP\n"
                     f"32,{DAY},COM,01002,COM,01003\n")  # fmt: skip
    arguments = ["revision", before[0], after[0], "--communes-before", before[1],
                 "--communes-after", after[1]]  # fmt: skip
    way = ["--movements", str(moves), "--between", "2022-01-01", "2024-01-01"]
    law = ["--profession", "masseur_kinesitherapeute", "--on-before", "2024-03-20",
           "--on-after", "2026-06-06"]  # fmt: skip
    out = tmp_path / "revision.csv"
    done = run(*arguments, *way, *law, "--out", str(out), "--json")
    assert done.exception is None
    told = json.loads(done.stdout)
    assert told["communes"] == {"01002": ["01003"]}
    assert [notice["fault"] for notice in told["noticed"]] == ["APL-F07", "APL-C04"]
    assert told["population"] == 101
    assert apl.read_table(out, "revision").num_rows == 3
    plain = run(*arguments, *way)
    assert plain.exception is None
    assert "BVCV by earlier class (rows) and later class (columns)" in plain.stdout
    assert isinstance(run(*arguments).exception, TableError)
    turned = [*way[:3], way[4], way[3]]
    for wrong in (turned, way[:2], way[2:], law[:2], law[2:4], ["--parameters", str(moves)],
                  [*law[:2], "--on-before", "2026-01-01", "--on-after", "2025-01-01"]):  # fmt: skip
        assert isinstance(run(*arguments, *wrong).exception, click.UsageError), wrong


# --- published ground ----------------------------------------------------------------------------


@needs_data
@needs_jit
def test_physiotherapists_from_2021_to_2022() -> None:
    """APL 2021 in the geography of 2022 and APL 2022 in that of 2023, both on the BVCV of 2023."""
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    people = apl.read_table(DATA / "population/population_municipale_geographie_2023.csv",
                            "population_municipale", choose={"population": "2020"})  # fmt: skip
    later = apl.build_bvcv(geography, people, LAW).communes
    moves = apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements")
    dates = (date(2022, 1, 1), date(2023, 1, 1))
    old = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie")
    codes = old.column("code_commune").cast(pa.string())
    old = old.filter(pc.invert(pc.starts_with(codes, "976")))  # Mayotte: no APL, no population
    codes = old.column("code_commune").cast(pa.string()).to_pylist()
    ways = passage(codes, later.column("code_commune").to_pylist(), movements=moves, between=dates)
    home = {row["code_commune"]: row for row in later.to_pylist()}
    there = [home[ways.targets[code][0]] for code in codes]
    names = ("code_departement", "code_region", "code_bvcv")
    persons = [round(count or 0) for count in old.column("population").to_pylist()]
    earlier = pa.table({"code_commune": codes, "population": persons,
                        **{name: [place[name] for place in there] for name in names}})  # fmt: skip
    new = apl.read_table(DATA / "published/apl_mk_2022.csv", "apl_publie")
    outside = {"06": 279_471}
    before, after = (
        apl.rank(apl.aggregate(table, communes, LAW), LAW, territories_without_apl=outside).bvcv
        for table, communes in ((old, earlier), (new, later))
    )
    seen = revise(before, after, communes_before=earlier, communes_after=later, movements=moves,
                  between=dates, rules_before=LAW, rules_after=LAW,
                  territories_without_apl=outside)  # fmt: skip
    assert len(seen.changed) == 11
    assert (seen.mixed, seen.noticed) == ({}, ())
    cells = matrix(seen)
    assert cells[LOW, UNDER] == (61, 815_810)
    assert cells[UNDER, LOW] == (57, 833_287)
    assert sum(count for count, _ in cells.values()) == 2_878
    assert sum(count for _, count in cells.values()) == 67_161_587
    assert {one["cause"]: one["bvcv"] for one in describe(seen)["causes"]} == {
        "apl_propre": 252, "apl_autres": 47, "population": 2,
    }  # fmt: skip
