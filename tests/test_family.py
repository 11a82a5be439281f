"""The family of floating catchments against its oracle, and what each member conserves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import naive_family
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import Country, countries, extreme, strip

from apl_core import (
    Catchment,
    Exponential,
    Gaussian,
    Power,
    RuleError,
    Steps,
    TableError,
    Territory,
)
from apl_core.decay import Epanechnikov, Logistic, Table
from apl_core.family import FAMILY, e2sfca, i2sfca, kd2sfca, three_sfca, two_sfca

F64 = NDArray[np.float64]
TOLERANCE = Fraction(1, 10**12)
STEPS = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
FINE = Steps.of([10, 15, 20], ["1", "513/1048575", "1/1048575"], closed="right")
ONE_BAND = Steps.of([15], ["1"], closed="right")
TABLE = Table(((0, 1.5), (12.5, 0.25), (15, 0.75), (61, 0)), interpolation="linear")
SMOOTH: dict[str, Any] = {
    "gaussian": Gaussian(12, limit=30),
    "dai": Gaussian(20, limit=20, to_zero=True),
    "epanechnikov": Epanechnikov(20),
    "exponential": Exponential(0.2),
    "logistic": Logistic(15, 4, limit=30),
    "power": Power(-1, scale=0.1, limit=61),
    "linear": TABLE,
    "step": replace(TABLE, interpolation="step"),
    "callable": lambda minutes: 1 / (1 + minutes),
}
quick = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
members = pytest.mark.parametrize("name", FAMILY)
CONTINUOUS = ("KD2SFCA", "3SFCA", "M2SFCA", "BFCA", "i2SFCA")  # these take any decay


def decay_of(name: str) -> Steps:
    return ONE_BAND if name == "2SFCA" else STEPS


def index(country: Country) -> Catchment:
    land = Territory.from_codes(country.codes)
    return Catchment.build(country.table(), land, within=None, self_pair="none")


def run(
    country: Country, name: str, decay: Any, pairs: Catchment | None = None, *, threads: int = 1
) -> F64:
    """A member of the family, by sorted code."""
    pairs = pairs or index(country)
    supply, demand = country.supply_vector(), country.demand_vector()
    return FAMILY[name](pairs, supply, demand, decay, threads=threads)


def run_all(country: Country) -> dict[str, F64]:
    """Every member, each with steps."""
    pairs = index(country)
    return {name: run(country, name, decay_of(name), pairs) for name in FAMILY}


def weights_of(country: Country, decay: Any) -> dict[naive_family.Pair, Fraction]:
    """Exact weights: of steps by their fractions, of others the very float64 that they give."""
    times = np.array(list(country.times.values()))
    if not isinstance(decay, Steps):
        return dict(zip(country.times, map(Fraction, decay(times).tolist()), strict=True))
    level = np.searchsorted(decay.closed_limits, times)
    exact = (Fraction(decay.levels[k], decay.denominator) for k in level)
    return dict(zip(country.times, exact, strict=True))


def exact(values: Mapping[str, float]) -> dict[str, Fraction]:
    return {code: Fraction(value) for code, value in sorted(values.items())}


def oracle(country: Country, name: str, decay: Any) -> dict[str, Fraction]:
    weights = weights_of(country, decay)
    return naive_family.FAMILY[name](weights, exact(country.supply), exact(country.population))


def assert_close(values: F64, wanted: Mapping[str, Fraction]) -> None:
    """Each within 1e-12 of the exact one, so exactly 0 where that is 0."""
    assert np.isfinite(values).all()
    for value, (code, true) in zip(values.tolist(), sorted(wanted.items()), strict=True):
        assert abs(Fraction(value) - true) <= TOLERANCE * true, (code, value, float(true))


# Against the oracle


@quick
@given(countries())
def test_each_member_is_the_oracle_s(country: Country) -> None:
    for name, values in run_all(country).items():
        assert_close(values, oracle(country, name, decay_of(name)))


@quick
@given(countries(demand=extreme, supply=extreme))
def test_from_a_millionth_to_a_million_million(country: Country) -> None:
    for name, values in run_all(country).items():
        assert_close(values, oracle(country, name, decay_of(name)))


@quick
@given(countries(size=(2, 6)), st.sampled_from(sorted(SMOOTH)))
def test_with_any_decay(country: Country, kind: str) -> None:
    apart = Country(  # a power is infinite at 0 minutes
        {pair: max(time, 0.1) for pair, time in country.times.items()},
        country.population,
        country.supply,
    )
    pairs, decay = index(apart), SMOOTH[kind]
    for name in CONTINUOUS:
        assert_close(run(apart, name, decay, pairs), oracle(apart, name, decay))


@quick
@given(countries())
def test_steps_of_twenty_bits(country: Country) -> None:
    """Their squares have forty, and sums may no longer fit in whole numbers."""
    for name in ("3SFCA", "M2SFCA"):
        assert_close(run(country, name, FINE), oracle(country, name, FINE))


@quick
@given(countries(), st.sampled_from(["linear", "logistic", "callable"]))
def test_a_choice_of_its_own(country: Country, kind: str) -> None:
    """People may choose by another curve than the one by which access fades."""
    pairs, choice = index(country), SMOOTH[kind]
    vectors = country.supply_vector(), country.demand_vector()
    wanted = naive_family.three_sfca(
        weights_of(country, STEPS),
        exact(country.supply),
        exact(country.population),
        weights_of(country, choice),
    )
    assert_close(three_sfca(pairs, *vectors, STEPS, choice=choice), wanted)
    same = three_sfca(pairs, *vectors, STEPS, choice=STEPS)
    assert same == pytest.approx(three_sfca(pairs, *vectors, STEPS), rel=1e-12)


# What holds whatever the data


def total(values: F64, weights: F64 | None = None) -> float:
    return math.fsum((values if weights is None else values * weights).tolist())


def reached(country: Country, decay: Any, *, end: int) -> float:
    """Supply that somebody reaches (end 1), demand that reaches some supply (end 0)."""
    held = (country.population, country.supply)
    some = {
        pair[end]
        for pair, w in weights_of(country, decay).items()
        if w and held[1 - end][pair[1 - end]]
    }
    return math.fsum(held[end][code] for code in some)


@quick
@given(countries())
def test_supply_is_conserved(country: Country) -> None:
    values = run_all(country)
    for name in ("2SFCA", "E2SFCA", "KD2SFCA", "3SFCA"):
        given_back = total(values[name], country.demand_vector())
        assert given_back == pytest.approx(reached(country, decay_of(name), end=1), rel=1e-12)


@quick
@given(countries())
def test_what_m2sfca_loses(country: Country) -> None:
    given_back = total(run(country, "M2SFCA", STEPS), country.demand_vector())
    assert given_back <= reached(country, STEPS, end=1) * (1 + 1e-12)
    flat = total(run(country, "M2SFCA", ONE_BAND), country.demand_vector())
    assert flat == pytest.approx(reached(country, ONE_BAND, end=1), rel=1e-12)


@quick
@given(countries())
def test_crowding_conserves_demand(country: Country) -> None:
    given_back = total(run(country, "i2SFCA", STEPS), country.supply_vector())
    assert given_back == pytest.approx(reached(country, STEPS, end=0), rel=1e-12)


@quick
@given(countries())
def test_bfca_conserves_demand_and_level_of_service(country: Country) -> None:
    weights, fte = weights_of(country, STEPS), exact(country.supply)
    people = exact(country.population)
    rows = naive_family.standardised(weights, [j for j in fte if fte[j]], by=0)
    seen = {j: naive_family.over_origins(rows, people, j) for j in fte if fte[j]}
    assert float(sum(seen.values())) == pytest.approx(reached(country, STEPS, end=0), rel=1e-12)
    level = math.fsum(float(naive_family.divided(fte[j], seen[j])) for j in seen)
    access = run(country, "BFCA", STEPS)
    assert total(access[country.demand_vector() > 0]) == pytest.approx(level, rel=1e-12)


@quick
@given(countries())
def test_crowding_is_access_with_the_ends_exchanged(country: Country) -> None:
    """Bit for bit: exact sums do not depend on which end they run along."""
    times = {(j, i): time for (i, j), time in country.times.items()}
    mirrored = Country(times, country.supply, country.population)
    assert run(country, "i2SFCA", STEPS).tolist() == run(mirrored, "E2SFCA", STEPS).tolist()


@quick
@given(countries(size=(2, 7)), st.integers(0, 20))
def test_an_empty_commune_changes_nobody(country: Country, time: int) -> None:
    """With neither people nor professionals it is in none of the papers' sums."""
    new = "99999"
    more = {pair: float(time) for code in country.codes for pair in ((new, code), (code, new))}
    grown = Country(
        {**country.times, **more, (new, new): 0.0},
        {**country.population, new: 0.0},
        {**country.supply, new: 0.0},
    )
    before, after = run_all(country), run_all(grown)
    for name in FAMILY:
        assert after[name][:-1].tolist() == before[name].tolist(), name


