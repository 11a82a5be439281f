"""The engine against the exact oracle, against scipy, and against what must hold whatever the data.

The oracle computes in fractions; the engine must come within 1e-12 of it, relatively.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import naive
import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import CODES, Country, countries, extreme, minutes, times_table

from apl_core import Band, Catchment, Exponential, Gaussian, Power, Steps, TableError, Territory

F64 = NDArray[np.float64]
TOLERANCE = Fraction(1, 10**12)
LEGAL = Steps(
    (
        Band(10.0, False, Fraction(1)),
        Band(15.0, False, Fraction(2, 3)),
        Band(20.0, True, Fraction(1, 3)),
    )
)
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def engine(
    country: Country, *, table: pa.Table | None = None, threads: int = 1, decay: Any = LEGAL
) -> F64:
    """Access per inhabitant, by sorted code."""
    land = Territory.from_codes(country.codes)
    pairs = Catchment.build(country.table() if table is None else table, land)
    weighted = pairs.weigh(decay)
    ratio = weighted.ratio(country.supply_vector(), country.demand_vector(), threads=threads)
    values: F64 = weighted.access(ratio, threads=threads)
    return values


def oracle(country: Country) -> dict[str, Fraction]:
    return naive.two_steps(country.times, country.supply, country.population)


def assert_close(values: F64, exact: Mapping[str, Fraction]) -> None:
    """Each value, by sorted code, within 1e-12 of the exact one (so exactly 0 where that is 0)."""
    assert len(values) == len(exact)
    for value, (code, wanted) in zip(values.tolist(), sorted(exact.items()), strict=True):
        assert abs(Fraction(value) - wanted) <= TOLERANCE * wanted, (code, value, float(wanted))


def assert_near(values: F64, wanted: F64) -> None:
    np.testing.assert_allclose(values, wanted, rtol=1e-12, atol=0)


# The worked example of the method: four communes, physiotherapists of 2021

WORKED_TIMES = {
    pair: minutes
    for (i, j), minutes in {
        "AB": 8, "AC": 12, "AD": 25, "BC": 6, "BD": 17, "CD": 14,
        "AA": 0, "BB": 0, "CC": 0, "DD": 0,
    }.items()
    for pair in ((i, j), (j, i))
}  # fmt: skip
WORKED_PLACES = [
    naive.Place("1", "A", 40, actes=3783, honoraires=69_500),
    naive.Place("2", "A", 50, actes=9000, honoraires=165_000),
    naive.Place("3", "C", 27, actes=300, honoraires=5_500, installe_dans_l_annee=True),
    naive.Place("4", "C", 67, actes=4000, honoraires=73_000),
    naive.Place("5", "C", 33, actes=500, honoraires=9_190),
]
WORKED_PEOPLE = {
    (code, age): count
    for code, counts in {
        "A": (2400, 600),
        "B": (900, 100),
        "C": (700, 300),
        "D": (800, 200),
    }.items()
    for age, count in zip((0, 65), counts, strict=True)
}
WORKED_FTE = {"A": Fraction(3563, 1261), "C": Fraction(1)}
WORKED_DEMAND = {
    "A": Fraction(3000),
    "B": Fraction(7000, 9),
    "C": Fraction(11000, 9),
    "D": Fraction(1000),
}
WORKED_APL = {
    "A": Fraction(20744275, 273637),
    "B": Fraction(22698825, 273637),
    "C": Fraction(17087100, 273637),
    "D": Fraction(100, 7),
}


def test_oracle_finds_the_worked_supply_and_demand() -> None:
    assert naive.supply(WORKED_PLACES, median=3783, ninth_decile=6906) == WORKED_FTE
    assert naive.standardise(WORKED_PEOPLE, {0: 40, 65: 200}) == WORKED_DEMAND


def test_oracle_finds_the_worked_ratios() -> None:
    weights = naive.weigh(WORKED_TIMES)
    assert naive.demand_seen(weights, WORKED_DEMAND)["A"] == Fraction(124000, 27)
    ratio = naive.ratios(weights, WORKED_FTE, WORKED_DEMAND)
    assert (ratio["A"], ratio["C"]) == (Fraction(96201, 156364000), Fraction(3, 14000))


def test_oracle_finds_the_worked_access_and_zones() -> None:
    access = naive.two_steps(WORKED_TIMES, WORKED_FTE, WORKED_DEMAND)
    apl = {code: value * naive.PER_INHABITANTS for code, value in access.items()}
    assert apl == WORKED_APL
    zone = {"A": "Z1", "B": "Z1", "C": "Z2", "D": "Z2"}
    assert naive.zone_means(apl, WORKED_DEMAND, zone) == {
        "Z1": Fraction(359493600, 4651829),
        "Z2": Fraction(11157000, 273637),
    }
    people = {"A": 3000, "B": 1000, "C": 1000, "D": 1000}
    wrong = naive.zone_means(apl, people, zone)  # by total population: not the law of 2024
    assert {name: round(float(mean), 6) for name, mean in wrong.items()} == {
        "Z1": 77.595181,
        "Z2": 38.365060,
    }
    given_back = sum(WORKED_DEMAND[code] * access[code] for code in access)
    assert given_back == sum(WORKED_FTE.values()) == Fraction(4824, 1261)


def test_engine_finds_the_worked_access() -> None:
    supply = {code: float(WORKED_FTE.get(code, 0)) for code in WORKED_DEMAND}
    demand = {code: float(people) for code, people in WORKED_DEMAND.items()}
    times = {pair: float(time) for pair, time in WORKED_TIMES.items()}
    assert_close(engine(Country(times, demand, supply)) * 100_000, WORKED_APL)


# The first oracle: the method in fractions


@quick
@given(countries())
def test_access_is_the_oracle_s(country: Country) -> None:
    assert_close(engine(country), oracle(country))


@quick
@given(countries(demand=extreme, supply=extreme))
def test_access_is_the_oracle_s_from_a_millionth_to_a_million_million(country: Country) -> None:
    assert_close(engine(country), oracle(country))


@quick
@given(countries())
def test_demand_seen_and_ratio_are_the_oracle_s(country: Country) -> None:
    weights = naive.weigh(country.times)
    nobody = dict.fromkeys(country.codes, Fraction(0))
    weighted = Catchment.build(country.table(), Territory.from_codes(country.codes)).weigh(LEGAL)
    supply, demand = country.supply_vector(), country.demand_vector()
    seen = naive.demand_seen(weights, country.population)
    assert_close(weighted.demand(demand), nobody | seen)
    ratio = naive.ratios(weights, country.supply, country.population)
    assert_close(weighted.ratio(supply, demand), nobody | ratio)


@pytest.mark.parametrize(
    ("time", "weight"),
    [
        (0.0, "1"),
        (9.99, "1"),
        (math.nextafter(10.0, 0.0), "1"),
        (10.0, "2/3"),
        (14.99, "2/3"),
        (15.0, "1/3"),
        (20.0, "1/3"),
        (math.nextafter(20.0, 21.0), "0"),
        (20.01, "0"),
    ],
)
def test_bounds_by_hand(time: float, weight: str) -> None:
    """One doctor in B, everybody in A: A sees its weight, and its weight over itself gives 1."""
    country = Country(
        {("A", "A"): 0.0, ("B", "B"): 0.0, ("A", "B"): time}, {"A": 1.0, "B": 0.0}, {}
    )
    land = Territory.from_codes(["A", "B"])
    weighted = Catchment.build(country.table(), land).weigh(LEGAL)
    assert naive.weight(time) == Fraction(weight)
    assert weighted.demand(np.array([1.0, 0.0])).tolist() == [1.0, float(Fraction(weight))]
    assert weighted.access(np.array([0.0, 1.0])).tolist() == [float(Fraction(weight)), 1.0]


@quick
@given(countries(), st.booleans())
def test_both_closures(country: Country, right: bool) -> None:
    bands = tuple((until, right, weight) for until, _, weight in naive.LAW_BANDS)
    decay = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="right" if right else "left")
    exact = naive.two_steps(country.times, country.supply, country.population, bands)
    assert_close(engine(country, decay=decay), exact)


# The second oracle: scipy's sparse product, on more communes and on smooth decays

SMOOTH: dict[str, tuple[Any, Callable[[F64], F64]]] = {
    "legal": (
        LEGAL,
        lambda t: np.select([t < 10, t < 15, t <= 20], [1, 2 / 3, 1 / 3], default=0.0),
    ),
    "exponential": (Exponential(0.1), lambda t: np.exp(-0.1 * t)),
    "gaussian": (Gaussian(7.0), lambda t: np.exp(-(t**2) / 98)),
    "power": (Power(-1.5, limit=18.0), lambda t: np.where(t <= 18, t**-1.5, 0.0)),
    "callable": (lambda t: 1 / (1 + t), lambda t: 1 / (1 + t)),
}


@pytest.fixture(scope="module")
def big() -> Country:
    """400 communes on a strip, 1 to 20 minutes apart, on every tenth of a minute."""
    rng = np.random.default_rng(20240320)
    codes = [f"{10 + k // 100}{k % 100:03d}" for k in range(400)]
    times = {(code, code): 0.5 for code in codes}
    for i, origin in enumerate(codes):
        for j in rng.integers(max(0, i - 30), min(400, i + 30), size=20).tolist():
            times.setdefault((origin, codes[j]), round(float(rng.integers(10, 251)) / 10, 1))
    population = rng.integers(0, 20_000, size=400).astype(float).tolist()
    supply = np.where(rng.random(400) < 0.7, 0.0, rng.random(400) * 40).tolist()
    return Country(
        times,
        dict(zip(codes, population, strict=True)),
        dict(zip(codes, supply, strict=True)),
    )


@pytest.mark.parametrize("name", SMOOTH)
def test_access_is_scipy_s(big: Country, name: str) -> None:
    decay, formula = SMOOTH[name]
    position = {code: place for place, code in enumerate(big.codes)}
    near = {pair: time for pair, time in big.times.items() if time <= 20}
    row = np.array([position[i] for i, _ in near])
    column = np.array([position[j] for _, j in near])
    weights = formula(np.array(list(near.values())))
    matrix = sp.csr_array((weights, (row, column)), shape=(400, 400))
    seen = matrix.T @ big.demand_vector()
    ratio = np.divide(big.supply_vector(), seen, out=np.zeros(400), where=seen > 0)
    assert_near(engine(big, decay=decay), matrix @ ratio)


# What holds whatever the data


@quick
@given(countries())
def test_conservation(country: Country) -> None:
    """People times access gives back the supply that somebody can reach, no more, no less."""
    given_back = math.fsum(engine(country) * country.demand_vector())
    reachable = naive.reachable_supply(country.times, country.supply, country.population)
    assert abs(Fraction(given_back) - reachable) <= TOLERANCE * reachable
    assert sum(
        country_access * Fraction(country.population[code])
        for code, country_access in oracle(country).items()
    ) == reachable  # fmt: skip


@quick
@given(countries(), st.data())
def test_linear_in_supply(country: Country, data: st.DataObject) -> None:
    other = {code: data.draw(st.integers(0, 50).map(float)) for code in country.codes}
    both = {code: 2 * country.supply[code] + 3 * other[code] for code in country.codes}
    times, people = country.times, country.population
    parts = 2 * engine(country) + 3 * engine(Country(times, people, other))
    assert_near(engine(Country(times, people, both)), parts)


@quick
@given(countries(), st.integers(2, 1000))
def test_more_people_share_the_same_supply(country: Country, k: int) -> None:
    more = {code: k * people for code, people in country.population.items()}
    assert_near(engine(Country(country.times, more, country.supply)) * k, engine(country))


@quick
@given(countries(), st.data())
def test_order_of_the_rows_changes_no_bit(country: Country, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(country.times))))
    assert engine(country, table=country.table(order)).tobytes() == engine(country).tobytes()


def shuffled(country: Country, seed: int) -> tuple[dict[str, str], Country]:
    """The country with its codes exchanged, and which code became which."""
    new = np.random.default_rng(seed).permutation(np.array(country.codes)).tolist()
    name = dict(zip(country.codes, new, strict=True))
    return name, country.renamed(name)


@quick
@given(countries(), st.integers(0, 2**16))
def test_names_of_the_communes_change_no_bit(country: Country, seed: int) -> None:
    name, other = shuffled(country, seed)
    before = dict(zip(country.codes, engine(country).tolist(), strict=True))
    after = dict(zip(other.codes, engine(other).tolist(), strict=True))
    assert {name[code]: value for code, value in before.items()} == after


def test_names_and_order_change_no_bit_on_many_communes(big: Country) -> None:
    name, other = shuffled(big, 7)
    order = np.random.default_rng(8).permutation(len(big.times)).tolist()
    before = dict(zip(big.codes, engine(big, table=big.table(order)).tolist(), strict=True))
    after = dict(zip(other.codes, engine(other).tolist(), strict=True))
    assert {name[code]: value for code, value in before.items()} == after


def test_threads_change_no_bit(big: Country) -> None:
    for decay in (LEGAL, Exponential(0.1)):
        alone, pair = (engine(big, threads=threads, decay=decay) for threads in (1, 2))
        assert alone.tobytes() == pair.tobytes()


@quick
@given(countries())
def test_threads_change_no_bit_on_few_communes(country: Country) -> None:
    assert engine(country, threads=2).tobytes() == engine(country).tobytes()


def one_comes_closer(country: Country, data: st.DataObject) -> tuple[str, Country]:
    """Some of the trips of one commune's inhabitants get shorter, or become possible."""
    mover = data.draw(st.sampled_from(country.codes))
    shorter = {
        (mover, place): min(time, country.times.get((mover, place), math.inf))
        for place, time in data.draw(
            st.dictionaries(st.sampled_from(country.codes), minutes["bounds"], max_size=4)
        ).items()
    }
    return mover, country.with_times(shorter)


