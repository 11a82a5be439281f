"""BVCV: built by the rule of article II, and merged with their communes.

A geography made by hand has one of everything; random ones are held against the oracle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import naive
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive import Commune

import apl
from apl.bvcv import Built, bare_overseas, build
from apl.country import country
from apl.law import Rules
from apl_core import TableError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

# One of everything. Living areas: 05023 in a town of 30,001; 05046 in a town of exactly 30,000;
# 05061 in a village; 13055 in Marseille; 97105 and 97106 overseas; 97302 without cantons.
LAND = {
    "05023": Commune("05023", "0501", "05301"),
    "05024": Commune("05023", "0502", "05000"),
    "05025": Commune("05023", "0502", "05301"),
    "05046": Commune("05046", "0503", "05302"),
    "05047": Commune("05046", "0503", "05000"),
    "05061": Commune("05061", "0503", "05000"),
    "13055": Commune("13055", "1398", "00759"),
    "13001": Commune("13055", "1301", "00759"),
    "97105": Commune("97105", "97106", "9A501"),
    "97107": Commune("97105", "97106", "9A000"),
    "97106": Commune("97106", "97107", "9A000"),
    "97302": Commune("97302", "973ZZ", "9C301"),
    "97307": Commune("97302", "973ZZ", "9C000"),
    "97601": Commune("97601", "97601", "9F000"),
}
PEOPLE = {
    "05023": 30_000, "05024": 800, "05025": 1, "05046": 30_000, "05047": 5, "05061": 9,
    "13001": 145_000, "13201": 40_000, "13202": 24_000, "97105": 30_001, "97107": 7,
    "97106": 8, "97302": 65_000, "97307": 12,
}  # fmt: skip
UNITS = {
    "05023": "0501_", "05024": "0502_", "05025": "0502_", "05046": "05046", "05047": "05046",
    "05061": "05061", "13001": "1301_", "13201": "13201", "13202": "13202", "97105": "97106_",
    "97107": "97106_", "97106": "97106", "97302": "973ZZ_", "97307": "973ZZ_",
}  # fmt: skip
REGION = {"05": "93", "13": "93", "97": "01", "01": "84", "75": "11"}


def geography(communes: Mapping[str, Commune], order: Sequence[str] | None = None) -> pa.Table:
    codes = list(communes) if order is None else order
    return pa.table(
        {
            "code_commune": codes,
            "libelle": [f"name of {code}" for code in codes],
            "code_departement": [code[:2] for code in codes],
            "code_region": [REGION.get(code[:2], "84") for code in codes],
            "code_bassin_de_vie": [communes[code].bassin_de_vie for code in codes],
            "code_canton_ville": [communes[code].canton_ville for code in codes],
            "code_unite_urbaine": [communes[code].unite_urbaine for code in codes],
        }
    )


def municipal(people: Mapping[str, int], order: Sequence[str] | None = None) -> pa.Table:
    codes = list(people) if order is None else order
    persons = pa.array([people[code] for code in codes], pa.int64())
    return pa.table({"code_commune": pa.array(codes, pa.string()), "population": persons})


def built(
    communes: Mapping[str, Commune] = LAND,
    people: Mapping[str, int] = PEOPLE,
    rules: Rules = LAW,
    **more: Any,
) -> Built:
    return build(geography(communes), municipal(people), rules, **more)


def units(found: Built) -> dict[str, str]:
    return columns(found.communes, "code_commune", "code_bvcv")


def columns(table: pa.Table, key: str, value: str) -> dict[str, Any]:
    return dict(zip(table.column(key).to_pylist(), table.column(value).to_pylist(), strict=True))


# II by hand


def test_one_of_everything() -> None:
    found = built()
    assert units(found) == UNITS == naive.bvcv(LAND, PEOPLE)
    assert columns(found.communes, "code_commune", "population") == PEOPLE
    lacking = [str(code) for code in range(13203, 13217)]  # the city has two of its sixteen here
    assert found.without_population == (*lacking, "97601")
    assert found.communes.column("code_commune").to_pylist() == sorted(PEOPLE)


def test_the_pole_s_urban_unit_must_have_more_than_30_000() -> None:
    """The unit's population counts, not the pole's nor the living area's."""
    assert units(built(people=PEOPLE | {"05025": 0}))["05024"] == "05023"
    assert units(built(people=PEOPLE | {"05047": 900_000}))["05046"] == "05046"
    assert units(built(people=PEOPLE | {"05046": 30_001}))["05047"] == "0503_"
    assert units(built(people=PEOPLE | {"05061": 900_000}))["05061"] == "05061"  # in no urban unit


