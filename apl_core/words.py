"""Pairs as words: who can be reached and which time it takes, in 4 bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl_core import kernels_steps as kernels
from apl_core.exact import F64, I64, frozen
from apl_core.territory import I32

SLOTS = 1 << 12  # of the table of distinct values, at first


@dataclass(frozen=True, eq=False)
class Words:
    """Rows of pairs, each a place and a mark: ``place << bits | mark``.

    Attributes
    ----------
    start : int64[r+1]
        Row i holds ``start[i]:start[i+1]``.
    word : uint32[m], or uint64[m] where places and marks do not fit in 32 bits
        Ascending in each row: by place.
    bits : int
        Of the mark; no mark has them all set (`apl_core.kernels_steps`).
    """

    start: I64
    word: NDArray[Any]
    bits: int

    @property
    def index(self) -> tuple[I64, NDArray[Any], Any, Any]:
        """What kernels take: start, word, bits, mask."""
        kind = self.word.dtype.type
        return self.start, self.word, kind(self.bits), kind((1 << self.bits) - 1)

    @property
    def place(self) -> I32:
        """The place of each pair, int32[m]; made anew."""
        found: I32 = (self.word >> self.word.dtype.type(self.bits)).astype(np.int32)
        return found

    @property
    def mark(self) -> NDArray[Any]:
        """The mark of each pair, in the least unsigned type that holds them; made anew."""
        mask = (1 << self.bits) - 1
        marks: NDArray[Any] = self.word & self.word.dtype.type(mask)
        return marks.astype(np.min_scalar_type(mask))

    def towards(self, keep: NDArray[np.bool_]) -> Words:
        """The pairs whose place is kept."""
        start = np.zeros_like(self.start)
        out = np.empty(self.word.size + 1, dtype=self.word.dtype)  # room for one unkept
        kernels.towards(*self.index[:3], frozen(keep), start, out)
        return Words(frozen(start), frozen(out[: start[-1]]), self.bits)


def width(places: int, marks: int) -> tuple[int, Any]:
    """The bits of so many marks, one value being kept free, and the type of words."""
    bits = marks.bit_length()
    return bits, np.uint32 if (max(places, 1) - 1).bit_length() + bits <= 32 else np.uint64


def packed(
    place: I32, code: NDArray[Any], values: F64, keep: NDArray[np.bool_], places: int
) -> tuple[NDArray[Any], int, F64]:
    """Words of places and of the rank of ``values[code]``; their bits; the values, ascending.

    ``keep`` has those of the values that some pair takes. A matrix has some hundreds of distinct
    times: with their own table, 2 to 11 bits each.
    """
    times = np.unique(values[keep] + 0.0)  # without -0.0
    rank = np.searchsorted(times, values).astype(np.uint32)
    bits, kind = width(places, times.size)
    word = np.empty(place.size, dtype=kind)
    kernels.pack(frozen(place), frozen(code), frozen(rank), kind(bits), word)
    return frozen(word), bits, frozen(times)


def distinct(value: F64) -> tuple[NDArray[np.uint32], F64]:
    """Each value as the place of its bits in a table, and that table."""
    bits_of = frozen(np.ascontiguousarray(value, dtype=np.float64)).view(np.int64)
    code = np.empty(value.size, dtype=np.uint32)
    size, count = SLOTS, -1
    while count < 0:
        key, taken = np.empty(size, dtype=np.int64), np.full(size, -1, dtype=np.int32)
        found = np.empty(size // 2 + 1, dtype=np.int64)
        count = kernels.distinct(bits_of, key, taken, found, code)
        size *= 4
    return code, found[:count].view(np.float64)
