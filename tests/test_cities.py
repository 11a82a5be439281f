"""Paris, Lyon, Marseille by city or by arrondissement: never both, and one level in all tables."""

from __future__ import annotations

import pyarrow as pa
import pytest
from shared import DATA, needs_data

import apl
from apl.bvcv import CITIES, CITY_OF
from apl.cities import NAMES, faults, remarks

CITY, ARRONDISSEMENTS = "75056", ["75101", "75120"]
COLUMN = {"offre": "etp", "population_standardisee": "population_standardisee",
          "communes": "population", "apl_publie": "apl", "professionnels": "actes",
          "population_par_age": "population"}  # fmt: skip


def table(name: str, *codes: str) -> pa.Table:
    if name == "temps_de_parcours":
        return pa.table({"origine": codes, "destination": ["01001"] * len(codes)})
    return pa.table({"code_commune": codes, COLUMN[name]: [1.0] * len(codes)})


TABLES = [*COLUMN, "temps_de_parcours"]


@pytest.mark.parametrize("name", TABLES)
def test_apl_c07_both_levels_in_one_table(name: str) -> None:
    given = table(name, "01001", CITY, ARRONDISSEMENTS[0], "69381")
    (fault,) = faults(name, given)
    assert (fault.fault, fault.table, fault.rows) == ("APL-C07", name, (2, 3))
    assert fault.values == (CITY, ARRONDISSEMENTS[0])
    assert "Paris (75056) would count twice" in fault.why
    (again,) = faults(name, given, table("communes", CITY))
    assert again == fault


def test_both_levels_over_the_two_columns_of_travel_times() -> None:
    given = pa.table({"origine": [CITY, "01001"], "destination": ["01001", ARRONDISSEMENTS[0]]})
    found = list(faults("temps_de_parcours", given))
    assert [(one.column, one.values) for one in found] == [
        ("origine", (CITY,)), ("destination", (ARRONDISSEMENTS[0],))]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in TABLES if name != "communes"])
@pytest.mark.parametrize("theirs", [[CITY], ARRONDISSEMENTS])
@pytest.mark.parametrize("ours", [[CITY], ARRONDISSEMENTS])
def test_one_level_is_right_where_the_communes_have_it(
    name: str, ours: list[str], theirs: list[str]
) -> None:
    found = list(faults(name, table(name, "01001", *ours), table("communes", "01001", *theirs)))
    assert bool(found) == (ours != theirs)
    for fault in found:
        assert (fault.fault, fault.values) == ("APL-C07", tuple(ours))
        assert ("arrondissement" in fault.mend) or name == "professionnels"


def test_a_city_that_the_communes_do_not_have_at_all_is_another_fault() -> None:
    assert not list(faults("offre", table("offre", CITY), table("communes", "69381")))
    assert not list(faults("offre", table("offre", "01001"), table("communes", "01001")))


def test_a_geography_may_name_both_and_movements_do() -> None:
    for name in ("geographie", "mouvements", "passage"):
        assert not list(faults(name, table("communes", CITY, *ARRONDISSEMENTS)))


def test_words_of_a_dictionary_that_no_row_has_are_not_given() -> None:
    coded = pa.table({"code_commune": pa.array([CITY, *ARRONDISSEMENTS]).dictionary_encode()})
    assert list(faults("offre", coded))
    assert not list(faults("offre", coded.slice(1)))


def test_a_city_as_one_commune_is_said() -> None:
    (said,) = remarks(table("communes", "01001", CITY, "69381"))
    assert said.startswith("Paris (75056) is one commune here")
    assert NAMES.keys() == CITIES.keys()
    assert set(CITY_OF.values()) == CITIES.keys()


@needs_data
def test_what_is_published_has_the_arrondissements_alone() -> None:
    apl_ = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie")
    people = apl.read_table(
        DATA / "population/population_municipale_geographie_2023.csv",
        "population_municipale",
        choose={"population": "2020"},
    )
    for name, one in (("apl_publie", apl_), ("population_municipale", people)):
        assert not list(faults(name, one, apl_))
        assert not list(remarks(one))
    cities = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    assert len(list(remarks(cities))) == 3
    (fault,) = faults("apl_publie", apl_, cities)
    assert (fault.fault, fault.count) == ("APL-C07", 45)
