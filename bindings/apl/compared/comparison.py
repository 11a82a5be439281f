"""Ours held against the published: `compare`, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa

from apl.compared import gaps
from apl.compared.align import (
    BVCV,
    COMMUNE,
    WEIGHTS,
    Aligned,
    aligned,
    as_table,
    merged,
    nothing_in_common,
    numbers,
)
from apl.compared.causes import causes
from apl.compared.gaps import Figures
from apl.country import departements
from apl.mergers import departement
from apl.noticed import Notice
from apl.regions.zonage import NATIONAL, national_column
from apl_core import Fault, refuse_if
from apl_core.errors import GapError, listed
from apl_core.exact import F64
from apl_core.schema import schema

WORST = 20
BOTH, LEFT, RIGHT = "les_deux", "calcul", "publie"  # of which table a row of ``ecarts`` is
BY = {"code_commune": "commune", "code_bvcv": "BVCV"}


@dataclass(frozen=True, eq=False)
class Zones:
    """Zones of ours against the published ones, by BVCV.

    Attributes
    ----------
    matrix : list of {zone, zone_publiee, bvcv, population}
        Where one of the tables has no population, persons are 0.
    left_only, right_only : tuple of str
        BVCV that one table alone has.
    """

    matrix: list[Mapping[str, Any]]
    left_only: tuple[str, ...]
    right_only: tuple[str, ...]


@dataclass(frozen=True)
class Worst:
    """One of the largest gaps; ``causes`` as `apl.compared.causes.causes` gives them."""

    code: str
    ours: float
    published: float
    gap: float
    causes: list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Comparison(Figures):
    """Ours against the published: the `Figures` of all values, and more.

    Attributes
    ----------
    key : {"code_commune", "code_bvcv"}
    digits : int or None
        Digits behind the point of the published values, read or given; None: not known.
    weights : str or None
        The quantity that ``correlation_weighted`` weighs by.
    left_only, right_only : tuple of str
        Codes that ours, the published table alone has.
    uncomputed, unpublished : tuple of str
        Codes in both, without an APL in ours, in the published table.
    quantiles : mapping
        ``signed`` and ``absolute``: gaps by percentage.
    regions, sizes : mapping of name → Figures
        By region; by inhabitants. Empty where no table says them.
    zones : Zones or None
    worst : tuple of Worst
        The largest gaps; of equal ones the smallest code.
    table : pyarrow.Table
        Every code of either table: the table ``ecarts``.
    """

    key: str
    digits: int | None
    weights: str | None
    left_only: tuple[str, ...]
    right_only: tuple[str, ...]
    uncomputed: tuple[str, ...]
    unpublished: tuple[str, ...]
    quantiles: Mapping[str, Mapping[str, float]]
    regions: Mapping[str, Figures]
    sizes: Mapping[str, Figures]
    zones: Zones | None
    worst: tuple[Worst, ...]
    table: pa.Table

    @property
    def noticed(self) -> tuple[Notice, ...]:
        """What the figures leave out, and the precision they are at."""
        said = []
        if self.digits is not None:
            half = f"{gaps.half_unit(self.digits):g}"
            text = f"published with {self.digits} digits: a gap up to {half} is none"
            said.append(Notice("APL-H03", text))
        if self.left_only or self.right_only or self.uncomputed or self.unpublished:
            said.append(Notice("APL-H04", self._apart()))
        return tuple(said)

    def faults(self, tolerance: float) -> Iterator[Fault]:
        """What keeps ours from being the published, but for a tolerance (``APL-H01``, ``H04``).

        A value that was published and is not in ours is a gap of unknown size, and a code that ours
        alone has a sign of another geography; where no value is published, there is none to miss.
        """
        bound = max(tolerance, gaps.half_unit(self.digits))
        code, *columns = (self.table.column(n).to_pylist() for n in ("code", "ecart", "apl_publie"))
        away = np.array([0.0 if gap is None else gap for gap in columns[0]])
        over = np.flatnonzero(gaps.beyond(away, bound))
        if over.size:
            over = over[np.argsort(-np.abs(away[over]), kind="stable")]
            rows = (f"{code[k]} {away[k]:+.6g} on {columns[1][k]:g}" for k in over.tolist())
            absolute = self.quantiles["absolute"]
            why = (
                f"{over.size:,} of {self.n:,} gaps are over {bound:g}: half are up to "
                f"{absolute['50']:.6g}, 99 % up to {absolute['99']:.6g}, "
                f"all up to {self.max_gap:.6g}"
            )
            title = "a gap to the published figures beyond the tolerance"
            mend = (
                "see the table ecarts and the causes of the largest, or ask for another tolerance"
            )
            yield Fault("APL-H01", title, why, mend, "ecarts", "ecart", **listed(rows))
        lacking = [*self.left_only, *self.right_only, *self.uncomputed]
        if lacking:
            title = "different communes in ours and in the published"
            mend = "use one vintage: --cog with --movements"
            yield Fault("APL-H04", title, self._apart(), mend, "ecarts", "code", **listed(lacking))

    def hold(self, tolerance: float) -> None:
        """Refuse gaps beyond a tolerance, in the unit of the APL.

        Raises
        ------
        GapError
        """
        refuse_if(self.faults(tolerance), GapError)

    def _apart(self) -> str:
        return (
            f"{len(self.left_only):,} codes in ours alone, {len(self.right_only):,} in the "
            f"published alone; {len(self.uncomputed):,} in both without an APL of ours, "
            f"{len(self.unpublished):,} without a published one"
        )


def compare(
    ours: Any,
    published: Any,
    key: str = COMMUNE,
    *,
    digits: int | None = None,
    areas: tuple[Any, Any] | None = None,
) -> Comparison:
    """Hold an APL against a published one.

    Parameters
    ----------
    ours, published : pyarrow.Table, or anything with ``__arrow_c_stream__``
        The key and ``apl``; what else of ``apl_communes``, ``apl_publie``, ``bvcv`` or ``zonage``
        they have is made use of.
    key : {"code_commune", "code_bvcv"}
    digits : int, optional
        Digits behind the point of the published values. Default: read from them, where they are
        many enough to show it.
    areas : two tables, optional
        Of BVCV with their zones, ours and the published; else those compared, where they have any.

    Returns
    -------
    Comparison
        The same bits in any order of the rows.

    Raises
    ------
    TableError
        As `apl.compared.align.aligned`; no value in common (``APL-H06``).

    Examples
    --------
    >>> ours = pa.table({"code_commune": ["01001", "01002", "01004"], "apl": [50.0, 61.0, 70.0]})
    >>> published = pa.table({"code_commune": ["01001", "01002"], "apl": [50.0, 60.0]})
    >>> found = compare(ours, published)
    >>> found.n, found.equal, found.max_gap, found.mean_gap, found.left_only
    (2, 1, 1.0, 0.5, ('01004',))
    """
    if key not in BY:
        raise ValueError(f"key is one of {', '.join(BY)}")
    pair = aligned(ours, published, key)
    values = pair.both("apl")
    assert values is not None
    there = ~np.isnan(values[0]) & ~np.isnan(values[1])
    if not there.any():
        raise nothing_in_common(pair)
    weighed, persons = pair.first(*WEIGHTS), pair.first(*WEIGHTS[::-1])
    digits = gaps.digits_of(values[1][there]) if digits is None else digits
    weights = None if weighed is None else np.nan_to_num(weighed[1])[there]
    left, right = (side[there] for side in values)
    how: tuple[Any, ...] = (left, right, weights, gaps.half_unit(digits))
    size = [] if persons is None else gaps.sizes(persons[1][there])
    region = list(compress(regions_of(pair), there))
    empty = [np.isnan(side) for side in values]
    difference = left - right
    spread = {"signed": gaps.quantiles(difference), "absolute": gaps.quantiles(np.abs(difference))}
    return Comparison(
        **vars(gaps.figures(*how)),
        key=key,
        digits=digits,
        weights=None if weighed is None else weighed[0],
        left_only=pair.left_only,
        right_only=pair.right_only,
        uncomputed=tuple(compress(pair.codes, empty[0] & ~empty[1])),
        unpublished=tuple(compress(pair.codes, empty[1])),
        quantiles=spread,
        regions=gaps.by_group(region, *how),
        sizes=_in_order(gaps.by_group(size, *how) if size else {}),
        zones=confusion(*(areas or (ours, published))),
        worst=_worst(pair, np.flatnonzero(there), difference),
        table=_table(pair, values, digits),
    )


def _in_order(found: dict[str, Figures]) -> dict[str, Figures]:
    return {name: found[name] for name in (*gaps.size_names(), "") if name in found}


@cache
def _regions() -> Mapping[str, str]:
    facts = departements()
    return dict(zip(facts.codes, facts.regions, strict=True))


def regions_of(pair: Aligned) -> list[str]:
    """The region of each row; a commune's by its code. Empty where nothing says it."""
    known = pair.words("code_region") if pair.key == BVCV else [None] * len(pair.codes)
    return [
        region or _regions().get(departement(code), "")
        for region, code in zip(known, pair.codes, strict=True)
    ]


