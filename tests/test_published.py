"""Published ground: the figures that INSEE, DREES, the arrêté and an agency's guide let us check.

Nothing of these files is kept here but single figures; without the data, all of it is skipped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray
from shared import DATA, needs_data, needs_jit

import apl
from apl import aggregation, indicator, pipeline, summary
from apl.bvcv import Built
from apl.mergers import merge
from apl.parameters import Parameters
from apl.zoning import FRANCE
from apl_core import TableError
from apl_core.territory import column_values

pytestmark = needs_data
F64 = NDArray[np.float64]
LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
MAYOTTE = {"06": 279_471}
LEFT_OUT = {"zoning.without_apl": "left_out"}
MAINLAND = ("84", "27", "53", "24", "44", "32", "11", "28", "75", "76", "52", "93")  # but Corsica


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# The units of the law


@pytest.fixture(scope="module")
def built() -> Built:
    """Geography 2023, population 2020."""
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    return apl.build_bvcv(geography, population(), LAW)


def population() -> pa.Table:
    path = DATA / "population/population_municipale_geographie_2023.csv"
    return apl.read_table(path, "population_municipale", choose={"population": "2020"})


@pytest.fixture(scope="module")
def units(built: Built) -> dict[str, Any]:
    return summary.of_communes(built, LAW)


def region(found: Mapping[str, Any], code: str) -> dict[str, Any]:
    return next(entry for entry in found["regions"] if entry["code_region"] == code)


def test_bvcv_of_the_whole_country(built: Built, units: dict[str, Any]) -> None:
    assert units["bvcv"] == region(units, FRANCE)["bvcv"] == 2878
    assert region(units, FRANCE)["population"] == 67_161_587
    assert len(built.without_population) == 17
    assert all(code.startswith("976") for code in built.without_population)
    text = summary.communes_text({**units, "out": "communes.csv"})
    assert "17 communes" in text
    assert all(code in text for code in built.without_population)


def test_bvcv_of_region_93_are_the_guide_s_to_the_unit(built: Built, units: dict[str, Any]) -> None:
    assert region(units, "93") == {"code_region": "93", "bvcv": 167, "population": 5_118_636}
    areas = aggregation.attributed(built.communes, LAW).to_pylist()
    ours: dict[str, list[int]] = {}
    for area in areas:
        if area["code_region"] == "93":
            entry = ours.setdefault(area["code_bvcv"][:2], [0, 0])
            entry[0] += 1
            entry[1] += area["population"]
    assert ours == {
        "04": [17, 167_932], "05": [14, 145_444], "06": [23, 1_098_744],
        "13": [49, 2_057_783], "83": [41, 1_074_344], "84": [23, 574_389],
    }  # fmt: skip
    guide: dict[str, list[int]] = {}
    for row in rows_of("official/paca_2025.csv"):
        entry = guide.setdefault(row["code_departement"], [0, 0])
        entry[0] += int(row["bvcv"])
        entry[1] += int(row["population"])
    assert ours == {code: guide[code] for code in ours}


def test_three_overseas_cantons_bear_a_living_area_s_code(built: Built) -> None:
    found = set(built.communes.column("code_bvcv").to_pylist())
    twice = {unit[:-1] for unit in found if unit.endswith("_")} & found
    assert twice <= {"97106", "97112", "97404"}
    assert twice


def test_the_movements_of_2023_and_their_splits() -> None:
    """From 2023 to 2024 two communes were split."""
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    moves = apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements")
    with pytest.raises(TableError) as refused:
        apl.build_bvcv(geography, population(), LAW, movements=moves,
                       between=(date(2023, 1, 1), date(2024, 1, 1)))  # fmt: skip
    assert refused.value.fault == "APL-C06"
    assert refused.value.values == ("60054 → 60694", "85084 → 85165", "85084 → 85212")


def test_the_movements_of_2022_lead_from_one_geography_to_the_next() -> None:
    """Mergers, and Les Trois Lacs, whose code went from 27058 to 27676."""
    older, newer = (
        apl.read_table(DATA / f"geography/communes_geographie_{year}.csv", "geographie")
        .column("code_commune")
        .to_pylist()
        for year in (2022, 2023)
    )
    moves = apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements")
    dates = (date(2022, 1, 1), date(2023, 1, 1))
    units, gone, areas = merge({code: code for code in older}, {}, moves, dates, LAW.territory)
    assert sorted(units) == sorted(newer)
    assert len(gone) - 1 == len(older) - len(newer)  # one of them only changed its code
    assert gone["27058"] == "27676"
    assert set(areas) < set(gone)


# The zones of the published APL 2022


def zoned(built: Built, parameters: Parameters) -> pipeline.Zoned:
    published = apl.read_table(DATA / "published/apl_mk_2022.csv", "apl_publie")
    return pipeline.zone(published, built.communes, LAW, parameters=parameters)


READINGS = {
    "Mayotte left out": (Parameters(readings=LEFT_OUT), 0.75),
    "Mayotte lowest": (Parameters(territories_without_apl=MAYOTTE), 0.55),
}


@pytest.mark.parametrize("name", READINGS)
def test_zones_meet_the_guide_and_table_vi(built: Built, name: str) -> None:
    parameters, most = READINGS[name]
    found = zoned(built, parameters)
    parts = {(p["code_region"], p["zone"]): p for p in found.ranking.parts.to_pylist()}
    low = [parts["93", zone] for zone in ("tres_sous_dotee", "sous_dotee")]
    assert [(p["bvcv"], p["population"]) for p in low] == [(5, 19_447), (5, 51_440)]
    corsica = [f"{100 * parts['94', zone]['part']:.1f}" for zone in LAW.zoning.zones]
    assert corsica == ["0.0", "4.1", "23.8", "72.0"]
    gaps = [
        abs(100 * parts[row["code_region"], zone]["part"] - float(row[zone]))
        for row in rows_of("official/table_vi_arrete_2024.csv")
        for zone in LAW.zoning.zones[:3]
        if row["code_region"] in MAINLAND
    ]
    assert len(gaps) == 36
    assert sum(gaps) / len(gaps) <= most


def test_what_is_left_without_apl_is_said(built: Built) -> None:
    texts = [notice.text for notice in zoned(built, Parameters()).noticed]
    meuse = next(text for text in texts if "no published APL" in text)
    assert re.match(r"6 communes \(0 inhabitants\)", meuse)
    found = zoned(built, Parameters(territories_without_apl=MAYOTTE))
    assert found.ranking.total == 67_161_587 + MAYOTTE["06"]
    assert found.ranking.without_apl == ("territory without APL of region 06",)


# The published APL 2021

WORKBOOKS = {"mk": 6.68, "inf": 6.11, "sf": 5.42, "mg": 3.71}


def published(name: str) -> pa.Table:
    return apl.read_table(DATA / f"published/APL_{name}_2021.xlsx", "apl_publie")


def scores(table: pa.Table) -> tuple[F64, F64, F64]:
    """APL, standardised and total population of the communes that have an APL."""
    full = table.filter(pc.is_valid(table.column("apl")))
    names = ("apl", "population_standardisee", "population")
    apl_, standard, persons = (column_values(full.column(name), np.float64) for name in names)
    return apl_, standard, persons


@pytest.mark.parametrize("name", WORKBOOKS)
def test_tenths_of_the_population(name: str) -> None:
    values, standard, persons = scores(published(name))
    means = summary.tenths(values, persons.astype(np.int64), standard)
    assert means == sorted(means, key=lambda mean: mean or 0)
    assert means[0] is not None
    assert means[-1] is not None
    assert abs(means[-1] / means[0] - WORKBOOKS[name]) <= 0.01


def test_sums_of_the_physiotherapists_workbook() -> None:
    values, standard, persons = scores(published("mk"))
    assert round(float(standard.sum())) == round(float(persons.sum())) == 66_988_403
    assert round(float((values * standard).sum() / LAW.per)) == 74_748


# Isère, on real road times


@needs_jit
def test_isere_conserves_supply_and_keeps_its_bits() -> None:
    """Heads of 2024 over the standardised population of 2021, on OSRM's minutes."""
    times = apl.read_table(DATA / "travel/isere_osrm.csv.gz", "temps_de_parcours")
    land = apl.Territory.from_codes(pc.unique(times.column("origine").cast(pa.string())))
    assert (len(land), times.num_rows) == (512, 262_144)
    supply, demand = np.zeros(len(land)), np.zeros(len(land))
    bpe = rows_of("supply/bpe_2024_effectifs.csv")
    at = land.positions([row["code_commune"] for row in bpe])
    heads = np.array([float(row["masseur_kinesitherapeute"] or 0) for row in bpe])
    supply[at[at >= 0]] = heads[at >= 0]
    workbook = published("mk")
    at = land.positions(workbook.column("code_commune"))
    standard = column_values(workbook.column("population_standardisee"), np.float64, fill=0.0)
    demand[at[at >= 0]] = standard[at >= 0]

    def found(table: pa.Table, threads: int) -> indicator.Indicator:
        pairs = apl.Catchment.build(table, land, within=20)
        return indicator.two_steps(pairs, supply, demand, LAW, threads=threads)

    first = found(times, 1)
    received = float((demand * first.apl).sum() / LAW.per)
    assert not first.unreached.size
    assert abs(received / supply.sum() - 1) <= 1e-9
    order = pa.array(np.random.default_rng(6).permutation(times.num_rows))
    for again in (found(times, 2), found(times.take(order), 1), found(times.take(order), 2)):
        assert again.apl.tobytes() == first.apl.tobytes()
