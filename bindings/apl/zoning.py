"""The national ranking and its cuts (annexe, 4.2): persons are counted whole, shares are fractions.

No zone depends on a rounding: cumulated persons times a denominator are compared with a numerator
times the total. (0.1 + 0.05 > 0.15 in float64.) Where a text cuts at levels of APL, not at shares,
a level is the float64 nearest to the decimal that is printed, as the same decimal in a table is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import compress
from math import ceil, floor
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.blocks import ZoningRules
from apl.given import odd, typed
from apl.law import Rules
from apl.provenance import stamped
from apl_core import Fault, RuleError, TableError, refuse_if
from apl_core.errors import at_rows, refuse_lacking
from apl_core.territory import column_values

F64 = NDArray[np.float64]

FRANCE = "FR"


@dataclass(frozen=True)
class Cut:
    """Where one class ends.

    Attributes
    ----------
    zone : str
        The class below the cut.
    share : Fraction
        Its share of the total population; under thresholds, the one that it comes to.
    target : Fraction
        Cumulated persons at which it should end; under thresholds, at which it ends.
    reached : int
        Cumulated persons at which it ends.
    astride : str or None
        The BVCV whose population holds the target strictly inside.
    apl : float or None
        APL of the last BVCV below the cut.
    tied : tuple of str
        BVCV of equal APL on both sides.
    printed : Fraction or None
        The highest APL of the class that the text, or who reports it, prints.
    """

    zone: str
    share: Fraction
    target: Fraction
    reached: int
    astride: str | None
    apl: float | None
    tied: tuple[str, ...]
    printed: Fraction | None = None


@dataclass(frozen=True, eq=False)
class Ranking:
    """The classified BVCV, the shares by region, the cuts, and who has no APL."""

    bvcv: pa.Table
    parts: pa.Table
    cuts: tuple[Cut, ...]
    without_apl: tuple[str, ...]
    total: int


@dataclass(frozen=True, eq=False)
class Units:
    """What is ranked, in ranking order: BVCV, and territories outside the table (row -1)."""

    code: list[str]
    region: list[str]
    persons: NDArray[np.int64]
    apl: F64  # NaN: none
    row: NDArray[np.int64]
    after: NDArray[np.int64]  # cumulated persons


def classify(
    areas: pa.Table, rules: Rules, *, territories_without_apl: Mapping[str, int] | None = None
) -> pa.Table:
    """The BVCV with rank, cumulated persons, ``zone`` and their distance to the nearest cut.

    The table of `rank`, which see.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> areas = pa.table({"code_bvcv": ["01001", "01002", "01003"], "code_region": ["84"] * 3,
    ...     "population": [15, 15, 70], "population_standardisee": [15.0, 15.0, 70.0],
    ...     "apl": [20.0, 10.0, 30.0]})
    >>> zones = classify(areas, rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    >>> zones.column("zone").to_pylist()
    ['sous_dotee', 'tres_sous_dotee', 'non_prioritaire']
    """
    return _classified(areas, rules, territories_without_apl or {}).bvcv


def rank(
    areas: pa.Table,
    rules: Rules,
    *,
    territories_without_apl: Mapping[str, int] | None = None,
    inhabitants: pa.Table | None = None,
) -> Ranking:
    """Rank the BVCV by ascending APL and cut at shares of the population, or at levels of APL.

    Parameters
    ----------
    areas : pyarrow.Table
        ``code_bvcv``, ``code_region`` (of attribution), ``population`` (int64, total),
        ``population_standardisee``, ``apl`` (null: none).
    rules : Rules
        Classes and named readings: the BVCV astride a cut, where a class starts, ties, and
        BVCV without APL.
    territories_without_apl : mapping of region → persons, optional
        Inhabitants of territories that have neither APL nor row (Mayotte).
    inhabitants : pyarrow.Table, optional
        ``code_bvcv``, ``code_region``, ``population``: each region's own inhabitants of a unit, by
        which ``parts`` divides where units are not attributed whole (see
        `apl.counted.own_inhabitants`). A unit has one class, whoever counts in it.

    Raises
    ------
    TableError
        An APL or a population that is no number, an APL that is NaN or infinite; no population at
        all; ``inhabitants`` missing where each region counts its own.
    """
    own = rules.blocks.get("attribution") == "own_inhabitants"
    if own and inhabitants is None:
        raise TableError([_whose()])
    found = _classified(areas, rules, territories_without_apl or {})
    slices = _within(found.units, found.zone, inhabitants if own else None)
    parts = _parts(slices, rules.zoning.zones)
    total = int(found.units.after[-1])
    return Ranking(found.bvcv, stamped(parts, rules), found.cuts, found.without_apl, total)


@dataclass(frozen=True, eq=False)
class _Classified:
    """The units in ranking order with the number of their class, and as a table."""

    bvcv: pa.Table
    units: Units
    zone: NDArray[np.int64]
    cuts: tuple[Cut, ...]
    without_apl: tuple[str, ...]


def _classified(areas: pa.Table, rules: Rules, outside: Mapping[str, int]) -> _Classified:
    law = rules.zoning
    refuse_lacking(areas, "bvcv", "code_bvcv", "code_region", "population", "apl")
    areas = typed(areas, "bvcv", "population", "apl", where="bvcv")
    refuse_if(odd(areas, "bvcv", "population", where="bvcv"))
    units, without = _ordered(areas, outside, law)
    if not units.code or units.after[-1] <= 0:
        raise TableError([_nobody()])
    if np.isnan(units.apl).all():
        raise TableError([_no_apl()])
    zone, cuts = cut(units, law)
    bvcv = stamped(_columns(areas, units, zone, law, cuts), rules)
    return _Classified(bvcv, units, zone, cuts, without)


def _ordered(
    areas: pa.Table, outside: Mapping[str, int], law: ZoningRules
) -> tuple[Units, tuple[str, ...]]:
    """The units in ranking order, and those with inhabitants and no APL, by code."""
    given = column_values(areas.column("apl"), np.float64, fill=-1.0)
    bad = np.flatnonzero(~np.isfinite(given))
    if bad.size:
        raise TableError([_not_finite(areas, bad)])
    regions = areas["code_region"].to_pylist()
    scored = set(compress(regions, (given >= 0).tolist()))
    if scored & set(outside):
        raise RuleError([_counted_twice(sorted(scored & set(outside)))])
    out = sorted(outside)
    code = areas.column("code_bvcv").to_pylist()
    code += map(called, out)
    region = [*regions, *out]
    persons = np.concatenate(
        [
            column_values(areas.column("population"), np.int64),
            np.array([outside[name] for name in out], dtype=np.int64),
        ]
    )
    none = np.full(len(out), np.nan)
    apl = np.concatenate([column_values(areas.column("apl"), np.float64, fill=np.nan), none])
    without = np.isnan(apl)
    order = order_of(apl, persons, np.array(code), law)
    row = np.where(np.arange(len(code)) < areas.num_rows, np.arange(len(code)), -1)
    ranked = order.tolist()
    units = Units(
        [code[k] for k in ranked],
        [region[k] for k in ranked],
        persons[order],
        apl[order],
        row[order],
        np.cumsum(persons[order]),
    )
    missing = np.flatnonzero(without & (persons > 0))
    return units, tuple(sorted(code[k] for k in missing))


def called(region: str) -> str:
    """The code among units of a region's territory that has neither APL nor row."""
    return f"territory without APL of region {region}"


def order_of(
    apl: F64, persons: NDArray[np.int64], code: NDArray[Any], law: ZoningRules
) -> NDArray[np.int64]:
    """The units in ranking order: no APL (NaN) first or left out, then ascending APL, then the law
    page's rule for ties, then the code (or its place among them all)."""
    without = np.isnan(apl)
    first = persons if law.ties == "smaller_population_then_code" else np.zeros_like(persons)
    order = np.lexsort((code, first, np.nan_to_num(apl), ~without))
    return order[~without[order]] if law.without_apl == "left_out" else order


def cut(units: Units, law: ZoningRules) -> tuple[NDArray[np.int64], tuple[Cut, ...]]:
    """The number of the class of each unit, and where classes end."""
    ends, cuts = (at_levels if law.method == "thresholds" else at_shares)(units, law)
    return np.repeat(np.arange(len(law.zones)), np.diff([0, *ends, len(units.code)])), cuts


def at_shares(units: Units, law: ZoningRules) -> tuple[list[int], tuple[Cut, ...]]:
    """How many units lie below each cut, and the cuts."""
    after = units.after.tolist()  # Python integers: compared with fractions, exactly
    first = [0, *after]  # persons of the first k units
    total = after[-1]
    ends: list[int] = []
    cuts: list[Cut] = []
    cumulated, reached = Fraction(0), 0
    for zone, share in law.classes:
        start = cumulated * total if law.start == "nominal" else Fraction(reached)
        target = start + share * total
        cumulated += share
        below = bisect_right(after, target)
        before = first[below]
        astride = below < len(after) and before < target
        closer = astride and after[below] - target < target - before
        taken = astride and (law.astride == "include" or (law.astride == "closest" and closer))
        end = below + taken
        reached = first[end]
        ends.append(end)
        level = units.apl[end - 1] if end else np.nan
        split = end < len(after) and units.apl[end] == level  # NaN is never equal
        tied = np.flatnonzero(units.apl == level) if split else ()
        cuts.append(
            Cut(
                zone,
                share,
                target,
                reached,
                units.code[below] if astride else None,
                None if np.isnan(level) else float(level),
                tuple(units.code[k] for k in tied),
                law.printed.get(zone),
            )
        )
    return ends, tuple(cuts)


def at_levels(units: Units, law: ZoningRules) -> tuple[list[int], tuple[Cut, ...]]:
    """As `at_shares`, where a class ends at a level of APL, which it includes.

    Units without APL, where they are ranked, stand in the lowest class: shares are only described.
    """
    first, scores = [0, *units.after.tolist()], np.nan_to_num(units.apl, nan=-np.inf)
    ends: list[int] = []
    cuts: list[Cut] = []
    reached = 0
    for zone, level in law.classes:
        end = int(np.searchsorted(scores, float(level), side="right"))
        ends.append(end)
        before, reached = reached, first[end]
        highest = units.apl[end - 1] if end else np.nan
        cuts.append(
            Cut(
                zone,
                Fraction(reached - before, first[-1]),
                Fraction(reached),
                reached,
                None,
                None if np.isnan(highest) else float(highest),
                (),
                law.printed.get(zone, level),
            )
        )
    return ends, tuple(cuts)


def _columns(
    areas: pa.Table,
    units: Units,
    zone: NDArray[np.int64],
    law: ZoningRules,
    cuts: tuple[Cut, ...],
) -> pa.Table:
    """The input columns with the results; a BVCV that is not ranked has nulls."""
    scored = ~np.isnan(units.apl)
    inside = np.flatnonzero(units.row >= 0)
    place = np.full(areas.num_rows, -1)
    place[units.row[inside]] = inside
    ranked = place >= 0

    def column(values: NDArray[Any], known: NDArray[np.bool_]) -> pa.Array:
        """Values in ranking order as a column in the order of the table."""
        return pa.array(values[place], mask=~(ranked & known[place]))

    every = np.ones_like(scored)
    away, gap = (_from_levels if law.method == "thresholds" else _from_shares)(units, law, cuts)
    results = {
        "rang": column(np.cumsum(scored), scored),
        "population_cumulee": column(units.after, every),
        "part_cumulee": column(units.after / units.after[-1], every),
        "zone": pa.array(law.zones).take(column(zone, every)),
        "ecart_coupure_habitants": column(away, away >= 0),
        "ecart_coupure_apl": column(gap, ~np.isnan(gap)),
    }
    for name, values in results.items():
        areas = areas.append_column(name, values)
    return areas


def _from_shares(
    units: Units, law: ZoningRules, cuts: tuple[Cut, ...]
) -> tuple[NDArray[np.int64], F64]:
    """Persons between each unit's slice of the ranking and the nearest cut, and the gap in APL."""
    # persons between a unit's slice of the ranking and each cut (rounded down and up); 0 inside
    low = np.array([floor(cut.target) for cut in cuts])
    high = np.array([ceil(cut.target) for cut in cuts])
    before = units.after - units.persons
    away = np.maximum(np.maximum(low[:, None] - units.after, before - high[:, None]), 0)
    nearest = away.argmin(axis=0)
    # the APL at a cut: of the unit in which it falls, or of the one after it
    at = np.minimum(np.searchsorted(units.after, low, side="right"), len(units.code) - 1)
    return away.min(axis=0), units.apl - units.apl[at][nearest]


def _from_levels(
    units: Units, law: ZoningRules, cuts: tuple[Cut, ...]
) -> tuple[NDArray[np.int64], F64]:
    """The gap to the nearest level; no number of persons (-1) changes a class."""
    gaps = units.apl[:, None] - np.array([float(level) for _, level in law.classes])
    nearest = np.abs(gaps).argmin(axis=1)
    return np.full(len(units.code), -1), gaps[np.arange(nearest.size), nearest]


@dataclass(frozen=True, eq=False)
class _Slices:
    """Whom each region counts, and where: a unit whole, or a region's inhabitants of it."""

    region: list[str]
    zone: NDArray[np.int64]
    persons: NDArray[np.int64]
    listed: NDArray[np.bool_]  # stands in the table
    first: NDArray[np.bool_]  # of the slices of a unit: the whole country counts it once


def _within(units: Units, zone: NDArray[np.int64], inhabitants: pa.Table | None) -> _Slices:
    """Units whole in their region of attribution; with ``inhabitants``, divided over regions."""
    if inhabitants is None:
        listed = units.row >= 0
        return _Slices(units.region, zone, units.persons, listed, listed)
    # units that are not ranked have no zone; territories outside the table are whole
    of = {code: k for k, code in enumerate(units.code)}
    rows = [row for row in inhabitants.to_pylist() if row["code_bvcv"] in of]
    at = [of[row["code_bvcv"]] for row in rows]
    out = np.flatnonzero(units.row < 0).tolist()
    place = np.array([*at, *out], dtype=np.int64)
    first = np.zeros(place.size, dtype=np.bool_)
    first[np.unique(at, return_index=True)[1]] = True
    return _Slices(
        [*(row["code_region"] for row in rows), *(units.region[k] for k in out)],
        zone[place],
        np.array([*(row["population"] for row in rows), *units.persons[out]], dtype=np.int64),
        np.arange(place.size) < len(at),
        first,
    )


def _parts(slices: _Slices, zones: tuple[str, ...]) -> pa.Table:
    """Population and count of BVCV by region and zone; ``FR`` is the whole country."""
    regions = sorted(set(slices.region))
    rank_of = {region: k for k, region in enumerate(regions)}
    cell = np.array([rank_of[region] for region in slices.region]) * len(zones) + slices.zone
    shape = (len(regions), len(zones))
    persons = np.zeros(len(regions) * len(zones), dtype=np.int64)
    np.add.at(persons, cell, slices.persons)
    persons = persons.reshape(shape)
    persons = np.vstack([persons, persons.sum(axis=0)])
    bvcv = np.bincount(cell[slices.listed], minlength=persons[:-1].size).reshape(shape)
    once = np.bincount(slices.zone[slices.first], minlength=len(zones))
    whole = persons.sum(axis=1, keepdims=True)
    part = np.divide(persons, whole, out=np.zeros(persons.shape), where=whole > 0)
    return pa.table(
        {
            "code_region": np.repeat([*regions, FRANCE], len(zones)).tolist(),
            "zone": list(zones) * (len(regions) + 1),
            "bvcv": np.vstack([bvcv, once]).ravel(),
            "population": persons.ravel(),
            "part": part.ravel(),
        }
    )


def _no_apl() -> Fault:
    why, mend = "there is nothing to rank", "give the APL of communes with inhabitants"
    return Fault("APL-C18", "no BVCV has an APL", why, mend, "bvcv", "apl")


def _nobody() -> Fault:
    why, mend = "shares of a population of 0 do not exist", "give the total municipal population"
    return Fault("APL-C10", "no inhabitants at all", why, mend, "bvcv", "population")


def _whose() -> Fault:
    title = "whose inhabitants are whose is not given"
    why = "under this text a unit in several regions counts in each with its own inhabitants"
    mend = "give rank() the table of apl.counted.own_inhabitants(communes)"
    return Fault("APL-C15", title, why, mend, "bvcv", "code_region")


def _not_finite(areas: pa.Table, rows: NDArray[np.int64]) -> Fault:
    title, why = "an APL that is not a number", "it would be sorted last in silence"
    mend, where = "leave the cell empty where there is no APL", at_rows(rows, areas["code_bvcv"])
    return Fault("APL-G04", title, why, mend, "bvcv", "apl", **where)


def _counted_twice(regions: list[str]) -> Fault:
    title = "territories without APL in regions that have one"
    why = f"region {', '.join(regions)} stands in the table: its inhabitants would count twice"
    mend = "leave the region out of territories_without_apl"
    return Fault("APL-F12", title, why, mend, values=tuple(regions))
