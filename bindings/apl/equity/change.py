"""What a change of APL between two years comes from: supply, demand, times, geography.

``supply`` is FTE, ``demand`` standardised inhabitants (and with them the weights of a mean),
``times`` the pairs, ``geography`` which BVCV and region a commune is in. Where runs had to be
brought to the communes of one year, ``geography`` is also what that moves: the APL of communes that
merge is their mean, and that of the merged commune is another one. An APL by commune owes it
nothing else.

`apl.equity.effects` says how a change is divided. The four effects sum to it within `effects.AGREE`
(1e-12) of the largest of the 16 states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.aggregation import means
from apl.equity.effects import DEMAND, FACTORS, GEOGRAPHY, STATES, SUPPLY, TIMES, effects, order_of
from apl.law import Rules
from apl.scenarios.situation import Situation
from apl_core import Fault, TableError
from apl_core.errors import listed
from apl_core.exact import F64
from apl_core.territory import column_values

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

COLUMNS = ("effet_offre", "effet_demande", "effet_temps", "effet_geographie")


@dataclass(frozen=True, eq=False)
class Year:
    """One of two years, on communes that both have.

    Attributes
    ----------
    place : Situation
    apl : float64[n] or None
        The APL by commune that the year's own run has, where bringing it to these communes changed
        it; None: it is that of the situation.
    """

    place: Situation
    apl: F64 | None = None


@dataclass(frozen=True)
class Effects:
    """A mean before and after, and what its change comes from, by factor."""

    before: float
    after: float
    parts: Mapping[str, float]

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before


@dataclass(frozen=True, eq=False)
class Change:
    """What the changes between two years come from.

    Attributes
    ----------
    order : tuple of str or None
        In which the factors change; None: the mean over all orders.
    national : Effects or None
        Of the mean weighted by the standardised population; None of nobody.
    regions : mapping of region → Effects
        Of the means so weighted, over the communes of a region.
    bvcv, communes : pyarrow.Table
        The code, ``apl_avant``, ``apl_apres``, ``changement``, ``effet_offre``, ``effet_demande``,
        ``effet_temps``, ``effet_geographie``.
    before_only, after_only : tuple of str
        BVCV of one of the years.
    undefined : tuple of str
        BVCV of both without inhabitants in some state between: their change has no parts.
    """

    order: tuple[str, ...] | None
    national: Effects | None
    regions: Mapping[str, Effects]
    bvcv: pa.Table
    communes: pa.Table
    before_only: tuple[str, ...]
    after_only: tuple[str, ...]
    undefined: tuple[str, ...]


def change(
    before: Year, after: Year, rules: Rules, *, order: Sequence[str] | None = None, threads: int = 1
) -> Change:
    """What the change of each APL, and of its means, between two years comes from.

    Parameters
    ----------
    before, after : Year
        See `apl.equity.years.year_of`.
    rules : Rules
        Whose decay, unit and weights hold in both years (`apl.equity.years.refuse_other_law`).
    order : sequence of str, optional
        All of `FACTORS`, one after the other. Default: the mean over all orders.
    threads : int
        The bits do not depend on it.

    Raises
    ------
    TableError
        Other communes in the one year than in the other (``APL-C14``).
    ValueError
        An ``order`` that is none of all four factors.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> times = pa.table({"origine": ["01001"], "destination": ["01001"], "minutes": [0.0]})
    >>> def year(etp, people):
    ...     communes = pa.table({"code_commune": ["01001"], "code_bvcv": ["01001"],
    ...         "code_region": ["84"], "population": [400], "etp": [etp],
    ...         "population_standardisee": [people]})
    ...     return Year(apl.situation(communes, times, law))
    >>> first, last = year(1.0, 400.0), year(2.0, 500.0)
    >>> list(change(first, last, law, order=FACTORS).national.parts.values())
    [250.0, -100.0, 0.0, 0.0]
    >>> list(change(first, last, law).national.parts.values())
    [225.0, -75.0, 0.0, 0.0]
    """
    asked = None if order is None else order_of(order)
    places = (before.place, after.place)
    _refuse_other_communes(*places)
    apl = _access(places, rules, threads)
    own = [apl[-1 if last else 0] if year.apl is None else year.apl
           for last, year in enumerate((before, after))]  # fmt: skip

    def divided(column: str | None, weights: Sequence[F64]) -> _Divided:
        names, at = _groups(places, column)
        states = np.array([
            _mean(apl[k % len(apl)], weights[k >> DEMAND & 1], at[k >> GEOGRAPHY], len(names))
            for k in range(STATES)
        ])  # fmt: skip
        ends = np.array([_mean(own[k], weights[k], at[k], len(names)) for k in (0, 1)])
        return _Divided.of(names, states, ends, asked)

    people = [place.demand for place in places]
    units = divided("code_bvcv", [_weight(place, rules.weight) for place in places])
    codes = places[0].pairs.land.codes.to_pylist()
    # of a commune alone, geography is what bringing it to these communes did
    single = _Divided.of(codes, np.concatenate([apl, apl]), np.array(own), asked)
    there = ~np.isnan(units.ends)
    return Change(
        order=asked,
        national=divided(None, people).named().get(""),
        regions=divided("code_region", people).named(),
        bvcv=units.table("code_bvcv"),
        communes=single.table("code_commune"),
        before_only=units.some(there[0] & ~there[1]),
        after_only=units.some(there[1] & ~there[0]),
        undefined=units.some(there.all(axis=0) & ~units.known),
    )


@dataclass(frozen=True, eq=False)
class _Divided:
    """Means by name: at both ends (float64[2, m]), their parts (float64[4, m]), whether known."""

    names: list[str]
    ends: F64
    parts: F64
    known: Mask

    @classmethod
    def of(
        cls, names: list[str], states: F64, ends: F64, order: tuple[str, ...] | None
    ) -> _Divided:
        parts = effects(states, order)
        parts[GEOGRAPHY] += (ends[1] - states[-1]) - (ends[0] - states[0])  # 0 but for mergers
        known: Mask = ~np.isnan(np.concatenate([states, ends])).any(axis=0)
        return cls(names, ends, parts, known)

    def some(self, which: Mask) -> tuple[str, ...]:
        return tuple(self.names[k] for k in np.flatnonzero(which))

    def named(self) -> dict[str, Effects]:
        return {
            self.names[k]: Effects(
                float(self.ends[0, k]),
                float(self.ends[1, k]),
                dict(zip(FACTORS, self.parts[:, k].tolist(), strict=True)),
            )
            for k in np.flatnonzero(self.known)
        }

    def table(self, key: str) -> pa.Table:
        at = np.flatnonzero(self.known)
        before, after = self.ends[:, at]
        columns = {key: pa.array([self.names[k] for k in at], pa.string()), "apl_avant": before,
                   "apl_apres": after, "changement": after - before}  # fmt: skip
        return pa.table({**columns, **dict(zip(COLUMNS, self.parts[:, at], strict=True))})


def _access(places: tuple[Situation, Situation], rules: Rules, threads: int) -> F64:
    """The APL by commune of each state of supply, demand and times, float64[8, n].

    Supply that the times of the other year lead nobody to counts for nothing: that is their effect.
    """
    supplies = np.array([place.supply for place in places])
    some: Mask = supplies.max(axis=0) > 0
    found = np.empty((1 << GEOGRAPHY, supplies.shape[1]))
    for times, place in enumerate(places):
        weighted = place.pairs.towards(some).weigh(rules.decay)
        for demand, of in enumerate(places):
            first = demand << DEMAND | times << TIMES
            found[[first, first | 1 << SUPPLY]] = weighted.access_many(
                supplies, of.demand, threads=threads
            )
    return found * rules.per


def _groups(
    places: tuple[Situation, Situation], column: str | None
) -> tuple[list[str], tuple[I64, I64]]:
    """The names in either year, and which is that of each commune in each; none: one, ``""``."""
    n = len(places[0].pairs.land)
    if column is None:
        return [""], (np.zeros(n, np.int64), np.zeros(n, np.int64))
    given = [place.communes.column(column).cast(pa.string()).to_pylist() for place in places]
    names, at = np.unique(np.array([*given[0], *given[1]], dtype=np.str_), return_inverse=True)
    return names.tolist(), (at[:n], at[n:])


def _mean(values: F64, weight: F64, at: I64, size: int) -> F64:
    """Weighted means by group; NaN where nothing has a weight."""
    mean, total = means(at, weight, values, size)
    return np.where(total > 0, mean, np.nan)


def _weight(place: Situation, column: str) -> F64:
    """By what the text weighs communes."""
    found: F64 = column_values(place.communes.column(column), np.float64)
    return place.demand if column == "population_standardisee" else found


def _refuse_other_communes(before: Situation, after: Situation) -> None:
    left, right = (set(place.pairs.land.codes.to_pylist()) for place in (before, after))
    if left != right:
        why = f"{len(left - right):,} of the year before alone, {len(right - left):,} of the after"
        mend = "bring both to the communes of one year: --cog with --movements"
        some = listed([*sorted(left - right), *sorted(right - left)])
        title = "two years of different communes"
        raise TableError(
            [Fault("APL-C14", title, why, mend, "apl_communes", "code_commune", **some)]
        )
