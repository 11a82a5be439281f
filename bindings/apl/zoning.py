"""The national ranking and its cuts (annexe, 4.2): persons are counted whole, shares are fractions.

No zone depends on a rounding: cumulated persons times a denominator are compared with a numerator
times the total. (0.1 + 0.05 > 0.15 in float64.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.law import Rules, ZoningRules
from apl_core import Fault, RuleError, TableError
from apl_core.errors import at_rows
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
        Its share of the total population.
    target : Fraction
        Cumulated persons at which it should end.
    reached : int
        Cumulated persons at which it ends.
    astride : str or None
        The BVCV whose population holds the target strictly inside.
    apl : float or None
        APL of the last BVCV below the cut.
    tied : tuple of str
        BVCV of equal APL on both sides.
    """

    zone: str
    share: Fraction
    target: Fraction
    reached: int
    astride: str | None
    apl: float | None
    tied: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The classified BVCV, the shares by region, the cuts, and who has no APL."""

    bvcv: pa.Table
    parts: pa.Table
    cuts: tuple[Cut, ...]
    without_apl: tuple[str, ...]
    total: int


@dataclass(frozen=True, eq=False)
class _Units:
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
    """The BVCV with ``rang``, ``part_cumulee``, ``zone`` and their distance to the nearest cut.

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
    return rank(areas, rules, territories_without_apl=territories_without_apl).bvcv


def rank(
    areas: pa.Table, rules: Rules, *, territories_without_apl: Mapping[str, int] | None = None
) -> Ranking:
    """Rank the BVCV by ascending APL and cut at shares of the total population.

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

    Raises
    ------
    TableError
        An APL that is NaN or infinite; no population at all.
    """
    law = rules.zoning
    units, without = _ordered(areas, territories_without_apl or {}, law)
    if not units.code or units.after[-1] <= 0:
        raise TableError([_nobody()])
    if np.isnan(units.apl).all():
        raise TableError([_no_apl()])
    ends, cuts = _cut(units, law)
    zone = np.repeat(np.arange(len(law.zones)), np.diff([0, *ends, len(units.code)]))
    bvcv = _columns(areas, units, zone, law.zones, cuts)
    total = int(units.after[-1])
    return Ranking(bvcv, _parts(units, zone, law.zones), cuts, without, total)


def _ordered(
    areas: pa.Table, outside: Mapping[str, int], law: ZoningRules
) -> tuple[_Units, tuple[str, ...]]:
    """The units in ranking order, and those with inhabitants and no APL, by code.

    No APL first, then ascending APL, then the law page's rule for ties, then the code.
    """
    given = column_values(areas.column("apl"), np.float64, fill=-1.0)
    bad = np.flatnonzero(~np.isfinite(given))
    if bad.size:
        raise TableError([_not_finite(areas, bad)])
    scored = {r for r, a in zip(areas["code_region"].to_pylist(), given, strict=True) if a >= 0}
    if scored & set(outside):
        raise RuleError([_counted_twice(sorted(scored & set(outside)))])
    out = sorted(outside)
    code = areas.column("code_bvcv").to_pylist()
    code += [f"territory without APL of region {region}" for region in out]
    region = [*areas.column("code_region").to_pylist(), *out]
    persons = np.concatenate(
        [
            column_values(areas.column("population"), np.int64),
            np.array([outside[name] for name in out], dtype=np.int64),
        ]
    )
    none = np.full(len(out), np.nan)
    apl = np.concatenate([column_values(areas.column("apl"), np.float64, fill=np.nan), none])
    without = np.isnan(apl)
    first = persons if law.ties == "smaller_population_then_code" else np.zeros_like(persons)
    order = np.lexsort((np.array(code), first, np.nan_to_num(apl), ~without))
    if law.without_apl == "left_out":
        order = order[~without[order]]
    row = np.where(np.arange(len(code)) < areas.num_rows, np.arange(len(code)), -1)
    units = _Units(
        [code[k] for k in order],
        [region[k] for k in order],
        persons[order],
        apl[order],
        row[order],
        np.cumsum(persons[order]),
    )
    missing = np.flatnonzero(without & (persons > 0))
    return units, tuple(sorted(code[k] for k in missing))


