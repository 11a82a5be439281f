"""The two steps kept while supply and demand change: each edit touches the pairs that it concerns.

After every edit the values have the bits of a fresh solve. Whole numbers make that possible: a
change is added to a sum as it would have been from the start. A fresh solve derives its scale from
the data (`apl_core.exact.split`); `Extent` follows those data, and where the scale would be another
(the sum of all terms passes a power of two) the sums are taken anew, on that scale. Headroom for
the edits to come, the alternative, would be another scale than the fresh solve's, and other bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels, kernels_live
from apl_core.exact import F64, FAR, I64, exact_sums, exponents, fitting, frozen, scales, split
from apl_core.territory import I32
from apl_core.weighted import Weighted, vector

Moved = tuple[I32, F64, F64]  # rows, their values before, their values after


@dataclass(frozen=True, eq=False)
class Links:
    """The pairs of each place, by the other end: int64[n+1], int32[m]; marks or weights [m]."""

    start: I64
    other: I32
    mark: NDArray[Any]
    level: I64 | None
    denominator: int

    @classmethod
    def of(cls, weighted: Weighted) -> Links:
        """By origin, as they are stored."""
        pairs = weighted.pairs
        mark = weighted.weight if weighted.level is None else pairs.words.mark
        known = (weighted.level, weighted.denominator)
        return cls(pairs.start, pairs.destination, frozen(mark), *known)

    def turned(self) -> Links:
        """By the other end, ascending too."""
        n = self.start.size - 1
        start = np.zeros(n + 1, dtype=np.int64)
        kernels.count_keys(self.other, start)
        order = np.empty(self.other.size, dtype=np.int64)
        before = frozen(np.arange(self.other.size, dtype=np.int64))
        kernels.stable_order(self.other, before, start.copy(), order)
        ends = np.repeat(np.arange(n, dtype=np.int32), np.diff(self.start))
        known = (self.level, self.denominator)
        return Links(frozen(start), frozen(ends[order]), frozen(self.mark[order]), *known)

    @cached_property
    def weight(self) -> F64:
        """As `Weighted.weight`."""
        if self.level is None:
            return self.mark
        return frozen(self.level[self.mark].astype(np.float64) / self.denominator)


class Extent:
    """The figures from which `exact.split` derives its scale, kept as entries of ``x`` change."""

    def __init__(self, x: F64, largest: int) -> None:
        self._x, self._largest = x, largest
        self._count()

    def _count(self) -> None:
        """As `exact.magnitude`."""
        self._stale = False
        most = float(self._x.max(initial=0.0))
        self._top = math.frexp(most)[1] if most else -math.inf  # any entry will be larger
        self._shift = 61 - self._x.size.bit_length() - math.frexp(most)[1]
        self._far = abs(self._shift) > FAR
        if not self._far:
            self._total = int(np.ceil(np.ldexp(self._x, self._shift)).astype(np.int64).sum())

    def replace(self, old: float, new: float) -> None:
        """An entry has changed; in the vector too, before `shift` is asked for."""
        was, now = math.frexp(old)[1] if old else None, math.frexp(new)[1] if new else None
        if (now is not None and now > self._top) or (was == self._top and now != was):
            self._stale = True  # the largest entry is another, or may be
        elif not self._far:
            ceiling = math.ceil(math.ldexp(new, self._shift))
            self._total += ceiling - math.ceil(math.ldexp(old, self._shift))

    @property
    def shift(self) -> int | None:
        """The exponent that a fresh split would take; None where it cannot be told from a sum."""
        if self._stale:
            self._count()
        if self._far:
            return None
        extent = self._total.bit_length() - self._shift
        return int(exponents(extent, self._x.size, self._largest)[0])


class Sums:
    """y_i = Σ_j w_ij · x_j for one orientation of the pairs, kept as entries of ``x`` change.

    ``out_of`` holds the pairs of each j, ``into`` those of each i.
    """

    def __init__(self, x: F64, out_of: Links, into: Links) -> None:
        self.x, self._out_of, self._into = x.copy(), out_of, into
        n = x.size
        self._seen, self._stamp = np.zeros(n, dtype=np.int64), 0
        self._rows, self._ends = np.empty(n, dtype=np.int32), np.empty((2, n))
        self._largest = 0 if into.level is None else int(into.level.max())
        self._extent = Extent(self.x, self._largest) if self._largest else None
        self._solve()

    def _solve(self) -> None:
        """From nothing, as a fresh solve does."""
        into, n = self._into, self.x.size
        x = frozen(self.x.copy())
        limbs = None if into.level is None else split(x, self._largest)
        self._scale = None if limbs is None else (limbs.shift, limbs.below)
        if limbs is None or into.level is None:
            self._joined, self._divisor = np.empty(n), 1
            kernels_live.gather_float(into.start, into.other, into.weight, x, 0, n, self._joined)
            return
        self._sums = np.empty((n, 2), dtype=np.int64)
        kernels_live.gather(
            into.start, into.other, into.mark, into.level, limbs.parts, 0, n, self._sums
        )
        self._joined, self._divisor = limbs.join(self._sums, 1), into.denominator
        self._least = math.ldexp(1.0, 53 - limbs.shift - limbs.below)

    @property
    def exact(self) -> bool:
        """Sums are of whole numbers."""
        return self._scale is not None

    def at(self, place: int) -> float:
        """y at one place."""
        return float(self._joined[place]) / self._divisor

    def whole(self) -> F64:
        """y at all places, float64[n]."""
        found: F64 = self._joined / self._divisor
        return found

    def change(self, places: list[int], values: list[float]) -> Moved:
        """Give entries of ``x`` other values; the rows that have a pair with one of them."""
        olds = [self.x.item(place) for place in places]
        fits = True
        for place, old, new in zip(places, olds, values, strict=True):
            self.x[place] = new
            if self._extent is not None:
                self._extent.replace(old, new)
                fits = fits and (new == 0.0 or not self.exact or new >= self._least)
        if not self._same_scale(fits):
            before = self.whole()
            self._solve()
            rows = np.arange(self.x.size, dtype=np.int32)
            return rows, before, self.whole()
        at = np.array(places, dtype=np.int32)
        self._stamp += 1
        count = self._nudge(at, olds, values) if self._scale else self._again(at)
        rows, ends = self._rows[:count].copy(), self._ends[:, :count] / self._divisor
        if len(places) > 1:  # the rows of one place stand in order
            order = np.argsort(rows)
            rows, ends = rows[order], ends[:, order]
        return rows, ends[0], ends[1]

    def _same_scale(self, fits: bool) -> bool:
        """A fresh solve would sum on this scale, or in float64 as these sums are."""
        if self._extent is None:
            return True
        if self._scale is None:
            return fitting(self.x, self._largest) is None
        return fits and self._extent.shift == self._scale[0]

    def _nudge(self, at: I32, olds: list[float], values: list[float]) -> int:
        links = self._out_of
        assert self._scale is not None
        assert links.level is not None
        shift, below = self._scale
        step = np.empty((2, at.size), dtype=np.int64)
        for k, (old, new) in enumerate(zip(olds, values, strict=True)):
            (a, b), (c, d) = _cut(old, shift, below), _cut(new, shift, below)
            step[0, k], step[1, k] = c - a, d - b
        unit = math.ldexp(1.0, -shift)
        return kernels_live.nudge(
            links.start, links.other, links.mark, links.level, at, step[0], step[1], unit,
            math.ldexp(unit, -below), self._stamp, self._sums, self._joined, self._seen,
            self._rows, self._ends,
        )  # fmt: skip

    def _again(self, at: I32) -> int:
        links, into = self._out_of, self._into
        return kernels_live.again(
            links.start, links.other, into.start, into.other, into.weight, at, frozen(self.x),
            self._stamp, self._joined, self._seen, self._rows, self._ends,
        )  # fmt: skip


def _cut(x: float, shift: int, below: int) -> tuple[int, int]:
    """The limbs of one value, as `exact.split` has them (round() of a float is np.rint)."""
    scaled = math.ldexp(x, shift)
    whole = round(scaled)
    return whole, round(math.ldexp(scaled - whole, below))


class LiveAccess:
    """The two steps over one index, kept as supply and demand change.

    Parameters
    ----------
    weighted : Weighted
        All pairs: those that lead to no supply today may lead to some tomorrow.
    supply, demand : float64[n]
        As `Weighted.ratio`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl_core import Catchment, Steps, Territory
    >>> land = Territory.from_codes(["A", "B"])
    >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
    ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
    >>> weighted = Catchment.build(times, land).weigh(
    ...     Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left"))
    >>> live = LiveAccess(weighted, np.array([1.0, 0.0]), np.array([400.0, 900.0]))
    >>> rows, before, after = live.set_supply(0, 2.0)
    >>> rows.tolist(), (after / before).tolist()
    ([0, 1], [2.0, 2.0])
    """

    def __init__(self, weighted: Weighted, supply: F64, demand: F64) -> None:
        n = len(weighted.pairs.land)
        self.supply = vector(supply, "supply", n).copy()
        forth = Links.of(weighted)
        back = forth.turned()
        self._around = Sums(vector(demand, "demand", n), forth, back)
        around = self._around.whole()
        there = (self.supply > 0) & (around > 0)
        ratio = np.divide(self.supply, around, out=np.zeros(n), where=there)
        self._reach = Sums(ratio, back, forth)

    @property
    def demand(self) -> F64:
        """Demand as it stands, float64[n]."""
        return self._around.x

    @property
    def arithmetic(self) -> str:
        """``"exact"`` or ``"float64"``, as `Weighted.arithmetic` of the demand and the ratio."""
        return "exact" if self._around.exact and self._reach.exact else "float64"

    def access(self) -> F64:
        """Access as it stands, float64[n]."""
        return self._reach.whole()

    def set_supply(self, place: int, supply: float) -> Moved:
        """Another supply at one place; the rows that reach it, before and after."""
        self.supply[place] = supply
        return self._reach.change([place], [self._ratio(place)])

    def set_demand(self, place: int, demand: float) -> Moved:
        """Another demand at one place; the rows that reach a supply that it faces."""
        faced, _, _ = self._around.change([place], [demand])
        there = [j for j in faced.tolist() if self.supply[j] > 0]
        return self._reach.change(there, [self._ratio(j) for j in there])

    def _ratio(self, place: int) -> float:
        supply, around = self.supply.item(place), self._around.at(place)
        return supply / around if supply > 0 and around > 0 else 0.0


class GroupMeans:
    """Weighted means by group, kept as values change; the bits of sums by `exact_sums`.

    Parameters
    ----------
    group : int32[n]
        0 ≤ group < groups.
    groups : int
    weight, value : float64[n]

    Attributes
    ----------
    mean : float64[groups]
        Within the values of its members with weight; NaN where the weights sum to 0.
    """

    def __init__(self, group: I32, groups: int, weight: F64, value: F64) -> None:
        order = np.argsort(group, kind="stable").astype(np.int32)
        self._start = frozen(np.searchsorted(group[order], np.arange(groups + 1)).astype(np.int64))
        self._group, self._member, self._weight = frozen(group), frozen(order), frozen(weight)
        self._value, self._term = value.copy(), weight * value
        self._total = exact_sums(group, weight, groups)
        self._seen, self._stamp = np.zeros(groups, dtype=np.int64), 0
        self._which = np.empty(groups, dtype=np.int32)
        self._sums, self._least, self._most = (np.empty(groups) for _ in range(3))
        self.mean = np.full(groups, np.nan)
        self._scale = scales(self._term)
        self._take(frozen(np.arange(group.size, dtype=np.int32)))

    def change(self, rows: I32, values: F64) -> Moved:
        """Give some rows other values; the groups whose mean that concerns."""
        had = float(self._term[rows].max(initial=0.0))
        self._value[rows] = values
        term = self._weight[rows] * values
        self._term[rows] = term
        shift, room = self._scale  # of the largest term: another one, another scale
        top = room - shift
        now = math.frexp(float(term.max(initial=0.0)))[1]
        if now > top or (now < top and math.frexp(had)[1] >= top):
            self._scale = scales(self._term)
        if self._scale[0] != shift:
            rows = np.arange(self._term.size, dtype=np.int32)
        return self._take(rows)

    def _take(self, rows: I32) -> Moved:
        shift, room = self._scale
        self._stamp += 1
        unit = math.ldexp(1.0, -shift)
        count = kernels_live.means(
            rows, self._group, self._start, self._member, self._value, self._weight, self._term,
            math.ldexp(1.0, shift), math.ldexp(1.0, room), unit, math.ldexp(unit, -room),
            self._stamp, self._seen, self._which, self._sums, self._least, self._most,
        )  # fmt: skip
        which = self._which[:count]
        before, total = self.mean[which], self._total[which]
        mean = np.divide(self._sums[:count], total, out=np.full(count, np.nan), where=total > 0)
        least, most = self._least[:count], self._most[:count]
        mean = np.where(total > 0, np.minimum(np.maximum(mean, least), most), np.nan)
        self.mean[which] = mean
        order = np.argsort(which)
        return which[order], before[order], mean[order]
