"""Supply and demand against the exact oracle: each rule by hand, then all of them together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import naive
import numpy as np
import pyarrow as pa
import pytest
import strategies as made
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive import Place
from numpy.typing import NDArray

import apl
from apl.activity import Supply, demand, given_demand, given_supply, quantile, supply
from apl.law import Rules
from apl.parameters import Parameters
from apl_core import RuleError, TableError, Territory

F64 = NDArray[np.float64]
TOLERANCE = Fraction(1, 10**12)
LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
OF_2021 = Parameters(3783.0, 6906.0)
CODES = ("01001", "01002", "2A004")
LAND = Territory.from_codes(CODES)
ORDERS = list(itertools.permutations(("age", "installed", "floor")))
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def table(places: Sequence[Place], order: Sequence[int] | None = None) -> pa.Table:
    """The `professionnels` table; `part_activite` where any place states it."""
    rows = list(places) if order is None else [places[at] for at in order]
    names = ["identifiant", "code_commune", "age", "actes", "honoraires", "installe_dans_l_annee"]
    names += ["part_activite"] * any(row.part_activite is not None for row in rows)
    data = {name: [getattr(row, name) for row in rows] for name in names}
    floats = {name for name in ("actes", "honoraires", "part_activite") if name in data}
    return pa.table(data | {name: pa.array(map(float, data[name])) for name in floats})


def count(
    places: Sequence[Place], law: Rules = LAW, parameters: Parameters | None = OF_2021
) -> Supply:
    return supply(table(places), LAND, law, parameters)


def one(acts: float, fees: float = 70_000, *, age: int = 40, new: bool = False) -> float:
    """The FTE of one person in one place, in 2021."""
    return float(count([Place("1", "01001", age, acts, fees, new)]).etp.sum())


def assert_close(values: F64, exact: Mapping[str, Fraction]) -> None:
    """Each value, by sorted code, within 1e-12 of the exact one."""
    for code, value in zip(CODES, values.tolist(), strict=True):
        wanted = exact.get(code, Fraction(0))
        assert abs(Fraction(value) - wanted) <= TOLERANCE * wanted, (code, value, float(wanted))


# 4.1.1 by hand


def test_activity_is_held_against_the_median_and_capped_at_the_ninth_decile() -> None:
    assert (one(3783), one(1891.5), one(0)) == (1.0, 0.5, 0.0)
    assert one(6906) == one(6907) == one(20_000) == 6906 / 3783
    assert [count([Place("1", "01001", 40, acts, 70_000)]).capped for acts in (6906, 6907)] == [
        0,
        1,
    ]


def test_over_65_does_not_count() -> None:
    assert (one(3783, age=65), one(3783, age=66)) == (1.0, 0.0)


def test_very_low_activity_does_not_count() -> None:
    assert (one(544, 10_000), one(544, 9_999.99)) == (544 / 3783, 0.0)


def test_a_newcomer_counts_one_whatever_the_activity_unless_over_65() -> None:
    assert one(3, 60, new=True) == one(0, 0, new=True) == one(9000, new=True) == 1.0
    assert (one(3, 60, new=True, age=65), one(3, 60, new=True, age=66)) == (1.0, 0.0)


def test_the_floor_in_acts_needs_its_figure() -> None:
    in_acts = LAW.reading({"supply.floor": "acts"})
    places = [Place("1", "01001", 40, 544, 0), Place("2", "01001", 40, 543, 99_000)]
    assert count(places, in_acts, replace(OF_2021, least_acts=544.0)).etp[0] == 544 / 3783
    with pytest.raises(RuleError) as refused:
        count(places, in_acts)
    assert "plancher_actes" in refused.value.mend


def test_the_order_of_the_rules_decides() -> None:
    """An old newcomer and a newcomer of no activity: each order gives its own count."""
    places = [
        Place("old", "01001", 70, 5000, 90_000, True),
        Place("idle", "01002", 30, 3, 60, True),
    ]
    for order in ORDERS:
        law = LAW.reading({"supply.order": order})
        old = order.index("installed") < order.index("age")
        idle = order.index("installed") < order.index("floor")
        assert count(places, law).etp.tolist() == [old, idle, 0.0], order


def test_rules_apply_to_the_person_not_to_the_place() -> None:
    """Two places of 6,000 € each are 12,000 €; 4,000 and 4,000 acts are capped together."""
    low = [Place("1", code, 40, 300, 6_000) for code in CODES[:2]]
    assert count(low).etp.tolist() == [300 / 3783, 300 / 3783, 0.0]
    high = [Place("1", code, 40, 4000, 70_000) for code in CODES[:2]]
    np.testing.assert_allclose(count(high).etp, [3453 / 3783, 3453 / 3783, 0], rtol=1e-15)
    new = [Place("1", "01001", 40, 30, 600, True), Place("1", "01002", 40, 10, 200, False)]
    assert count(new).etp.tolist() == [0.75, 0.25, 0.0]


def test_several_places_are_split_by_acts_equally_or_as_stated() -> None:
    acts = [Place("1", "01001", 40, 1000, 9e4), Place("1", "01002", 40, 2783, 9e4)]
    equally = LAW.reading({"supply.places": "equally"})
    assert count(acts).etp.tolist() == [1000 / 3783, 2783 / 3783, 0.0]
    assert count(acts, equally).etp.tolist() == [0.5, 0.5, 0.0]
    idle = [replace(place, actes=0, installe_dans_l_annee=True) for place in acts]
    assert count(idle).etp.tolist() == [0.5, 0.5, 0.0]
    stated = [replace(p, part_activite=part) for p, part in zip(acts, (0.1, 0.9), strict=True)]
    assert count(stated).etp.tolist() == count(stated, equally).etp.tolist() == [0.1, 0.9, 0.0]


def test_the_counts_add_up() -> None:
    places = [
        Place("1", "01001", 66, 5000, 9e4, True), Place("2", "01001", 40, 5000, 9e4),
        Place("3", "01002", 30, 10, 200, True), Place("4", "01002", 30, 10, 200),
        Place("5", "2A004", 30, 7000, 9e4), Place("5", "01001", 30, 10, 9e2),
    ]  # fmt: skip
    found = count(places)
    counts = (found.persons, found.too_old, found.newcomers, found.below_floor, found.capped)
    assert counts == (5, 1, 1, 1, 1)


# 4.1.1 at random

acts = st.one_of(st.sampled_from([0, 543, 544, 545, 3783, 6906, 6907]), st.integers(0, 12_000))
fees = st.one_of(
    st.sampled_from([0, 9_999.75, 10_000, 5_000]), st.integers(0, 400_000).map(lambda n: n / 4)
)
PARTS: dict[int, list[tuple[float, ...]]] = {
    1: [(1.0,)],
    2: [(0.25, 0.75), (1.0, 0.0)],
    3: [(0.5, 0.25, 0.25), (0.125, 0.5, 0.375)],
}


@st.composite
def professionals(draw: st.DrawFn, *, stated: bool = False) -> list[Place]:
    """A few persons, each in one to three communes, with what falls on every bound."""
    places = []
    for number in range(draw(st.integers(1, 8))):
        codes = draw(st.permutations(CODES))[: draw(st.integers(1, 3))]
        age = draw(st.sampled_from([18, 40, 64, 65, 66, 90]))
        parts = draw(st.sampled_from(PARTS[len(codes)])) if stated else (None,) * len(codes)
        for code, part in zip(codes, parts, strict=True):
            new = draw(st.booleans())
            places.append(Place(f"p{number}", code, age, draw(acts), draw(fees), new, part))
    return draw(st.permutations(places))


@quick
@given(
    st.booleans().flatmap(lambda stated: professionals(stated=stated)),
    st.sampled_from(ORDERS),
    st.sampled_from(["by_acts", "equally"]),
    st.sampled_from(["fees", "acts"]),
)
def test_supply_is_the_oracle_s(
    places: list[Place], order: tuple[str, ...], by: str, floor: str
) -> None:
    law = LAW.reading({"supply.places": by, "supply.floor": floor})
    law = law.reading({"supply.order": order})
    exact = naive.supply(
        places,
        median=3783,
        ninth_decile=6906,
        by=by,
        floor_acts=544 if floor == "acts" else None,
        order=order,
    )
    found = count(places, law, replace(OF_2021, least_acts=544.0))
    assert not found.computed
    assert_close(found.etp, exact)


def computed_bounds(places: Sequence[Place], field: str, kind: str) -> tuple[Fraction, Fraction]:
    """Median and ninth decile of the acts of the field, by the oracle's quantile."""
    chosen = []
    for theirs in naive.places_of(places).values():
        out = theirs[0].age > 65
        new = any(place.installe_dans_l_annee for place in theirs)
        low = sum(Fraction(place.honoraires) for place in theirs) < 10_000
        retained = not out and (new or not low)
        if field == "all" or (retained and (field == "retained" or not new)):
            chosen.append(sum(Fraction(place.actes) for place in theirs))
    assume(chosen)
    median, decile = (naive.quantile(chosen, Fraction(p, 10), kind) for p in (5, 9))
    assume(median)
    return median, decile


