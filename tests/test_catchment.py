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
import strategies as made
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import Country, countries, extreme, one_comes_closer, strip, times_table

from apl_core import (
    Band,
    Catchment,
    Exponential,
    Gaussian,
    Power,
    RuleError,
    Steps,
    TableError,
    Territory,
)

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
    """Access per inhabitant, exact."""
    return naive.two_steps(country.times, country.supply, country.population)


def assert_close(values: F64, exact: Mapping[str, Fraction]) -> None:
    """Each value, by sorted code, within 1e-12 of the exact one (so exactly 0 where that is 0)."""
    assert len(values) == len(exact)
    for value, (code, wanted) in zip(values.tolist(), sorted(exact.items()), strict=True):
        assert abs(Fraction(value) - wanted) <= TOLERANCE * wanted, (code, value, float(wanted))


def assert_near(values: F64, wanted: F64) -> None:
    np.testing.assert_allclose(values, wanted, rtol=1e-12, atol=0)


# The worked example of the method


def test_oracle_finds_the_worked_supply_and_demand() -> None:
    assert naive.supply(made.WORKED_PLACES, median=3783, ninth_decile=6906) == made.WORKED_FTE
    assert naive.standardise(made.WORKED_PEOPLE, {0: 40, 65: 200}) == made.WORKED_DEMAND


def test_oracle_finds_the_worked_access_and_zones() -> None:
    demand, fte = made.WORKED_DEMAND, made.WORKED_FTE
    weights = naive.weigh(made.WORKED_TIMES)
    ratio = naive.ratios(weights, fte, demand)
    assert naive.demand_seen(weights, demand)["A"] == Fraction(124000, 27)
    assert (ratio["A"], ratio["C"]) == (Fraction(96201, 156364000), Fraction(3, 14000))
    access = naive.access(weights, ratio, demand)
    assert sum(demand[code] * access[code] for code in access) == Fraction(4824, 1261)
    apl = {code: value * naive.PER_INHABITANTS for code, value in access.items()}
    assert apl == made.WORKED_APL
    zone = {"A": "Z1", "B": "Z1", "C": "Z2", "D": "Z2"}
    means = naive.zone_means(apl, demand, zone)
    assert means == {"Z1": Fraction(359493600, 4651829), "Z2": Fraction(11157000, 273637)}
    people = {"A": 3000, "B": 1000, "C": 1000, "D": 1000}  # total: not the law of 2024
    wrong = naive.zone_means(apl, people, zone)
    assert (round(float(wrong["Z1"]), 6), round(float(wrong["Z2"]), 6)) == (77.595181, 38.365060)


def test_engine_finds_the_worked_access() -> None:
    supply = {code: float(made.WORKED_FTE.get(code, 0)) for code in made.WORKED_DEMAND}
    demand = {code: float(people) for code, people in made.WORKED_DEMAND.items()}
    times = {pair: float(time) for pair, time in made.WORKED_TIMES.items()}
    assert_close(engine(Country(times, demand, supply)) * 100_000, made.WORKED_APL)


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


BOUNDS = {
    "1": [0.0, 9.99, math.nextafter(10.0, 0.0)],
    "2/3": [10.0, 14.99, math.nextafter(15.0, 0.0)],
    "1/3": [15.0, 19.99, 20.0],
    "0": [math.nextafter(20.0, 21.0), 20.01],
}


@pytest.mark.parametrize(("time", "weight"), [(t, w) for w, ts in BOUNDS.items() for t in ts])
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
    "legal": (LEGAL, lambda t: np.select([t < 10, t < 15, t <= 20], [1, 2 / 3, 1 / 3], 0.0)),
    "exponential": (Exponential(0.1), lambda t: np.exp(-0.1 * t)),
    "gaussian": (Gaussian(7.0), lambda t: np.exp(-(t**2) / 98)),
    "power": (Power(-1.5, limit=18.0), lambda t: np.where(t <= 18, t**-1.5, 0.0)),
    "callable": (lambda t: 1 / (1 + t), lambda t: 1 / (1 + t)),
}


@pytest.fixture(scope="module")
def big() -> Country:
    return strip(400)


@pytest.mark.parametrize("name", SMOOTH)
def test_access_is_scipy_s(big: Country, name: str) -> None:
    decay, formula = SMOOTH[name]
    position = {code: place for place, code in enumerate(big.codes)}
    near = {pair: time for pair, time in big.times.items() if time <= 20}
    row = np.array([position[i] for i, _ in near])
    column = np.array([position[j] for _, j in near])
    weights = formula(np.array(list(near.values())))
    matrix = sp.csr_array((weights, (row, column)), shape=(len(position), len(position)))
    seen = matrix.T @ big.demand_vector()
    ratio = np.divide(big.supply_vector(), seen, out=np.zeros(len(position)), where=seen > 0)
    assert_near(engine(big, decay=decay), matrix @ ratio)