@quick
@given(countries(), st.data())
def test_nobody_loses_by_moving_closer_to_supply(country: Country, data: st.DataObject) -> None:
    """All else equal: only trips *of* the mover get shorter, nobody else's trips *to* it.

    Each term w E / (C + w P) of the mover's sum grows with w, whatever the others' demand C.
    """
    mover, closer = one_comes_closer(country, data)
    assert oracle(closer)[mover] >= oracle(country)[mover]
    place = country.codes.index(mover)
    assert engine(closer)[place] >= engine(country)[place] * (1 - 1e-12)


@quick
@given(countries(), st.data())
def test_nobody_gains_by_another_s_moving_closer(country: Country, data: st.DataObject) -> None:
    """…unless the mover is the first inhabitant to reach a supply that counted for nothing."""
    mover, closer = one_comes_closer(country, data)
    supply, people = country.supply, country.population
    reached = naive.reachable_supply(country.times, supply, people)
    if reached == naive.reachable_supply(closer.times, supply, people):
        before, after = oracle(country), oracle(closer)
        assert all(after[code] <= before[code] for code in before if code != mover)
        others = [place for place, code in enumerate(country.codes) if code != mover]
        assert (engine(closer)[others] <= engine(country)[others] * (1 + 1e-12)).all()


def test_a_road_that_opens_both_ways_may_cost_a_commune_its_own_supply() -> None:
    """Why the property above speaks of the mover's trips alone."""
    apart = Country(
        {("A", "A"): 0.0, ("B", "B"): 0.0}, {"A": 100.0, "B": 900.0}, {"A": 2.0, "B": 0.0}
    )
    joined = apart.with_times({("A", "B"): 5.0, ("B", "A"): 5.0})
    assert oracle(apart)["A"] == Fraction(2, 100) > oracle(joined)["A"] == Fraction(2, 1000)
    assert engine(apart)[0] == 0.02 and engine(joined)[0] == 0.002