def confusion(ours: Any, published: Any) -> Zones | None:
    """Zones against zones; None where a table has none.

    National classes against national ones, and those after adaptation where both tables have them.
    """
    tables = [as_table(data) for data in (ours, published)]
    if not all({BVCV, "zone"} <= set(table.column_names) for table in tables):
        return None
    adapted = all(NATIONAL in table.column_names for table in tables)
    zoned = [
        pa.table({
            BVCV: table.column(BVCV),
            "zone": table.column("zone" if adapted else national_column(table)),
            "apl": pa.nulls(table.num_rows, pa.float64()),
            **{name: table.column(name) for name in ("population",) if name in table.column_names},
        })
        for table in tables
    ]  # fmt: skip
    pair = aligned(zoned[0], zoned[1], BVCV)
    persons = pair.first("population")
    people = [0] * len(pair.codes) if persons is None else np.rint(persons[1]).astype(int).tolist()
    cells = (table.column("zone").to_pylist() for table in (pair.ours, pair.published))
    rows = list(zip(*cells, people, strict=True))
    order = schema("bvcv").field("zone").enum
    return Zones(gaps.matrix(rows, order), pair.left_only, pair.right_only)


def _worst(pair: Aligned, rows: Any, difference: F64) -> tuple[Worst, ...]:
    first = np.argsort(-np.abs(difference), kind="stable")[:WORST]
    at, off = rows[first].tolist(), difference[first].tolist()
    why = causes(pair, at, merged(pair.ours, pair.published))
    ours, published = (numbers(table, "apl") for table in (pair.ours, pair.published))
    assert ours is not None
    assert published is not None
    return tuple(
        Worst(pair.codes[k], float(ours[k]), float(published[k]), gap, found)
        for k, gap, found in zip(at, off, why, strict=True)
        if gap
    )