# What holds whatever the data


@quick
@given(countries())
def test_conservation(country: Country) -> None:
    """People times access gives back the supply that somebody can reach, no more, no less."""
    given_back = math.fsum(engine(country) * country.demand_vector())
    reachable = naive.reachable_supply(country.times, country.supply, country.population)
    assert abs(Fraction(given_back) - reachable) <= TOLERANCE * reachable
    shares = (a * Fraction(country.population[code]) for code, a in oracle(country).items())
    assert sum(shares) == reachable


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


@quick
@given(countries(), st.integers(0, 2**16))
def test_names_of_the_communes_change_no_bit(country: Country, seed: int) -> None:
    name, other = country.shuffled(seed)
    before = dict(zip(country.codes, engine(country).tolist(), strict=True))
    after = dict(zip(other.codes, engine(other).tolist(), strict=True))
    assert {name[code]: value for code, value in before.items()} == after


def test_names_and_order_change_no_bit_on_many_communes(big: Country) -> None:
    name, other = big.shuffled(7)
    order = np.random.default_rng(8).permutation(len(big.times)).tolist()
    before = dict(zip(big.codes, engine(big, table=big.table(order)).tolist(), strict=True))
    after = dict(zip(other.codes, engine(other).tolist(), strict=True))
    assert {name[code]: value for code, value in before.items()} == after


def test_threads_change_no_bit(big: Country, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apl_core.weighted.WORTH_THREADS", 0)
    for decay in (LEGAL, Exponential(0.1)):
        alone, pair = (engine(big, threads=threads, decay=decay) for threads in (1, 2))
        assert alone.tobytes() == pair.tobytes()


@quick
@given(one_comes_closer())
def test_nobody_loses_by_moving_closer_to_supply(moved: tuple[str, Country, Country]) -> None:
    """All else equal: only trips *of* the mover get shorter, nobody else's trips *to* it.

    Each term w E / (C + w P) of the mover's sum grows with w, whatever the others' demand C.
    """
    mover, before, after = moved
    assert oracle(after)[mover] >= oracle(before)[mover]
    place = before.codes.index(mover)
    assert engine(after)[place] >= engine(before)[place] * (1 - 1e-12)


@quick
@given(one_comes_closer())
def test_nobody_gains_by_another_s_moving_closer(moved: tuple[str, Country, Country]) -> None:
    """…unless the mover is the first inhabitant to reach a supply that counted for nothing."""
    mover, before, after = moved
    reached = [naive.reachable_supply(c.times, c.supply, c.population) for c in (before, after)]
    if reached[0] == reached[1]:
        old, new = oracle(before), oracle(after)
        others = [place for place, code in enumerate(before.codes) if code != mover]
        assert all(new[code] <= old[code] for code in old if code != mover)
        assert (engine(after)[others] <= engine(before)[others] * (1 + 1e-12)).all()


def test_a_road_that_opens_both_ways_may_cost_a_commune_its_own_supply() -> None:
    """Why the property above speaks of the mover's trips alone."""
    apart = Country(
        {("A", "A"): 0.0, ("B", "B"): 0.0}, {"A": 100.0, "B": 900.0}, {"A": 2.0, "B": 0.0}
    )
    joined = apart.with_times({("A", "B"): 5.0, ("B", "A"): 5.0})
    assert oracle(apart)["A"] == Fraction(2, 100) > oracle(joined)["A"] == Fraction(2, 1000)
    assert engine(apart)[0] == 0.02
    assert engine(joined)[0] == 0.002


@quick
@given(countries(), st.data(), st.floats(0, 1, allow_subnormal=False))
def test_splitting_a_commune_changes_nobody_else(
    country: Country, data: st.DataObject, share: float
) -> None:
    """Two halves at 0 minutes of each other, with the old one's roads, fare as it did."""
    old = data.draw(st.sampled_from(country.codes))
    new = data.draw(st.sampled_from(sorted(set(made.CODES) - set(country.codes))))
    cut = country.split(old, new, share)
    whole = dict(zip(country.codes, engine(country).tolist(), strict=True))
    parts = dict(zip(cut.codes, engine(cut).tolist(), strict=True))
    assert parts == pytest.approx({**whole, new: whole[old]}, rel=1e-12, abs=0)


def test_empty_catchment_is_zero() -> None:
    """An island without supply; supply without people; nothing anywhere: 0, never NaN or inf."""
    times = {("A", "A"): 0.0, ("B", "B"): 0.0, ("C", "C"): 0.0, ("A", "C"): 25.0}
    people = {"A": 100.0, "B": 0.0, "C": 50.0}
    assert engine(Country(times, people, {"A": 0.0, "B": 7.0, "C": 1.0})).tolist() == [0, 0, 0.02]
    assert engine(Country(times, dict.fromkeys("ABC", 0.0), people)).tolist() == [0, 0, 0]
    assert engine(Country(times, people, dict.fromkeys("ABC", 0.0))).tolist() == [0, 0, 0]


def test_steps_keep_their_weights_whatever_their_denominators() -> None:
    """0.00001 as a float64 is a fraction over 2**69; twenty prime denominators pass 2**63."""
    primes = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71)
    small = [(10, True, Fraction(1)), (20, True, Fraction(1e-5))]
    many = [(until, True, Fraction(1, prime)) for until, prime in enumerate(primes, start=1)]
    country = strip(40)
    for bands in (small, many):
        exact = naive.two_steps(country.times, country.supply, country.population, bands)
        assert_close(engine(country, decay=Steps(tuple(Band(*band) for band in bands))), exact)


