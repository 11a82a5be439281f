"""One draw on its way through the corridor: two steps, means, order, cuts, as in `apl.run`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl import aggregation, indicator, zoning
from apl.counted import column_of
from apl.doubted.draws import (
    MINUTES,
    POPULATION,
    SUPPLY,
    Doubt,
    People,
    Resampling,
    Roads,
    errors,
    stream,
)
from apl.law import Rules
from apl.scenarios.situation import Outcome, Situation
from apl.zoning import Cut, Units
from apl_core import Weighted
from apl_core.exact import F64, I64
from apl_core.territory import column_values


@dataclass(frozen=True, eq=False)
class Drawn:
    """One draw.

    Attributes
    ----------
    supply, demand, weight : float64[n]
        FTE, standardised inhabitants, and the weights of the means, by commune.
    counted : int64[b]
        Whom the cuts count, by BVCV.
    weighted : Weighted
        The pairs towards supply with the weights of the draw.
    """

    supply: F64
    demand: F64
    weight: F64
    counted: I64
    weighted: Weighted


@dataclass(frozen=True, eq=False)
class Country:
    """What all draws start from, in the order of codes.

    Attributes
    ----------
    weighted : Weighted
        The pairs towards supply as the run has them.
    reached : bool[n]
        Somebody can come, by those.
    unit : int64[n]
        Which BVCV each commune is in.
    persons, counted : int64[n]
        Inhabitants; whom the cuts count.
    """

    place: Situation
    rules: Rules
    doubt: Doubt
    seed: int
    people: Resampling | None
    roads: Roads | None
    weighted: Weighted
    reached: NDArray[np.bool_]
    unit: I64
    persons: I64
    counted: I64

    @classmethod
    def of(
        cls, place: Situation, rules: Rules, doubt: Doubt, people: People | None, seed: int
    ) -> Country:
        """A country to draw from; ``people`` where persons are drawn."""
        weighted = indicator.weighed(place.pairs, place.supply, rules)
        counts = (column_values(place.communes.column(name), np.int64)
                  for name in ("population", column_of(rules)))  # fmt: skip
        return cls(
            place,
            rules,
            doubt,
            seed,
            None if people is None else Resampling.of(people, place, doubt.resample),
            Roads.of(weighted.pairs, rules, doubt) if doubt.minutes else None,
            weighted if doubt.minutes else weighted.often(),
            weighted.demand(place.demand) > 0,
            unit_of(place.communes)[1],
            *counts,
        )

    def few(self, least: int) -> NDArray[np.bool_]:
        """The BVCV, bool[b], whose APL is the work of some persons, but fewer than ``least``.

        What they draw would tell who does how much. A person is counted at home alone: one with
        another place near by may be missed, which hides more.
        """
        pairs, n = self.weighted.pairs, self.persons.size
        units = int(self.unit.max()) + 1
        if self.people is None:
            return np.zeros(units, dtype=np.bool_)
        here = np.bincount(self.people.home, minlength=n)
        near = self.weighted.weight > 0
        unit = np.repeat(self.unit, np.diff(pairs.start))[near]
        once = np.unique(unit * n + pairs.destination[near])
        reached = np.bincount(once // n, weights=here[once % n], minlength=units)
        some = np.zeros(units, dtype=np.bool_)
        some[once // n] = True  # FTE, of persons who may be at home elsewhere
        return some & (reached < least)

    def draw(self, k: int) -> Drawn:
        """Draw number k: the same whatever else is drawn."""
        place, doubt = self.place, self.doubt
        supply, demand, weighted = place.supply, place.demand, self.weighted
        persons, counted = self.persons, self.counted
        if self.people is not None:
            supply = self.people.supply(stream(self.seed, k, SUPPLY), supply.size)
        if self.roads is not None:
            weighted = self.roads.weighted(stream(self.seed, k, MINUTES))
        if doubt.population:
            factor = errors(stream(self.seed, k, POPULATION), demand.size, doubt.population)
            demand = demand * factor
            persons, counted = (whole(count, factor) for count in (persons, counted))
        by_need = self.rules.weight == "population_standardisee"
        weight = demand if by_need else persons.astype(np.float64)
        here = np.bincount(self.unit, weights=counted).astype(np.int64)
        return Drawn(supply, demand, weight, here, weighted)

    def draws(self, first: int, last: int) -> Iterator[tuple[F64, I64]]:
        """Of each draw, last excluded: the mean APL of each BVCV, and whom the cuts count there.

        Where supply alone is drawn, the two steps are taken of all together: 0.4 ms a draw for 2.4.
        """
        if self.roads is not None or self.doubt.population:
            for k in range(first, last):
                drawn = self.draw(k)
                found = indicator.solved(drawn.weighted, drawn.supply, drawn.demand, self.rules)
                yield self.means(drawn, found.apl), drawn.counted
            return
        every, demand = [self.draw(k) for k in range(first, last)], self.place.demand
        access = self.weighted.access_many(np.array([one.supply for one in every]), demand)
        for drawn, found_by in zip(every, access, strict=True):
            indicator.conserved(drawn.supply, demand, drawn.supply * self.reached, found_by)
            yield self.means(drawn, found_by * self.rules.per), drawn.counted

    def means(self, drawn: Drawn, apl: F64) -> F64:
        """The mean of each BVCV, float64[b], of an APL by commune, float64[n]."""
        return aggregation.means(self.unit, drawn.weight, apl, drawn.counted.size)[0]


def whole(count: I64, factor: F64) -> I64:
    """Persons times a factor, in whole persons; nobody's place is left without any."""
    return np.where(count > 0, np.maximum(np.rint(count * factor), 1), 0).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Ranker:
    """The classes of any APL of the same BVCV: `apl.rank` without its tables.

    Attributes
    ----------
    rules : Rules
    code : text[u]
        The BVCV by code, then territories without APL.
    number : int64[u]
        The place of each code among them.
    outside : int64[u - b]
        Persons of those territories.
    levels : float64[cuts] or None
        Where classes end, if cuts are held; None: cut anew.
    apl, zone : float64[b], int64[b]
        Of the run; under held cuts, an APL that is the run's keeps its class.
    """

    rules: Rules
    code: NDArray[np.object_]
    number: I64
    outside: I64
    levels: F64 | None
    apl: F64
    zone: I64

    @classmethod
    def of(cls, place: Situation, rules: Rules, before: Outcome, *, hold_cuts: bool) -> Ranker:
        """The ranking of a situation whose outcome is ``before``."""
        areas, regions = before.ranking.bvcv, sorted(place.outside)
        code = [*areas.column("code_bvcv").to_pylist(), *map(zoning.called, regions)]
        levels = None
        if hold_cuts and rules.zoning.method != "thresholds":
            ends = [-math.inf if cut.apl is None else cut.apl for cut in before.ranking.cuts]
            levels = np.maximum.accumulate(np.array(ends))
        zone = pc.index_in(areas.column("zone"), value_set=pa.array(rules.zoning.zones))
        return cls(
            rules,
            np.array(code, dtype=object),
            np.argsort(np.argsort(np.array(code))),
            np.array([place.outside[region] for region in regions], dtype=np.int64),
            levels,
            column_values(areas.column("apl"), np.float64),
            column_values(zone, np.int64),
        )

    def ranked(self, apl: F64, counted: I64) -> tuple[NDArray[np.int64], F64]:
        """The number of the class of each BVCV, and the APL at which classes end (NaN: empty)."""
        if self.levels is not None:
            zone = np.searchsorted(self.levels, apl, side="left")
            return np.where(apl == self.apl, self.zone, zone), self.levels
        law = self.rules.zoning
        every = np.concatenate([apl, np.full(self.outside.size, np.nan)])
        persons = np.concatenate([counted, self.outside])
        order = zoning.order_of(every, persons, self.number, law)
        code = self.code[order].tolist()
        units = Units(code, [], persons[order], every[order], order, np.cumsum(persons[order]))
        found, cuts = zoning.cut(units, law)
        zone = np.full(every.size, -1)
        zone[order] = found
        return zone[: apl.size], np.array([_level(cut) for cut in cuts])


def _level(cut: Cut) -> float:
    return math.nan if cut.apl is None else cut.apl


def unit_of(communes: pa.Table) -> tuple[pa.Array, I64]:
    """The BVCV by code, and which of them each commune is in, int64[n]."""
    codes = communes.column("code_bvcv").cast(pa.string())
    units = pc.unique(codes)
    units = units.take(pc.array_sort_indices(units))
    return units, column_values(pc.index_in(codes, value_set=units), np.int64)
