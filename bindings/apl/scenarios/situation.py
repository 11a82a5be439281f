"""A country as it stands before the two steps, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from apl import aggregation, counted, density, indicator, zoning
from apl.law import Rules
from apl.zoning import Ranking
from apl_core import Catchment, Territory
from apl_core.exact import F64
from apl_core.territory import column_values


@dataclass(frozen=True, eq=False)
class Situation:
    """A country as it stands before the two steps, in the order of ``pairs.land.codes``.

    Attributes
    ----------
    pairs : Catchment
        All pairs, those that lead to no supply included.
    supply, demand : float64[n]
        FTE, standardised inhabitants.
    communes : pyarrow.Table
        ``code_commune``, ``code_bvcv``, ``code_region``, ``population``, and
        ``population_feminine`` where the law counts women.
    outside : mapping of region → persons
        Territories without APL.
    """

    pairs: Catchment
    supply: F64
    demand: F64
    communes: pa.Table
    outside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A situation's results: ``apl_communes``, the ranking, and FTE that nobody reaches."""

    communes: pa.Table
    ranking: Ranking
    unreached: float


def situation(
    communes: pa.Table,
    travel_times: Any,
    rules: Rules,
    *,
    self_pair: str = "error",
    outside: Mapping[str, int] | None = None,
) -> Situation:
    """What `apl.run` knew before the two steps, from its ``communes`` and its travel times.

    Parameters
    ----------
    communes : pyarrow.Table
        The table ``apl_communes`` of a run: FTE and standardised inhabitants are taken from it.
    travel_times : pyarrow.Table
        As `Catchment.build`, which also has ``self_pair``.
    rules : Rules
    outside : mapping of region → persons, optional
        Territories without APL, as the run had them.

    Raises
    ------
    RuleError
        A text that measures a density, which has no travel times.
    """
    density.refuse_apl(rules)
    land = Territory.from_table(communes)
    there = land.ordered(communes)
    pairs = Catchment.build(travel_times, land, within=rules.decay.limit, self_pair=self_pair)
    supply, demand = (column_values(there.column(n), np.float64)
                      for n in ("etp", "population_standardisee"))  # fmt: skip
    return Situation(pairs, supply, demand, there, outside or {})


def outcome(
    place: Situation, rules: Rules, *, supply: F64 | None = None, threads: int = 1
) -> Outcome:
    """The APL, the BVCV and their zones, with another supply (float64[n]) than the situation's."""
    etp = place.supply if supply is None else supply
    found = indicator.two_steps(place.pairs, etp, place.demand, rules, threads=threads)
    result = indicator.table(place.pairs.land, found, place.communes)
    ranking = zoning.rank(
        aggregation.aggregate(result, place.communes, rules),
        rules,
        territories_without_apl=place.outside,
        inhabitants=counted.own_inhabitants(place.communes, rules),
    )
    return Outcome(result, ranking, float(etp[found.unreached].sum()))
