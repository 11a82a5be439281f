"""The national ranking and its cuts (annexe, 4.2): persons are counted whole, shares are fractions.

No zone depends on a rounding: cumulated persons times a denominator are compared with a numerator
times the total. (0.1 + 0.05 > 0.15 in float64.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor

import numpy as np
import pyarrow as pa

from apl.law import Rules, ZoningRules
from apl_core import Fault, TableError
from apl_core.errors import SHOWN
from apl_core.territory import column_values

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


@dataclass(frozen=True)
class _Unit:
    """One entry of the ranking; ``row`` is its row of the table, -1 for a territory outside it."""

    code: str
    region: str
    persons: int
    apl: float | None
    row: int


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
    units = _units(areas, territories_without_apl or {})
    counted = [u for u in units if u.apl is not None or law.without_apl == "lowest"]
    without = tuple(sorted(u.code for u in units if u.apl is None and u.persons))
    ordered = sorted(counted, key=lambda unit: _place(unit, law))
    after = list(accumulate(unit.persons for unit in ordered))
    total = after[-1] if after else 0
    if total <= 0:
        raise TableError([_nobody()])
    ends, cuts = _cut(ordered, after, total, law)
    zone = np.repeat(law.zones, np.diff([0, *ends, len(ordered)]))
    bvcv = _columns(areas, ordered, after, total, zone, cuts)
    zone_of = {unit.code: str(z) for unit, z in zip(ordered, zone, strict=True)}
    return Ranking(bvcv, _parts(ordered, zone_of, law.zones), cuts, without, total)


def _units(areas: pa.Table, outside: Mapping[str, int]) -> list[_Unit]:
    apl = column_values(areas.column("apl"), np.float64, fill=-1.0)
    bad = np.flatnonzero(~np.isfinite(apl))
    if bad.size:
        raise TableError([_not_finite(areas, [int(row) for row in bad])])
    rows = zip(
        areas.column("code_bvcv").to_pylist(),
        areas.column("code_region").to_pylist(),
        areas.column("population").to_pylist(),
        areas.column("apl").to_pylist(),
        strict=True,
    )
    inside = [_Unit(*row, at) for at, row in enumerate(rows)]
    return inside + [
        _Unit(f"territory without APL of region {region}", region, persons, None, -1)
        for region, persons in sorted(outside.items())
    ]


def _place(unit: _Unit, law: ZoningRules) -> tuple[bool, float, int, str]:
    """The sorting key: no APL first, ascending APL, then the law page's rule for ties."""
    persons = unit.persons if law.ties == "smaller_population_then_code" else 0
    return unit.apl is not None, unit.apl or 0.0, persons, unit.code


def _cut(
    ordered: list[_Unit], after: list[int], total: int, law: ZoningRules
) -> tuple[list[int], tuple[Cut, ...]]:
    """How many units lie below each cut, and the cuts."""
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
        astride = below < len(ordered) and before < target
        overshoot = after[below] - target if astride else Fraction(0)
        if astride and (
            law.astride == "include" or (law.astride == "closest" and overshoot < target - before)
        ):
            end = below + 1
        else:
            end = below
        end = max(end, ends[-1] if ends else 0)
        ends.append(end)
        last = ordered[end - 1] if end else None
        level = last.apl if last else None
        split = end < len(ordered) and level is not None and ordered[end].apl == level
        cuts.append(
            Cut(
                zone,
                share,
                target,
                after[end - 1] if end else 0,
                ordered[below].code if astride else None,
                level,
                tuple(u.code for u in ordered if u.apl == level) if split else (),
            )
        )
    return ends, tuple(cuts)


def _columns(
    areas: pa.Table,
    ordered: list[_Unit],
    after: list[int],
    total: int,
    zone: np.ndarray[tuple[int], np.dtype[np.str_]],
    cuts: tuple[Cut, ...],
) -> pa.Table:
    """The input columns with the results; a BVCV that is not ranked has nulls."""
    levels = _levels_at(cuts, ordered, after)
    rows: list[tuple[int | None, float | None, str | None, int | None, float | None]] = [
        (None,) * 5
    ] * areas.num_rows
    targets = [(floor(cut.target), ceil(cut.target)) for cut in cuts]
    place = 0
    for unit, count, its_zone in zip(ordered, after, zone, strict=True):
        place += unit.apl is not None
        if unit.row < 0:
            continue
        away, level = min(
            (_distance(count - unit.persons, count, *bounds), at)
            for at, bounds in enumerate(targets)
        )
        near = levels[level]
        gap = None if unit.apl is None or near is None else unit.apl - near
        ranked = place if unit.apl is not None else None
        rows[unit.row] = (ranked, count / total, str(its_zone), away, gap)
    names = ("rang", "part_cumulee", "zone", "ecart_coupure_habitants", "ecart_coupure_apl")
    kinds = (pa.int64(), pa.float64(), pa.string(), pa.int64(), pa.float64())
    for name, kind, values in zip(names, kinds, zip(*rows, strict=True), strict=True):
        areas = areas.append_column(name, pa.array(values, kind))
    return areas


def _levels_at(cuts: tuple[Cut, ...], ordered: list[_Unit], after: list[int]) -> list[float | None]:
    """The APL at each cut: of the unit in which the target falls, or of the one after it."""
    at = [min(bisect_right(after, cut.target), len(ordered) - 1) for cut in cuts]
    return [ordered[k].apl for k in at]


def _distance(before: int, after: int, low: int, high: int) -> int:
    """Persons between a unit's slice of the ranking and a cut (rounded down and up); 0 inside."""
    return max(low - after, before - high, 0)


def _parts(ordered: list[_Unit], zone_of: Mapping[str, str], zones: tuple[str, ...]) -> pa.Table:
    """Population and count of BVCV by region of attribution and zone; ``FR`` is the whole."""
    regions = [*sorted({unit.region for unit in ordered}), FRANCE]
    count = {(region, zone): 0 for region in regions for zone in zones}
    persons = dict(count)
    for unit in ordered:
        for region in (unit.region, FRANCE):
            persons[region, zone_of[unit.code]] += unit.persons
            count[region, zone_of[unit.code]] += unit.row >= 0
    whole = {region: sum(persons[region, zone] for zone in zones) for region in regions}
    cells = list(count)
    return pa.table(
        {
            "code_region": [region for region, _ in cells],
            "zone": [zone for _, zone in cells],
            "bvcv": pa.array([count[cell] for cell in cells], pa.int64()),
            "population": pa.array([persons[cell] for cell in cells], pa.int64()),
            "part": pa.array(
                [persons[cell] / whole[cell[0]] if whole[cell[0]] else 0.0 for cell in cells],
                pa.float64(),
            ),
        }
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


def _not_finite(areas: pa.Table, rows: list[int]) -> Fault:
    return Fault(
        "APL-G04",
        "an APL that is not a number",
        "it would be sorted last in silence",
        "leave the cell empty where there is no APL",
        "bvcv",
        "apl",
        tuple(row + 1 for row in rows[:SHOWN]),
        tuple(areas.column("code_bvcv")[row].as_py() for row in rows[:SHOWN]),
        len(rows),
    )
