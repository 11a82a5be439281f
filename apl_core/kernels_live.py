"""Kernels of live editing (see `apl_core.live`, and `apl_core.kernels` for the rules).

Pairs stand in three arrays: row ``i`` holds ``start[i]:start[i+1]`` of the other ends and of marks,
``level[mark]`` being the whole weight. ``seen[i] == stamp`` says that row i was
met in this call: no array is cleared between calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import F64, I32, I64, _compiled


@_compiled
def gather(
    start: I64,
    destination: I32,
    band: Any,
    level: I64,
    limbs: I64,
    first: int,
    last: int,
    out: I64,
) -> None:
    """Step 2: out[i] = Σ_j level(i, j) · x_j for origins first ≤ i < last, in two limbs."""
    for i in range(first, last):
        a = np.int64(0)
        b = np.int64(0)
        for p in range(start[i], start[i + 1]):
            w = level[band[p]]
            j = destination[p]
            a += w * limbs[j, 0]
            b += w * limbs[j, 1]
        out[i, 0] = a
        out[i, 1] = b


@_compiled
def gather_float(
    start: I64, destination: I32, weight: F64, x: F64, first: int, last: int, out: F64
) -> None:
    """Step 2 in float64, destinations ascending: out[i] = Σ_j weight(i, j) · x_j."""
    for i in range(first, last):
        a = 0.0
        for p in range(start[i], start[i + 1]):
            a += weight[p] * x[destination[p]]
        out[i] = a


@_compiled
def nudge(
    start: I64,
    other: I32,
    band: Any,
    level: I64,
    place: I32,
    high: I64,
    low: I64,
    unit: float,
    finer: float,
    stamp: int,
    sums: I64,
    joined: F64,
    seen: I64,
    rows: I32,
    ends: F64,
) -> int:
    """sums[i] += level(i, place[c]) · (high[c], low[c]) over the pairs of each place, and joined[i]
    anew; how many rows that concerns: ``rows``, with what they were and are in ``ends``."""
    count = 0
    for c in range(place.size):
        j = place[c]
        a = high[c]
        b = low[c]
        for p in range(start[j], start[j + 1]):
            i = other[p]
            w = level[band[p]]
            sums[i, 0] += w * a
            sums[i, 1] += w * b
            if seen[i] != stamp:
                seen[i] = stamp
                rows[count] = i
                count += 1
    for k in range(count):
        i = rows[k]
        ends[0, k] = joined[i]
        joined[i] = sums[i, 0] * unit + sums[i, 1] * finer
        ends[1, k] = joined[i]
    return count


@_compiled
def again(
    start: I64,
    other: I32,
    into_start: I64,
    into_other: I32,
    weight: F64,
    place: I32,
    x: F64,
    stamp: int,
    joined: F64,
    seen: I64,
    rows: I32,
    ends: F64,
) -> int:
    """As `nudge` in float64: the rows that have a pair with a changed place are summed again, whole
    and in order (a difference of floats would leave other bits)."""
    count = 0
    for c in range(place.size):
        j = place[c]
        for p in range(start[j], start[j + 1]):
            i = other[p]
            if seen[i] != stamp:
                seen[i] = stamp
                rows[count] = i
                count += 1
    for k in range(count):
        i = rows[k]
        a = 0.0
        for p in range(into_start[i], into_start[i + 1]):
            a += weight[p] * x[into_other[p]]
        ends[0, k] = joined[i]
        joined[i] = a
        ends[1, k] = a
    return count


@_compiled
def means(
    row: I32,
    group: I32,
    start: I64,
    member: I32,
    value: F64,
    weight: F64,
    term: F64,
    scale: float,
    room: float,
    unit: float,
    finer: float,
    stamp: int,
    seen: I64,
    which: I32,
    sums: F64,
    least: F64,
    most: F64,
) -> int:
    """Σ of ``term`` in limbs, joined, over each group that has one of these rows, and the least and
    largest ``value`` of its members with weight; how many groups: ``which``."""
    count = 0
    for r in range(row.size):
        g = group[row[r]]
        if seen[g] != stamp:
            seen[g] = stamp
            which[count] = g
            count += 1
    for k in range(count):
        g = which[k]
        high = np.int64(0)
        low = np.int64(0)
        smallest = np.inf
        largest = -np.inf
        for p in range(start[g], start[g + 1]):
            i = member[p]
            scaled = term[i] * scale
            whole = np.rint(scaled)
            high += np.int64(whole)
            low += np.int64(np.rint((scaled - whole) * room))
            if weight[i] > 0.0:
                if value[i] < smallest:
                    smallest = value[i]
                if value[i] > largest:
                    largest = value[i]
        sums[k] = high * unit + low * finer
        least[k] = smallest
        most[k] = largest
    return count