@quick
@given(countries(), st.data())
def test_splitting_a_commune_changes_nobody_else(country: Country, data: st.DataObject) -> None:
    """Two halves at 0 minutes of each other, with the old one's roads, fare as it did."""
    old = data.draw(st.sampled_from(country.codes))
    new = data.draw(st.sampled_from(sorted(set(CODES) - set(country.codes))))
    share = data.draw(st.floats(0, 1, allow_subnormal=False))
    halves = {code: (code, new) if code == old else (code,) for code in country.codes}
    times = {
        (i, j): time
        for (origin, destination), time in country.times.items()
        for i in halves[origin]
        for j in halves[destination]
    }
    people, supply = dict(country.population), dict(country.supply)
    for held in (people, supply):
        held[new] = share * held[old]
        held[old] -= held[new]
    whole = dict(zip(country.codes, engine(country).tolist(), strict=True))
    cut = Country(times, people, supply)
    parts = dict(zip(cut.codes, engine(cut).tolist(), strict=True))
    assert parts == pytest.approx({**whole, new: whole[old]}, rel=1e-12, abs=0)


def test_empty_catchment_is_zero() -> None:
    """An island without supply; supply without people; nothing anywhere: 0, never NaN or inf."""
    times = {("A", "A"): 0.0, ("B", "B"): 0.0, ("C", "C"): 0.0, ("A", "C"): 25.0}
    people = {"A": 100.0, "B": 0.0, "C": 50.0}
    assert engine(Country(times, people, {"A": 0.0, "B": 7.0, "C": 1.0})).tolist() == [0, 0, 0.02]
    assert engine(Country(times, dict.fromkeys("ABC", 0.0), people)).tolist() == [0, 0, 0]
    assert engine(Country(times, people, dict.fromkeys("ABC", 0.0))).tolist() == [0, 0, 0]


