"""Kernels of many supplies at once (see `apl_core.many`; `apl_core.kernels_steps` for words).

A tile is a few scenarios. Their values at one place lie side by side, so that one look-up of a pair
serves all of them and the machine adds several at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import F64, I32, I64, _compiled


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
def prefixes(x: F64, scale: F64, finer: float, out: I64) -> None:
    """out[k, t] and out[k, T + t] = the limbs of Σ_{j < k} x[t, j]: whole multiples of 1/scale[t],
    then of 1/(scale[t] · finer)."""
    many = x.shape[0]
    for t in range(2 * many):
        out[0, t] = 0
    for j in range(x.shape[1]):
        for t in range(many):
            scaled = x[t, j] * scale[t]
            whole = np.rint(scaled)
            out[j + 1, t] = out[j, t] + np.int64(whole)
            out[j + 1, many + t] = out[j, many + t] + np.int64(np.rint((scaled - whole) * finer))


@_compiled
def gather_many(
    start: I64,
    word: Any,
    bits: Any,
    mask: Any,
    level: I64,
    limb: I64,
    unit: F64,
    finer: F64,
    row: I32,
    acc: I64,
    out: F64,
) -> None:
    """out[t, row[i]] = Σ_j level(i, j) · x_t[j], joined: ``limb`` as `prefixes` gives it,
    ``acc`` is room for one row of it. Two pairs at a time: 222 ms a thousand scenarios for 268."""
    width = limb.shape[1]
    many = out.shape[0]
    for i in range(start.size - 1):
        for t in range(width):
            acc[t] = 0
        p = start[i]
        end = start[i + 1]
        while p + 2 <= end:
            one = word[p]
            two = word[p + 1]
            v = level[one & mask]
            w = level[two & mask]
            j = one >> bits
            k = two >> bits
            for t in range(width):
                acc[t] += v * limb[j, t] + w * limb[k, t]
            p += 2
        if p < end:
            one = word[p]
            v = level[one & mask]
            j = one >> bits
            for t in range(width):
                acc[t] += v * limb[j, t]
        r = row[i]
        for t in range(many):
            out[t, r] = acc[t] * unit[t] + acc[many + t] * finer[t]


@_compiled
def gather_many_float(
    start: I64, word: Any, bits: Any, mask: Any, weight: F64, x: F64, acc: F64, out: F64
) -> None:
    """out[t, i] = Σ_j weight(i, j) · x[j, t] in float64, destinations ascending."""
    for i in range(start.size - 1):
        for t in range(acc.size):
            acc[t] = 0.0
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            v = weight[w & mask]
            j = w >> bits
            for t in range(acc.size):
                acc[t] += v * x[j, t]
        for t in range(acc.size):
            out[t, i] = acc[t]