@quick
@given(
    professionals(),
    st.sampled_from(["retained_established", "retained", "all"]),
    st.sampled_from(["type_2", "type_7"]),
)
def test_computed_bounds_are_the_oracle_s(places: list[Place], field: str, kind: str) -> None:
    median, decile = computed_bounds(places, field, kind)
    law = LAW.reading({"supply.field": field, "supply.quantile": kind})
    found = count(places, law, None)
    assert found.computed
    assert math.isclose(found.median, median, rel_tol=1e-14)
    assert math.isclose(found.ninth_decile, decile, rel_tol=1e-14)
    assert_close(found.etp, naive.supply(places, median=median, ninth_decile=decile))


def test_fields_by_hand() -> None:
    """Retained 4000; a newcomer of 100; one over 65 of 9000, one under the floor of 50."""
    places = [
        Place("kept", "01001", 40, 4000, 7e4), Place("new", "01001", 30, 100, 1e3, True),
        Place("old", "01001", 70, 9000, 9e4), Place("idle", "01001", 40, 50, 9e2),
    ]  # fmt: skip
    wanted = {"retained_established": 4000.0, "retained": 2050.0, "all": 2050.0}
    for field, median in wanted.items():
        found = count(places, LAW.reading({"supply.field": field}), Parameters())
        assert found.median == median
        assert found.ninth_decile == (9000.0 if field == "all" else 4000.0)


