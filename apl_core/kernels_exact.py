"""Kernels of vectors cut in limbs (see `apl_core.exact`, and `apl_core.kernels` for the rules)."""

from __future__ import annotations

import numpy as np

from apl_core.kernels import F64, I64, _compiled


@_compiled
def bounds(x: F64, least: float) -> tuple[float, float]:
    """The largest |x| and the least x > 0; 0 and ``least`` where there is none."""
    most = 0.0
    for k in range(x.size):
        v = x[k]
        size = v if v >= 0.0 else -v
        most = size if size > most else most
        least = v if v > 0.0 and v < least else least
    return most, least


@_compiled
def ceilings(x: F64, scale: float) -> np.int64:
    """Σ ⌈|x| · scale⌉."""
    total = np.int64(0)
    for k in range(x.size):
        v = x[k] * scale
        v = v if v >= 0.0 else -v
        whole = np.int64(v)
        total += whole + np.int64(v > whole)
    return total


@_compiled
def limbs(x: F64, scale: float, finer: float, out: I64) -> None:
    """out[k] = x[k] in whole multiples of 1/scale, and the rest in those of 1/(scale · finer)."""
    for k in range(x.size):
        scaled = x[k] * scale
        whole = np.rint(scaled)
        out[k, 0] = np.int64(whole)
        out[k, 1] = np.int64(np.rint((scaled - whole) * finer))
