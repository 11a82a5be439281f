"""Where positions come from: the sorted codes of a territory.

Alignment of codes is decided here, once. Whoever holds a `Territory` or a `Catchment` knows that
its codes were checked; from then on a commune is a position. (Peers join by code at each stage:
that is how communes vanish there.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl_core import kernels_pages
from apl_core.errors import Fault, TableError, refuse_lacking

I32 = NDArray[np.int32]
Hashed = tuple[NDArray[np.uint8], I32, I32]  # words as `kernels_pages.known_words` takes them


@dataclass(frozen=True, eq=False)
class Territory:
    """The sorted codes of the places of a territory; a place's position is its identity.

    Parameters
    ----------
    codes : pyarrow.StringArray
        Sorted, without duplicate or null.

    Examples
    --------
    >>> land = Territory.from_codes(["01004", "01001"])
    >>> land.codes.to_pylist(), land.positions(["01004", "99999"]).tolist()
    (['01001', '01004'], [1, -1])
    """

    codes: pa.StringArray

    @classmethod
    def from_codes(cls, codes: Iterable[str] | pa.Array) -> Territory:
        """A territory from codes in any order; a duplicate or a null is a TableError."""
        given = codes if isinstance(codes, pa.Array) else pa.array(list(codes), pa.string())
        if pa.types.is_dictionary(given.type):
            given = given.cast(given.type.value_type)
        given = given.cast(pa.string())
        if not given.null_count and pc.all(pc.less(given[:-1], given[1:]), min_count=0).as_py():
            return cls(given)  # in order, each once
        ordered = given.take(pc.array_sort_indices(given))
        twice = [] if len(ordered) < 2 else pc.equal(ordered[1:], ordered[:-1])
        if given.null_count or (len(ordered) > 1 and pc.any(twice).as_py()):
            codes_twice = ordered[1:].filter(twice).unique().to_pylist() if len(ordered) > 1 else []
            raise TableError([_doubled(codes_twice)])
        return cls(ordered)

    @classmethod
    def from_table(cls, communes: pa.Table) -> Territory:
        """The territory of a ``communes`` table (column ``code_commune``)."""
        communes = communes if isinstance(communes, pa.Table) else pa.table(communes)
        refuse_lacking(communes, "communes", "code_commune")
        return cls.from_codes(communes.column("code_commune").combine_chunks())

    def __len__(self) -> int:
        return len(self.codes)

    def positions(self, codes: pa.Array | pa.ChunkedArray | Iterable[str]) -> I32:
        """The position of each code, -1 where the territory does not have it.

        Parameters
        ----------
        codes : pyarrow array (string or dictionary of string) or iterable of str
            A dictionary is looked up once, however many rows use it.

        Returns
        -------
        int32[m]
        """
        if not isinstance(codes, (pa.Array, pa.ChunkedArray)):
            codes = pa.array(list(codes), pa.string())
        chunks = codes.chunks if isinstance(codes, pa.ChunkedArray) else [codes]
        if len(chunks) == 1 and self._holds(chunks[0]):
            return column_values(chunks[0].indices, np.int32)
        found = np.empty(len(codes), dtype=np.int32)
        words, table, first = None, np.empty(0, np.int32), 0
        for chunk in chunks:
            part = found[first : first + len(chunk)]
            first += len(chunk)
            if not pa.types.is_dictionary(chunk.type):
                part[:] = self._look_up(chunk)[:-1]
                continue
            if words is None or not chunk.dictionary.equals(words):  # most often they share it
                words, table = chunk.dictionary, self._look_up(chunk.dictionary)
            at = column_values(chunk.indices, np.int32, fill=len(words))
            np.take(table, at, out=part, mode="clip")  # clip: no buffered copy of the result
        return found

    def ordered(self, table: pa.Table) -> pa.Table:
        """The rows of a table with ``code_commune``, in the order of the codes.

        Raises
        ------
        TableError
            A code that is not the territory's, that is missing, or that comes twice.
        """
        at = self.positions(table.column("code_commune"))
        if at.size == len(self) and bool((at == np.arange(at.size)).all()):
            return table
        place = np.full(len(self), -1)
        place[at[at >= 0]] = np.flatnonzero(at >= 0)
        if at.size != len(self) or (place < 0).any():
            absent = [self.codes[int(k)].as_py() for k in np.flatnonzero(place < 0)[:20]]
            raise TableError([_not_the_same(absent, at)])
        return table.take(pa.array(place))

    def _holds(self, chunk: pa.Array) -> bool:
        """A column whose dictionary is these very codes (see `apl_core.chunks`), without nulls."""
        return (
            pa.types.is_dictionary(chunk.type)
            and not chunk.indices.null_count
            and bool(chunk.dictionary.equals(self.codes))
        )

    @cached_property
    def hashed(self) -> Hashed:
        """The text of all codes, where each begins, and hash slots."""
        codes = self.codes if len(self) else pa.array([""], pa.string()).slice(1)
        _, offsets, text = codes.buffers()
        offset = np.frombuffer(offsets, np.int32, len(codes) + 1, codes.offset * 4)
        slot = np.full(1 << (2 * len(codes)).bit_length(), -1, dtype=np.int32)
        words = np.frombuffer(text or b"", dtype=np.uint8)
        kernels_pages.hash_words(words, offset, slot)
        slot.flags.writeable = False
        return words, offset, slot

    def _look_up(self, codes: pa.Array) -> I32:
        """Positions of plain codes, with one more entry for null: -1."""
        table = np.full(len(codes) + 1, -1, dtype=np.int32)
        if codes.equals(self.codes):  # a sorted file's codes are often the territory's own
            table[:-1] = np.arange(len(codes), dtype=np.int32)
        else:
            found = pc.index_in(codes.cast(pa.string()), value_set=self.codes)
            table[:-1] = column_values(found, np.int32, fill=-1)
        return table


def column_values(array: Any, dtype: Any, *, fill: Any = None) -> NDArray[Any]:
    """The values of an Arrow array or chunked array as numpy, without pandas on the way.

    A view where that is possible; numbers in a dictionary are looked up; nulls become ``fill`` (a
    null without ``fill`` is a defect here: gates refuse nulls before).
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if isinstance(array, pa.ChunkedArray):  # older pyarrow returns a chunked array of one
            array = pa.concat_arrays(array.chunks)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if array.null_count:
        array = pc.fill_null(array, fill)
    wanted = pa.from_numpy_dtype(dtype)
    if array.type != wanted:
        array = array.cast(wanted)
    if pa.types.is_boolean(array.type):  # by way of bytes: Arrow's own way imports pandas
        return column_values(array.cast(pa.uint8()), np.uint8).astype(dtype)
    width = np.dtype(dtype).itemsize
    data = array.buffers()[1]
    if data is None or not len(array):
        return np.empty(0, dtype=dtype)
    return np.frombuffer(data, dtype=dtype, count=len(array), offset=array.offset * width)


def _doubled(codes: list[str]) -> Fault:
    return Fault(
        "APL-D05",
        "duplicate key",
        "a commune must appear once: its position is its identity",
        "keep one row a commune",
        table="communes",
        column="code_commune",
        values=tuple(codes[:20]),
        count=len(codes),
    )


def _not_the_same(absent: list[str], at: I32) -> Fault:
    return Fault(
        "APL-C14",
        "another set of communes than the territory's",
        f"{int((at < 0).sum()):,} rows have other codes, or a code comes twice or lacks",
        "give one row a commune of the territory",
        "communes",
        "code_commune",
        values=tuple(absent),
        count=max(len(absent), int((at < 0).sum())),
    )
