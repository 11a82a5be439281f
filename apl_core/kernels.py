"""All compiled code, and the only file that imports Numba.

A kernel is a formula and nothing else: inputs are read-only C-contiguous arrays, outputs come last
and belong to the caller; no allocation, no raise, no division, no fast-math. All kernels stand in
one file because Numba's cache does not see an edit to a callee in another one.

Notation: pairs are stored by origin (CSR). Row ``i`` holds positions ``start[i]:start[i+1]`` of
``destination`` (sorted, no duplicate) and of ``band`` (0 = nearest). ``level[band]`` is the weight
of a band as an integer numerator; the denominator is common and applied by the caller.

A sum is carried in two int64 limbs, ``high`` and ``low`` (see `apl_core.exact`). Integer sums do
not depend on their order: the same bits for any order of rows, any split over threads, any renaming
of communes. A float64 CSR product, the rejected alternative, takes half the time (nationally 2.8 ms
a step against 5 to 6.6, of some 200 for a run), and renaming changes the last bit of 76 % of the
results.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray


def _writable_cache() -> bool:
    """Point Numba's cache to the user's own folder; say whether there is one.

    ``cache=True`` without a writable folder raises at import, and a cache is code: it must not lie
    in a folder that others can write to.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return True
    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if not base.is_absolute() or not base.parent.is_dir():  # no home: no cache, and no new "~"
        return False
    folder = base / "apl" / "numba"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return False
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return True


_CACHE = _writable_cache()
from numba import njit  # noqa: E402  (the cache folder is read when Numba is imported)

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _compiled(kernel: Kernel) -> Kernel:
    """Compiled on first call, without the GIL, kept in the cache where there is one."""
    return cast(Kernel, njit(cache=_CACHE, nogil=True, error_model="numpy")(kernel))


I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
F64 = NDArray[np.float64]
B1 = NDArray[np.bool_]


@_compiled
def survey(origin: I32, destination: I32, start: I64, own: B1, paired: B1) -> int:
    """One pass over pairs: rows by origin (start[i+1], not yet cumulated), who has a self pair, who
    is a destination; the first p that does not come strictly after p-1, -1 if none."""
    disorder = -1
    before_i = np.int32(-1)
    before_j = np.int32(-1)
    run = np.int64(0)  # of one origin: a count in memory would wait for itself at each pair
    for p in range(origin.size):
        i = origin[p]
        j = destination[p]
        paired[j] = True
        if i == j:
            own[i] = True
        if i != before_i:
            start[before_i + 1] += run
            run = np.int64(0)
            if i < before_i and disorder < 0:
                disorder = p
        elif j <= before_j and disorder < 0:
            disorder = p
        run += 1
        before_i = i
        before_j = j
    start[before_i + 1] += run
    return disorder


@_compiled
def add_limbs(index: I64, values: F64, scale: float, finer: float, out: I64) -> None:
    """out[k] += the values of index k: whole multiples of 1/scale, then of 1/(scale · finer)."""
    for p in range(index.size):
        scaled = values[p] * scale
        whole = np.rint(scaled)
        k = index[p]
        out[k, 0] += np.int64(whole)
        out[k, 1] += np.int64(np.rint((scaled - whole) * finer))


@_compiled
def add_all(values: F64, scale: float, finer: float, out: I64) -> None:
    """As `add_limbs`, all into out[0] and out[1]."""
    high = np.int64(0)
    low = np.int64(0)
    for p in range(values.size):
        scaled = values[p] * scale
        whole = np.rint(scaled)
        high += np.int64(whole)
        low += np.int64(np.rint((scaled - whole) * finer))
    out[0] = high
    out[1] = low


@_compiled
def add_cells(
    row: I32,
    key: I64,
    column_of: I64,
    values: F64,
    scale: float,
    finer: float,
    out: I64,
    present: B1,
    seen: B1,
) -> None:
    """As `add_limbs`, into out[column_of[key], row]; and which rows and keys there are."""
    for p in range(row.size):
        i = row[p]
        k = key[p]
        present[i] = True
        seen[k] = True
        c = column_of[k]
        scaled = values[p] * scale
        whole = np.rint(scaled)
        out[c, i, 0] += np.int64(whole)
        if scaled != whole:  # never, of whole inhabitants
            out[c, i, 1] += np.int64(np.rint((scaled - whole) * finer))


