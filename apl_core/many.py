"""Many supplies over one index: the two steps for k scenarios, the same bits as k single solves.

Step 1 does not depend on supply and is taken once. Step 2 runs over the pairs that lead to supply
in some scenario, 3 bytes each (a place in 2 where fewer than 65,537 have supply, and a band), a
tile of scenarios at a time. Each scenario has the scale that `apl_core.exact.split` would give it;
one whose range does not fit is summed in float64, in the order of positions, as a single solve is.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels_many as kernels
from apl_core.exact import F64, FAR, I64, exponents, fitting, frozen
from apl_core.territory import I32
from apl_core.weighted import Weighted, vector

TILE = 32  # scenarios; 16 take a quarter longer, 64 and 128 as long


@dataclass(frozen=True, eq=False)
class Fan:
    """The pairs that lead to some places, these counted from 0.

    Attributes
    ----------
    start : int64[n+1]
    column : uint16[m] or int32[m]
        Which of ``places``.
    mark : uint8[m] or float64[m]
        The band of each pair, or its weight.
    places : int32[p]
        Positions.
    """

    start: I64
    column: NDArray[Any]
    mark: NDArray[Any]
    places: I32

    @classmethod
    def of(cls, weighted: Weighted, places: I32) -> Fan:
        """The pairs of ``weighted`` that lead to ``places``."""
        pairs = weighted.pairs
        rank = np.full(len(pairs.land), -1, dtype=np.int32)
        rank[places] = np.arange(places.size, dtype=np.int32)
        mark = weighted.weight if weighted.band is None else weighted.band
        size = int(np.count_nonzero(rank[pairs.destination] >= 0))
        start = np.zeros_like(pairs.start)
        column = np.empty(size, dtype=np.uint16 if places.size <= 1 << 16 else np.int32)
        found = np.empty(size, dtype=mark.dtype)
        kernels.kept(
            pairs.start, pairs.destination, frozen(mark), frozen(rank), start, column, found
        )
        return cls(frozen(start), frozen(column), frozen(found), places)


def access_many(weighted: Weighted, supplies: F64, demand: F64, *, threads: int = 1) -> F64:
    """A of each supply; see `apl_core.Weighted.access_many`."""
    given = np.ascontiguousarray(supplies, dtype=np.float64)
    n = len(weighted.pairs.land)
    if given.ndim != 2 or given.shape[1] != n:
        raise ValueError(f"supplies have shape {given.shape}; the territory wants (k, {n})")
    most = given.max(axis=0, initial=0.0)  # NaN where there is one
    if not (given.min(initial=0.0) >= 0 and most.max(initial=0.0) < math.inf):
        for k, supply in enumerate(given):
            vector(supply, f"supply {k}", n)
    around = weighted.demand(demand, threads=threads)
    places = np.flatnonzero(most > 0).astype(np.int32)
    fan = Fan.of(weighted, places)
    faced = around[places]
    faced[faced == 0] = np.inf  # nobody reaches it: its ratio is 0
    out = np.empty(given.shape)

    def tile(first: int) -> None:
        ratio = np.take(given[first : first + TILE], places, axis=1) / faced
        vector(ratio.max(axis=1, initial=0.0), "ratio", len(ratio))
        _tile(weighted, fan, frozen(ratio), out[first : first + TILE])

    firsts = range(0, len(given), TILE)
    if threads <= 1:
        for first in firsts:
            tile(first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(tile, firsts))
    return out


def _tile(weighted: Weighted, fan: Fan, ratio: F64, out: F64) -> None:
    """out[t] = A of the ratio ratio[t], at the places of the fan."""
    if weighted.level is None:
        _in_float(fan, frozen(fan.mark), ratio, out)
        return
    top = int(weighted.level.max())
    n = len(weighted.pairs.land)
    shift, below, fits = _scales(ratio, n, top)
    many = len(ratio)
    limbs = np.empty((fan.places.size, 2 * many), dtype=np.int64)
    kernels.limbs(ratio, frozen(np.ldexp(fits * 1.0, shift)), math.ldexp(1.0, below), limbs)
    unit = np.ldexp(1.0, -shift)
    acc = np.empty(2 * many, dtype=np.int64)
    kernels.gather_many(
        fan.start,
        fan.column,
        fan.mark,
        weighted.level,
        frozen(limbs),
        frozen(unit),
        frozen(unit * math.ldexp(1.0, -below)),
        acc,
        out,
    )
    if weighted.denominator != 1:
        out /= weighted.denominator
    other = np.flatnonzero(~fits)
    if other.size:
        wide = np.empty((other.size, n))
        weight = weighted.level[fan.mark].astype(np.float64) / weighted.denominator
        _in_float(fan, frozen(weight), frozen(ratio[other]), wide)
        out[other] = wide


def _in_float(fan: Fan, weight: F64, ratio: F64, out: F64) -> None:
    x = frozen(np.ascontiguousarray(ratio.T))
    kernels.gather_many_float(fan.start, fan.column, weight, x, np.empty(len(ratio)), out)


def _scales(ratio: F64, n: int, largest: int) -> tuple[NDArray[np.int64], int, NDArray[np.bool_]]:
    """``shift`` of each row, ``below``, and where `exact.fitting` would give them.

    The same figures as there, whose sum is taken here of all rows in one pass; where that sum could
    leave the range of float64, by that function itself.
    """
    top = np.frexp(ratio.max(axis=1, initial=0.0))[1].astype(np.int64)
    counted = 61 - n.bit_length() - top
    far = np.abs(counted) > FAR
    total, least = np.zeros(len(ratio), dtype=np.int64), np.full(len(ratio), np.inf)
    counted[far] = 0  # counts nothing: such rows are taken by themselves
    kernels.extents(ratio, frozen(np.ldexp(np.where(far, 0.0, 1.0), counted)), total, least)
    extent = np.array([t.bit_length() for t in total.tolist()], dtype=np.int64) - counted
    shift, below = exponents(extent, n, largest)
    fits = ~far & (np.abs(shift) + below <= FAR) & (least >= np.ldexp(1.0, 53 - shift - below))
    for t in np.flatnonzero(far):
        whole = np.zeros(n)
        whole[: ratio.shape[1]] = ratio[t]  # where the zeros stand changes no figure
        scales = fitting(whole, largest)
        fits[t] = scales is not None
        shift[t] = scales[0] if scales else 0
    return np.where(fits, shift, 0), below, fits