def _table(pair: Aligned, values: tuple[F64, F64], digits: int | None) -> pa.Table:
    """Every code of either table, in ascending order."""
    alone = [numbers(table, "apl") for table in (pair.left, pair.right)]
    assert alone[0] is not None
    assert alone[1] is not None
    nothing = [np.full(one.size, np.nan) for one in alone if one is not None]
    ours = np.concatenate([values[0], alone[0], nothing[1]])
    published = np.concatenate([values[1], nothing[0], alone[1]])
    codes = [*pair.codes, *pair.left_only, *pair.right_only]
    of = [*[BOTH] * len(pair.codes), *[LEFT] * alone[0].size, *[RIGHT] * alone[1].size]
    gap = ours - published
    same = pa.array(~gaps.beyond(np.nan_to_num(gap), gaps.half_unit(digits)), mask=np.isnan(gap))
    region = [*regions_of(pair), *[""] * (len(codes) - len(pair.codes))]
    columns = {
        "code": pa.array(codes, pa.string()),
        "presence": pa.array(of, pa.string()),
        "code_region": pa.array([r or None for r in region], pa.string()),
        "apl": pa.array(ours, mask=np.isnan(ours)),
        "apl_publie": pa.array(published, mask=np.isnan(published)),
        "ecart": pa.array(gap, mask=np.isnan(gap)),
        "egal": same,
    }
    order = sorted(range(len(codes)), key=codes.__getitem__)
    return pa.table(columns).take(pa.array(order, pa.int64()))
