"""Statistical secrecy: where few people practise, their commune shows no activity of its own.

Such communes are gathered in one line without code, FTE or minutes, so that what is listed still
sums to the APL. One commune alone on that line would be that commune: the next smallest joins it,
and is then listed in no explanation of the run, since another one that named it would take it out
of the line again. (Of the embedded country, 214 of 4,849 join the 4,772 that are few, in 50 ms;
to choose anew for each explanation, rejected, keeps no secret between two of them.) The line has
the sum alone: FTE beside it would make of two communes two equations in two unknowns, weights and
competing demand following from tables that are public.

What no line here can hide: the APL of all communes are equations too, and they are published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.law import Rules
from apl.parameters import Parameters
from apl.scenarios.opened import Opened
from apl.scenarios.situation import Situation
from apl.staff import TABLE as PERSONS
from apl.staff import staff
from apl_core import Territory

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
LEAST = 3  # professionals of a commune that is shown; a parameter everywhere
FTE = "etp"  # what is counted where no persons are known


@dataclass(frozen=True, eq=False)
class Secrecy:
    """Which communes show nothing of their own.

    Attributes
    ----------
    least : int
        Professionals of a commune that is shown.
    counted : str
        ``professionnels``: persons whose activity is in its FTE. ``etp``: a run on ``offre`` knows
        no persons, and a commune of fewer FTE than ``least`` is taken as one of fewer persons.
    order : int64[n]
        The number of each commune among all, the smallest first.
    secret, kept : bool[n]
        Those of few; with those that join them, in the order of the territory's codes.
    confidential : bool
        For the producer alone: nothing is secret.
    """

    least: int
    counted: str
    order: I64
    secret: Mask
    kept: Mask
    confidential: bool

    def gathered(self, at: NDArray[np.integer]) -> Mask:
        """Of places of supply (positions), those that share one line; none, or at least two.

        One alone there is where no other place is left to join it. (A BVCV may see one that its
        communes do not: the commune that reaches no other supply has an APL that tells it.)
        """
        found: Mask = self.kept[at].copy()
        others = np.flatnonzero(~found)
        if np.count_nonzero(found) == 1 and others.size:
            found[others[self.order[at[others]].argmin()]] = True
        return found


def secrecy_of(
    place: Situation,
    rules: Rules,
    persons: I64 | None,
    *,
    least: int = LEAST,
    confidential: bool = False,
) -> Secrecy:
    """What is secret of a situation.

    Parameters
    ----------
    place : Situation
    rules : Rules
    persons : int64[n] or None
        See `persons_by_commune`; None where only FTE are known.
    least : int
        ≥ 1.
    confidential : bool

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> communes = pa.table({"code_commune": ["01001", "01002", "01003"],
    ...     "code_bvcv": ["01001"] * 3, "code_region": ["84"] * 3, "population": [400] * 3,
    ...     "etp": [1.0, 4.0, 9.0], "population_standardisee": [400.0] * 3})
    >>> times = pa.table({"origine": ["01001", "01001"], "destination": ["01002", "01003"],
    ...                   "minutes": [5.0, 12.0]})
    >>> here = apl.situation(communes, times, law, self_pair="0")
    >>> found = secrecy_of(here, law, np.array([2, 3, 7]))
    >>> found.secret.tolist(), found.kept.tolist()
    ([True, False, False], [True, True, False])
    """
    if least < 1:
        raise ValueError(f"at least one professional, not {least}")
    supply = place.supply
    count = supply if persons is None else persons.astype(np.float64)
    secret = (supply > 0) & (count < least) & (not confidential)
    places = np.arange(supply.size)
    smallest = np.lexsort((places, count))
    order = np.empty_like(smallest)
    order[smallest] = places
    kept = _joined(*_reached(place, rules), secret, order)
    return Secrecy(least, FTE if persons is None else PERSONS, order, secret, kept, confidential)


def _reached(place: Situation, rules: Rules) -> tuple[I64, I64]:
    """Who reaches whose supply: places of residence and of supply, in pairs."""
    pairs = place.pairs.towards(place.supply > 0)
    weighted = pairs.weigh(rules.decay)
    origin = np.repeat(np.arange(place.supply.size), np.diff(pairs.start))
    at = pairs.destination.astype(np.int64)
    brings = (weighted.weight > 0) & (weighted.ratio(place.supply, place.demand)[at] > 0)
    return origin[brings], at[brings]


def _joined(origin: I64, at: I64, secret: Mask, order: I64) -> Mask:
    """The places that are kept: as few more than the secret ones as leave none alone anywhere.

    One that joins may be alone elsewhere, and is joined there in turn.
    """
    kept, n = secret.copy(), order.size
    while True:
        alone = np.bincount(origin[kept[at]], minlength=n) == 1
        others = np.flatnonzero(alone[origin] & ~kept[at])
        if not others.size:
            return kept
        first = np.full(n, n)
        np.minimum.at(first, origin[others], order[at[others]])
        kept |= np.isin(order, first)


def persons_by_commune(
    professionnels: pa.Table, land: Territory, rules: Rules, parameters: Parameters | None = None
) -> I64:
    """How many persons the FTE of each commune are the activity of, int64[n].

    Persons without FTE (too old, under the floor) are not counted: three of whom two count for
    nothing would show the third.

    Parameters
    ----------
    professionnels : pyarrow.Table
        The checked table.
    land : Territory
    rules, parameters
        Those of the run.

    Raises
    ------
    TableError, RuleError
        As `apl.supply`.
    """
    found = staff(professionnels, land, rules, parameters)
    active, persons = found.etp > 0, int(found.who.max(initial=0)) + 1
    once = np.unique(found.at[active] * persons + found.who[active])
    return np.bincount(once // persons, minlength=len(land)).astype(np.int64)


def persons_of(run: Opened) -> I64 | None:
    """`persons_by_commune` of a run that was opened; None where its inputs know no persons."""
    table = run.tables(PERSONS)
    if table is None:
        return None
    return persons_by_commune(table, run.place.pairs.land, run.rules, run.parameters)
