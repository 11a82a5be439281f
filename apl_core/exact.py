"""Sums whose bits do not depend on the order of the terms.

A float64 is cut in whole numbers of a power of two (limbs); whole numbers add exactly in any order;
the limbs are joined once, at the end. No zone may depend on the order of the rows of a file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels, kernels_exact

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_MANTISSA = 53
FAR = 900  # powers of two beyond it would leave the range of float64


@dataclass(frozen=True)
class Limbs:
    """A vector as two int64 limbs: ``x ≈ high · 2**-shift + low · 2**-(shift + below)``.

    ``x`` may be multiplied by whole numbers up to ``largest`` and summed over any subset of its
    entries without overflow, and each entry is within 2**-53 of itself: proved by `split` from the
    data, before the sum.
    """

    parts: I64  # [n, 2]: high, low
    shift: int
    below: int

    def join(self, sums: I64, denominator: int) -> F64:
        """The float64 value of sums of limbs (int64[m, 2]), over a common denominator."""
        # products with powers of two are exact; in numpy, temporary arrays take thrice as long
        joined = np.empty(len(sums))
        unit = math.ldexp(1.0, -self.shift)
        kernels.join(frozen(sums), unit, math.ldexp(unit, -self.below), joined)
        if denominator != 1:
            joined /= denominator
        return joined


def in_turn(parts: I64) -> tuple[I64, I64]:
    """Limbs [n, 2] as kernels take them: those of k stand at 2k of the first and of the second."""
    flat = parts.reshape(-1)
    return flat, flat[1:]


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same memory, read-only: kernels are compiled once, for read-only inputs."""
    view = array.view()
    view.flags.writeable = False
    return view


def magnitude(x: F64) -> int:
    """An exponent e with Σ|x| ≤ 2**e, the same for any order of ``x`` (a float sum is not)."""
    return _magnitude(x, _bounds(x)[0])


def _magnitude(x: F64, most: float) -> int:
    top = math.frexp(most)[1]
    shift = 61 - x.size.bit_length() - top
    if abs(shift) > FAR:
        return top + x.size.bit_length()
    total = int(kernels_exact.ceilings(frozen(x), math.ldexp(1.0, shift)))
    return total.bit_length() - shift


def _bounds(x: F64) -> tuple[float, float]:
    """The largest |x| and the least x > 0 (inf where there is none)."""
    most, least = kernels_exact.bounds(frozen(x), math.inf)
    return float(most), float(least)


def split(x: F64, largest: int) -> Limbs | None:
    """Cut finite ``x`` ≥ 0 so that Σ largest·x cannot overflow; None if bits would be lost.

    The range that fits is about 2**70 between the sum of all terms and the smallest one; beyond it
    (a commune of 1e-9 inhabitant beside 1e12) the caller sums in float64, in a fixed order.
    """
    scales = fitting(x, largest)
    if scales is None:
        return None
    shift, below = scales
    parts = np.empty((x.size, 2), dtype=np.int64)  # exact: `fitting` saw that no bit is lost
    kernels_exact.limbs(frozen(x), math.ldexp(1.0, shift), math.ldexp(1.0, below), parts)
    return Limbs(frozen(parts), shift, below)


def fitting(x: F64, largest: int) -> tuple[int, int] | None:
    """The exponents of the two limbs of `split`, where there are any."""
    most, least = _bounds(x)
    shift, below = exponents(_magnitude(x, most), x.size, largest)
    if abs(shift) + below > FAR:
        return None
    return None if least < math.ldexp(1.0, _MANTISSA - shift - below) else (shift, below)


def exponents(extent: Any, size: int, largest: int) -> tuple[Any, int]:
    """``shift`` (of an extent, or of an array of them) and ``below``, which no sum can overflow:
    Σ largest·high ≤ 2**61, plus half a unit a term; Σ largest·low ≤ largest·size/2 · 2**below."""
    return 61 - extent - largest.bit_length(), 61 - (max(size, 1) * largest).bit_length()


def exact_sums(index: NDArray[np.integer], values: F64, size: int) -> F64:
    """Σ of ``values`` by ``index``, the same bits in any order of the rows.

    Parameters
    ----------
    index : int[m]
        Where each value is added, 0 ≤ index < size.
    values : float64[m]
        Finite values of any sign; a ValueError otherwise.
    size : int
        Length of the result.

    Returns
    -------
    float64[size]

    Notes
    -----
    Each value becomes whole multiples of two powers of two, derived from the largest value and the
    number of values so that neither sum can overflow: 2**-80 of the largest value is the least that
    counts, for a million rows.

    Examples
    --------
    >>> exact_sums(np.array([0, 1, 0]), np.array([0.1, 5.0, 0.2]), 2).tolist()
    [0.30000000000000004, 5.0]
    """
    sums = np.zeros((size, 2), dtype=np.int64)
    shift, room = scales(values)
    kernels.add_limbs(
        frozen(np.ascontiguousarray(index, dtype=np.int64)),
        frozen(np.ascontiguousarray(values, dtype=np.float64)),
        math.ldexp(1.0, shift),
        math.ldexp(1.0, room),
        sums,
    )
    return Limbs(sums, shift, room).join(sums, 1)


def exact_sum(values: F64) -> float:
    """Σ of ``values``, as `exact_sums` with one place for all.

    >>> exact_sum(np.array([0.1, 5.0, 0.2]))
    5.3
    """
    sums = np.empty((1, 2), dtype=np.int64)
    shift, room = scales(values)
    values = frozen(np.ascontiguousarray(values, dtype=np.float64).ravel())
    kernels.add_all(values, math.ldexp(1.0, shift), math.ldexp(1.0, room), sums[0])
    return float(Limbs(sums, shift, room).join(sums, 1)[0])


def scales(values: F64, terms: int | None = None) -> tuple[int, int]:
    """Exponents of the two limbs: n terms of at most 2**room each cannot overflow int64.

    ``terms``: how many, where a value may come more than once.
    """
    top = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if not math.isfinite(top):  # as an integer it would be any number
        raise ValueError("only finite values add up")
    room = 62 - max(values.size if terms is None else terms, 1).bit_length()
    # below 1e-180, what is lost is less than any quantity; ldexp stays within float64
    return room - max(math.frexp(top)[1], -600), room
