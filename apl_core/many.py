"""Many supplies over one index: the two steps for k scenarios, the same bits as k single solves.

Step 1 does not depend on supply and is taken once. Step 2 concerns the pairs that lead to supply in
some scenario. What is asked decides the structure: from `WORTH_RUNS` scenarios, runs of these pairs
(`apl_core.runs`) and a tile of scenarios at a time; below, one solve after the other. Each scenario
has the scale that `apl_core.exact.split` would give it; one whose range does not fit is solved by
itself, in float64. Weights that are not steps are summed in float64, a tile at a time. Runs that
there are already (`Weighted.often`) are used as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels_many as kernels
from apl_core.exact import F64, FAR, exponents, fitting, frozen
from apl_core.runs import Runs
from apl_core.weighted import Weighted, vector

TILE = 32  # scenarios; 16 and 64 take about as long, 64 twice the room
WORTH_RUNS = 20  # scenarios: building the runs takes what some twenty gain


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
    near = weighted.towards(most > 0) if weighted.runs is None else weighted
    faced = near.demand(demand, threads=threads)
    faced[faced == 0] = np.inf  # nobody reaches it: its ratio is 0
    solved = _solver(near, given, faced)
    out = np.empty(given.shape)

    def tile(first: int) -> None:
        solved(slice(first, first + TILE), out[first : first + TILE])

    firsts = range(0, len(given), TILE)
    if threads <= 1:
        for first in firsts:
            tile(first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(tile, firsts))
    return out


def _solver(near: Weighted, given: F64, faced: F64) -> Callable[[slice, F64], None]:
    """What writes A of some of the given supplies."""
    if near.level is not None and (near.runs is not None or len(given) >= WORTH_RUNS):
        often = near.often()
        assert often.runs is not None
        return OverRuns(often, often.runs.out_of, given, faced).solve

    def singly(which: slice, out: F64) -> None:
        for k, supply in enumerate(given[which]):
            out[k] = near.access(supply / faced)

    def in_float(which: slice, out: F64) -> None:
        ratio = given[which] / faced
        vector(ratio.max(axis=1, initial=0.0), "ratio", len(ratio))
        x, acc = frozen(np.ascontiguousarray(ratio.T)), np.empty(len(ratio))
        kernels.gather_many_float(*near.pairs.words.index, near.by_time, x, acc, out)

    return in_float if near.level is None else singly


@dataclass(frozen=True, eq=False)
class OverRuns:
    """Access over runs out of each origin, of some of the given supplies at a time."""

    weighted: Weighted
    runs: Runs
    given: F64
    faced: F64

    def solve(self, which: slice, out: F64) -> None:
        """out[t] = A of the given supply t of ``which``."""
        runs, level = self.runs, self.weighted.level
        assert level is not None
        given = self.given[which]
        ratio = np.empty((len(given), runs.columns.size))
        for t, supply in enumerate(given):  # in one call, along the other axis: a third longer
            np.take(supply, runs.columns, out=ratio[t], mode="clip")
        ratio /= self.faced[runs.columns]
        vector(ratio.max(axis=1, initial=0.0), "ratio", len(ratio))
        many, n = len(ratio), self.faced.size
        shift, below, fits = _scales(frozen(ratio), n, int(level.max()))
        limb = np.empty((runs.columns.size + 1, 2 * many), dtype=np.int64)
        scale = frozen(np.ldexp(fits * 1.0, shift))
        kernels.prefixes(frozen(ratio), scale, math.ldexp(1.0, below), limb)
        unit = np.ldexp(1.0, -shift)
        finer = unit * math.ldexp(1.0, -below)
        if runs.rows.size < n:
            out[:] = 0.0
        acc = np.empty(2 * many, dtype=np.int64)
        kernels.gather_many(
            *runs.words.index, runs.step, frozen(limb), frozen(unit), frozen(finer), runs.rows,
            acc, out,
        )  # fmt: skip
        if self.weighted.denominator != 1:
            out /= self.weighted.denominator
        for t in np.flatnonzero(~fits).tolist():
            out[t] = self.weighted.access(given[t] / self.faced)


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