@quick
@given(countries(), st.integers(0, 2**32 - 1))
def test_order_and_names_change_no_bit(country: Country, seed: int) -> None:
    new, other = country.shuffled(seed)
    before, after = run_all(country), run_all(other)
    for name in FAMILY:
        values = dict(zip(country.codes, before[name].tolist(), strict=True))
        found = dict(zip(other.codes, after[name].tolist(), strict=True))
        assert {new[code]: value for code, value in values.items()} == found, name


@pytest.mark.parametrize("decay", [ONE_BAND, SMOOTH["gaussian"]], ids=["steps", "smooth"])
def test_threads_change_no_bit(decay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apl_core.weighted.WORTH_THREADS", 100)
    country = strip(120)
    for name in FAMILY if decay is ONE_BAND else CONTINUOUS:
        once = run(country, name, decay)
        assert once.any()
        assert run(country, name, decay, threads=2).tolist() == once.tolist()


@quick
@given(countries())
def test_the_apl_is_a_member(country: Country) -> None:
    land = Territory.from_codes(country.codes)
    pairs = Catchment.build(country.table(), land)
    supply, demand = country.supply_vector(), country.demand_vector()
    weighted = pairs.weigh(STEPS)
    direct = weighted.access(weighted.ratio(supply, demand)).tolist()
    assert e2sfca(pairs, supply, demand, STEPS).tolist() == direct
    assert kd2sfca(pairs, supply, demand, STEPS).tolist() == direct


@members
def test_nothing_within_reach_is_zero(name: str) -> None:
    codes = ["A", "B"]
    land = Territory.from_codes(codes)
    none = Country({}, dict.fromkeys(codes, 1.0), dict.fromkeys(codes, 1.0))
    empty = Catchment.build(none.table(), land, self_pair="none")
    far = Catchment.build(
        Country({("A", "B"): 90.0}, none.population, none.supply).table(),
        land, within=None, self_pair="none",
    )  # fmt: skip
    here = Catchment.build(none.table(), land, self_pair="0")
    some, nothing = np.array([2.0, 3.0]), np.zeros(2)
    for pairs, supply, demand in [
        (empty, some, some),
        (far, some, some),
        (here, nothing, some),
        (here, some, nothing),
        (here, nothing, nothing),
    ]:
        assert FAMILY[name](pairs, supply, demand, decay_of(name)).tolist() == [0.0, 0.0]


# What is refused


def test_a_member_takes_its_own_decay() -> None:
    country = strip(3)
    for name, decay, said in [
        ("2SFCA", STEPS, "one travel time"),
        ("2SFCA", Steps.of([10, 20], ["1", "1/2"], closed="right"), "one travel time"),
        ("2SFCA", SMOOTH["gaussian"], "one travel time"),
        ("E2SFCA", SMOOTH["gaussian"], "KD2SFCA"),
    ]:
        with pytest.raises(ValueError, match=said):
            run(country, name, decay)
    assert run(country, "2SFCA", ONE_BAND).tolist() == run(country, "E2SFCA", ONE_BAND).tolist()


@members
def test_a_vector_is_checked(name: str) -> None:
    pairs = Catchment.build(strip(3).table(), Territory.from_codes(strip(3).codes))
    good, bad = np.ones(3), np.array([1.0, np.nan, 1.0])
    for supply, demand in ((good, bad), (bad, good), (good, -good)):
        with pytest.raises(TableError):
            FAMILY[name](pairs, supply, demand, decay_of(name))
    with pytest.raises(TableError, match="shape"):
        FAMILY[name](pairs, np.ones(2), good, decay_of(name))


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("weight", [5e-324, 1e-315, 1e-300, 1e-160, 1e-90, 1e90, 1e160, 1e300])
def test_never_infinite_and_never_nan(name: str, weight: float) -> None:
    """Where float64 cannot hold a quotient, the decay is refused by name; else it is right."""
    country = Country({("A", "B"): 1.0}, {"A": 1e9, "B": 3.0}, {"A": 0.0, "B": 1e12})

    def decay(minutes: F64) -> F64:
        return np.full_like(minutes, weight)

    fault, values = "APL-F03", np.zeros(2)
    with np.errstate(all="ignore"):  # without the JIT, kernels warn of what overflows
        try:
            values = run(country, name, decay)
        except RuleError as error:
            fault = error.fault
        else:
            lost = name in ("3SFCA", "M2SFCA") and weight < 1e-154  # as told: it counts for 0
            wanted = oracle(country, name, decay)
            assert_close(values, dict.fromkeys(wanted, Fraction(0)) if lost else wanted)
    assert fault == "APL-F03"


# The decays that it added


def test_logistic_is_the_peer_s_and_holds_far_away() -> None:
    """ipeaGIT/accessibility's own test: 1 at 0, 0.5 at 20 (deviation 2), 0.502 at 30 (10)."""
    assert Logistic(20, 2)(np.array([0.0, 20.0])) == pytest.approx([1, 0.5], rel=1e-7)
    assert Logistic(30, 10)(np.array([0.0, 30.0])) == pytest.approx([1, 0.502], abs=1e-3)
    assert Logistic(30, 0.01)(np.array([0.0, 29.0, 30.0, 31.0, 1e6])).tolist() == pytest.approx(
        [1, 1, 0.5, math.exp(-100 * math.pi / math.sqrt(3)), 0], rel=1e-12
    )
    for wrong in [(-1, 1), (1, 0), (1, -2), (1, math.nan), (math.nan, 1)]:
        with pytest.raises(ValueError, match="deviation"):
            Logistic(*wrong)


def test_dai_s_gaussian_ends_at_zero() -> None:
    wanted = (math.exp(-1 / 8) - math.exp(-1 / 2)) / (1 - math.exp(-1 / 2))
    found = SMOOTH["dai"](np.array([0.0, 10.0, 20.0, 20.1]))
    assert found.tolist() == pytest.approx([1, wanted, 0, 0], rel=1e-15)
    assert Gaussian(5, to_zero=True)(np.array([3.0])) == Gaussian(5)(np.array([3.0]))


def test_epanechnikov_s_kernel() -> None:
    found = Epanechnikov(20)(np.array([0.0, 5.0, 10.0, 20.0, 30.0]))
    assert found.tolist() == [1.0, 0.9375, 0.75, 0.0, 0.0]


def test_table_reads_between_its_rows_as_it_says() -> None:
    times = np.array([0.0, 12.5, 13.75, 15.0, 38.0, 61.0, 62.0])
    assert TABLE(times).tolist() == [1.5, 0.25, 0.5, 0.75, 0.375, 0.0, 0.0]
    held = replace(TABLE, interpolation="step")
    assert held(times).tolist() == [1.5, 0.25, 0.75, 0.75, 0.0, 0.0, 0.0]
    assert TABLE.limit == 61
    late = Table(((5, 0.5),), interpolation="linear")
    assert late(np.array([0.0, 5.0, 5.1])).tolist() == [0.5, 0.5, 0.0]
    steps = Table(((10, 1), (15, 2 / 3), (20, 1 / 3)), interpolation="step")
    closed = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="right")
    grid = np.arange(0, 25, 0.25)
    assert steps(grid).tolist() == closed(grid).tolist()


@pytest.mark.parametrize(
    ("rows", "interpolation"),
    [
        ((), "step"),
        (((0, 1), (0, 2)), "step"),
        (((5, 1), (0, 2)), "linear"),
        (((0, -1),), "step"),
        (((-1, 1),), "step"),
        (((0, math.nan),), "step"),
        (((math.inf, 1),), "step"),
        (((0, 1),), "cubic"),
    ],
)
def test_a_table_that_is_none(rows: Any, interpolation: str) -> None:
    with pytest.raises(ValueError, match=r"ascend|negative|interpolation"):
        Table(rows, interpolation=interpolation)


def test_a_table_reaches_no_farther_than_the_pairs() -> None:
    pairs = Catchment.build(strip(3).table(), Territory.from_codes(strip(3).codes), within=20)
    with pytest.raises(RuleError, match="61"):
        pairs.weigh(TABLE)


def test_named_functions_are_the_family() -> None:
    assert list(FAMILY) == ["2SFCA", "E2SFCA", "KD2SFCA", "3SFCA", "M2SFCA", "BFCA", "i2SFCA"]
    assert FAMILY["2SFCA"] is two_sfca
    assert FAMILY["i2SFCA"] is i2sfca