@quick
@given(professionals(), st.data())
def test_the_order_of_rows_changes_no_bit(places: list[Place], data: st.DataObject) -> None:
    """Acts and fees with decimals that no sum of floats would forgive."""
    messy = [replace(p, actes=p.actes * 1.1 + 1e-3, honoraires=p.honoraires / 3) for p in places]
    again = data.draw(st.permutations(range(len(messy))))
    for parameters in (OF_2021, None):
        try:
            first = supply(table(messy), LAND, LAW, parameters)
        except RuleError:
            continue
        second = supply(table(messy, again), LAND, LAW, parameters)
        assert first.etp.tobytes() == second.etp.tobytes()
        assert (first.median, first.ninth_decile) == (second.median, second.ninth_decile)


values = st.lists(st.integers(0, 9000), min_size=1, max_size=60)


@quick
@given(values, st.sampled_from([(1, 2), (9, 10)]), st.sampled_from(["type_2", "type_7"]))
def test_quantiles_are_the_definition_s(found: list[int], rank: tuple[int, int], kind: str) -> None:
    ordered = np.sort(np.array(found, dtype=np.float64))
    exact = naive.quantile(found, Fraction(*rank), kind)
    assert math.isclose(quantile(ordered, *rank, kind), exact, rel_tol=1e-14)


@quick
@given(values)
def test_quantiles_are_numpy_s(found: list[int]) -> None:
    ordered = np.sort(np.array(found, dtype=np.float64))
    for kind, method in (("type_2", "averaged_inverted_cdf"), ("type_7", "linear")):
        for over, under in ((1, 2), (9, 10)):
            theirs = float(np.quantile(ordered, over / under, method=method))  # type: ignore[call-overload]
            assert math.isclose(quantile(ordered, over, under, kind), theirs, rel_tol=1e-12)


