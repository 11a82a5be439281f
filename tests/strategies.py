"""Small countries to try the engine on: a few communes, with times that fall on every bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from numpy.typing import NDArray

Pair = tuple[str, str]

# Every form a commune's code takes: Corsica, overseas, arrondissements.
CODES = (
    "01001", "01002", "2A004", "2B033", "38185", "59350", "69123", "69381", "75101", "75120",
    "13201", "95018", "97101", "97411", "97608",
)  # fmt: skip

BOUNDS = (10.0, 15.0, 20.0)
GRID = tuple(
    sorted(
        {0.1, 5.0, 12.5, 30.0, 61.0}
        | {bound + step for bound in BOUNDS for step in (-0.1, -0.01, 0.0, 0.01, 0.1)}
        | {math.nextafter(bound, side) for bound in BOUNDS for side in (-math.inf, math.inf)}
    )
)

minutes = {
    "whole": st.integers(0, 30).map(float),
    "tenths": st.integers(0, 300).map(lambda tenths: tenths / 10),
    "bounds": st.sampled_from(GRID),
    "free": st.floats(0, 60, allow_subnormal=False),
}
people = st.one_of(
    st.just(0.0),
    st.integers(1, 3_000_000).map(float),
    st.floats(0.001, 3_000_000, allow_nan=False),
)
fte = st.one_of(st.just(0.0), st.integers(1, 500).map(float), st.floats(0.001, 500))
extreme = st.one_of(
    st.just(0.0),
    st.builds(lambda digits, power: digits * 10.0**power, st.floats(1, 10), st.integers(-6, 11)),
)


@dataclass(frozen=True)
class Country:
    """Communes, their travel times (pairs that are not listed are out of reach), people, supply."""

    times: Mapping[Pair, float]
    population: Mapping[str, float]
    supply: Mapping[str, float]

    @property
    def codes(self) -> list[str]:
        """All codes, sorted."""
        return sorted(self.population)

    def table(self, order: Sequence[int] | None = None) -> pa.Table:
        """The times as a `temps_de_parcours` table, its rows in a given order."""
        return times_table(self.times, order)

    def demand_vector(self) -> NDArray[np.float64]:
        """Population by sorted code."""
        return np.array([self.population[code] for code in self.codes], dtype=np.float64)

    def supply_vector(self) -> NDArray[np.float64]:
        """Supply by sorted code."""
        return np.array([self.supply[code] for code in self.codes], dtype=np.float64)

    def renamed(self, name: Mapping[str, str]) -> Country:
        """The same country under other codes."""
        return Country(
            {(name[i], name[j]): time for (i, j), time in self.times.items()},
            {name[code]: value for code, value in self.population.items()},
            {name[code]: value for code, value in self.supply.items()},
        )

    def with_times(self, changed: Mapping[Pair, float]) -> Country:
        """The same country with some times changed or added."""
        return replace(self, times={**self.times, **changed})


def times_table(times: Mapping[Pair, object], order: Sequence[int] | None = None) -> pa.Table:
    """A `temps_de_parcours` table."""
    rows = list(times.items())
    rows = rows if order is None else [rows[position] for position in order]
    return pa.table(
        {
            "origine": pa.array([pair[0] for pair, _ in rows], pa.string()),
            "destination": pa.array([pair[1] for pair, _ in rows], pa.string()),
            "minutes": pa.array([time for _, time in rows], pa.float64()),
        }
    )


@st.composite
def countries(
    draw: st.DrawFn,
    *,
    demand: st.SearchStrategy[float] = people,
    supply: st.SearchStrategy[float] = fte,
    size: tuple[int, int] = (2, 9),
) -> Country:
    """A country of a few communes: asymmetric times, some pairs missing, each self pair at 0."""
    codes = draw(st.lists(st.sampled_from(CODES), min_size=size[0], max_size=size[1], unique=True))
    time = minutes[draw(st.sampled_from(sorted(minutes)))]
    others = [(i, j) for i in codes for j in codes if i != j]
    drawn = draw(st.lists(st.none() | time, min_size=len(others), max_size=len(others)))
    found = {pair: value for pair, value in zip(others, drawn, strict=True) if value is not None}
    count = len(codes)
    return Country(
        {**{(code, code): 0.0 for code in codes}, **found},
        dict(zip(codes, draw(st.lists(demand, min_size=count, max_size=count)), strict=True)),
        dict(zip(codes, draw(st.lists(supply, min_size=count, max_size=count)), strict=True)),
    )
