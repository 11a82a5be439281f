"""What tables become in another year's communes: what adds is added, an APL is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from histories import (
    CODES,
    FULL,
    HISTORY,
    YEAR,
    World,
    brought,
    merger,
    movements,
    offre,
    refused,
    worlds,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import apl
from apl.cog import History, best
from apl.conversion import Cog, Tale, converted, remarks, tale_of
from apl_core import TableError
from apl_core.tables import checked

quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

# --- what adds, what does not --------------------------------------------------------------------


def test_fte_add_and_a_changed_code_follows() -> None:
    table = offre({"69003": 4.0, "01004": 0.25, "01006": 0.5, "01005": 1.0})
    found = brought(table, "offre", 2023)
    assert found.to_pylist() == [
        {"code_commune": "69003", "etp": 4.0}, {"code_commune": "01006", "etp": 1.75}]  # fmt: skip
    assert brought(offre({"01003": 4.0}), "offre", 2022).to_pylist() == [
        {"code_commune": "69003", "etp": 4.0}]  # fmt: skip


def test_a_table_of_the_year_wanted_is_left_as_it_is() -> None:
    table = offre(dict.fromkeys(FULL[2023], 1.0))
    found = brought(table, "offre", 2023)
    assert found.equals(table)
    assert tale_of(found) == Tale("2023-01-01", "2023-01-01")
    assert tale_of(table) is None
    assert not list(remarks("offre", found))


def test_ages_and_people_keep_their_keys() -> None:
    ages = pa.table({"code_commune": ["01004", "01006", "01006", "01009"], "age": [0, 0, 5, 0],
                     "sexe": ["F", "F", "F", "F"], "population": [1.5, 2.0, 3.0, 4.0]})  # fmt: skip
    assert brought(ages, "population_par_age", 2023).to_pylist() == [
        {"code_commune": "01006", "age": 0, "sexe": "F", "population": 3.5},
        {"code_commune": "01006", "age": 5, "sexe": "F", "population": 3.0},
        {"code_commune": "01009", "age": 0, "sexe": "F", "population": 4.0},
    ]
    who = {"identifiant": ["a", "a", "b", "c", "c"],
           "code_commune": ["01004", "01005", "01005", "01004", "01006"],
           "age": [40, 40, 50, 60, 61], "actes": [10.0, 20.0, 5.0, 1.0, 2.0],
           "honoraires": [1.0, 2.0, 3.0, 4.0, 5.0],
           "installe_dans_l_annee": [False] * 5,
           "part_activite": [0.25, 0.75, 1.0, 0.5, 0.5]}  # fmt: skip
    found = brought(pa.table(who), "professionnels", 2023).to_pylist()
    assert [(r["identifiant"], r["actes"], r["honoraires"], r["part_activite"]) for r in found] == [
        ("a", 30.0, 3.0, 1.0), ("b", 5.0, 3.0, 1.0), ("c", 1.0, 4.0, 0.5), ("c", 2.0, 5.0, 0.5),
    ]  # fmt: skip
    assert {r["code_commune"] for r in found} == {"01006"}


def published(rows: Mapping[str, tuple[float | None, float | None]]) -> pa.Table:
    values = list(zip(*rows.values(), strict=True))
    return pa.table({"code_commune": list(rows), "apl": pa.array(values[0], pa.float64()),
                     "population_standardisee": pa.array(values[1], pa.float64())})  # fmt: skip


def test_an_apl_never_adds_it_is_a_mean_by_standardised_population() -> None:
    table = published({"01004": (10.0, 3.0), "01005": (None, None), "01006": (20.0, 1.0)})
    assert brought(table, "apl_publie", 2023).to_pylist() == [
        {"code_commune": "01006", "apl": 12.5, "population_standardisee": 4.0}]  # fmt: skip
    some = published({"01004": (None, 3.0), "01005": (7.0, 0.0), "01006": (20.0, 1.0)})
    assert brought(some, "apl_publie", 2023).to_pylist() == [
        {"code_commune": "01006", "apl": None, "population_standardisee": 4.0}]  # fmt: skip
    none = published({"01004": (None, None), "01005": (None, None), "01006": (None, None)})
    assert brought(none, "apl_publie", 2023).to_pylist() == [
        {"code_commune": "01006", "apl": None, "population_standardisee": None}]  # fmt: skip


def test_an_apl_without_its_weights_is_refused_where_communes_merged() -> None:
    bare = published(dict.fromkeys(FULL[2022], (1.0, 1.0))).select(["code_commune", "apl"])
    fault = refused(bare, "apl_publie", 2023)
    assert (fault.fault, fault.column) == ("APL-D06", "population_standardisee")
    assert brought(bare, "apl_publie", 2022).equals(bare)


def times(*pairs: tuple[str, str, float]) -> pa.Table:
    origin, destination, minutes = zip(*pairs, strict=True)
    return pa.table({"origine": origin, "destination": destination, "minutes": minutes})


def test_times_are_those_of_the_seat() -> None:
    table = times(("01004", "01006", 4.0), ("01006", "01006", 0.0), ("01006", "01009", 9.0),
                  ("01005", "01009", 8.0), ("01009", "01004", 7.0),
                  ("01003", "01009", 6.0))  # fmt: skip
    found = brought(table, "temps_de_parcours", 2023)
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("01006", "01006", 0.0), ("01006", "01009", 9.0), ("69003", "01009", 6.0)]  # fmt: skip
    tale = tale_of(found)
    assert tale is not None
    assert tale.set_aside == 3
    said = dict(remarks("temps_de_parcours", found))
    assert "3 rows of places that are no seat" in said["APL-S07"]


def test_several_communes_under_a_new_code_have_no_known_seat() -> None:
    history = History.of(movements(
        (31, "2020-01-01", "COM", "01001", "COM", "01009"),
        (31, "2020-01-01", "COM", "01002", "COM", "01009")))  # fmt: skip
    with pytest.raises(TableError) as caught:
        converted(times(("01001", "01002", 5.0)), "temps_de_parcours", to=YEAR[2020],
                  movements=history)  # fmt: skip
    assert caught.value.fault == "APL-C04"
    assert caught.value.values == ("01001, 01002 → 01009",)


def test_apl_c06_a_split_is_refused_and_settled_by_one_commune() -> None:
    table = offre(dict.fromkeys(FULL[2023], 1.0))
    fault = refused(table, "offre", 2024)
    assert (fault.fault, fault.values) == ("APL-C06", ("01001 → 01002",))
    assert "--passage" in fault.mend
    parts = {"code_avant": ["01001", "01001"], "code_apres": ["01001", "01002"]}
    fault = refused(table, "offre", 2024, passage=pa.table(parts))
    assert (fault.fault, fault.values) == ("APL-C06", ("01001 → 01001, 01002",))
    whole = pa.table({"code_avant": ["01001", "02001"], "code_apres": ["01001", "02002"]})
    found = brought(table, "offre", 2024, passage=whole)
    assert found.column("code_commune").to_pylist() == FULL[2023]
    other = pa.table({"code_avant": ["01001"], "code_apres": ["01009"]})
    assert brought(table, "offre", 2024, passage=other).to_pylist()[1] == {
        "code_commune": "01009", "etp": 2.0}  # fmt: skip


def test_an_earlier_year_is_refused_where_something_merged_since() -> None:
    fault = refused(offre(dict.fromkeys(FULL[2023], 1.0)), "offre", 2022)
    assert (fault.fault, fault.values) == ("APL-C06", ("01006",))
    alone = offre({"01009": 1.0})
    assert brought(alone, "offre", 2018).equals(alone)


def test_a_table_of_no_communes_is_no_affair_of_ours() -> None:
    with pytest.raises(ValueError, match="geographie: none of"):
        brought(offre({"01001": 1.0}), "geographie", 2023)
    cog = Cog(YEAR[2023], HISTORY)
    ages = pa.table({"age": [0], "honoraires_par_habitant": [1.0]})
    assert cog.bring(ages, "consommation_par_age") is ages


# --- communes and their BVCV ---------------------------------------------------------------------


def communes(units: Mapping[str, str], persons: Mapping[str, int] | None = None) -> pa.Table:
    people = [(persons or {}).get(code, 100) for code in units]
    return checked(pa.table({
        "code_commune": list(units), "libelle": [f"name {code}" for code in units],
        "code_departement": [code[:2] for code in units], "code_region": ["84"] * len(units),
        "population": people, "code_bvcv": list(units.values())}), "communes")  # fmt: skip


def test_communes_merge_and_keep_the_bvcv_of_the_code_that_goes_on() -> None:
    table = communes({"01004": "01009", "01005": "01006", "01006": "01006", "01009": "01009"},
                     {"01004": 7})  # fmt: skip
    found = brought(table, "communes", 2023)
    assert found.schema.names == table.schema.names
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("01006", "name 01006", "01", "84", 207, "01006"),
        ("01009", "name 01009", "01", "84", 100, "01009"),
    ]
    said = dict(remarks("communes", found))
    assert said["APL-C04"] == "01006 merged communes of several BVCV: it takes 01006, by its code"


def test_bvcv_whose_poles_merge_become_one() -> None:
    table = communes({"01004": "01004", "01005": "01004", "01006": "01006", "01009": "01004"})
    found = brought(table, "communes", 2023)
    assert dict(zip(*(found.column(c).to_pylist() for c in ("code_commune", "code_bvcv")),
                    strict=True)) == {"01006": "01006", "01009": "01006"}  # fmt: skip
    assert ("APL-C05", "BVCV 01004 and 01006 are one, 01006: their poles merged") in list(
        remarks("communes", found)
    )


def test_a_commune_that_changed_departement_takes_its_region() -> None:
    table = communes({"01003": "01003", "01009": "01009", "69001": "69001"})
    table = table.set_column(3, "code_region", pa.array(["27", "27", "84"]))
    found = {row["code_commune"]: row for row in brought(table, "communes", 2022).to_pylist()}
    assert (found["69003"]["code_departement"], found["69003"]["code_region"]) == ("69", "84")
    assert found["69003"]["population"] == 100


def test_a_converted_table_of_communes_is_the_one_built_in_that_year() -> None:
    """By another way: the BVCV built with movements (`apl.build_bvcv`)."""
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    codes = FULL[2020]
    geography = checked(pa.table({
        "code_commune": codes, "code_departement": ["01"] * 6, "code_region": ["84"] * 6,
        "code_bassin_de_vie": ["01001", "01003", "01004", "01004", "01006", "01006"],
        "code_canton_ville": ["0101"] * 6, "code_unite_urbaine": ["01000"] * 6,
    }), "geographie")  # fmt: skip
    people = pa.table({"code_commune": codes, "population": [9, 8, 7, 6, 5, 4]})
    before = apl.build_bvcv(geography, people, law)
    nothing = merger("2023-01-01", "01006", "01004", "01005", mod=31)
    moves = movements(*merger("2015-01-01", "01001", "01002"), *nothing)
    there = apl.build_bvcv(geography, people, law, movements=moves,
                           between=(YEAR[2020], YEAR[2023])).communes  # fmt: skip
    found = brought(before.communes, "communes", 2023, movements=moves, law=law.territory)
    assert found.sort_by("code_commune").to_pylist() == there.sort_by("code_commune").to_pylist()


# --- any history ---------------------------------------------------------------------------------


@quick
@given(worlds(), st.randoms(use_true_random=False), st.data())
def test_any_history_is_told_and_followed(world: World, random: Any, data: st.DataObject) -> None:
    history = History.of(movements(*world.rows))
    last = int(history.until[:4])
    for year, codes in world.lists.items():
        if history.first <= year <= last:
            assert all(history.stands(c, YEAR[year]) == (c in codes) for c in CODES
                       if c in history.spans)  # fmt: skip
            found = best(history.fits(codes))
            assert found.whole
            assert {c for c in history.spans if history.stands(c, YEAR[found.year])} == {
                c for c in codes if c in history.spans}  # fmt: skip
    number = st.floats(0, 1e6, allow_subnormal=False)
    values = {code: data.draw(number) for code in CODES[:8]}
    table = offre(values)
    if best(history.fits(values)).year > last:
        return
    found = converted(table, "offre", to=YEAR[last], movements=history)
    wanted: dict[str, Fraction] = {}
    for first, code in world.home.items():
        wanted[code] = wanted.get(code, Fraction(0)) + Fraction(values[first])
    assert_same(found, wanted)
    order = list(range(8))
    random.shuffle(order)
    again = converted(table.take(order), "offre", to=YEAR[last], movements=history)
    assert again.sort_by("code_commune").equals(found.sort_by("code_commune"))


def assert_same(found: pa.Table, wanted: Mapping[str, Fraction]) -> None:
    got = dict(zip(*(column.to_pylist() for column in found.columns), strict=True))
    assert got.keys() == wanted.keys()
    for code, value in wanted.items():
        assert abs(Fraction(got[code]) - value) <= Fraction(1, 10**12) * max(value, Fraction(1))


@quick
@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0.001, 1e5)), min_size=3, max_size=3))
def test_the_mean_apl_and_what_it_conserves(rows: Sequence[tuple[float, float]]) -> None:
    table = published(dict(zip(["01004", "01005", "01006"], rows, strict=True)))
    (found,) = brought(table, "apl_publie", 2023).to_pylist()
    exact = [(Fraction(a), Fraction(w)) for a, w in rows]
    mean = sum((a * w for a, w in exact), Fraction()) / sum((w for _, w in exact), Fraction())
    assert abs(Fraction(found["apl"]) - mean) <= Fraction(1, 10**12) * max(mean, Fraction(1))
    assert min(a for a, _ in rows) - 1e-9 <= found["apl"] <= max(a for a, _ in rows) + 1e-9


def test_columns_of_dictionaries_in_chunks_give_the_same() -> None:
    table = published({"01004": (1.0, 3.0), "01005": (2.0, 5.0), "01006": (4.0, 1.0),
                       "01009": (0.1, 0.2)})  # fmt: skip
    coded = table.set_column(0, "code_commune", pa.chunked_array([
        pa.array(["01004", "01005"]).dictionary_encode(),
        pa.array(["01009", "01006"]).dictionary_encode()]))  # fmt: skip
    plain = coded.set_column(0, "code_commune", coded.column(0).cast(pa.string()))
    one, other = (brought(each, "apl_publie", 2023) for each in (coded, plain))
    assert one.to_pylist() == other.to_pylist()
    assert pa.types.is_dictionary(one.schema.field("code_commune").type)
    assert [row["code_commune"] for row in one.to_pylist()] == ["01009", "01006"]


def test_words_of_a_dictionary_that_no_row_has_any_more() -> None:
    """A table that was filtered keeps the dictionary of the whole."""
    table = published({"01004": (1.0, 3.0), "01006": (4.0, 1.0), "01009": (0.1, 0.2)})
    coded = table.set_column(0, "code_commune", table.column(0).dictionary_encode())
    kept = pa.array([True, True, False])
    one, other = (brought(each.filter(kept), "apl_publie", 2023) for each in (coded, table))
    assert one.to_pylist() == other.to_pylist()
