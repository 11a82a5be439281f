"""The same country without its oldest professionals: supply, APL, classes.

Nobody replaces them, and the year stays as it was: median and ninth decile of the acts are those of
the run, its age limit goes on to apply, inhabitants and times stay. What is left is a simulation of
a supply that the run's own rules made, less the FTE of those over an age.

By BVCV, such results tell the age and the activity of few persons: they are for who holds the table
of professionals, and a summary has the country alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl import aggregation, counted, density, indicator, zoning
from apl.compared.gaps import matrix
from apl.equity.indices import mean
from apl.indicator import Indicator
from apl.law import Rules
from apl.scenarios.opened import Opened
from apl.scenarios.simulate import held
from apl.scenarios.situation import Situation, outcome
from apl.staff import TABLE, Staff, staff
from apl.zoning import Ranking
from apl_core import Fault, FileError, exact_sums
from apl_core.exact import exact_sum
from apl_core.territory import column_values

NOBODY: NDArray[np.int64] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Moves:
    """BVCV in another class than in the run.

    Attributes
    ----------
    bvcv, population : int
    matrix : list of {zone, zone_apres, bvcv, population}
        From the run's class to the other, the unchanged included.
    """

    bvcv: int
    population: int
    matrix: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Departure:
    """The country without those over an age.

    Attributes
    ----------
    age : int
    persons : int
        Who leaves: those over it who have FTE in the run.
    etp : float
        Theirs.
    mean : float or None
        The APL, weighted by the standardised population.
    without_supply : int
        BVCV whose APL was over 0 and is 0.
    held, refreshed : Moves
        By the cuts of the run; by cuts made anew for the country as it is then.
    bvcv : pyarrow.Table
        ``code_bvcv``, ``code_region``, ``population``, ``age``, ``apl_avant``, ``apl_apres``,
        ``zone_avant``, ``zone_tenue``, ``zone_refaite``.
    """

    age: int
    persons: int
    etp: float
    mean: float | None
    without_supply: int
    held: Moves
    refreshed: Moves
    bvcv: pa.Table


@dataclass(frozen=True, eq=False)
class Retirement:
    """The run, and one `Departure` an age, the oldest age first.

    Attributes
    ----------
    persons : int
        Who has FTE in the run.
    etp : float
        The run's supply.
    mean : float or None
    departures : tuple of Departure
    """

    persons: int
    etp: float
    mean: float | None
    departures: tuple[Departure, ...]


def retirement(
    place: Situation, rules: Rules, staff: Staff, ages: Iterable[int], *, threads: int = 1
) -> Retirement:
    """The country without the professionals over each of some ages.

    Parameters
    ----------
    place : Situation
    rules : Rules
    staff : Staff
        See `staff_of`.
    ages : iterable of int
        Who is older leaves.
    threads : int
        The bits do not depend on it.

    Returns
    -------
    Retirement
        The departures by falling age: the fewest leave first.

    Raises
    ------
    RuleError
        The rules are on a density, which has no two steps.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> communes = pa.table({"code_commune": ["01001"], "code_bvcv": ["01001"],
    ...     "code_region": ["84"], "population": [400], "etp": [3.0],
    ...     "population_standardisee": [400.0]})
    >>> times = pa.table({"origine": ["01001"], "destination": ["01001"], "minutes": [0.0]})
    >>> rows = np.array([0, 0])
    >>> staff = Staff(rows, np.array([0, 1]), np.array([50, 64]), np.array([1.0, 2.0]))
    >>> found = retirement(apl.situation(communes, times, law), law, staff, [62])
    >>> found.mean, [(one.age, one.etp, one.mean) for one in found.departures]
    (750.0, [(62, 2.0, 250.0)])
    """
    density.refuse_apl(rules)
    asked = sorted({*ages}, reverse=True)
    n = len(place.pairs.land)
    supplies = np.array([
        exact_sums(staff.at, np.where(staff.age <= age, staff.etp, 0.0), n) for age in asked
    ]).reshape(-1, n)  # fmt: skip
    before = outcome(place, rules, threads=threads)
    near = place.pairs.towards(place.supply > 0).weigh(rules.decay)
    apl = near.access_many(supplies, place.demand, threads=threads) * rules.per
    values = column_values(before.communes.column("apl"), np.float64)
    return Retirement(
        persons=np.unique(staff.who[staff.etp > 0]).size,
        etp=exact_sum(place.supply),
        mean=mean(values, place.demand),
        departures=tuple(
            _departure(place, rules, staff, age, before.ranking, Indicator(
                supply, place.demand, value, NOBODY, near.arithmetic(supply)))
            for age, supply, value in zip(asked, supplies, apl, strict=True)
        ),
    )  # fmt: skip


def _departure(
    place: Situation, rules: Rules, staff: Staff, age: int, before: Ranking, found: Indicator
) -> Departure:
    communes = indicator.table(place.pairs.land, found, place.communes)
    anew = zoning.rank(
        aggregation.aggregate(communes, place.communes, rules),
        rules,
        territories_without_apl=place.outside,
        inhabitants=counted.own_inhabitants(place.communes, rules),
    )
    by_levels = rules.zoning.method == "thresholds"  # a level is a level: both are the same
    kept = anew if by_levels else held(before, anew, place, rules)
    leaves = (staff.age > age) & (staff.etp > 0)
    zones = [ranking.bvcv.column("zone") for ranking in (before, kept, anew)]
    table = before.bvcv.select(["code_bvcv", "code_region", "population"])
    columns = {"age": pa.array(np.full(table.num_rows, age)),
               "apl_avant": before.bvcv.column("apl"), "apl_apres": anew.bvcv.column("apl"),
               "zone_avant": zones[0], "zone_tenue": zones[1], "zone_refaite": zones[2]
               }  # fmt: skip
    for name, column in columns.items():
        table = table.append_column(name, column)
    was, now = (column_values(table.column(name), np.float64, fill=0.0)
                for name in ("apl_avant", "apl_apres"))  # fmt: skip
    persons = table.column("population").to_pylist()
    order = rules.zoning.zones
    return Departure(
        age=age,
        persons=np.unique(staff.who[leaves]).size,
        etp=exact_sum(staff.etp[leaves]),
        mean=mean(found.apl, place.demand),
        without_supply=int(np.count_nonzero((was > 0) & (now == 0))),
        held=_moves(zones[0], zones[1], persons, order),
        refreshed=_moves(zones[0], zones[2], persons, order),
        bvcv=table,
    )


def _moves(before: Any, after: Any, persons: Sequence[int], order: Sequence[str]) -> Moves:
    rows = list(zip(before.to_pylist(), after.to_pylist(), persons, strict=True))
    moved = [people for was, now, people in rows if was != now]
    cells = [
        {"zone": cell["zone"], "zone_apres": cell["zone_publiee"],
         **{name: cell[name] for name in ("bvcv", "population")}}
        for cell in matrix(rows, order)
    ]  # fmt: skip
    return Moves(len(moved), sum(moved), cells)


def staff_of(run: Opened) -> Staff:
    """Who makes the supply of a run that was opened.

    Raises
    ------
    FileError
        The run is on FTE, which have no age.
    """
    table = run.tables(TABLE)
    if table is None:
        why = "the run is on FTE (offre), which have no age"
        mend = "run on a table professionnels, then name that run"
        raise FileError([Fault("APL-A01", f"no table {TABLE}", why, mend, TABLE)])
    return staff(table, run.place.pairs.land, run.rules, run.parameters)