# 4.1.1, what is refused

GOOD = [Place("1", "01001", 40, 3783, 7e4)]


@pytest.mark.parametrize(
    ("places", "fault", "column"),
    [
        ([Place("1", "99999", 40, 1, 1)], "APL-C02", "code_commune"),
        ([*GOOD, Place("1", "01002", 41, 1, 1)], "APL-D14", "age"),
        ([replace(GOOD[0], part_activite=0.5)], "APL-D11", "part_activite"),
    ],
)
def test_supply_refuses_a_table(places: list[Place], fault: str, column: str) -> None:
    with pytest.raises(TableError) as refused:
        count(places)
    assert (refused.value.fault, refused.value.column) == (fault, column)


@pytest.mark.parametrize(
    "parameters", [Parameters(median_acts=3783.0), Parameters(6906.0, 3783.0), None]
)
def test_supply_refuses_bounds(parameters: Parameters | None) -> None:
    """Half of them, the wrong way round, or none to compute from: everybody is over 65."""
    with pytest.raises(RuleError) as refused:
        count([replace(GOOD[0], age=70)], LAW, parameters)
    assert "mediane_actes" in refused.value.mend


def test_given_supply_adds_up_and_refuses_unknown_communes() -> None:
    offre = pa.table({"code_commune": ["2A004", "01001"], "etp": [2.5, 1.0]})
    assert given_supply(offre, LAND).tolist() == [1.0, 0.0, 2.5]
    with pytest.raises(TableError, match="APL-C02"):
        given_supply(pa.table({"code_commune": ["75056"], "etp": [1.0]}), LAND)


# 4.1.2

Structure = Mapping[tuple[str, int], float]
FIVE = tuple(range(0, 100, 5))


def by_age(structure: Structure, order: Sequence[int] | None = None) -> pa.Table:
    cells = list(structure.items())
    cells = cells if order is None else [cells[at] for at in order]
    return pa.table(
        {
            "code_commune": [code for (code, _), _ in cells],
            "age": pa.array([age for (_, age), _ in cells], pa.int64()),
            "population": pa.array([float(persons) for _, persons in cells], pa.float64()),
        }
    )


def consumption(by_band: Mapping[int, float]) -> pa.Table:
    return pa.table(
        {
            "age": pa.array(list(by_band), pa.int64()),
            "honoraires_par_habitant": pa.array([float(f) for f in by_band.values()], pa.float64()),
        }
    )


@st.composite
def structures(draw: st.DrawFn, ages: Sequence[int] = FIVE) -> dict[tuple[str, int], float]:
    """Inhabitants by commune and age, whole or with the decimals of a census."""
    people = draw(st.sampled_from([st.integers(0, 9000), st.floats(0, 9000)]))
    size = len(CODES) * len(ages)
    counts = draw(st.lists(people, min_size=size, max_size=size))
    return dict(zip(itertools.product(CODES, ages), map(float, counts), strict=True))


def draw_fees(positive: bool) -> st.SearchStrategy[dict[int, float]]:
    least = 0.01 if positive else 0.0
    fee = st.floats(least, 500)
    return st.lists(fee, min_size=len(FIVE), max_size=len(FIVE)).map(
        lambda drawn: dict(zip(FIVE, drawn, strict=True))
    )


@quick
@given(structures(), draw_fees(positive=False), st.data())
def test_demand_is_the_oracle_s_and_sums_to_the_population(
    structure: dict[tuple[str, int], float], fees: dict[int, float], data: st.DataObject
) -> None:
    assume(sum(n * fees[age] for (_, age), n in structure.items()) > 1e-6)
    assume(all(n == 0 or n > 1e-9 for n in structure.values()))  # next to the largest
    found = demand(by_age(structure), consumption(fees), LAND, LAW)
    assert_close(found, naive.standardise(structure, fees))
    everybody = sum(map(Fraction, structure.values()), Fraction(0))
    together = sum(map(Fraction, found.tolist()), Fraction(0))
    assert abs(together - everybody) <= TOLERANCE * everybody
    again = data.draw(st.permutations(range(len(structure))))
    shuffled = demand(by_age(structure, again), consumption(fees), LAND, LAW)
    assert found.tobytes() == shuffled.tobytes()


