"""Sums over pairs as they come in a file, in any order (see `apl_core.blockwise`).

As in `apl_core.kernels`: formulas and nothing else. Bands are found in a pass of their own, which
the compiler turns into vector instructions: 0.4 ns a pair, against 2 within the sum.
"""

from __future__ import annotations

import numpy as np

from apl_core.kernels import B1, F64, I32, I64, U8, _compiled


@_compiled
def count_passed(minutes: F64, limit: F64, band: U8) -> None:
    """band[p] += how many limits minutes[p] exceeds (limits ascending, each closed)."""
    for b in range(limit.size):
        bound = limit[b]
        for p in range(minutes.size):
            band[p] += minutes[p] > bound


@_compiled
def spread_pairs(origin: I32, destination: I32, band: U8, level: I64, limbs: I64, out: I64) -> None:
    """Step 1: out[j] += level · x_i of each pair, in two limbs; x is fetched once a run of i."""
    before = np.int32(-1)
    high = np.int64(0)
    low = np.int64(0)
    for p in range(origin.size):
        i = origin[p]
        if i != before:
            before = i
            high = limbs[i, 0]
            low = limbs[i, 1]
        w = level[band[p]]
        j = destination[p]
        out[j, 0] += w * high
        out[j, 1] += w * low


@_compiled
def gather_pairs(origin: I32, destination: I32, band: U8, level: I64, limbs: I64, out: I64) -> None:
    """Step 2: out[i] += level · x_j of each pair, in two limbs; out is touched once a run of i."""
    before = np.int32(0)
    high = np.int64(0)
    low = np.int64(0)
    for p in range(origin.size):
        i = origin[p]
        if i != before:
            out[before, 0] += high
            out[before, 1] += low
            before = i
            high = np.int64(0)
            low = np.int64(0)
        w = level[band[p]]
        j = destination[p]
        high += w * limbs[j, 0]
        low += w * limbs[j, 1]
    out[before, 0] += high
    out[before, 1] += low


@_compiled
def leave(origin: I32, destination: I32, out: B1) -> None:
    """out[i] = True where some pair leads from i to another place."""
    before = np.int32(0)
    away = False
    for p in range(origin.size):
        i = origin[p]
        if i != before:
            out[before] |= away
            before = i
            away = False
        away |= i != destination[p]
    out[before] |= away
