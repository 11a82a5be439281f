"""Small countries of BVCV in two regions, and what the regions decide: to try adaptation on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from naive_regimes import LEAST, LOW, MIDDLE, REST, Area

import apl

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
FITTING = LAW.reading({"adaptation.order": "lowest_that_fit"})
PRINTED = LAW.reading({"adaptation.reference": "printed"})
GUIDE = "guide_paca_2025"
ZONES = (LEAST, LOW, MIDDLE, REST)
THIRD = Fraction(1, 3)
CITE = {"cite": "p. 4"}
EXCHANGE = LAW.overlaid(
    {
        "adaptation": {
            "regime": [
                {
                    "name": "exchange", "title": "exchange zones", "reported": "a test", **CITE,
                    "moves": [
                        {"from": a, "to": b, "exchange": side, "within": "1/3", **CITE}
                        for side, pair in (("lowest", (LOW, MIDDLE)), ("highest", (MIDDLE, REST)))
                        for a, b in (pair, pair[::-1])
                    ],
                    "stable": {"zones": [LOW], **CITE},
                    "provisional": {"zone": MIDDLE, **CITE},
                }
            ]
        }
    }
)  # fmt: skip

Countries = dict[str, Area]
Decisions = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A country with its national classes, and what regions decide."""

    country: Countries
    decisions: Decisions

    @property
    def after(self) -> dict[str, str]:
        return {code: area.zone for code, area in self.country.items()} | self.decisions

    def of(self, *regions: str) -> Decisions:
        """The decisions of some regions."""
        return {c: z for c, z in self.decisions.items() if self.country[c].region in regions}


levels = st.none() | st.integers(0, 4).map(Fraction)
sizes = st.sampled_from([0, 1, 2, 3, 5, 8, 10, 13, 20])
steps = st.sampled_from([-1, -1, -1, 1, 1, 0, 2])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """BVCV of two regions, small ones and a large one, so that limits are whole persons or nearly;
    decisions take the second class in order or not, let two change places, or take any."""
    rows: list[tuple[str, Fraction | None, int]] = []
    for region, most in (("84", 7), ("93", 3)):
        few = draw(st.lists(st.tuples(levels, sizes), min_size=1, max_size=most))
        people = 40 * draw(st.integers(4, 20)) + draw(st.sampled_from([0, 0, 1, 39]))
        rows += [(region, *row) for row in few]
        rows.append((region, Fraction(9), max(0, people - sum(n for _, n in few))))
    codes = draw(st.permutations([f"010{k:02d}" for k in range(1, len(rows) + 1)]))
    ranked = sorted(zip(codes, rows, strict=True), key=lambda x: (_level(x[1][1]), x[1][2], x[0]))
    first = draw(st.integers(0, 3))
    cuts = [first, first + draw(st.integers(1, 6)), draw(st.integers(4, len(rows) + 4))]
    country = {
        code: Area(region, value, n, ZONES[int(np.searchsorted(sorted(cuts), at, side="right"))])
        for at, (code, (region, value, n)) in enumerate(ranked)
    }
    low, middle = (
        [code for code, _ in ranked if (country[code].region, country[code].zone) == ("84", zone)]
        for zone in (LOW, MIDDLE)
    )
    skipped, taken = draw(st.sampled_from([(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (0, 0)]))
    decisions = dict.fromkeys(low[skipped : skipped + taken], LEAST)
    if draw(st.integers(0, 3)) == 0:
        decisions = dict.fromkeys(low[-1:], MIDDLE) | dict.fromkeys(middle[:1], LOW)
    for code in draw(st.lists(st.sampled_from(sorted(country)), max_size=1)):
        at = ZONES.index(country[code].zone)
        decisions[code] = ZONES[min(max(at + draw(steps), 0), 3)]
    return Case(country, decisions)


def _level(value: Fraction | None) -> float:
    return -1.0 if value is None else float(value)


def zones_of(country: Countries, order: list[int] | None = None) -> pa.Table:
    """The table ``bvcv``, with the persons cumulated by ascending APL."""
    names = sorted(country)
    ranks = sorted(names, key=lambda c: (_level(country[c].apl), country[c].persons, c))
    sums = dict(zip(ranks, np.cumsum([country[c].persons for c in ranks]).tolist(), strict=True))
    names = names if order is None else [names[k] for k in order]
    areas = [country[code] for code in names]
    return pa.table(
        {
            "code_bvcv": names,
            "code_region": [a.region for a in areas],
            "apl": pa.array([None if a.apl is None else float(a.apl) for a in areas], pa.float64()),
            "population": pa.array([a.persons for a in areas], pa.int64()),
            "zone": [a.zone for a in areas],
            "population_cumulee": pa.array([sums[code] for code in names], pa.int64()),
        }
    )


def table_of(decisions: Mapping[str, str], motive: str = "accès difficile") -> pa.Table:
    text = {"code_bvcv": list(decisions), "zone": list(decisions.values())}
    columns = {**text, "motif": [motive] * len(decisions)}
    return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})


def region_of(*rows: tuple[int | None, int, str], people: int = 1000) -> Countries:
    """Region 84: BVCV A, B, … by APL, persons and class; the rest is one large BVCV."""
    country = {
        f"010{k:02d}": Area("84", None if value is None else Fraction(value), n, zone)
        for k, (value, n, zone) in enumerate(rows, 1)
    }
    rest = people - sum(n for _, n, _ in rows)
    return {**country, "01099": Area("84", Fraction(99), rest, MIDDLE)}


def areas(*rows: tuple[float | None, int], region: str = "84") -> pa.Table:
    """Units A, B, C, … from (APL, inhabitants)."""
    return pa.table(
        {
            "code_bvcv": ["ABCDEFGHIJKLM"[k] for k in range(len(rows))],
            "code_region": [region] * len(rows),
            "population": pa.array([n for _, n in rows], pa.int64()),
            "population_standardisee": [float(n) for _, n in rows],
            "apl": pa.array([value for value, _ in rows], pa.float64()),
        }
    )


def column(found: pa.Table, name: str) -> list[Any]:
    values: list[Any] = found.column(name).to_pylist()
    return values
