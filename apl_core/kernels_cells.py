"""Compiled code for sums by row and column (see `apl_core.cells`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from apl_core.kernels import B1, I32, I64, _compiled


@_compiled
def add_cells(
    row: I32,
    key: Any,
    column_of: I64,
    code: Any,
    limb: I64,
    rows: B1,
    keys: B1,
    codes: B1,
    out: I64,
) -> None:
    """out[column_of[key], row] += limb[code]; and which rows, keys and codes there are."""
    for p in range(row.size):
        i = np.uint64(row[p])  # unsigned: none counts from the end
        k = np.uint64(key[p])
        v = np.uint64(code[p])
        rows[i] = True
        keys[k] = True
        codes[v] = True
        out[np.uint64(column_of[k]), i] += limb[v]
