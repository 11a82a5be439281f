"""Sums by row and column of tables whose numbers repeat: ages, inhabitants.

Keys and quantities are indices in tables of the distinct ones (`Coded`), as Parquet has them: a
quantity is cut into limbs once, not at each of a million rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import kernels_cells
from apl_core.exact import F64, I64, frozen, scales
from apl_core.territory import I32, column_values


@dataclass(frozen=True, eq=False)
class Coded:
    """Numbers as ``values[code]``: ``code`` is int[m], one a row, ``values`` the distinct ones."""

    code: NDArray[np.integer]
    values: NDArray[Any]

    @classmethod
    def of(cls, column: pa.ChunkedArray, dtype: Any) -> Coded:
        """A column of numbers without nulls, encoded where it is not yet (6 ns a row).

        >>> found = Coded.of(pa.chunked_array([[7, 5], [7]]), np.float64)
        >>> found.code.tolist(), found.values.tolist()
        ([0, 1, 0], [7.0, 5.0])
        """
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        if column.num_chunks != 1:
            column = column.unify_dictionaries().combine_chunks()
        chunk = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        code = column_values(chunk.indices, chunk.indices.type.to_pandas_dtype())
        return cls(code, column_values(chunk.dictionary, dtype))


@dataclass(frozen=True, eq=False)
class Cells:
    """Sums by column and row: see `exact_cells`."""

    sums: F64  # [columns, rows]
    rows: NDArray[np.bool_]  # those that there are
    keys: NDArray[np.bool_]


def exact_cells(
    row: I32, key: Coded, column_of: I64, amount: Coded, rows: int, columns: int
) -> Cells:
    """Σ of ``amount`` by column and row, and which rows and keys there are; exact as
    `apl_core.exact.exact_sums`, the same bits however rows and codes are ordered.

    Parameters
    ----------
    row : int32[m]
        0 ≤ row < rows.
    key : Coded
        ``column_of[code]`` is the column, 0 ≤ column < columns.
    column_of : int64[len(key.values)]
    amount : Coded
        Finite values.
    rows, columns : int

    Examples
    --------
    >>> age, persons = Coded(np.array([0, 1, 0]), np.array([30, 65])), Coded(
    ...     np.array([1, 0, 0]), np.array([2.0, 0.5]))
    >>> row, column_of = np.array([0, 0, 1], dtype=np.int32), np.array([1, 0])
    >>> exact_cells(row, age, column_of, persons, 2, 2).sums.tolist()
    [[2.0, 0.0], [0.5, 2.0]]
    """
    present, seen, used = (
        np.zeros(size, np.bool_) for size in (rows, key.values.size, amount.values.size)
    )
    where = frozen(row), frozen(key.code), frozen(column_of), frozen(amount.code)
    values = amount.values
    shift, below = scales(values, row.size)
    parts: list[F64] = []
    for limb, exponent in _limbs(values, shift, below):
        out = np.zeros((columns, rows), dtype=np.int64)
        kernels_cells.add_cells(*where, frozen(limb), present, seen, used, out)
        parts.append(np.multiply(out, math.ldexp(1.0, -exponent), dtype=np.float64))
    values = np.where(used, values, 0.0)
    if scales(values, row.size) != (shift, below):  # a file's table may hold more than its rows
        return exact_cells(row, key, column_of, Coded(amount.code, values), rows, columns)
    return Cells(parts[0] if len(parts) == 1 else np.add(*parts), present, seen)


def _limbs(values: F64, shift: int, below: int) -> Iterator[tuple[I64, int]]:
    """Whole multiples of 2**-shift, then of 2**-(shift + below) where some are left."""
    scaled = values * math.ldexp(1.0, shift)
    high = np.rint(scaled)
    yield high.astype(np.int64), shift
    low = np.rint((scaled - high) * math.ldexp(1.0, below))
    if low.any():  # never, of whole inhabitants
        yield low.astype(np.int64), shift + below
