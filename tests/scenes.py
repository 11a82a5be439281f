"""Small countries with BVCV and regions, for the tests of scenarios."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from hypothesis import strategies as st
from strategies import Country, countries

import apl
from apl.scenarios.situation import Situation, situation

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
REGIONS = ("84", "93")
INHABITANTS = st.integers(1, 3_000_000).map(float)


@dataclass(frozen=True)
class Scene:
    """A country whose communes have a BVCV; a BVCV lies in one region."""

    country: Country
    unit: dict[str, str]
    region: dict[str, str]

    def communes(self) -> pa.Table:
        """The table ``apl_communes`` of a run, as far as a situation needs it."""
        codes = self.country.codes
        return pa.table(
            {
                "code_commune": codes,
                "code_bvcv": [self.unit[c] for c in codes],
                "code_region": [self.region[self.unit[c]] for c in codes],
                "population": [int(self.country.population[c]) for c in codes],
                "population_standardisee": [self.country.population[c] for c in codes],
                "etp": [self.country.supply[c] for c in codes],
            }
        )

    def situation(self) -> Situation:
        return situation(self.communes(), self.country.table(), LAW)

    def persons(self) -> dict[str, int]:
        """Inhabitants of each BVCV."""
        found: dict[str, int] = defaultdict(int)
        for code, unit in self.unit.items():
            found[unit] += int(self.country.population[code])
        return dict(found)


@st.composite
def scenes(
    draw: st.DrawFn,
    *,
    demand: st.SearchStrategy[float] = INHABITANTS,
    size: tuple[int, int] = (2, 9),
) -> Scene:
    """Communes with inhabitants, in BVCV of one to all of them, in one or two regions."""
    halves = st.integers(0, 400).map(lambda k: k / 2)
    country = draw(countries(demand=demand, supply=halves, size=size))
    codes = country.codes
    heads = draw(st.lists(st.sampled_from(codes), min_size=len(codes), max_size=len(codes)))
    unit = dict(zip(codes, heads, strict=True))
    region = {head: draw(st.sampled_from(REGIONS)) for head in sorted(set(heads))}
    return Scene(country, unit, region)