def test_arrondissements_stand_alone_and_count_for_their_city() -> None:
    found = built(people=PEOPLE | {"13001": 1, "13201": 15_000, "13202": 15_000})
    assert [units(found)[code] for code in ("13001", "13201", "13202")] == [
        "1301_", "13201", "13202",
    ]  # fmt: skip
    names = columns(found.communes, "code_commune", "libelle")
    assert names["13201"] == "name of 13055 1er Arrondissement"
    assert columns(found.communes, "code_commune", "code_region")["13202"] == "93"
    fewer = built(people=PEOPLE | {"13001": 1, "13201": 15_000, "13202": 14_999})
    assert units(fewer)["13001"] == "13055"


def test_an_overseas_canton_is_not_the_living_area_of_the_same_code() -> None:
    assert {code for code, unit in units(built()).items() if unit == "97106_"} == {"97105", "97107"}
    assert [code for code, unit in units(built()).items() if unit == "97106"] == ["97106"]


def test_cantons_without_number_are_one_unit_or_one_a_commune() -> None:
    law = LAW.reading({"territory.canton_without_number": "by_commune"})
    alone = UNITS | {"97302": "97302", "97307": "97307"}
    assert units(built(rules=law)) == alone
    assert naive.bvcv(LAND, PEOPLE, without_number="by_commune") == alone


@pytest.mark.parametrize(
    ("communes", "people", "fault", "values"),
    [
        (LAND, PEOPLE | {"13055": 64_000}, "APL-C07", ("13055",)),
        (LAND, PEOPLE | {"01001": 5}, "APL-C02", ("01001",)),
        (LAND, PEOPLE | {"75101": 5}, "APL-C02", ("75101",)),
        ({"01002": Commune("01001", "0101", "01000")}, {"01002": 5}, "APL-C14", ("01001",)),
    ],
)
def test_build_refuses(
    communes: dict[str, Commune], people: dict[str, int], fault: str, values: tuple[str, ...]
) -> None:
    with pytest.raises(TableError) as refused:
        built(communes, people)
    assert (refused.value.fault, refused.value.values) == (fault, values)


# II at random: towns around the threshold, cantons with and without a number

AREAS = ("01001", "01002", "13055")
ELSEWHERE = ("01003", "01004", "01005", "13002")


@st.composite
def geographies(draw: st.DrawFn) -> tuple[dict[str, Commune], dict[str, int]]:
    """Communes of three living areas, and the inhabitants of most of them."""
    town = st.sampled_from(["00101", "00102", "01000", "13000"])
    communes = {
        code: Commune(
            code if code in AREAS else draw(st.sampled_from(AREAS)),
            draw(st.sampled_from(["0101", "0102", "01ZZ"])),
            draw(town),
        )
        for code in (*AREAS, *ELSEWHERE)
    }
    persons = st.sampled_from([0, 1, 4_999, 5_000, 10_000, 14_999, 15_000, 15_001, 30_000, 30_001])
    listed = [*AREAS[:2], *ELSEWHERE, *draw(st.sampled_from([["13055"], ["13201", "13216"]]))]
    missing = draw(st.sets(st.sampled_from(ELSEWHERE), max_size=2))
    return communes, {code: draw(persons) for code in listed if code not in missing}


