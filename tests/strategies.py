"""Small countries to try the engine on: a few communes, with times that fall on every bound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import naive
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

# The worked example of the method: four communes, physiotherapists of 2021.
WORKED_TIMES = {
    pair: time
    for i, j, time in [
        ("A", "B", 8), ("A", "C", 12), ("A", "D", 25), ("B", "C", 6), ("B", "D", 17),
        ("C", "D", 14), ("A", "A", 0), ("B", "B", 0), ("C", "C", 0), ("D", "D", 0),
    ]
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

    def shuffled(self, seed: int) -> tuple[dict[str, str], Country]:
        """Which code became which, and the same country with its codes exchanged so."""
        new = np.random.default_rng(seed).permutation(np.array(self.codes)).tolist()
        name = dict(zip(self.codes, new, strict=True))
        return name, self.renamed(name)

    def split(self, old: str, new: str, share: float) -> Country:
        """A commune cut in two at 0 minutes of each other, with the old one's roads."""
        halves = {code: (code, new) if code == old else (code,) for code in self.codes}
        times = {
            (i, j): time
            for (origin, destination), time in self.times.items()
            for i in halves[origin]
            for j in halves[destination]
        }
        people, supply = dict(self.population), dict(self.supply)
        for held in (people, supply):
            held[new] = share * held[old]
            held[old] -= held[new]
        return Country(times, people, supply)

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


def strip(size: int) -> Country:
    """Communes along a line, each with some 20 others 1 to 25 minutes away, to the tenth."""
    rng = np.random.default_rng(20240320)
    codes = [f"{10 + k // 100}{k % 100:03d}" for k in range(size)]
    times = {(code, code): 0.5 for code in codes}
    for i, origin in enumerate(codes):
        for j in rng.integers(max(0, i - 30), min(size, i + 30), size=20).tolist():
            times.setdefault((origin, codes[j]), float(rng.integers(10, 251)) / 10)
    population = rng.integers(0, 20_000, size=size).astype(float).tolist()
    supply = np.where(rng.random(size) < 0.7, 0.0, rng.random(size) * 40).tolist()
    return Country(
        times,
        dict(zip(codes, population, strict=True)),
        dict(zip(codes, supply, strict=True)),
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


@st.composite
def one_comes_closer(draw: st.DrawFn) -> tuple[str, Country, Country]:
    """A commune, and the country before and after some of its inhabitants' trips get shorter.

    Only trips of the mover change, or become possible: nobody else's trips to it do.
    """
    country = draw(countries())
    mover = draw(st.sampled_from(country.codes))
    drawn = draw(
        st.dictionaries(st.sampled_from(country.codes), minutes["bounds"], min_size=1, max_size=4)
    )
    shorter = {
        (mover, place): min(time, country.times.get((mover, place), math.inf))
        for place, time in drawn.items()
    }
    return mover, country, country.with_times(shorter)
