"""What is built and what is averaged, to the last name and figure.

Each of these tests sees a small fault of `apl/bvcv.py` that no other did (`tests/MUTATION.md`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from naive import Commune
from test_aggregate import apl_table, communes_table
from test_bvcv import LAND, LAW, PEOPLE, built, columns, geography, movements, municipal, units

import apl
from apl.aggregation import aggregate, attributed
from apl.bvcv import CITY_OF, NO_AREA, bare_overseas, build
from apl_core import Fault, TableError

OWN = apl.rules("medecin_generaliste", on=date(2019, 6, 1))
Row = tuple[str, str, str, int]


def refused(*arguments: Any, of: Any = build, **more: Any) -> list[Fault]:
    with pytest.raises(TableError) as caught:
        of(*arguments, **more)
    return list(caught.value.faults)


# --- built ---------------------------------------------------------------------------------------


def test_the_arrondissements_of_the_three_cities() -> None:
    assert len(CITY_OF) == 20 + 9 + 16
    assert [CITY_OF[code] for code in ("75101", "75120", "69381", "69389", "13201", "13216")] == [
        "75056", "75056", "69123", "69123", "13055", "13055",
    ]  # fmt: skip


def test_names_are_kept_and_those_that_lack_are_empty() -> None:
    table = geography(LAND)
    names = table.column("libelle").to_pylist()
    holed = table.set_column(1, "libelle", pa.array([None, *names[1:]], pa.string()))
    found = build(holed, municipal(PEOPLE), LAW).communes
    assert columns(found, "code_commune", "libelle")["05023"] == ""
    assert columns(found, "code_commune", "libelle")["05024"] == "name of 05024"
    bare = build(table.drop_columns(["libelle"]), municipal(PEOPLE), LAW).communes
    assert columns(bare, "code_commune", "libelle")["05024"] == ""
    assert columns(bare, "code_commune", "libelle")["13202"] == " 2e Arrondissement"
    assert bare.drop_columns(["libelle"]).equals(found.drop_columns(["libelle"]))
    assert columns(found, "code_commune", "code_departement")["97105"] == "97"


def test_a_geography_may_have_the_arrondissements_itself() -> None:
    """They keep their names, and the city is no unit beside them."""
    land = {**LAND, "13201": Commune("13055", "1398", "00759")}
    found = built(land)
    names = columns(found.communes, "code_commune", "libelle")
    assert (names["13201"], names["13202"]) == (
        "name of 13201", "name of 13055 2e Arrondissement",
    )  # fmt: skip
    assert (units(found)["13201"], units(found)["13202"]) == ("13201", "13202")
    assert "13055" not in {*units(found), *found.without_population}
    alone = {code: place for code, place in land.items() if code != "13055"}
    fewer = {code: count for code, count in PEOPLE.items() if code != "13202"}
    alone["13001"] = Commune("13001", "1301", "00759")
    alone["13201"] = Commune("13001", "1398", "00759")
    assert units(built(alone, fewer))["13201"] == "13201"


def test_a_city_that_is_given_whole_stays_one_commune() -> None:
    people = {c: n for c, n in PEOPLE.items() if c not in CITY_OF} | {"13055": 64_000}
    found = built(people=people)
    assert units(found)["13055"] == "1398_"
    assert found.without_population == ("97601",)


def test_a_city_counts_with_its_arrondissements_for_its_urban_unit() -> None:
    """30,000 in all is not above 30,000; each arrondissement counts, and once."""
    people = PEOPLE | {"13001": 10_000, "13201": 10_000, "13202": 10_000}
    assert units(built(people=people))["13001"] == "13055"
    assert units(built(people=people | {"13202": 10_001}))["13001"] == "1301_"


def test_a_commune_without_population_adds_nobody_to_its_urban_unit() -> None:
    land = {**LAND, "05048": Commune("05046", "0503", "05302")}  # in a unit of exactly 30,000
    assert units(built(land))["05046"] == "05046"
    assert units(built(land, PEOPLE | {"05048": 1}))["05046"] == "0503_"


def test_movements_need_their_dates() -> None:
    moves = movements((32, "2024-01-01", "05024", "05023"))
    with pytest.raises(ValueError, match="between"):
        built(movements=moves)
    assert built(between=(date(2023, 1, 1), date(2025, 1, 1))).merged == {}


def test_a_pole_that_goes_after_the_geography_is_not_looked_for_before() -> None:
    """What merges between the two dates says nothing of an area that was drawn before both."""
    land = {code: Commune("05099", "0501", "05000") for code in ("05023", "05024")}
    people = dict.fromkeys(land, 5)
    for day, gone in (("2023-01-01", True), ("2023-01-02", False), ("2025-01-01", False)):
        how = {"movements": movements((32, day, "05099", "05023")),
               "between": (date(2023, 1, 1), date(2025, 1, 1))}  # fmt: skip
        if gone:
            assert built(land, people, **how).poles == {"05099": "05023"}
        else:
            (fault,) = refused(geography(land), municipal(people), LAW, **how)
            assert (fault.fault, fault.values) == ("APL-C14", ("05099",))


def test_people_move_with_their_commune_and_are_not_made() -> None:
    """Into one that stands, and into one that the population table does not have."""
    since = (date(2023, 1, 1), date(2025, 1, 1))
    into = built(movements=movements((32, "2024-01-01", "05047", "05046")), between=since)
    assert columns(into.communes, "code_commune", "population")["05046"] == 30_005
    assert sum(into.communes.column("population").to_pylist()) == sum(PEOPLE.values())
    fewer = {code: count for code, count in PEOPLE.items() if code != "05046"}
    alone = built(people=fewer, movements=movements((32, "2024-01-01", "05047", "05046")),
                  between=since)  # fmt: skip
    assert columns(alone.communes, "code_commune", "population")["05046"] == 5
    assert "05047" not in alone.without_population
    assert "05046" not in alone.without_population


def test_what_is_wrong_with_people_comes_together_and_says_how_many() -> None:
    people = PEOPLE | {"13055": 1, "01001": 5, "01002": 7, "75101": 11}
    both, unknown = refused(geography(LAND), municipal(people), LAW)
    assert (both.fault, both.values, both.column) == ("APL-C07", ("13055",), "code_commune")
    assert (both.table, unknown.table) == ("population_municipale",) * 2
    assert (unknown.fault, unknown.values) == ("APL-C02", ("01001", "01002", "75101"))
    assert unknown.why == "23 inhabitants would be in no zone"


def test_an_arrondissement_needs_its_city_or_itself_in_the_geography() -> None:
    land = {code: place for code, place in LAND.items() if code != "13055"}
    land["13001"] = Commune("13001", "1301", "00759")
    (fault,) = refused(geography(land), municipal(PEOPLE), LAW)
    assert (fault.fault, fault.values) == ("APL-C02", ("13201", "13202"))


def test_living_areas_without_pole_or_for_nobody() -> None:
    land = {
        "05023": Commune("05024", "0501", "05301"),
        "05025": Commune(NO_AREA, "0502", "05301"),
        "05026": Commune(NO_AREA, "0502", "05301"),
        "05027": Commune("05027", "0502", "05000"),
    }
    absent, homeless = refused(
        geography(land), municipal({"05023": 5, "05025": 1, "05026": 0}), LAW
    )
    assert (absent.fault, absent.values, absent.table, absent.column) == (
        "APL-C14", ("05024",), "geographie", "code_bassin_de_vie",
    )  # fmt: skip
    assert (homeless.fault, homeless.values, homeless.table) == (
        "APL-C11",
        ("05025",),
        "geographie",
    )
    land["05023"] = Commune("05027", "0501", "05301")
    found = built(land, {"05023": 40_000, "05026": 0})
    assert units(found) == {"05023": "05027", "05026": NO_AREA}
    assert found.without_population == ("05025", "05027")


# --- bare overseas codes -------------------------------------------------------------------------


def test_an_overseas_code_in_a_dictionary_and_in_chunks() -> None:
    parts = [["97105", "97106"], ["97108", "05023"]]
    homes = [["97106", "97106_"], ["97199", "05023"]]
    for encode in (False, True):
        codes, area = pa.chunked_array(parts), pa.chunked_array(homes)
        table = pa.table({"code_commune": codes.dictionary_encode() if encode else codes,
                          "code_bvcv": area.dictionary_encode() if encode else area})  # fmt: skip
        (fault,) = bare_overseas(table)
        assert (fault.rows, fault.values, fault.count) == ((1, 3), ("97106", "97199"), 2)
        assert list(fault.cells()) == [(1, "97106"), (3, "97199")]


# --- the mean ------------------------------------------------------------------------------------

TWO: list[Row] = [("01001", "Z", "84", 9), ("01002", "Y", "93", 4)]
SCORES = [("01001", 5.0, 2.0), ("01002", 7.0, 3.0)]


@pytest.mark.parametrize("lacking", ["code_commune", "apl", "population_standardisee"])
def test_a_table_of_apl_has_three_columns(lacking: str) -> None:
    (fault,) = refused(
        apl_table(SCORES).drop_columns([lacking]), communes_table(TWO), LAW, of=aggregate
    )
    assert (fault.fault, fault.table, fault.column) == ("APL-B08", "apl", lacking)


@pytest.mark.parametrize("lacking", ["code_commune", "code_region", "code_bvcv", "population"])
def test_a_table_of_communes_has_four(lacking: str) -> None:
    (fault,) = refused(
        apl_table(SCORES), communes_table(TWO).drop_columns([lacking]), LAW, of=aggregate
    )
    assert (fault.fault, fault.table, fault.column) == ("APL-B08", "communes", lacking)


def test_no_commune_at_all_is_refused() -> None:
    none = communes_table(TWO).slice(0, 0)
    (fault,) = refused(apl_table(SCORES), none, LAW, of=aggregate)
    assert (fault.fault, fault.table) == ("APL-D16", "communes")


def test_a_result_may_leave_communes_out_and_name_others_without_apl() -> None:
    rows: list[Row] = [*TWO, ("01003", "Z", "84", 50), ("01004", "X", "84", 1)]
    scores = apl_table([*SCORES[::-1], ("01009", None, 6.0), ("01004", None, 8.0)])
    found = aggregate(scores, communes_table(rows), LAW)
    assert found.to_pylist() == [
        {"code_bvcv": "X", "code_region": "84", "population": 1, "population_standardisee": 8.0,
         "apl": None},
        {"code_bvcv": "Y", "code_region": "93", "population": 4, "population_standardisee": 3.0,
         "apl": 7.0},
        {"code_bvcv": "Z", "code_region": "84", "population": 59, "population_standardisee": 2.0,
         "apl": 5.0},
    ]  # fmt: skip
    assert found.schema.types == [
        pa.string(), pa.string(), pa.int64(), pa.float64(), pa.float64(),
    ]  # fmt: skip


def test_a_mean_lies_between_its_communes_and_counts_what_has_weight() -> None:
    rows: list[Row] = [("01001", "Z", "84", 1), ("01002", "Z", "84", 1), ("01003", "Z", "84", 1)]
    scores = apl_table([("01001", 1.0, 1.0), ("01002", 4.0, 2.0), ("01003", 90.0, 0.0)])
    assert aggregate(scores, communes_table(rows), LAW)["apl"].to_pylist() == [3.0]
    zero = apl_table([("01001", 0.0, 1.0), ("01002", 0.0, 2.0), ("01003", None, 7.0)])
    found = aggregate(zero, communes_table(rows), LAW)
    assert found["apl"].to_pylist() == [0.0]
    assert found["population_standardisee"].to_pylist() == [10.0]


def test_no_rounding_takes_a_mean_past_its_communes() -> None:
    """3 · 0.1 / 3 is above 0.1, beside a commune without weight that counts."""
    rows: list[Row] = [("01001", "Z", "84", 1), ("01002", "Z", "84", 1)]
    for other in (0.05, 0.1):
        scores = apl_table([("01001", 0.1, 3.0), ("01002", other, 1e-18)])
        assert aggregate(scores, communes_table(rows), LAW)["apl"].to_pylist() == [0.1]


def test_forms_of_codes_change_nothing() -> None:
    """Plain, in chunks, in dictionaries: of one word more, out of order, one a chunk."""
    table = communes_table([*TWO, ("01003", "X", "84", 7)])
    scores = apl_table([*SCORES, ("01003", 1.0, 1.0)])
    want = aggregate(scores, table, LAW)
    words, indices = pa.array(["Y", "W", "Z", "X"]), pa.array([2, 0, 3], pa.int32())
    coded = pa.DictionaryArray.from_arrays(indices, words)
    parts = pa.chunked_array([["Z"], ["Y", "X"]])
    for form in (coded, pa.chunked_array([coded]), parts, parts.dictionary_encode(),
                 pa.chunked_array([pa.array(["Z"]).dictionary_encode(),
                                   pa.array(["Y", "X"]).dictionary_encode()])):  # fmt: skip
        assert aggregate(scores, table.set_column(1, "code_bvcv", form), LAW).equals(want)


def test_units_without_weight_and_ties_come_together() -> None:
    rows: list[Row] = [
        ("01001", "Z", "84", 3), ("01002", "Y", "84", 3), ("01003", "Y", "93", 3),
        ("01004", "X", "84", 3),
    ]  # fmt: skip
    scores = apl_table([("01001", 1.0, 0.0), ("01002", 1.0, 1.0), ("01004", None, 0.0)])
    empty, tied = refused(scores, communes_table(rows), LAW, of=aggregate)
    assert (empty.fault, empty.values, empty.count) == ("APL-C10", ("Z",), 1)
    assert (tied.fault, tied.values, tied.count) == ("APL-C15", ("Y",), 1)
    assert (tied.table, tied.column) == ("communes", "code_bvcv")


def test_three_regions_and_a_tie_of_the_lesser_two() -> None:
    rows: list[Row] = [
        ("01001", "Z", "27", 3), ("01002", "Z", "84", 4), ("01003", "Z", "93", 3),
        ("01004", "Y", "93", 0), ("01005", "Y", "93", 0),
    ]  # fmt: skip
    found = attributed(communes_table(rows), LAW)
    assert columns(found, "code_bvcv", "code_region") == {"Y": "93", "Z": "84"}
    assert columns(found, "code_bvcv", "population") == {"Y": 0, "Z": 10}
    assert found["apl"].null_count == 2


def test_of_a_tie_nothing_hangs_where_each_region_counts_its_own() -> None:
    rows: list[Row] = [("01001", "Z", "84", 3), ("01002", "Z", "93", 3)]
    scores = apl_table([("01001", 1.0, 1.0), ("01002", 2.0, 1.0)])
    assert aggregate(scores, communes_table(rows), OWN)["apl"].to_pylist() == [1.5]
    assert refused(scores, communes_table(rows), LAW, of=aggregate)[0].fault == "APL-C15"


def test_what_a_result_has_wrong_is_named_with_its_rows() -> None:
    rows: Sequence[Row] = [*TWO, ("01003", "Z", "84", 0), ("01004", "Z", "84", 2)]
    scores = apl_table(
        [("01009", 1.0, 1.0), ("01001", 2.0, None), ("01003", 3.0, None), ("01008", None, None),
         ("01002", None, None), ("01008", None, 1.0), ("01002", 1.0, 1.0),
         ("01004", 4.0, None)]
    )  # fmt: skip
    alien, twice, missing = refused(scores, communes_table(rows), LAW, of=aggregate)
    assert (alien.fault, alien.rows, alien.values) == ("APL-C14", (1,), ("01009",))
    assert (twice.fault, twice.rows, twice.values) == ("APL-D05", (5, 7), ("01002", "01002"))
    assert (missing.fault, missing.rows, missing.values) == (
        "APL-D01", (2, 8), ("01001", "01004"),
    )  # fmt: skip
    assert [fault.table for fault in (alien, twice, missing)] == ["apl"] * 3
    assert missing.column == "population_standardisee"