@quick
@given(geographies(), st.sampled_from(["one_unit", "by_commune"]), st.data())
def test_units_are_the_oracle_s_in_any_order(
    made: tuple[dict[str, Commune], dict[str, int]], reading: str, data: st.DataObject
) -> None:
    communes, people = made
    law = LAW.reading({"territory.canton_without_number": reading})
    found = built(communes, people, law)
    assert units(found) == naive.bvcv(communes, people, without_number=reading)
    lists = [data.draw(st.permutations(list(codes))) for codes in (communes, people)]
    again = build(geography(communes, lists[0]), municipal(people, lists[1]), law)
    assert again.communes.equals(found.communes)


# II, communes nouvelles


def movements(*rows: tuple[int, str, str, str]) -> pa.Table:
    """(mod, date, before, after), as the gate hands them on: text in dictionaries."""
    mod, day, before, after = zip(*rows, strict=True)
    kind = pa.array(["COM"] * len(rows)).dictionary_encode()
    text = [pa.array(values).dictionary_encode() for values in (day, before, after)]
    return pa.table(
        {
            "mod": pa.array(mod, pa.int64()),
            "date_effet": text[0],
            "type_avant": kind,
            "code_avant": text[1],
            "type_apres": kind,
            "code_apres": text[2],
        }
    )


SINCE = (date(2023, 1, 1), date(2025, 1, 1))
DAY, NEXT = "2024-01-01", "2025-01-01"
# Three living areas of two communes; the pole bears the area's code.
RURAL = {
    f"0100{number}": Commune(f"0100{area}", "0101", "01000")
    for number, area in enumerate((1, 1, 3, 3, 5, 5), start=1)
}
HEADS = {code: 100 + int(code[-1]) for code in RURAL}
BESIDE = {**RURAL, "38001": Commune("38001", "3801", "38000")}


def merged(*rows: tuple[int, str, str, str], rules: Rules = LAW, **more: Any) -> Built:
    given_ones = {"communes": RURAL, "people": HEADS, **more}
    return built(**given_ones, rules=rules, movements=movements(*rows), between=SINCE)


def test_a_commune_nouvelle_takes_the_bvcv_of_the_code_it_keeps() -> None:
    """01004 (of 01003) goes into 01002 (of 01001): neither is a pole."""
    found = merged((32, DAY, "01002", "01002"), (32, DAY, "01004", "01002"))
    assert units(found) == {
        "01001": "01001", "01002": "01001", "01003": "01003", "01005": "01005", "01006": "01005",
    }  # fmt: skip
    assert columns(found.communes, "code_commune", "population")["01002"] == 102 + 104
    assert (found.merged, found.merged_areas) == ({"01004": "01002"}, {})
    other = merged((32, DAY, "01004", "01004"), (32, DAY, "01002", "01004"))
    assert units(other)["01004"] == "01003"


def test_bvcv_merge_with_their_poles() -> None:
    """Both poles: one BVCV; a pole and another commune: none merges."""
    found = merged((32, DAY, "01003", "01001"))
    assert found.merged_areas == {"01003": "01001"}
    assert units(found) == {
        "01001": "01001", "01002": "01001", "01004": "01001", "01005": "01005", "01006": "01005",
    }  # fmt: skip
    other = merged((32, DAY, "01001", "01003"))
    assert other.merged_areas == {"01001": "01003"}
    assert merged((32, DAY, "01004", "01001")).merged_areas == {}
    third = merged((32, DAY, "01001", "01006"), (32, DAY, "01003", "01006"))
    assert third.merged_areas == {"01003": "01001"}
    assert units(third)["01006"] == "01005"


def test_a_commune_outside_of_the_area_that_bears_its_code_is_no_pole() -> None:
    """01003 lives in 01001's area: its merger into 01001 does not take the area 01003 along."""
    apart = {**RURAL, "01003": Commune("01001", "0101", "01000")}
    found = merged((32, DAY, "01003", "01001"), communes=apart)
    assert (found.merged_areas, units(found)["01004"]) == ({}, "01003")


