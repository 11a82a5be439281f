"""What the two peers on NumPy arrays share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def sums(index: NDArray[Any], values: Any, size: int) -> F64:
    """Σ of ``values`` by ``index``, float64[size]."""
    return np.asarray(np.bincount(index, weights=values, minlength=size), dtype=np.float64)


def type_2(values: F64, over: int, under: int) -> float:
    """The inverse of the distribution function, the mean of two values at a jump."""
    whole, rest = divmod(values.size * over, under)
    around = np.partition(values, (whole - 1, whole))
    return float(around[whole] if rest else (around[whole - 1] + around[whole]) / 2)
