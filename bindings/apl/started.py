"""What runs side by side before the two steps: who is where, how many FTE, how much demand, who
reaches whom; then the gates that look at what came of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from apl import activity, bvcv, cities, counted, indicator, plausible
from apl.inputs import KIND, TIMES, Inputs
from apl.jobs import Jobs
from apl.law import Rules
from apl.noticed import Notice, pair_notices
from apl.parameters import Parameters
from apl_core import Catchment, Territory, Weighted, refuse_if
from apl_core.blockwise import Pairs, Summed

Supplied = tuple[activity.F64, activity.Supply | None]  # FTE; how, where they were computed


@dataclass(frozen=True)
class Started:
    """Work under way: communes by position (with whom the cuts count), indexed pairs (None for a
    density), supply (FTE, and how they came about) and demand."""

    given: Inputs
    land: Future[Territory]
    placed: Future[pa.Table]
    pairs: Future[Catchment | Pairs] | None
    summed: Future[Weighted | Summed] | None
    supply: Future[Supplied]
    demand: Future[activity.F64]


def start(
    jobs: Jobs,
    given: Inputs,
    rules: Rules,
    parameters: Parameters,
    self_pair: str,
    over: Callable[[Territory, activity.F64], Summed] | None = None,
) -> Started:
    """Start all that comes before the two steps; then all gates."""
    tables = given.tables
    ages = [tables["population_par_age"]] if "population_par_age" in tables else []
    name = "offre" if "offre" in tables else "professionnels"

    def supply(table: pa.Table, land: Territory) -> Supplied:
        if name == "offre":
            return activity.given_supply(table, land), None
        how = activity.supply(table, land, rules, parameters)
        return how.etp, how

    def demand(ages: pa.Table, fees: pa.Table, land: Territory, communes: pa.Table) -> activity.F64:
        return activity.demand(ages, fees, land, rules, communes)

    def reached(
        table: pa.Table, land: Territory, pairs: Catchment | Pairs, found: Supplied
    ) -> Supplied:
        plausible.supply(table, name, land, pairs, found[0])
        return found

    def place(land: Territory, communes: pa.Table, *ages: pa.Table) -> pa.Table:
        return counted.counted(land.ordered(communes), rules, ages=next(iter(ages), None))

    land = jobs.start(Territory.from_table, tables["communes"])
    women = ages if rules.zoning.population == "women" else []
    placed = jobs.start(place, land, tables["communes"], *women)
    index: Future[Any] | None = given.pairs
    if index is None and rules.indicator.kind != KIND and over is None:
        build = partial(Catchment.build, within=rules.decay.limit, self_pair=self_pair)
        index = jobs.start(build, tables["temps_de_parcours"], land)
    people = jobs.start(supply, tables[name], land)
    if "population_standardisee" in tables:
        one = tables["population_standardisee"]
        needs = jobs.start(activity.given_demand, one, land, placed)
    else:
        needs = jobs.start(demand, *ages, tables["consommation_par_age"], land, placed)
    summed = None
    if over is not None:
        summed = jobs.start(over, land, needs)
        index = jobs.start(lambda summed: summed.pairs, summed)
        about = jobs.start(lambda summed: summed.pairs.about, summed)
        order = given.files
        given = replace(given, tables={n: about if n == TIMES else tables[n] for n in order})
    # gates wait for what they look at: started last, they keep no worker from the work
    jobs.start(lambda communes: refuse_if(bvcv.bare_overseas(communes)), tables["communes"])
    for given_name in sorted(tables.keys() - {"consommation_par_age"}):
        jobs.start(partial(_one_level, given_name), tables[given_name], tables["communes"])
    if index is not None:
        jobs.start(plausible.times, index)
        people = jobs.start(reached, tables[name], land, index, people)
    if "population_standardisee" in tables and rules.zoning.population == "municipal":
        jobs.start(plausible.demand, needs, placed)
    return Started(given, land, placed, index, summed, people, needs)


def _one_level(name: str, table: pa.Table, communes: pa.Table) -> None:
    refuse_if(cities.faults(name, table, communes))


def start_pairs(
    jobs: Jobs, started: Started, rules: Rules
) -> tuple[Future[Weighted | Summed] | None, Future[tuple[Notice, ...]] | None]:
    """Weigh the pairs that lead to supply, and look at all, while demand is computed."""
    if started.pairs is None:
        return None, None

    def near(pairs: Catchment, found: Supplied) -> Weighted:
        return indicator.weighed(pairs, found[0], rules)

    def noted(pairs: Catchment | Pairs, communes: pa.Table) -> tuple[Notice, ...]:
        return tuple(pair_notices(pairs, communes, rules))

    return (
        started.summed or jobs.start(near, started.pairs, started.supply),
        jobs.start(noted, started.pairs, started.placed),
    )