# What the table may look like


def test_forms_of_the_table_change_no_bit(big: Country) -> None:
    plain = big.table()
    coded = plain.set_column(0, "origine", plain["origine"].dictionary_encode())
    coded = coded.set_column(1, "destination", coded["destination"].dictionary_encode())
    chunked = pa.concat_tables([plain.slice(0, 1000), plain.slice(1000)])
    extra = plain.append_column("km", plain["minutes"])
    for table in (coded, chunked, extra):
        assert engine(big, table=table).tobytes() == engine(big).tobytes()


def test_whole_minutes_may_be_integers() -> None:
    times = {("A", "A"): 0.0, ("B", "B"): 0.0, ("A", "B"): 10.0, ("B", "A"): 15.0}
    country = Country(times, {"A": 100.0, "B": 50.0}, {"A": 1.0, "B": 2.0})
    table = country.table()
    whole = table.set_column(2, "minutes", table["minutes"].cast(pa.int32()))
    assert engine(country, table=whole).tobytes() == engine(country).tobytes()


def test_missing_self_pairs_are_added_at_zero_or_left_out() -> None:
    times = {("A", "A"): 0.0, ("A", "B"): 12.0, ("B", "A"): 5.0}
    country = Country(times, {"A": 100.0, "B": 50.0}, {"A": 1.0, "B": 2.0})
    land = Territory.from_codes(country.codes)
    for self_pair, with_them in (("0", {**times, ("B", "B"): 0.0}), ("none", times)):
        weighted = Catchment.build(country.table(), land, self_pair=self_pair).weigh(LEGAL)
        values = weighted.access(weighted.ratio(country.supply_vector(), country.demand_vector()))
        assert_close(values, naive.two_steps(with_them, country.supply, country.population))


