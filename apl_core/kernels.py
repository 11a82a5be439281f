"""All compiled code, and the only file that imports Numba.

A kernel is a formula and nothing else: inputs are read-only C-contiguous arrays, outputs come last
and belong to the caller; no allocation, no raise, no division, no fast-math. All kernels stand in
one file because Numba's cache does not see an edit to a callee in another one.

A sum is carried in two int64 limbs, ``high`` and ``low`` (see `apl_core.exact`). Integer sums do
not depend on their order: the same bits for any order of rows, any split over threads, any renaming
of communes. A float64 CSR product, the rejected alternative, takes half the time (nationally 2.8 ms
a step against 5 to 6.6, of some 200 for a run), and renaming changes the last bit of 76 % of the
results.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray


def _cache_folder() -> Path | None:
    """Point Numba's cache to a folder of the user's own; None where there can be none.

    ``cache=True`` without a writable folder raises at import, and a cache is code: it must not lie
    in a folder that others can write to. The folder is named after the text of all kernels: Numba
    looks at the time and size of one file alone, which images and archives may set to anything.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"])
    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if not base.is_absolute() or not base.parent.is_dir():  # no home: no cache, and no new "~"
        return None
    texts = sorted(Path(__file__).parent.glob("kernels*.py"))
    named = hashlib.sha256(b"".join(path.read_bytes() for path in texts)).hexdigest()
    folder = base / "apl" / "numba" / named[:16]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if os.name == "posix" and (found.st_mode & 0o022 or found.st_uid != os.getuid()):
            return None
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return None
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


CACHE = _cache_folder()
from numba import njit  # noqa: E402  (the cache folder is read when Numba is imported)

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _compiled(kernel: Kernel) -> Kernel:
    """Compiled on first call, without the GIL, kept in the cache where there is one."""
    made = njit(cache=CACHE is not None, nogil=True, error_model="numpy")(kernel)
    _load_alone(getattr(made, "_cache", None))
    return cast(Kernel, made)


def _load_alone(cache: Any) -> None:
    """Let a kernel come out of its cache without what only compiling needs.

    Numba readies its whole compiler before it looks into the cache: imports, SciPy's linear algebra
    among them, that are 0.5 of the 2 s of processor time of a first run. What is not in the cache
    is compiled as ever, and the compiler readied by that. These names are Numba's own (the same in
    0.59 and 0.68); where they are others, it loads as it does. Machine code in a format of our own
    would spare the import of Numba too, 0.4 s, for Numba's calling convention in our hands.
    """
    if not (
        hasattr(cache, "_load_overload") and hasattr(cache, "_guard_against_spurious_io_errors")
    ):
        return

    def load(signature: Any, context: Any) -> Any:
        from numba.core.runtime.nrt import rtsys

        rtsys.initialize(context)  # what arrays need to come in
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, context)

    cache.load_overload = load


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