@pytest.mark.parametrize(
    ("time", "decay"),
    [(0.0, Power(-1)), (1.0, lambda t: -t), (1.0, lambda t: t * math.nan)],
    ids=["infinite at 0", "negative", "NaN"],
)
def test_decays_that_give_no_weight_are_refused(time: float, decay: Any) -> None:
    pairs = Catchment.build(times_table({("A", "A"): time}), Territory.from_codes(["A"]))
    with pytest.raises(RuleError):
        pairs.weigh(decay)


@pytest.mark.parametrize("decay", [Power(-1, limit=61), Steps.of([61], ["1"], closed="right")])
def test_decays_that_reach_past_the_pairs_kept_are_refused(decay: Any) -> None:
    table, land = times_table({("A", "A"): 1.0}), Territory.from_codes(["A"])
    assert Catchment.build(table, land, within=61).weigh(decay).demand(np.ones(1)) == [1.0]
    with pytest.raises(RuleError):
        Catchment.build(table, land, within=60).weigh(decay)


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
    assert error.fault.startswith("APL-")
    assert error.mend
    assert error.values
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
        (9999.0, "APL-D03"),  # METRIC's mark, metric.osrm's
        (-999999.0, "APL-D03"),
    ],
)
def test_impossible_minutes_are_refused(bad: float | None, fault: str) -> None:
    error = refused(times_table({**GOOD, ("A", "B"): bad}))
    assert error.rows == (3,)
    assert error.column == "minutes"
    assert error.fault == fault


def test_a_null_among_whole_minutes_is_refused() -> None:
    table = times_table({**GOOD, ("A", "B"): None})
    whole = table.set_column(2, "minutes", table["minutes"].cast(pa.int32()))
    assert refused(whole).fault == "APL-D01"


def test_unknown_codes_are_refused() -> None:
    for pair in (("A", "Z"), ("Z", "A")):
        error = refused(times_table({**GOOD, pair: 5.0}))
        assert error.rows == (5,)
        assert "Z" in " ".join(error.values)


@pytest.mark.parametrize("again", [5.0, 7.0])
def test_duplicate_pairs_are_refused(again: float) -> None:
    error = refused(pa.concat_tables([times_table(GOOD), times_table({("A", "B"): again})]))
    assert error.fault == "APL-E01"
    assert 5 in error.rows


def test_missing_self_pair_is_refused() -> None:
    error = refused(times_table({pair: time for pair, time in GOOD.items() if pair != ("B", "B")}))
    assert error.fault == "APL-E02"
    assert "self" in str(error)
    assert "B" in " ".join(error.values)


def test_all_faults_come_together() -> None:
    several = {**GOOD, ("A", "B"): math.nan, ("A", "Z"): 5.0, ("B", "A"): -1.0}
    del several["B", "B"]
    table = pa.concat_tables([times_table(several), times_table({("A", "A"): 0.0})])
    found = {fault.fault for fault in refused(table).faults}
    assert found >= {"APL-D01", "APL-D03", "APL-E01", "APL-E02"}
    assert len(found) == 5


@pytest.mark.parametrize("times", [[0.0, 0.25], [3.0, 45.0], []])
def test_the_longest_time_is_the_table_s_kept_or_not(times: list[float]) -> None:
    land = Territory.from_codes(["A", "B"])
    ends = {"origine": ["A", "B"][: len(times)], "destination": ["A"] * len(times)}
    table = pa.table({**ends, "minutes": pa.array(times, pa.float64())})
    pairs = Catchment.build(table, land, within=20, self_pair="none")
    assert pairs.longest == max(times, default=0.0)
    assert pairs.start.size == 3
