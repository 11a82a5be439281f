"""The years that inputs declare, held against those that the text names; never a refusal."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from histories import HISTORY
from shared import DATA, needs_data

import apl
from apl import pipeline
from apl.blocks import Unknown
from apl.conversion import converted
from apl.outputs import write_file
from apl.vintages import declared, marked, remarks
from apl_core.tables import checked

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
OLD = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))


def people(header: str) -> pa.Table:
    given = pa.table({"CODGEO": ["01001"], header: [806]})
    return checked(given, "population_municipale")


def geography(areas: str = "code_bassin_de_vie_2022", cantons: str = "cv2016") -> pa.Table:
    given = {"code_commune": ["01001"], "code_departement": ["01"], "code_region": ["84"],
             areas: ["01001"], cantons: ["0101"], "code_unite_urbaine_2020": ["01101"]}  # fmt: skip
    return checked(pa.table(given), "geographie")


def published(
    apl_: str, standard: str = "population_standardisee", total: str = "population"
) -> pa.Table:
    given = {"code_commune": ["01001"], apl_: [5.0], standard: [4.0], total: [4.0]}
    return checked(pa.table(given), "apl_publie")


def years(name: str, table: pa.Table) -> list[tuple[str, int]]:
    return [(one.source, one.year) for one in declared(name, table)]


@pytest.mark.parametrize(
    ("name", "table", "found"),
    [
        ("population_municipale", people("population_2019"), [("population", 2019)]),
        ("population_municipale", people("PMUN2020"), [("population", 2020)]),
        ("population_municipale", people("PMUN20"), []),
        ("geographie", geography(), [("living_areas", 2022), ("cantons", 2016)]),
        ("geographie", geography("code_bassin_de_vie", "code_canton_ville"), []),
        ("apl_publie", published("apl"), []),
        ("apl_publie", published("APL 2022 aux kinésithérapeutes"), [("population", 2020)]),
        (
            "apl_publie",
            published(
                "APL aux kinésithérapeutes",
                "Population standardisée 2019 pour les kinésithérapeutes",
                "Population totale 2019",
            ),
            [("population", 2019)],
        ),
        (
            "apl_publie",
            published("APL 2022 aux kinésithérapeutes", total="Population totale 2021"),
            [("population", 2020), ("population", 2021)],
        ),
    ],
)
def test_headers_declare_years(name: str, table: pa.Table, found: list[tuple[str, int]]) -> None:
    assert years(name, table) == found


def test_a_sheet_declares_the_year_of_its_apl(tmp_path: Path) -> None:
    """DREES standardises the APL of a year with the population of two years before."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "APL 2023"
    for row in (["Code commune INSEE", "APL aux kinésithérapeutes", "Population standardisée"],
                ["01001", 5.0, 4.0]):  # fmt: skip
        sheet.append(row)
    book.save(tmp_path / "apl.xlsx")
    table = apl.read_table(tmp_path / "apl.xlsx", "apl_publie")
    assert years("apl_publie", table) == [("population", 2021)]
    (said,) = remarks({"apl_publie": table}, LAW)
    assert "population 2021 ('sheet APL 2023', 2 years before the APL)" in said


def test_another_year_than_the_text_s_is_said_and_the_same_is_not() -> None:
    assert LAW.sources.population == 2020
    (said,) = remarks({"population_municipale": people("population_2019")}, LAW)
    assert said == (
        "population_municipale declares population 2019 ('population_2019'), "
        "the text names 2020 (annexe, III)"
    )
    assert not list(remarks({"population_municipale": people("population_2020")}, LAW))
    (said,) = remarks({"geographie": geography()}, OLD)
    assert "geographie declares living areas 2022" in said
    assert "the text names 2012" in said


def test_what_the_text_does_not_name_is_not_held() -> None:
    assert OLD.sources.population is None
    assert not list(remarks({"population_municipale": people("population_2019")}, OLD))
    assert LAW.sources.cantons is None
    assert not list(remarks({"geographie": geography()}, LAW))
    unknown = apl.rules("infirmier", on=date(2021, 1, 1))
    assert isinstance(unknown.blocks["sources"], Unknown)
    assert not list(remarks({"geographie": geography()}, unknown))


def test_the_year_of_the_geography_is_that_of_between() -> None:
    (said,) = remarks({"geographie": geography()}, LAW, geography=2022)
    assert "declares geography 2022 (--between), the text names 2023" in said
    assert not list(remarks({"geographie": geography()}, LAW, geography=2023))