def _cut(units: _Units, law: ZoningRules) -> tuple[list[int], tuple[Cut, ...]]:
    """How many units lie below each cut, and the cuts."""
    after = units.after.tolist()  # Python integers: compared with fractions, exactly
    total = after[-1]
    ends: list[int] = []
    cuts: list[Cut] = []
    cumulated = Fraction(0)
    for zone, share in law.classes:
        reached = after[ends[-1] - 1] if ends and ends[-1] else 0
        start = cumulated * total if law.start == "nominal" else Fraction(reached)
        target = start + share * total
        cumulated += share
        below = bisect_right(after, target)
        before = after[below - 1] if below else 0
        astride = below < len(after) and before < target
        closer = astride and after[below] - target < target - before
        taken = astride and (law.astride == "include" or (law.astride == "closest" and closer))
        end = below + taken
        ends.append(end)
        level = units.apl[end - 1] if end else np.nan
        split = end < len(after) and units.apl[end] == level  # NaN is never equal
        tied = np.flatnonzero(units.apl == level) if split else ()
        cuts.append(
            Cut(
                zone,
                share,
                target,
                after[end - 1] if end else 0,
                units.code[below] if astride else None,
                None if np.isnan(level) else float(level),
                tuple(units.code[k] for k in tied),
            )
        )
    return ends, tuple(cuts)


def _columns(
    areas: pa.Table,
    units: _Units,
    zone: NDArray[np.int64],
    zones: tuple[str, ...],
    cuts: tuple[Cut, ...],
) -> pa.Table:
    """The input columns with the results; a BVCV that is not ranked has nulls."""
    # persons between a unit's slice of the ranking and each cut (rounded down and up); 0 inside
    low = np.array([floor(cut.target) for cut in cuts])[:, None]
    high = np.array([ceil(cut.target) for cut in cuts])[:, None]
    away = np.maximum(np.maximum(low - units.after, units.after - units.persons - high), 0)
    nearest = away.argmin(axis=0)
    # the APL at a cut: of the unit in which it falls, or of the one after it
    at = np.minimum(np.searchsorted(units.after, low[:, 0], side="right"), len(units.code) - 1)
    gap = units.apl - units.apl[at][nearest]
    scored = ~np.isnan(units.apl)
    inside = np.flatnonzero(units.row >= 0)
    place = np.full(areas.num_rows, -1)
    place[units.row[inside]] = inside
    ranked = place >= 0

    def column(values: NDArray[Any], known: NDArray[np.bool_]) -> pa.Array:
        """Values in ranking order as a column in the order of the table."""
        return pa.array(values[place], mask=~(ranked & known[place]))

    every = np.ones_like(scored)
    results = {
        "rang": column(np.cumsum(scored), scored),
        "part_cumulee": column(units.after / units.after[-1], every),
        "zone": pa.array(zones).take(column(zone, every)),
        "ecart_coupure_habitants": column(away.min(axis=0), every),
        "ecart_coupure_apl": column(gap, ~np.isnan(gap)),
    }
    for name, values in results.items():
        areas = areas.append_column(name, values)
    return areas


def _parts(units: _Units, zone: NDArray[np.int64], zones: tuple[str, ...]) -> pa.Table:
    """Population and count of BVCV by region of attribution and zone; ``FR`` is the whole."""
    regions = sorted(set(units.region))
    rank_of = {region: k for k, region in enumerate(regions)}
    cell = np.array([rank_of[region] for region in units.region]) * len(zones) + zone
    size = len(regions) * len(zones)
    shape = (len(regions), len(zones))
    persons = np.zeros(size, dtype=np.int64)
    np.add.at(persons, cell, units.persons)
    bvcv = np.bincount(cell[units.row >= 0], minlength=size).reshape(shape)
    persons = persons.reshape(shape)
    persons = np.vstack([persons, persons.sum(axis=0)])
    whole = persons.sum(axis=1, keepdims=True)
    part = np.divide(persons, whole, out=np.zeros(persons.shape), where=whole > 0)
    return pa.table(
        {
            "code_region": np.repeat([*regions, FRANCE], len(zones)).tolist(),
            "zone": list(zones) * (len(regions) + 1),
            "bvcv": np.vstack([bvcv, bvcv.sum(axis=0)]).ravel(),
            "population": persons.ravel(),
            "part": part.ravel(),
        }
    )


def _no_apl() -> Fault:
    return Fault(
        "APL-C09",
        "no BVCV has an APL",
        "there is nothing to rank",
        "give the APL of communes with inhabitants",
        "bvcv",
        "apl",
    )


def _nobody() -> Fault:
    return Fault(
        "APL-C10",
        "no inhabitants at all",
        "shares of a population of 0 do not exist",
        "give the total municipal population",
        "bvcv",
        "population",
    )


def _not_finite(areas: pa.Table, rows: NDArray[np.int64]) -> Fault:
    return Fault(
        "APL-G04",
        "an APL that is not a number",
        "it would be sorted last in silence",
        "leave the cell empty where there is no APL",
        "bvcv",
        "apl",
        **at_rows(rows, areas.column("code_bvcv")),
    )


def _counted_twice(regions: list[str]) -> Fault:
    return Fault(
        "APL-F07",
        "territories without APL in regions that have one",
        f"region {', '.join(regions)} stands in the table: its inhabitants would count twice",
        "leave the region out of territories_without_apl",
        values=tuple(regions),
    )