def test_worked_demand() -> None:
    codes = {"A": "01001", "B": "01002", "C": "2A004", "D": "2B033"}
    structure = {(codes[code], age): n for (code, age), n in made.WORKED_PEOPLE.items()}
    land = Territory.from_codes(codes.values())
    found = demand(by_age(structure), consumption({0: 40, 65: 200}), land, LAW)
    np.testing.assert_allclose(found, [3000, 7000 / 9, 11000 / 9, 1000], rtol=1e-15)


@quick
@given(structures(ages=tuple(range(100))), draw_fees(positive=True))
def test_single_years_equal_their_five_year_bands(
    single: dict[tuple[str, int], float], fees: dict[int, float]
) -> None:
    whole = {cell: float(math.floor(persons)) + (cell[1] == 0) for cell, persons in single.items()}
    banded = {(code, age): 0.0 for code in CODES for age in FIVE}
    for (code, age), persons in whole.items():
        banded[code, age - age % 5] += persons
    by_year = demand(by_age(whole), consumption(fees), LAND, LAW)
    by_band = demand(by_age(banded), consumption(fees), LAND, LAW)
    assert by_year.tobytes() == by_band.tobytes()


def test_women_alone_where_the_reading_says_so() -> None:
    women, men = {("01001", 0): 10.0, ("01002", 0): 30.0}, {("01001", 0): 90.0, ("01002", 0): 1.0}
    people = pa.concat_tables([by_age(women), by_age(men)])
    both = people.append_column("sexe", pa.array(["F", "F", "M", "M"]))
    law = LAW.reading({"demand.sex": "F"})
    assert demand(both, consumption({0: 7}), LAND, law).tolist() == [10.0, 30.0, 0.0]
    assert demand(both, consumption({0: 7}), LAND, LAW).tolist() == [100.0, 31.0, 0.0]
    with pytest.raises(TableError, match="APL-B08"):
        demand(people, consumption({0: 7}), LAND, law)


@pytest.mark.parametrize(
    ("structure", "fees", "fault"),
    [
        ({("01001", 0): 9, ("01001", 10): 9}, {0: 1, 5: 2, 10: 3}, "APL-D12"),  # bands of 10 for 5
        ({("01001", 0): 9, ("01001", 7): 9}, {0: 1, 5: 2}, "APL-D12"),  # bounds that cross
        ({("01001", 0): 9, ("01001", 5): 9}, {5: 2}, "APL-D12"),  # no fees under 5
        ({("01001", 0): 9}, {0: 0}, "APL-D13"),
        ({("99999", 0): 9}, {0: 1}, "APL-C02"),
    ],
)
def test_demand_refuses(structure: Structure, fees: Mapping[int, float], fault: str) -> None:
    with pytest.raises(TableError, match=fault):
        demand(by_age(structure), consumption(fees), LAND, LAW)


def test_a_commune_with_inhabitants_and_no_ages_is_named() -> None:
    people, codes = by_age({("01001", 0): 9}), ["2A004", "01001", "01002"]
    communes = pa.table({"code_commune": codes, "population": [0, 9, 4]})
    with pytest.raises(TableError) as refused:
        demand(people, consumption({0: 1}), LAND, LAW, communes)
    assert (refused.value.fault, refused.value.values) == ("APL-D06", ("01002",))
    given_ones = pa.table({"code_commune": ["01001"], "population_standardisee": [8.5]})
    with pytest.raises(TableError) as refused:
        given_demand(given_ones, LAND, communes)
    assert refused.value.values == ("01002",)
    empty = pa.table({"code_commune": codes, "population": [0, 9, 0]})
    assert given_demand(given_ones, LAND, empty).tolist() == [8.5, 0.0, 0.0]
