"""Many supplies over one index: row by row the bits of single solves, within 1e-12 of fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import Country, countries, extreme, fte, strip

from apl_core import Catchment, Decay, Exponential, Steps, TableError, Territory, Weighted
from apl_core.many import TILE, WORTH_RUNS

LEGAL = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
DECAYS: list[Decay] = [
    LEGAL,
    Steps.of([10, 20], ["1", "1/2"], closed="right"),
    Steps.of([20], ["1"], closed="right"),
    Exponential(0.1),
]
F64 = NDArray[np.float64]


def weighted(country: Country, decay: Decay = LEGAL) -> Weighted:
    land = Territory.from_codes(country.codes)
    return Catchment.build(country.table(), land, within=None).weigh(decay)


def singly(pairs: Weighted, supplies: F64, demand: F64) -> F64:
    return np.array([pairs.access(pairs.ratio(supply, demand)) for supply in supplies])


@settings(deadline=None, max_examples=60)  # the first one compiles
@given(countries(demand=extreme, supply=extreme), st.sampled_from(DECAYS), st.data())
def test_each_row_has_the_bits_of_a_single_solve(
    country: Country, decay: Decay, data: st.DataObject
) -> None:
    """Of a few scenarios, taken one by one, and of enough of them for runs."""
    pairs, demand = weighted(country, decay), country.demand_vector()
    row = st.lists(extreme | fte, min_size=demand.size, max_size=demand.size)
    supplies = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
    if data.draw(st.booleans()):
        supplies = np.tile(supplies, (WORTH_RUNS, 1))
    found = pairs.access_many(supplies, demand)
    assert found.tobytes() == singly(pairs, supplies, demand).tobytes()


@settings(deadline=None, max_examples=60)
@given(countries(), st.integers(0, 2**32))
def test_rows_are_those_of_the_oracle(country: Country, seed: int) -> None:
    supplies = np.random.default_rng(seed).integers(0, 50, (2, len(country.codes))).astype(float)
    found = weighted(country).access_many(np.tile(supplies, (10, 1)), country.demand_vector())
    bands = [(10, False, Fraction(1)), (15, False, Fraction(2, 3)), (20, False, Fraction(1, 3))]
    for supply, row in zip(supplies, found, strict=False):  # the same two, ten times
        given = dict(zip(country.codes, supply.tolist(), strict=True))
        exact = naive.two_steps(country.times, given, country.population, bands)
        for code, value in zip(country.codes, row, strict=True):
            assert math.isclose(value, exact[code], rel_tol=1e-12, abs_tol=0)


@pytest.mark.parametrize("decay", DECAYS, ids=repr)
def test_more_scenarios_than_a_tile_on_any_number_of_threads(decay: Decay) -> None:
    country = strip(60)
    pairs, demand = weighted(country, decay), country.demand_vector()
    rng = np.random.default_rng(1)
    supplies = np.where(rng.random((TILE + 5, 60)) < 0.6, 0.0, rng.random(60) * 40)
    supplies[3] = 0.0
    supplies[7] *= 10.0 ** rng.integers(-30, 30, 60)  # a range that whole numbers do not hold
    supplies[8] *= 1e-290  # a scale beyond float64's
    one = pairs.access_many(supplies, demand)
    assert one.tobytes() == singly(pairs, supplies, demand).tobytes()
    assert one.tobytes() == pairs.access_many(supplies, demand, threads=3).tobytes()
    assert one.tobytes() == pairs.often().access_many(supplies, demand).tobytes()
    assert not one[3].any()
    if decay is LEGAL:
        ratios = [pairs.ratio(supply, demand) for supply in supplies]
        kinds = {pairs.arithmetic(ratio) for ratio in ratios}
        assert kinds == {"exact", "float64"}, "both ways of adding up are tried"


def test_no_scenario_and_no_supply() -> None:
    pairs, demand = weighted(strip(20)), strip(20).demand_vector()
    assert pairs.access_many(np.empty((0, 20)), demand).shape == (0, 20)
    assert not pairs.access_many(np.zeros((2, 20)), demand).any()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_what_is_no_quantity_is_refused_by_its_scenario(bad: float) -> None:
    pairs, demand = weighted(strip(20)), strip(20).demand_vector()
    supplies = np.ones((3, 20))
    supplies[1, 4] = bad
    with pytest.raises(TableError) as caught:
        pairs.access_many(supplies, demand)
    assert (caught.value.fault, caught.value.table, caught.value.rows) == (
        "APL-D03",
        "supply 1",
        (5,),
    )
    with pytest.raises(ValueError, match="shape"):
        pairs.access_many(np.ones(20), demand)