def test_a_table_that_was_brought_to_another_year_declares_it() -> None:
    given = pa.table({"code_commune": ["01004", "01005"], "etp": [1.0, 2.0]})
    there = converted(given, "offre", to=date(2023, 1, 1), movements=HISTORY)
    assert years("offre", there) == [("geography", 2023)]
    assert not list(remarks({"offre": there}, LAW))  # of the communes it is said, once
    places = checked(pa.table({
        "code_commune": ["01001", "01009"], "code_departement": ["01"] * 2,
        "code_region": ["84"] * 2, "population": [4, 5], "code_bvcv": ["01001"] * 2}),
        "communes")  # fmt: skip
    stays = converted(places, "communes", to=date(2020, 1, 1), movements=HISTORY,
                                     since=date(2020, 1, 1))  # fmt: skip
    (said,) = remarks({"communes": stays, "offre": there}, LAW)
    assert "communes declares geography 2020 (as found: 2020-01-01), the text names 2023" in said


def test_communes_that_were_built_keep_their_years_in_parquet(tmp_path: Path) -> None:
    places, persons = geography("code_bassin_de_vie_2012"), people("population_2019")
    inputs = {"geographie": places, "population_municipale": persons}
    built = apl.build_bvcv(places, persons, LAW)
    write_file(marked(built.communes, inputs), tmp_path / "communes.parquet")
    write_file(marked(built.communes, inputs), tmp_path / "communes.csv")
    kept, lost = (apl.read_table(tmp_path / f"communes.{end}", "communes")
                  for end in ("parquet", "csv"))  # fmt: skip
    assert set(years("communes", kept)) == {
        ("living_areas", 2012), ("population", 2019), ("cantons", 2016),
    }  # fmt: skip
    assert years("communes", lost) == []
    found = pipeline.zone(published("apl"), kept, LAW)
    said = [notice.text for notice in found.noticed if notice.fault == "APL-F07"]
    assert len(said) == 2
    assert all("as it was built" in text for text in said)
    assert [n["text"] for n in found.manifest["noticed"] if n["fault"] == "APL-F07"] == said


def test_a_run_says_it_and_goes_on() -> None:
    communes = checked(pa.table({
        "code_commune": ["01001"], "code_departement": ["01"], "code_region": ["84"],
        "population": [4], "code_bvcv": ["01001"]}), "communes")  # fmt: skip
    tables = {
        "communes": communes,
        "temps_de_parcours": pa.table({"origine": ["01001"], "destination": ["01001"],
                                       "minutes": [0.0]}),
        "population_standardisee": pa.table({"code_commune": ["01001"],
                                             "Population standardisée 2019": [4.0]}),
        "offre": pa.table({"code_commune": ["01001"], "etp": [1.0]}),
    }  # fmt: skip
    done = pipeline.run(tables, LAW)
    said = [notice.text for notice in done.noticed if notice.fault == "APL-F07"]
    assert len(said) == 1
    assert "population_standardisee declares population 2019" in said[0]


def test_the_command_that_builds_units_says_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from apl.__main__ import cli

    write_file(pa.table({"code_commune": ["01001"], "code_departement": ["01"],
                         "code_region": ["84"], "code_bassin_de_vie_2012": ["01001"],
                         "code_canton_ville": ["0101"], "code_unite_urbaine_2020": ["01101"]}),
               tmp_path / "geo.csv")  # fmt: skip
    write_file(pa.table({"code_commune": ["01001"], "population_2019": [806]}),
               tmp_path / "people.csv")  # fmt: skip
    asked = ["bvcv", str(tmp_path / "geo.csv"), str(tmp_path / "people.csv"), "--year", "2019",
             "--out", str(tmp_path / "communes.csv")]  # fmt: skip
    cli.main([*asked, "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert [note["fault"] for note in found["noticed"]] == ["APL-F07"] * 2
    cli.main([*asked, "--overwrite"], standalone_mode=False)
    text = capsys.readouterr().out
    assert "Noticed" in text
    assert "living areas 2012" in text


@needs_data
def test_the_workbook_of_2021_declares_the_population_of_2019() -> None:
    table = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie")
    assert years("apl_publie", table) == [("population", 2019)]
    (said,) = remarks({"apl_publie": table}, LAW)
    assert "APL 2021 aux masseuses-kinésithérapeutes" in said
    assert "the text names 2020" in said
