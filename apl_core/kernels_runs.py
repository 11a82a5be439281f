"""Kernels of runs (see `apl_core.runs`; `apl_core.kernels_steps` for words, and for the steps)."""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import B1, I32, I64, _compiled


@_compiled
def tour(start: I64, word: Any, bits: Any, mask: Any, seen: B1, stack: I32, order: I32) -> int:
    """A walk through the places that are not ``seen``: to the nearest one not yet seen of those
    that the present one has a pair with, else back; how many it meets. Marks ascend with time."""
    count = 0
    for first in range(seen.size):
        if seen[first]:
            continue
        seen[first] = True
        order[count] = first
        count += 1
        stack[0] = first
        top = 0
        while top >= 0:
            i = stack[top]
            best = np.int64(mask)
            near = np.int64(-1)
            for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
                w = word[p]
                t = np.int64(w & mask)
                if t < best and not seen[w >> bits]:
                    best = t
                    near = np.int64(w >> bits)
            if near < 0:
                top -= 1
            else:
                seen[near] = True
                order[count] = near
                count += 1
                top += 1
                stack[top] = near
    return count


@_compiled
def nearest(start: I64, word: Any, bits: Any, mask: Any, rank: I64, out: I64) -> None:
    """out[i] = the least mark of row i, and above it the rank of its place, the first of several;
    as it was, where there is no pair."""
    for i in range(start.size - 1):
        best = np.int64(mask)
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            t = np.int64(w & mask)
            if t < best:
                best = t
                out[i] = (rank[w >> bits] << np.int64(bits)) | t


@_compiled
def count_places(word: Any, bits: Any, start: I64) -> None:
    """start[j+1] = how many words have place j, then cumulated."""
    for p in range(word.size):
        start[(word[p] >> bits) + 1] += 1
    for j in range(1, start.size):
        start[j] += start[j - 1]


@_compiled
def turned(start: I64, word: Any, bits: Any, mask: Any, order: I32, cursor: I64, out: Any) -> None:
    """The other orientation: to the row of each place, the rank of the row that has a pair with it,
    rows taken in ``order``. ``cursor`` holds where rows begin and is used up."""
    for r in range(order.size):
        i = order[r]
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            j = w >> bits
            q = cursor[j]
            out[q] = (np.int64(r) << np.int64(bits)) | np.int64(w & mask)
            cursor[j] = q + 1


@_compiled
def edges(
    start: I64,
    word: Any,
    bits: Any,
    mask: Any,
    rank: I64,
    ranks: int,
    order: I32,
    out_bits: int,
    out_start: I64,
    out: Any,
) -> None:
    """Where the weight changes along each row, rows taken in ``order``: at place k from level a to
    level b, rank[mark] being which level (0: none), the word of k and of a · ranks + b. Nothing is
    written where ``out`` is empty: to know its size."""
    count = np.int64(0)
    for r in range(order.size):
        i = order[r]
        a = np.int64(0)
        end = np.int64(0)  # the place after the last pair
        for p in range(np.uint64(start[i]), np.uint64(start[i + 1])):
            w = word[p]
            j = np.int64(w >> bits)
            b = rank[w & mask]
            if a != 0 and j != end:
                if out.size > 0:
                    out[count] = (end << out_bits) | (a * ranks)
                count += 1
                a = np.int64(0)
            if a != b:
                if out.size > 0:
                    out[count] = (j << out_bits) | (a * ranks + b)
                count += 1
            a = b
            end = j + 1
        if a != 0:
            if out.size > 0:
                out[count] = (end << out_bits) | (a * ranks)
            count += 1
        out_start[r + 1] = count


@_compiled
def prefix(limbs: I64, order: I32, out: I64) -> None:
    """out[k] = Σ of the first k limbs in ``order``."""
    a = np.int64(0)
    b = np.int64(0)
    out[0, 0] = 0
    out[0, 1] = 0
    for r in range(order.size):
        i = order[r]
        a += limbs[i, 0]
        b += limbs[i, 1]
        out[r + 1, 0] = a
        out[r + 1, 1] = b