def test_chains_of_mergers() -> None:
    """Year after year, or in one day, the end is the same, poles included."""
    end = {"01002": "01001", "01004": "01001", "01005": "01001", "01006": "01001"}
    for days in ((DAY, NEXT), (DAY, DAY)):
        found = merged((32, days[0], "01001", "01003"), (32, days[1], "01003", "01005"))
        assert found.merged == {"01001": "01005", "01003": "01005"}
        assert set(units(found).values()) == {"01005"}
        down = merged((32, days[0], "01005", "01003"), (32, days[1], "01003", "01001"))
        assert units(down) == {"01001": "01001"} | {c: u for c, u in end.items() if c != "01005"}
        assert down.merged_areas == {"01003": "01001", "01005": "01001"}
    # 01002 takes in the pole 01001 and holds it from then on
    held = merged((32, DAY, "01001", "01002"), (32, NEXT, "01003", "01002"))
    assert held.merged_areas == {"01003": "01001"}


def test_movements_outside_of_the_dates_or_between_other_kinds_are_left() -> None:
    before, after = (32, "2023-01-01", "01003", "01001"), (32, "2025-01-02", "01003", "01001")
    renamed = (10, DAY, "01003", "01003")
    assert units(merged(before, after, renamed)) == units(built(RURAL, HEADS))
    table = movements((32, DAY, "01003", "01001"))
    delegated = table.set_column(2, "type_avant", pa.array(["COMD"]).dictionary_encode())
    found = built(RURAL, HEADS, movements=delegated, between=SINCE)
    assert found.merged == {}


def test_a_change_of_code_keeps_the_commune_its_people_and_its_unit() -> None:
    found = merged((41, DAY, "01004", "38004"), communes=BESIDE, people=HEADS)
    assert units(found)["38004"] == "01003"
    assert columns(found.communes, "code_commune", "population")["38004"] == 104
    back = merged((50, DAY, "01004", "01009"), (50, NEXT, "01009", "01004"))
    assert back.communes.equals(built(RURAL, HEADS).communes)
    on = merged((41, DAY, "01004", "38004"), (32, NEXT, "38004", "01001"))  # back before the end
    assert on.merged == {"01004": "01001"}
    assert columns(on.communes, "code_commune", "population")["01001"] == 101 + 104


def places_of(built: Built) -> dict[str, tuple[str, str]]:
    """Département and region of each commune."""
    names = ("code_commune", "code_departement", "code_region")
    rows = zip(*(built.communes.column(name).to_pylist() for name in names), strict=True)
    return {code: (departement, region) for code, departement, region in rows}


def test_a_commune_that_changes_departement_takes_its_region_too() -> None:
    """01002 → 13099: région 84 → 93; its BVCV, which may lie in both, stays the same."""
    beside = {**RURAL, "13001": Commune("13001", "1301", "13000")}
    people = {**HEADS, "13001": 7}
    found = merged((41, DAY, "01002", "13099"), communes=beside, people=people)
    assert (places_of(found)["13099"], units(found)["13099"]) == (("13", "93"), "01001")
    assert places_of(found)["01001"] == ("01", "84")
    end = merged((41, DAY, "01002", "13099"), (32, NEXT, "13099", "13001"), communes=beside,
                 people=people)  # fmt: skip
    assert places_of(end)["13001"] == ("13", "93")
    within = merged((50, DAY, "01002", "01099"))
    assert places_of(within)["01099"] == ("01", "84")


def test_a_departement_that_the_geography_does_not_have_is_refused() -> None:
    with pytest.raises(TableError) as refused:
        merged((41, DAY, "01002", "69002"), (41, DAY, "01004", "2A004"))
    assert [f.fault for f in refused.value.faults] == ["APL-C15"]
    assert (refused.value.column, refused.value.values) == ("code_apres", ("2A004", "69002"))