# What the table may not hold

GOOD = {("A", "A"): 0.0, ("B", "B"): 0.0, ("A", "B"): 5.0, ("B", "A"): 5.0}


def refused(table: pa.Table) -> TableError:
    with pytest.raises(TableError) as caught:
        Catchment.build(table, Territory.from_codes(["A", "B"]))
    error = caught.value
    assert error.fault.startswith("APL-") and error.mend and error.values
    assert error.exit_code == 3
    return error


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (math.nan, "APL-D01"),
        (None, "APL-D01"),
        (math.inf, "APL-D02"),
        (-math.inf, "APL-D02"),
        (-0.5, "APL-D03"),
        (9999.0, None),
        (-999999.0, None),
    ],
)
def test_impossible_minutes_are_refused(bad: float | None, fault: str | None) -> None:
    error = refused(times_table({**GOOD, ("A", "B"): bad}))
    assert error.rows == (3,) and error.column == "minutes"
    assert fault in (None, error.fault)


def test_unknown_codes_are_refused() -> None:
    for pair in (("A", "Z"), ("Z", "A")):
        error = refused(times_table({**GOOD, pair: 5.0}))
        assert error.rows == (5,) and "Z" in " ".join(error.values)


@pytest.mark.parametrize("again", [5.0, 7.0])
def test_duplicate_pairs_are_refused(again: float) -> None:
    error = refused(pa.concat_tables([times_table(GOOD), times_table({("A", "B"): again})]))
    assert error.fault == "APL-E01" and 5 in error.rows


def test_missing_self_pair_is_refused() -> None:
    error = refused(times_table({pair: time for pair, time in GOOD.items() if pair != ("B", "B")}))
    assert error.fault == "APL-E02" and "self" in str(error) and "B" in " ".join(error.values)


def test_all_faults_come_together() -> None:
    several = {**GOOD, ("A", "B"): math.nan, ("A", "Z"): 5.0, ("B", "A"): -1.0}
    assert len({fault.fault for fault in refused(times_table(several)).faults}) >= 3