@_compiled
def join(sums: I64, unit: float, finer: float, out: F64) -> None:
    """out = the float64 value of two limbs: multiples of ``unit`` and of ``finer``."""
    for k in range(out.size):
        out[k] = sums[k, 0] * unit + sums[k, 1] * finer


@_compiled
def count_keys(key: I32, start: I64) -> None:
    """start[k+1] = how many keys are k, then cumulated: where the rows of each key begin."""
    for p in range(key.size):
        start[key[p] + 1] += 1
    for k in range(1, start.size):
        start[k] += start[k - 1]


@_compiled
def stable_order(key: I32, before: I64, cursor: I64, order: I64) -> None:
    """Counting sort: ``order`` lists ``before`` by ascending key, ties in the order of ``before``.

    ``cursor`` holds where each key begins and is used up.
    """
    for q in range(before.size):
        p = before[q]
        k = key[p]
        order[cursor[k]] = p
        cursor[k] += 1


@_compiled
def towards(
    start: I64,
    destination: I32,
    minutes: F64,
    keep: U8,
    out_start: I64,
    out_destination: I32,
    out_minutes: F64,
) -> None:
    """The pairs whose destination is kept (1, else 0), in their order. Each pair is written and
    then overwritten unless it is kept: no branch to mispredict."""
    k = np.int64(0)
    for i in range(start.size - 1):
        for p in range(start[i], start[i + 1]):
            j = destination[p]
            out_destination[k] = j
            out_minutes[k] = minutes[p]
            k += np.int64(keep[j])  # a byte would wrap where the kernel is plain Python
        out_start[i + 1] = k


@_compiled
def bands(minutes: F64, limit: F64, band: U8) -> None:
    """band[p] = how many limits minutes[p] exceeds (limits ascending, each closed)."""
    for p in range(minutes.size):
        k = 0
        for b in range(limit.size):
            k += minutes[p] > limit[b]
        band[p] = k


@_compiled
def spread(
    start: I64,
    destination: I32,
    band: U8,
    level: I64,
    high: I64,
    low: I64,
    first: int,
    last: int,
    out: I64,
) -> None:
    """Step 1: out[j] += Σ_i level(i, j) · x_i over origins first ≤ i < last, in two limbs."""
    for i in range(first, last):
        a = high[i]
        b = low[i]
        if a != 0 or b != 0:
            for p in range(start[i], start[i + 1]):
                w = level[band[p]]
                j = destination[p]
                out[j, 0] += w * a
                out[j, 1] += w * b


