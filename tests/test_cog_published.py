"""Years and conversions on what INSEE and DREES publish (skipped where that data is missing)."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import date
from fractions import Fraction
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from shared import DATA, needs_data

import apl
from apl.cog import History, best, faults, recognised
from apl.conversion import converted, remarks, tale_of
from apl_core import TableError

pytestmark = needs_data
ON = {year: date(year, 1, 1) for year in range(2015, 2025)}


@cache
def history() -> History:
    return History.of(apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements"))


@cache
def listed(year: int) -> frozenset[str]:
    if year == 2024:
        with gzip.open(DATA / "geography/communes_2024_simplifiees.geojson.gz") as file:
            return frozenset(one["properties"]["code"] for one in json.load(file)["features"])
    with open(DATA / f"geography/communes_geographie_{year}.csv", encoding="utf-8") as lines:
        return frozenset(row["code_commune"] for row in csv.DictReader(lines))


@cache
def published(name: str) -> pa.Table:
    return apl.read_table(DATA / "published" / name, "apl_publie")


@cache
def people() -> pa.Table:
    path = DATA / "population/population_municipale_geographie_2023.csv"
    return apl.read_table(path, "population_municipale", choose={"population": "2020"})


@cache
def communes() -> pa.Table:
    places = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    return apl.build_bvcv(places, people(), law).communes


@pytest.mark.parametrize("year", [2022, 2023, 2024])
def test_the_movements_tell_every_commune_of_a_year(year: int) -> None:
    """Of the 8,467 codes that they name, those that exist are those that INSEE lists."""
    told = history()
    assert {code for code in told.spans if told.stands(code, ON[year])} == (
        listed(year) & told.spans.keys()
    )
    found = best(told.fits(listed(year)))
    assert (found.year, found.whole, found.absent) == (year, True, 0)


def test_files_of_another_year_than_their_name_are_recognised() -> None:
    """DREES's APL of 2021 is in the communes of 2022, that of 2022 in those of 2023."""
    for table, year in ((published("APL_mk_2021.xlsx"), 2022), (published("apl_mk_2022.csv"), 2023),
                        (people(), 2023)):  # fmt: skip
        found = recognised(table.column("code_commune").to_pylist(), history())
        assert (found.year, found.whole) == (year, True)


def test_a_few_stray_codes_do_not_change_the_year() -> None:
    told = history()
    gone = sorted(code for code in told.spans
                  if told.stands(code, ON[2018]) and not told.stands(code, ON[2023]))  # fmt: skip
    for some in (gone[:1], gone[:100]):
        (fault,) = faults(listed(2023) | set(some), "communes", "code_commune", told)
        assert fault.fault in ("APL-C03", "APL-C08")
        assert fault.count == len(some)
        assert "2023" in fault.why


def test_the_apl_of_2021_in_the_communes_of_2023() -> None:
    before = published("APL_mk_2021.xlsx")
    after = converted(before, "apl_publie", to=ON[2023], movements=history())
    assert (before.num_rows, after.num_rows) == (34_997, 34_987)
    for name in ("population", "population_standardisee"):
        sums = [sum(map(Fraction, table.column(name).drop_null().to_pylist()), Fraction())
                for table in (before, after)]  # fmt: skip
        assert abs(sums[0] - sums[1]) < Fraction(1, 10**6)
    fte = [pc.sum(pc.multiply(t.column("apl"), t.column("population_standardisee"))).as_py() / 1e5
           for t in (before, after)]  # fmt: skip
    assert fte[0] == pytest.approx(74_748.454, abs=1e-3)
    assert fte[1] == pytest.approx(fte[0], rel=1e-12)
    tale = tale_of(after)
    assert tale is not None
    assert tale.changed["27058"] == "27676"  # Les Trois Lacs, back under its first code
    assert len(tale.changed) == 11
    assert not list(faults(after.column("code_commune").to_pylist(), "", "", history(), ON[2023]))
    codes = set(communes().column("code_commune").to_pylist())
    lost = set(after.column("code_commune").to_pylist()) - codes
    assert {code[:3] for code in lost} <= {"976"}  # Mayotte has no population in that file


def test_splits_of_2024_are_refused_and_settled() -> None:
    with pytest.raises(TableError) as caught:
        converted(communes(), "communes", to=ON[2024], movements=history())
    assert caught.value.fault == "APL-C06"
    assert caught.value.values == ("60054 → 60694", "85084 → 85165", "85084 → 85212")
    whole = pa.table({"code_avant": ["60054", "85084"], "code_apres": ["60054", "85084"]})
    after = converted(communes(), "communes", to=ON[2024], movements=history(), passage=whole)
    assert pc.sum(after.column("population")) == pc.sum(communes().column("population"))
    assert listed(2024) - set(after.column("code_commune").to_pylist()) >= {
        "60694", "85165", "85212"}  # fmt: skip
    said = [fault for fault, _ in remarks("communes", after)]
    assert said.count("APL-S07") == 1