def test_a_commune_without_population_stays_left_out_when_it_merges() -> None:
    people = {code: persons for code, persons in HEADS.items() if code not in ("01005", "01006")}
    found = merged((32, DAY, "01006", "01005"), people=people)
    assert found.without_population == ("01005",)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([(21, DAY, "01001", "01001"), (21, DAY, "01001", "01099")], "APL-C06"),
        ([(20, DAY, "01001", "01099")], "APL-C06"),
        ([(30, DAY, "01001", "01003"), (30, DAY, "01001", "01004")], "APL-C06"),
        ([(32, DAY, "01002", "01099"), (32, DAY, "01004", "01099")], "APL-C04"),
    ],
)
def test_what_movements_cannot_say_is_refused(
    rows: list[tuple[int, str, str, str]], fault: str
) -> None:
    with pytest.raises(TableError, match=fault):
        merged(*rows)


def test_the_pole_of_a_canton_is_its_most_populous_commune() -> None:
    """Two cantons of a town of 100,000; a tie goes to the smaller code."""
    town = {
        f"0100{number}": Commune("01001", canton, "00101")
        for number, canton in enumerate(("0101", "0101", "0102", "0102"), start=1)
    }
    people = {"01001": 10, "01002": 50_000, "01003": 25_000, "01004": 25_000}
    poles = (32, DAY, "01003", "01002")
    found = merged(poles, communes=town, people=people)
    assert found.merged_areas == {"0102_": "0101_"}
    none = LAW.reading({"territory.merged_canton_pole": "none"})
    assert merged(poles, communes=town, people=people, rules=none).merged_areas == {}
    other = merged((32, DAY, "01004", "01002"), communes=town, people=people)
    assert (other.merged_areas, units(other)["01003"]) == ({}, "0102_")


@quick
@given(st.data())
def test_the_order_of_movements_changes_nothing(data: st.DataObject) -> None:
    codes = st.sampled_from(sorted(RURAL))
    pairs = data.draw(st.dictionaries(codes, codes, min_size=1, max_size=4))
    assume(not set(pairs) & set(pairs.values()))  # no ring inside one day
    rows = [(32, DAY, before, after) for before, after in pairs.items()]
    rows += [(32, NEXT, after, data.draw(codes)) for after in sorted(set(pairs.values()))[:1]]
    first, second = merged(*rows), merged(*data.draw(st.permutations(rows)))
    assert first.communes.equals(second.communes)
    assert first.merged_areas == second.merged_areas
    assert sum(first.communes.column("population").to_pylist()) == sum(HEADS.values())


# An overseas code without mark


def in_units(**unit_of: str) -> pa.Table:
    codes = [name.removeprefix("c") for name in unit_of]
    return pa.table({"code_commune": codes, "code_bvcv": list(unit_of.values())})


def test_a_bare_overseas_code_is_a_living_area_whose_pole_is_in_it() -> None:
    good = in_units(c97105="97106_", c97106="97106", c97107="97106", c05023="05046", c13201="13201")
    assert bare_overseas(good) == []
    text = good.column("code_bvcv").dictionary_encode()
    assert bare_overseas(good.set_column(1, "code_bvcv", text)) == []


def test_a_bare_overseas_canton_is_refused() -> None:
    """97106 is a commune, but of another BVCV; 97199 is none. 0501 is for the schema to refuse."""
    table = in_units(
        c97105="97106", c97106="97107_", c05023="05046", c97108="97199", c97109="97106"
    )
    (fault,) = bare_overseas(table)
    assert (fault.fault, fault.table, fault.column) == ("APL-C13", "communes", "code_bvcv")
    assert (fault.rows, fault.values, fault.count) == ((1, 4, 5), ("97106", "97199", "97106"), 3)
    assert "_" in fault.mend


def test_what_build_makes_of_a_country_has_no_ambiguous_code() -> None:
    made = country()
    found = build(made["geographie"], made["population_municipale"], LAW)
    assert bare_overseas(found.communes) == []
    assert bare_overseas(built().communes) == []
    overseas = [code for code in units(found).values() if code.startswith("97")]
    assert {len(code) for code in overseas} == {5, 6}
