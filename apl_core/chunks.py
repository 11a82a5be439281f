"""Parquet columns of codes, and of numbers that repeat, decoded without their values.

Most writers put columns in the same plain way: snappy or no compression, a dictionary, data pages
of version 1, no null. Such a column chunk takes one kernel call, which looks each index up on its
way: codes become positions, numbers stay indices in the table of those that there are. Whatever is
unusual, or does not add up, is None: Arrow then reads the column, or says what is wrong with it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import kernels_pages as kernels
from apl_core.exact import I64, frozen
from apl_core.footer import About, column_chunks
from apl_core.territory import I32, Hashed, Territory, column_values

U8 = NDArray[np.uint8]

# what `kernels_pages.page_table` finds of a page
BEGIN, KIND, UNPACKED, PACKED, CHECKSUM, ROWS, ENCODING, LEVELS, _ = range(9)
DATA, DICTIONARY = 0, 2
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
ABSENT = 1 << 40  # a field that is not there; all are of 32 bits
LARGEST = 1 << 27  # bytes of a page or chunk
DISTINCT = 1 << 16  # numbers that are worth a table: their indices take two bytes
KEPT, SPARES = 1 << 23, 2  # bytes of a scratch array that stays, and how many do
SPARE: list[U8] = []  # arrays that no thread uses: taken and given back whole
NUMBERS = {"INT64": pa.int64(), "DOUBLE": pa.float64()}


@dataclass(frozen=True)
class Chunk:
    """A column chunk: its dictionary, and its data pages as they stand in the file.

    Attributes
    ----------
    rows : int
    words : int
        How many the dictionary has.
    dictionary : uint8[m]
    data : uint8[m]
        The bytes of the chunk.
    table : int64[k, 9]
        Its data pages, as `kernels_pages.page_table` finds them.
    packed, levels : bool
        Pages are compressed; they begin with definition levels.
    """

    rows: int
    words: int
    dictionary: U8
    data: U8
    table: I64
    packed: bool
    levels: bool

    def positions(self, codes: Hashed) -> I32 | None:
        """Where the words of the dictionary stand among codes; None: some do not."""
        found = np.empty(self.words, dtype=np.int32)
        known = kernels.known_words(self.dictionary, *codes, found)
        return found if known == self.words else None

    def texts(self) -> pa.StringArray | None:
        """The dictionary as Arrow holds it."""
        offsets = np.zeros(self.words + 1, dtype=np.int32)
        text = np.empty(self.dictionary.size, dtype=np.uint8)
        if kernels.plain_words(self.dictionary, offsets, text) < 0:
            return None
        buffers = [pa.py_buffer(offsets), pa.py_buffer(text[: offsets[-1]])]
        return pa.StringArray.from_buffers(self.words, *buffers)

    def look_up(self, values: NDArray[Any], out: NDArray[Any]) -> bool:
        """out = values[index]; whether the pages were understood to their end, without null.

        Raises
        ------
        OSError
            A page is damaged.
        """
        table = np.zeros(1 << max(self.words - 1, 0).bit_length(), values.dtype)
        table[: self.words] = values
        sizes = self.table[:, UNPACKED]
        ends = np.cumsum(sizes)
        pages = np.stack([ends - sizes, ends, self.table[:, ROWS]], axis=1)
        codec = pa.Codec("snappy") if self.packed else None
        with _scratch((int(ends[-1]) + 11) & ~3) as room:
            room[ends[-1] :] = 0
            for page, end in zip(self.table.tolist(), ends.tolist(), strict=True):
                room[end - page[UNPACKED] : end] = _unpacked(self.data, page, codec)
            if self.levels and kernels.behind_levels(room, pages) < 0:
                return False
            data, word = frozen(room), frozen(room.view(np.uint32))
            how = frozen(pages), frozen(table), self.words
            return bool(kernels.unpack(data, word, *how, out) == 0)


def read_codes(
    file: pa.NativeFile, parquet: Any, name: str, known: Territory | None
) -> pa.ChunkedArray | None:
    """A column of text as a dictionary array of one chunk; None where it is not plain.

    Parameters
    ----------
    file : pyarrow.NativeFile
    parquet : pyarrow.parquet.ParquetFile
        The same file, for its metadata.
    name : str
    known : Territory, optional
        Its codes are the dictionary where the column has no others.

    Raises
    ------
    OSError
        Damaged. (Words are not held to be UTF-8 here.)
    """
    at = parquet.schema_arrow.get_field_index(name)
    if at < 0 or not pa.types.is_string(parquet.schema_arrow.field(at).type):
        return None
    chunks = _chunks(file, parquet, at, "BYTE_ARRAY")
    words, values = _words(chunks, known)
    return None if words is None else _joined(chunks, values, words, np.int32)


def read_numbers(file: pa.NativeFile, parquet: Any, name: str) -> pa.ChunkedArray | None:
    """A column of numbers that repeat, as `read_codes`: their distinct bits are the dictionary.

    None also where they do not repeat, or are of other types than int64 and float64.
    """
    at = parquet.schema_arrow.get_field_index(name)
    if at < 0 or len(parquet.schema) != len(parquet.schema_arrow):
        return None
    physical = parquet.schema.column(at).physical_type
    kind = NUMBERS.get(physical)
    if parquet.schema_arrow.field(at).type != kind:
        return None
    chunks = _chunks(file, parquet, at, physical, DISTINCT)
    lists = [chunk.dictionary.view(np.int64) for chunk in chunks
             if chunk.dictionary.size == 8 * chunk.words]  # fmt: skip
    if not chunks or len(lists) < len(chunks):
        return None
    distinct, of_word = np.unique(np.concatenate(lists), return_inverse=True)
    if distinct.size > DISTINCT:
        return None
    ends = np.cumsum([len(numbers) for numbers in lists])[:-1]
    values = np.split(of_word.astype(np.uint16), ends)
    words = pa.Array.from_buffers(kind, distinct.size, [None, pa.py_buffer(distinct)])
    return _joined(chunks, values, words, np.uint16)


def _chunks(
    file: pa.NativeFile, parquet: Any, at: int, physical: str, most: int = LARGEST
) -> list[Chunk]:
    """The chunks of a column of that type; none where one of them is not plain, or has more than
    ``most`` words."""
    groups, found = column_chunks(file), []
    if groups is None or len(parquet.schema) != len(parquet.schema_arrow):
        return []
    shape = parquet.schema.column(at)
    if shape.max_repetition_level or shape.max_definition_level > 1:
        return []
    if shape.physical_type != physical:
        return []
    for columns in groups:
        if at >= len(columns):
            return []
        chunk = _chunk(file, columns[at], shape.max_definition_level, most)
        if chunk is None:
            return []
        found.append(chunk)
    return found


def _joined(
    chunks: list[Chunk], values: list[NDArray[Any]], words: pa.Array, dtype: Any
) -> pa.ChunkedArray | None:
    """The rows of all chunks over one dictionary; ``values`` has where their own words stand."""
    out = _room(sum(chunk.rows for chunk in chunks), dtype)
    first = 0
    for chunk, of_word in zip(chunks, values, strict=True):
        if not chunk.look_up(of_word, out[first : first + chunk.rows]):
            return None
        first += chunk.rows
    kind = pa.from_numpy_dtype(dtype)
    indices = pa.Array.from_buffers(kind, first, [None, pa.py_buffer(out)])
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, words, safe=False)])


def _words(chunks: list[Chunk], known: Territory | None) -> tuple[pa.StringArray | None, list[I32]]:
    """One dictionary for all chunks (None: not plain), and where the words of each stand in it."""
    if known is not None and chunks:
        found = [at for chunk in chunks if (at := chunk.positions(known.hashed)) is not None]
        if len(found) == len(chunks):
            return known.codes, found
    lists = [texts for chunk in chunks if (texts := chunk.texts()) is not None]
    if not lists or len(lists) < len(chunks):
        return None, []
    if len(lists) == 1:
        return lists[0], [np.arange(len(lists[0]), dtype=np.int32)]
    encoded = pa.chunked_array(lists, pa.string()).dictionary_encode().chunks
    if len(encoded) < len(lists):  # one of no rows
        return None, []
    # the dictionary of each chunk begins with that of the one before
    return encoded[-1].dictionary, [column_values(chunk.indices, np.int32) for chunk in encoded]


def _chunk(file: pa.NativeFile, about: About, levels: int, most: int = LARGEST) -> Chunk | None:
    """The chunk that the metadata describe; None where it is not plain, or has too many words."""
    first, packed = about.dictionary_page_offset, about.codec == "SNAPPY"
    if not about.codec or about.apart or not 0 < first <= file.size():
        return None
    if not 0 < about.total_compressed_size < LARGEST or not 0 < about.num_values < LARGEST:
        return None
    if about.num_values != about.rows:
        return None
    file.seek(first)
    data = _bytes(file.read_buffer(about.total_compressed_size))
    table = np.full((2 + about.num_values // 1000, 9), ABSENT, dtype=np.int64)
    count = kernels.page_table(data, np.zeros(3, dtype=np.int64), table)
    head, rest = table[0], table[1 : max(count, 1)]
    if count < 2 or head[KIND] != DICTIONARY or head[ENCODING] not in (PLAIN, PLAIN_DICTIONARY):
        return None
    coded = (rest[:, ENCODING] == RLE_DICTIONARY) | (rest[:, ENCODING] == PLAIN_DICTIONARY)
    if (rest[:, KIND] != DATA).any() or not coded.all() or (rest[:, LEVELS] != RLE).any():
        return None
    sizes = table[:count, [UNPACKED, ROWS]]
    if (sizes < 0).any() or (sizes >= LARGEST).any() or rest[:, ROWS].sum() != about.num_values:
        return None
    if 4 * head[ROWS] > head[UNPACKED] or head[ROWS] > most:  # a word takes that, and its bytes
        return None
    if not _whole(data, table[:count], packed):
        return None
    codec = pa.Codec("snappy") if packed else None
    dictionary = _unpacked(data, head.tolist(), codec)
    return Chunk(about.num_values, int(head[ROWS]), dictionary, data, rest, packed, levels > 0)


def _whole(data: U8, table: I64, packed: bool) -> bool:
    """Whether pages have the sizes and checksums that their headers say."""
    sizes = table[:, UNPACKED]
    if packed:  # a snappy block says its size first; Arrow does not hold it against ours
        if (table[:, PACKED] < 5).any():
            return False
        first = data[table[:, BEGIN, None] + np.arange(5)].astype(np.int64)
        more = np.logical_and.accumulate(first >= 128, axis=1)
        more = np.concatenate([np.ones((len(table), 1), bool), more[:, :-1]], axis=1)
        told = np.sum((first & 127) << np.arange(0, 35, 7), axis=1, where=more)
    else:
        told = table[:, PACKED]
    if (told != sizes).any():
        return False
    checked = table[table[:, CHECKSUM] != ABSENT].tolist()
    return all(
        zlib.crc32(data[page[BEGIN] : page[BEGIN] + page[PACKED]].data)
        == page[CHECKSUM] & 0xFFFFFFFF
        for page in checked
    )


def _unpacked(data: U8, page: list[int], codec: pa.Codec | None) -> U8:
    """The bytes of a page that is `_whole`."""
    part = data[page[BEGIN] : page[BEGIN] + page[PACKED]]
    return part if codec is None else _bytes(codec.decompress(part, page[UNPACKED]))


@contextmanager
def _scratch(size: int) -> Iterator[U8]:
    """Room for the pages of a chunk, used again for the next: fresh memory takes as long to come
    as pages take to be unpacked into it (0.8 ms for 2 MB)."""
    try:
        room = SPARE.pop()
    except IndexError:
        room = np.empty(0, dtype=np.uint8)
    if room.size < size:
        room = np.empty(size, dtype=np.uint8)
    try:
        yield room[:size]
    finally:
        if room.size <= KEPT and len(SPARE) < SPARES:
            SPARE.append(room)


def _room(size: int, dtype: Any) -> NDArray[Any]:
    """An empty array in Arrow's memory, which it keeps for the next: numpy's own goes back to the
    system, and a fresh one takes as long as filling it."""
    return np.frombuffer(pa.allocate_buffer(size * np.dtype(dtype).itemsize), dtype)


def _bytes(buffer: Any) -> U8:
    return np.frombuffer(buffer, dtype=np.uint8)