@_compiled
def gather(
    start: I64,
    destination: I32,
    band: U8,
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
def spread_float(start: I64, destination: I32, weight: F64, x: F64, out: F64) -> None:
    """Step 1 in float64, origins ascending: out[j] += Σ_i weight(i, j) · x_i."""
    for i in range(start.size - 1):
        for p in range(start[i], start[i + 1]):
            out[destination[p]] += weight[p] * x[i]


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


# --- Parquet: the pages of a column chunk (see `apl_core.chunks`) ---------------------------------
# Bytes may be hostile: every read is held against the end, and -1 says "not understood".


@_compiled
def page_table(data: U8, field: I64, page: I64) -> int:
    """Walk the page headers of a chunk (Thrift, compact); how many there are.

    page[k] = where the page's bytes begin, then fields 1 to 4 of its header, then fields 1 to 4 of
    the header inside it (of a data page or a dictionary). ``field`` is room for 3 numbers.
    """
    at = np.int64(0)
    k = 0
    while at < data.size and k < page.shape[0]:
        depth = 0
        field[0] = 0
        while depth >= 0:
            if at >= data.size:
                return -1
            byte = np.int64(data[at])
            at += 1
            kind = byte & 15
            if byte == 0:  # the end of a structure
                depth -= 1
                continue
            if byte < 16 or kind == 3 or kind == 4 or kind == 7 or (kind > 8 and kind != 12):
                return -1
            field[depth] += byte >> 4
            if kind == 12:  # a structure
                depth += 1
                if depth > 2:
                    return -1
                field[depth] = 0
            elif kind > 2:  # a whole number, or the length of a text; yes and no have no body
                value = np.int64(0)
                shift = 0
                while byte >= 128 or shift == 0:
                    if at >= data.size or shift > 28:
                        return -1
                    byte = np.int64(data[at])
                    at += 1
                    value |= (byte & 127) << shift
                    shift += 7
                if kind == 8:
                    at += value
                elif depth < 2 and field[depth] < 5:
                    page[k, 4 * depth + field[depth]] = (value >> 1) ^ -(value & 1)
        if page[k, 3] < 0 or page[k, 3] > data.size - at:
            return -1
        page[k, 0] = at
        at += page[k, 3]
        k += 1
    return k if at == data.size else -1


@_compiled
def hash_words(text: U8, offset: I32, slot: I32) -> None:
    """The slot of each word: at its hash, or the next that is free (-1; a power of two of them,
    more than there are words)."""
    mask = slot.size - 1
    for k in range(offset.size - 1):
        h = np.int64(0)
        for b in range(offset[k], offset[k + 1]):
            h = (31 * h + text[b]) & 0xFFFFFFFF
        h = (h ^ (h >> 15)) & mask
        while slot[h] >= 0:
            h = (h + 1) & mask
        slot[h] = k


@_compiled
def known_words(data: U8, text: U8, offset: I32, slot: I32, out: I32) -> int:
    """out = which word (see `hash_words`) each word of a dictionary page is; how many come before
    the first that is none of them, -1 if the page is malformed."""
    mask = slot.size - 1
    at = np.int64(0)
    w = np.int64(-1)
    for k in range(out.size):
        if data.size - at < 4:
            return -1
        length = np.int64(0)
        for b in range(4):
            length |= np.int64(data[at + b]) << (8 * b)
        at += 4
        if length > data.size - at:
            return -1
        w = (w + 1) & mask  # the next word: most often it is, in a file that is in order
        h = np.int64(-1)
        while True:
            if w < offset.size - 1:
                begin = offset[w]
                alike = np.int64(0) if offset[w + 1] - begin == length else length + 1
                while alike < length and text[begin + alike] == data[at + alike]:
                    alike += 1
                if alike == length:
                    break
            if h >= 0:
                h = (h + 1) & mask
            else:
                h = np.int64(0)
                for b in range(at, at + length):
                    h = (31 * h + data[b]) & 0xFFFFFFFF
                h = (h ^ (h >> 15)) & mask
            w = np.int64(slot[h])
            if w < 0:
                return k
        out[k] = w
        at += length
    return out.size if at == data.size else -1


@_compiled
def plain_words(data: U8, offset: I32, text: U8) -> int:
    """The words of a dictionary page as Arrow holds them; 0, or -1 if it is malformed."""
    at = np.int64(0)
    size = np.int64(0)
    for k in range(offset.size - 1):
        if data.size - at < 4:
            return -1
        length = np.int64(0)
        for b in range(4):
            length |= np.int64(data[at + b]) << (8 * b)
        at += 4
        if length > data.size - at:
            return -1
        for b in range(length):
            text[size + b] = data[at + b]
        at += length
        size += length
        offset[k + 1] = size
    return 0 if at == data.size else -1


@_compiled
def unpack(data: U8, word: U32, page: I64, values: I32, out: I32) -> int:
    """out = values[index], of pages of indices (runs, and bit-packed groups of eight); 0, or -1.

    ``word`` is ``data`` in fours, with room for one more; page[k] = begin, end, how many values.
    """
    done = np.int64(0)
    for k in range(page.shape[0]):
        at = page[k, 0]
        end = page[k, 1]
        stop = done + page[k, 2]
        if at >= end or stop > out.size:
            return -1
        width = np.int64(data[at])
        mask = (np.int64(1) << (width & 31)) - 1
        at += 1
        while done < stop:
            head = np.int64(0)
            shift = 0
            byte = np.int64(128)
            while byte >= 128:
                if at >= end or shift > 28:
                    return -1
                byte = np.int64(data[at])
                at += 1
                head |= (byte & 127) << shift
                shift += 7
            count = head >> 1
            size = count * width if head & 1 else (width + 7) >> 3
            if width > 31 or size > end - at:
                return -1
            bit = 8 * at
            at += size
            many = 8 * count if head & 1 else 1  # indices that stand there
            if many > stop - done:  # the last group is filled up
                many = stop - done
            for p in range(done, done + many):
                both = np.int64(word[bit >> 5]) | (np.int64(word[(bit >> 5) + 1]) << 32)
                index = (both >> (bit & 31)) & mask
                if index >= values.size:
                    return -1
                out[p] = values[index]
                bit += width
            if head & 1 == 0:  # a run of that one
                many = count if count < stop - done else stop - done
                value = out[done]
                for p in range(done, done + many):
                    out[p] = value
            done += many
    return 0 if done == out.size else -1
