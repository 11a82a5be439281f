"""The frames of other professions and years: levels of APL, women, own inhabitants, a density.

What no public source states comes from overlays; what a page states is taken from the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from regions import areas, column
from shared import DATA, needs_data

import apl
from apl import pipeline, summary
from apl.__main__ import cli
from apl.blocks import Unknown
from apl.counted import counted
from apl.law import Rules
from apl.parameters import Parameters
from apl.zoning import FRANCE, rank
from apl_core import FileError, RuleError, TableError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
OLD = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))
DOCTORS = apl.rules("medecin_generaliste", on=date(2019, 6, 1))
MIDWIVES = apl.rules("sage_femme", on=date(2020, 6, 1))
SPEECH = apl.rules("orthophoniste", on=date(2020, 6, 1))
BANDS = {"decay": {"bands": [{"until": 20, "includes_until": True, "weight": "1"}]}}
NEW_YEAR = date(2022, 1, 1)  # of the geography


# Women


def communes(*rows: tuple[str, str, str, int]) -> pa.Table:
    """From (commune, region, unit, inhabitants)."""
    code, region, unit, persons = zip(*rows, strict=True)
    return pa.table({"code_commune": code, "code_departement": [c[:2] for c in code],
                     "code_region": region, "population": pa.array(persons, pa.int64()),
                     "code_bvcv": unit})  # fmt: skip


PEOPLE = communes(("01001", "84", "01001", 100), ("01002", "84", "01002", 100))
MIDWIFERY = pa.table({"code_commune": ["01001", "01002"], "apl": [5.0, 9.0],
                      "population_standardisee": [10.0, 60.0],
                      "population_feminine": [10.0, 60.000000004]})  # fmt: skip


def test_cuts_count_the_women_of_the_workbook() -> None:
    found = pipeline.zone(apl.checked(MIDWIFERY, "apl_publie"), PEOPLE, MIDWIVES)
    assert found.ranking.total == 70
    assert column(found.ranking.bvcv, "population") == [10, 60]
    assert found.ranking.cuts[0].target == MIDWIVES.zoning.classes[0][1] * 70
    said = [notice.text for notice in found.noticed if notice.fault == "APL-S03"]
    assert len(said) == 1
    assert "70 of 200 inhabitants" in said[0]
    assert {"fault": "APL-S03", "text": said[0]} in found.manifest["noticed"]
    shown = summary.text(summary.describe(found.rules, found.ranking, found.noticed))
    assert "70 women · 2 BVCV" in shown
    assert "Women" in shown
    assert "Inhabitants" not in shown


def test_the_table_of_communes_comes_before_the_workbook() -> None:
    table = PEOPLE.append_column("population_feminine", pa.array([40, 41]))
    found = counted(table, MIDWIVES, published=MIDWIFERY)
    assert column(found, "population_feminine") == [40, 41]
    assert column(counted(PEOPLE, LAW), "population") == [100, 100]
    assert "population_feminine" not in counted(PEOPLE, LAW, published=MIDWIFERY).column_names


def test_women_weigh_no_mean_and_attribute_no_unit() -> None:
    """The mean is weighted by the population of each commune, the region has most inhabitants."""
    table = communes(("01001", "84", "01001", 100), ("71001", "27", "01001", 300))
    table = table.append_column("population_feminine", pa.array([90, 10]))
    scores = pa.table({"code_commune": ["01001", "71001"], "apl": [4.0, 8.0],
                       "population_standardisee": [1.0, 1.0]})  # fmt: skip
    assert apl.aggregate(scores, table, MIDWIVES).to_pylist() == [
        {"code_bvcv": "01001", "code_region": "27", "population": 100,
         "population_standardisee": 2.0, "apl": 7.0},
    ]  # fmt: skip


AGES = pa.table({"code_commune": ["01001"] * 2 + ["01002"] * 2, "age": [0] * 4,
                 "sexe": ["F", "M"] * 2, "population": [52.6, 47.4, 48.4, 51.6]})  # fmt: skip


def test_women_are_counted_by_age_and_sex_and_made_whole() -> None:
    found = counted(PEOPLE, MIDWIVES, ages=AGES)
    assert column(found, "population_feminine") == [53, 48]


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ({}, "APL-B08"),
        ({"ages": AGES.drop_columns("sexe")}, "APL-B08"),
        ({"published": MIDWIFERY.drop_columns("population_feminine")}, "APL-B08"),
        ({"published": MIDWIFERY.slice(0, 1)}, "APL-D01"),
        ({"ages": AGES.slice(0, 2)}, "APL-D01"),
    ],
)
def test_women_that_nobody_counts_are_asked_for(tables: Mapping[str, pa.Table], fault: str) -> None:
    with pytest.raises(TableError) as refused:
        counted(PEOPLE, MIDWIVES, **tables)
    assert refused.value.fault == fault
    assert "population_feminine" in refused.value.mend
    if fault == "APL-D01":
        assert refused.value.values == ("01002",)


def test_more_women_than_inhabitants_are_refused() -> None:
    most = PEOPLE.append_column("population_feminine", pa.array([100, 100]))
    assert counted(most, MIDWIVES).equals(most)
    table = PEOPLE.append_column("population_feminine", pa.array([100, 101]))
    with pytest.raises(TableError, match="APL-D15"):
        counted(table, MIDWIVES)


def supplied(rules: Rules) -> Parameters:
    """A distance decay for a profession whose bands no public source states."""
    return Parameters(law=BANDS if rules is not SPEECH else {})


def inputs(**tables: pa.Table) -> dict[str, pa.Table]:
    times = pa.table({"origine": ["01001", "01002"], "destination": ["01002", "01001"],
                      "minutes": [12.0, 12.0]})  # fmt: skip
    offre = pa.table({"code_commune": ["01001"], "etp": [3.0]})
    return {"communes": PEOPLE, "temps_de_parcours": times, "offre": offre, **tables}


STANDARD = pa.table({"code_commune": ["01001", "01002"],
                     "population_standardisee": [150.0, 50.0]})  # fmt: skip
FEES = pa.table({"age": [0], "honoraires_par_habitant": [10.0]})


def test_a_run_for_midwives_counts_women_throughout() -> None:
    tables = inputs(population_par_age=AGES, consommation_par_age=FEES)
    done = pipeline.run(tables, MIDWIVES, self_pair="0", parameters=supplied(MIDWIVES))
    assert done.ranking.total == 101
    assert column(done.bvcv, "population") == [53, 48]
    assert sum(column(done.communes, "population_standardisee")) == pytest.approx(101.0)
    said = [notice.fault for notice in done.noticed]
    assert "APL-S03" in said
    assert "APL-D06" not in said  # Σ standardised is held against the women
    both = inputs(population_standardisee=STANDARD)
    with pytest.raises(TableError, match="population_feminine"):
        pipeline.run(both, MIDWIVES, self_pair="0", parameters=supplied(MIDWIVES))


# A density


def speech(**tables: pa.Table) -> dict[str, pa.Table]:
    given = {**inputs(population_standardisee=STANDARD), **tables}
    return {name: table for name, table in given.items() if name != "temps_de_parcours"}


def test_a_density_is_fte_over_standardised_inhabitants_by_unit() -> None:
    done = pipeline.run(speech(), SPEECH)
    assert column(done.bvcv, "apl") == [3.0 / 150.0 * 100_000, 0.0]
    assert column(done.communes, "apl") == [None, None]
    assert column(done.communes, "etp") == [3.0, 0.0]
    assert done.manifest["counts"] == {"communes": 2}
    found = {**summary.describe(done.rules, done.ranking, done.noticed),
             **summary.national(done.communes)}  # fmt: skip
    shown = summary.text(found)
    assert "Density: FTE per 100,000 standardised inhabitants" in shown
    assert "Mean APL" not in shown
    assert "APL-S04" in shown


def test_a_density_over_nobody() -> None:
    empty = PEOPLE.set_column(3, "population", pa.array([200, 0]))
    standard = STANDARD.slice(0, 1)
    done = pipeline.run(speech(communes=empty, population_standardisee=standard), SPEECH)
    assert column(done.bvcv, "apl") == [2000.0 * 150 / 150, None]
    there = pa.table({"code_commune": ["01002"], "etp": [1.0]})
    with pytest.raises(TableError, match="FTE in a BVCV without standardised inhabitants"):
        pipeline.run(speech(communes=empty, population_standardisee=standard, offre=there), SPEECH)
    none = pa.table({"code_commune": ["01002"], "etp": [0.0]})
    with pytest.raises(TableError, match="no supply at all"):
        pipeline.run(speech(offre=none), SPEECH)


def test_speech_therapists_are_not_zoned_by_an_apl() -> None:
    with pytest.raises(RuleError, match="is no APL"):
        pipeline.zone(apl.checked(MIDWIFERY, "apl_publie"), PEOPLE, SPEECH)


# What is unknown comes together and first


def folder(path: Path, tables: Mapping[str, pa.Table]) -> Path:
    from apl.outputs import write_file

    for name, table in tables.items():
        write_file(table, path / f"{name}.csv")
    return path


@pytest.mark.parametrize(
    ("tables", "unknown"),
    [
        (inputs(population_standardisee=STANDARD), {"decay"}),
        ({**inputs(population_par_age=AGES, consommation_par_age=FEES), "professionnels": AGES},
         {"supply", "decay"}),
    ],
)  # fmt: skip
def test_unknowns_come_together_and_nothing_is_written(
    tables: dict[str, pa.Table], unknown: set[str], tmp_path: Path
) -> None:
    if "professionnels" in tables:
        del tables["offre"]
    source = folder(tmp_path, tables)
    for act in (lambda: pipeline.run(source, OLD, out=tmp_path / "out"),
                lambda: pipeline.check(source, OLD)):  # fmt: skip
        with pytest.raises(RuleError) as refused:
            act()
        titles = [fault.title for fault in refused.value.faults]
        assert {title.rpartition(": ")[2] for title in titles} == unknown
    assert not (tmp_path / "out").exists()
    asked = ["run", str(source), "--profession", "masseur_kinesitherapeute", "--on", "2019-06-01",
             "--out", str(tmp_path / "out")]  # fmt: skip
    done = CliRunner().invoke(cli, asked)
    assert isinstance(done.exception, RuleError)
    assert done.exception.exit_code == 4


def test_what_is_given_need_not_be_known() -> None:
    """FTE need no rules of supply, a standardised population none of demand."""
    nothing = {"cite": "nowhere", "unknown": "nowhere"}
    law = replace(OLD, blocks={**OLD.blocks, "demand": Unknown({"": "nowhere"})},
                  entry={**OLD.entry, "demand": nothing})  # fmt: skip
    tables = inputs(population_standardisee=STANDARD)
    done = pipeline.run(tables, law, self_pair="0", parameters=supplied(OLD))
    assert column(done.bvcv, "zone")
    assert "decay" in " ".join(done.rules.supplied)


def test_travel_times_are_asked_for_where_there_is_an_apl() -> None:
    with pytest.raises(FileError, match="temps_de_parcours"):
        pipeline.run(speech(), OLD, parameters=supplied(OLD))
    with pytest.raises(RuleError) as refused:
        pipeline.run(None, SPEECH)
    assert "supply" in refused.value.faults[0].title


# Printed maxima


def test_printed_maxima_stand_beside_ours() -> None:
    rows = [(float(10 * k), 100) for k in range(1, 11)]
    found = rank(areas(*rows), OLD)
    told = summary.describe(OLD, found, ())
    printed = [float(OLD.zoning.printed[zone]) for zone in OLD.zoning.zones]
    assert [zone["printed"] for zone in told["zones"]] == printed
    assert told["zones"][-1]["apl_max"] == 100.0
    assert told["zones"][0]["apl_max"] is None  # the lowest BVCV is astride the first cut
    line = summary.text(told).splitlines()[3]
    assert line.split("  ")[0] == "Zone"
    assert "APL up to  printed  BVCV astride the cut" in line
    assert json.loads(json.dumps(told))["zones"] == told["zones"]
    plain = summary.describe(LAW, rank(areas(*rows), LAW), ())
    assert {zone["printed"] for zone in plain["zones"]} == {None}
    assert "printed" not in summary.text(plain)


# The frame of 2018 on the published APL 2021, which stands in for that of 2018


@needs_data
def test_the_frame_of_2018_on_the_published_apl_2021() -> None:
    """Geography 2022, living areas 2012, the workbook's own population (of 2019)."""
    published = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie")
    geography = apl.read_table(DATA / "geography/communes_geographie_2022.csv", "geographie")
    moves = apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements")
    pairs = zip(column(published, "code_commune"), column(published, "population"), strict=True)
    people = {code: round(n or 0) for code, n in pairs if not code.startswith("976")}  # Mayotte
    population = pa.table({"code_commune": list(people), "population": list(people.values())})
    with pytest.raises(TableError) as refused:
        apl.build_bvcv(geography, population, OLD)
    assert refused.value.values == ("22007", "35129", "49313")
    built = apl.build_bvcv(
        geography, population, OLD, movements=moves, between=(NEW_YEAR, NEW_YEAR)
    )
    assert built.poles == {"22007": "22055", "35129": "35176", "49313": "49218"}
    assert len(built.without_population) == 17
    found = pipeline.zone(published, built.communes, OLD)
    assert found.ranking.total == 66_988_403
    assert found.ranking.bvcv.num_rows == 2880
    assert [round(cut.apl or 0, 2) for cut in found.ranking.cuts] == [46.67, 56.23, 150.93, 178.85]
    assert [str(float(cut.printed or 0)) for cut in found.ranking.cuts] == [
        "43.8", "51.8", "126.4", "147.5",
    ]  # fmt: skip
    shares = [part["part"] for part in found.ranking.parts.to_pylist()
              if part["code_region"] == FRANCE]  # fmt: skip
    for ours, (_, share) in zip(shares, OLD.zoning.classes, strict=False):
        assert abs(ours - share) < 0.005


def test_a_commune_without_apl_may_be_in_no_table() -> None:
    """As Mayotte's in the workbooks: named, and nobody's value is lost or moved."""
    more = pa.table({"code_commune": ["97601"], "apl": pa.array([None], pa.float64()),
                     "population_standardisee": pa.array([None], pa.float64())})  # fmt: skip
    scores = MIDWIFERY.drop_columns("population_feminine")
    table = apl.checked(pa.concat_tables([more, scores]), "apl_publie")
    assert apl.aggregate(table, PEOPLE, LAW).equals(apl.aggregate(scores, PEOPLE, LAW))
    said = [n.text for n in pipeline.zone(table, PEOPLE, LAW).noticed if n.fault == "APL-C14"]
    assert said == ["1 communes without APL that the table of communes does not have: 97601"]
    scored = table.set_column(1, "apl", pa.array([1.0, 5.0, 9.0]))
    with pytest.raises(TableError) as refused:
        apl.aggregate(scored, PEOPLE, LAW)
    assert (refused.value.fault, refused.value.values) == ("APL-C14", ("97601",))
