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
