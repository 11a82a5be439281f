"""Kernels of many supplies at once (see `apl_core.many`, and `apl_core.kernels` for the rules).

A tile is a few scenarios. Their values at one place lie side by side, so that one look-up of a pair
serves all of them and the machine adds several at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import F64, I32, I64, _compiled


@_compiled
def kept(
    start: I64,
    destination: I32,
    mark: Any,
    rank: I32,
    out_start: I64,
    out_column: Any,
    out_mark: Any,
) -> None:
    """The pairs whose destination has a rank ≥ 0, by that rank; ``mark`` is a band or a weight."""
    k = np.int64(0)
    for i in range(start.size - 1):
        for p in range(start[i], start[i + 1]):
            r = rank[destination[p]]
            if r >= 0:
                out_column[k] = r
                out_mark[k] = mark[p]
                k += 1
        out_start[i + 1] = k


@_compiled
def extents(x: F64, scale: F64, total: I64, least: F64) -> None:
    """total[t] = Σ_j ⌈x[t, j] · scale[t]⌉; least[t] = the smallest positive x[t, j], if any is
    smaller than what stands there."""
    for t in range(x.shape[0]):
        a = np.int64(0)
        low = least[t]
        for j in range(x.shape[1]):
            v = x[t, j] * scale[t]
            whole = np.int64(v)
            a += whole + np.int64(v > whole)
            if x[t, j] > 0.0 and x[t, j] < low:
                low = x[t, j]
        total[t] = a
        least[t] = low


@_compiled
def limbs(x: F64, scale: F64, finer: float, out: I64) -> None:
    """out[j, t] and out[j, T + t] = the limbs of x[t, j]: whole multiples of 1/scale[t], then of
    1/(scale[t] · finer)."""
    for j in range(x.shape[1]):
        for t in range(x.shape[0]):
            scaled = x[t, j] * scale[t]
            whole = np.rint(scaled)
            out[j, t] = np.int64(whole)
            out[j, x.shape[0] + t] = np.int64(np.rint((scaled - whole) * finer))


@_compiled
def gather_many(
    start: I64,
    column: Any,
    band: Any,
    level: I64,
    limb: I64,
    unit: F64,
    finer: F64,
    acc: I64,
    out: F64,
) -> None:
    """out[t, i] = Σ_j level(i, j) · x_t[j], joined: ``limb`` as `limbs` gives it, ``acc`` is room
    for one row of it. Two pairs at a time: 222 ms a thousand scenarios against 268."""
    width = limb.shape[1]
    many = out.shape[0]
    for i in range(start.size - 1):
        for t in range(width):
            acc[t] = 0
        p = start[i]
        end = start[i + 1]
        while p + 2 <= end:
            j = column[p]
            k = column[p + 1]
            v = level[band[p]]
            w = level[band[p + 1]]
            for t in range(width):
                acc[t] += v * limb[j, t] + w * limb[k, t]
            p += 2
        if p < end:
            j = column[p]
            v = level[band[p]]
            for t in range(width):
                acc[t] += v * limb[j, t]
        for t in range(many):
            out[t, i] = acc[t] * unit[t] + acc[many + t] * finer[t]


@_compiled
def gather_many_float(start: I64, column: Any, weight: F64, x: F64, acc: F64, out: F64) -> None:
    """out[t, i] = Σ_j weight(i, j) · x[j, t] in float64, destinations ascending."""
    for i in range(start.size - 1):
        for t in range(acc.size):
            acc[t] = 0.0
        for p in range(start[i], start[i + 1]):
            j = column[p]
            w = weight[p]
            for t in range(acc.size):
                acc[t] += w * x[j, t]
        for t in range(acc.size):
            out[t, i] = acc[t]
