"""Kernels of the pairs and of the two steps (see `apl_core.kernels` for the rules).

A pair is one word: ``place << bits | mark``, ``mask = 2**bits - 1``. A row is
``start[i]:start[i+1]`` of ``word``, ascending (so: by place), no place twice. ``level[mark]`` is
the weight as an integer numerator; the denominator is common and applied by the caller. ``bits``
and ``mask`` have the type of the words: unsigned indices need no test for those that count from the
end.

No mark is ``mask`` itself, and the loops over a row stop there: a test that never holds, without
which LLVM makes gathers of 8 lanes of short rows (1.07 ms a step against 0.78).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import B1, F64, I32, I64, _compiled


@_compiled
def distinct(value: I64, key: I64, code: I32, found: I64, word: Any) -> int:
    """word[p] = which distinct value value[p] is, in order of first sight; ``found`` are these; how
    many, or -1 where they would fill half of ``key`` (a power of two), a table of hashes; ``code``
    is -1 where it is free."""
    mask = key.size - 1
    count = 0
    for p in range(value.size):
        v = value[p]
        # both halves times an odd number below 2**31: no overflow; tenths repeat bits in each half
        h = ((v & 0xFFFFFFFF) * 1640531527) ^ (((v >> 32) & 0xFFFFFFFF) * 2086737581)
        h = ((h >> 28) ^ (h >> 44)) & mask
        while code[h] >= 0 and key[h] != v:
            h = (h + 1) & mask
        if code[h] < 0:
            if 2 * count >= key.size:
                return -1
            key[h] = v
            code[h] = count
            found[count] = v
            count += 1
        word[p] = code[h]
    return count


@_compiled
def pack(place: I32, code: Any, rank: Any, bits: Any, word: Any) -> None:
    """word[p] = place[p] and the rank of its code."""
    for p in range(place.size):
        word[p] = (np.uint64(place[p]) << np.uint64(bits)) | np.uint64(rank[code[p]])


@_compiled
def seen(code: Any, out: B1) -> None:
    """Which codes there are."""
    for p in range(code.size):
        out[code[p]] = True


@_compiled
def count_marks(word: Any, mask: Any, out: I64) -> None:
    """out[mark] = how many words have it."""
    for p in range(word.size):
        out[word[p] & mask] += 1


@_compiled
def towards(start: I64, word: Any, bits: Any, keep: B1, out_start: I64, out: Any) -> None:
    """The pairs whose place is kept, in their order. Each is written and then overwritten unless it
    is kept: no branch to mispredict."""
    k = np.int64(0)
    for i in range(start.size - 1):
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            out[k] = w
            k += np.int64(keep[w >> bits])
        out_start[i + 1] = k


@_compiled
def spread(
    start: I64,
    word: Any,
    bits: Any,
    mask: Any,
    level: I64,
    limbs: I64,
    first: int,
    last: int,
    high: I64,
    low: I64,
) -> None:
    """Step 1: high[2j], low[2j] += Σ_i level(i, j) · x_i over origins first ≤ i < last."""
    for i in range(first, last):
        a = limbs[i, 0]
        b = limbs[i, 1]
        if a != 0 or b != 0:
            for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
                w = word[p]
                v = level[w & mask]
                j = w >> bits
                k = j + j
                high[k] += v * a
                low[k] += v * b


@_compiled
def gather(
    start: I64,
    word: Any,
    bits: Any,
    mask: Any,
    level: I64,
    high: I64,
    low: I64,
    first: int,
    last: int,
    out: I64,
) -> None:
    """Step 2: out[i] = Σ_j level(i, j) · x_j for rows first ≤ i < last, in two limbs: high[2j] and
    low[2j]. Two columns of one array would take a multiplication more a pair (1.8 ms for 1.3)."""
    for i in range(first, last):
        a = np.int64(0)
        b = np.int64(0)
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            mark = w & mask
            if mark == mask:
                break
            v = level[mark]
            j = w >> bits
            k = j + j
            a += v * high[k]
            b += v * low[k]
        out[i, 0] = a
        out[i, 1] = b


@_compiled
def spread_float(
    start: I64, word: Any, bits: Any, mask: Any, weight: F64, x: F64, out: F64
) -> None:
    """Step 1 in float64, origins ascending: out[j] += Σ_i weight(i, j) · x_i."""
    for i in range(start.size - 1):
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            out[w >> bits] += weight[w & mask] * x[i]


@_compiled
def gather_float(
    start: I64,
    word: Any,
    bits: Any,
    mask: Any,
    weight: F64,
    x: F64,
    first: int,
    last: int,
    out: F64,
) -> None:
    """Step 2 in float64, destinations ascending: out[i] = Σ_j weight(i, j) · x_j."""
    for i in range(first, last):
        a = 0.0
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            a += weight[w & mask] * x[w >> bits]
        out[i] = a
