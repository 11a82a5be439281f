"""Parquet columns of codes, decoded straight to positions.

Most writers put codes in the same plain way: snappy or no compression, a dictionary, data pages of
version 1, no null. Such a column chunk takes one kernel call, which looks each index up on its way.
Whatever is unusual, or does not add up, is None: Arrow then reads the column, or says what is wrong
with it. (Numbers, tried here as well, take as long as Arrow's own 2 ns a value; its text takes 5,
and 7 more until the codes are positions.)
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import kernels
from apl_core.exact import I64, frozen
from apl_core.territory import I32, Hashed, Territory, column_values

U8 = NDArray[np.uint8]

# what `kernels.page_table` finds of a page
BEGIN, KIND, UNPACKED, PACKED, CHECKSUM, ROWS, ENCODING, LEVELS, _ = range(9)
DATA, DICTIONARY = 0, 2
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
ABSENT = 1 << 40  # a field that is not there; all are of 32 bits
LARGEST = 1 << 27  # bytes of a page or chunk


@dataclass(frozen=True)
class Chunk:
    """A column chunk, unpacked.

    Attributes
    ----------
    rows : int
    words : int
        How many the dictionary has.
    dictionary : uint8[m]
    data : uint8[m]
        The data pages one after another, padded to whole words of four bytes and one more.
    pages : int64[k, 3]
        Begin (behind the definition levels), end and rows of each.
    """

    rows: int
    words: int
    dictionary: U8
    data: U8
    pages: I64

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

    def look_up(self, values: I32, out: I32) -> bool:
        """out = values[index]; whether the pages were understood to their end."""
        word = frozen(self.data.view(np.uint32))
        data, pages = frozen(self.data), frozen(self.pages)
        return bool(kernels.unpack(data, word, pages, frozen(values), out) == 0)


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
    about, kinds = parquet.metadata, parquet.schema_arrow
    at = kinds.get_field_index(name)
    if at < 0 or about.num_columns != len(kinds):
        return None
    shape = parquet.schema.column(at)
    if shape.max_repetition_level or shape.max_definition_level > 1:
        return None
    if shape.physical_type != "BYTE_ARRAY" or not pa.types.is_string(kinds.field(at).type):
        return None
    chunks: list[Chunk] = []
    for group in range(about.num_row_groups):
        chunk = _chunk(file, about.row_group(group).column(at), shape.max_definition_level)
        if chunk is None:
            return None
        chunks.append(chunk)
    out = _room(sum(chunk.rows for chunk in chunks), np.int32)
    words, values = _words(chunks, known)
    if words is None:
        return None
    first = 0
    for chunk, of_word in zip(chunks, values, strict=True):
        if not chunk.look_up(of_word, out[first : first + chunk.rows]):
            return None
        first += chunk.rows
    indices = pa.Array.from_buffers(pa.int32(), first, [None, pa.py_buffer(out)])
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, words, safe=False)])


def _words(chunks: list[Chunk], known: Territory | None) -> tuple[pa.StringArray | None, list[I32]]:
    """One dictionary for all chunks (None: not plain), and where the words of each stand in it."""
    if known is not None:
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


def _chunk(file: pa.NativeFile, about: Any, levels: int) -> Chunk | None:
    """The chunk that the metadata describe."""
    first, packed = about.dictionary_page_offset, about.compression == "SNAPPY"
    if not (packed or about.compression == "UNCOMPRESSED") or not first or about.file_path:
        return None
    if not 0 < about.total_compressed_size < LARGEST or not 0 < about.num_values < LARGEST:
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
    if 4 * head[ROWS] > head[UNPACKED]:  # a word takes that, and its bytes
        return None
    codec = pa.Codec("snappy") if packed else None
    ends = np.cumsum(rest[:, UNPACKED])
    pages = np.stack([ends - rest[:, UNPACKED], ends, rest[:, ROWS]], axis=1)
    dictionary = _unpacked(data, head.tolist(), codec)
    if dictionary is None:
        return None
    room = _room((int(ends[-1]) + 11) & ~3, np.uint8)
    room[ends[-1] :] = 0
    for page, place in zip(rest.tolist(), pages, strict=True):
        part = _unpacked(data, page, codec)
        ones = _no_null(page[ROWS]) if levels else b""
        if part is None or bytes(part[: len(ones)]) != ones:
            return None
        room[place[0] : place[1]] = part
        place[0] += len(ones)
    return (
        None
        if dictionary is None
        else Chunk(about.num_values, int(head[ROWS]), dictionary, room, pages)
    )


def _no_null(rows: int) -> bytes:
    """Definition levels of a page without null: their length, and one run of 1."""
    run = bytearray()
    rows *= 2  # the lowest bit says that it is a run
    while rows > 127:
        run.append(rows & 127 | 128)
        rows >>= 7
    run += bytes([rows, 1])
    return len(run).to_bytes(4, "little") + bytes(run)


def _unpacked(data: U8, page: list[int], codec: pa.Codec | None) -> U8 | None:
    """The bytes of a page; None where their checksum or their size is not what it says."""
    part = data[page[BEGIN] : page[BEGIN] + page[PACKED]]
    size = page[UNPACKED]
    if page[CHECKSUM] != ABSENT and zlib.crc32(part.data) != page[CHECKSUM] & 0xFFFFFFFF:
        return None
    if codec is None:
        return part if part.size == size else None
    told = shift = 0  # a snappy block says its size first; Arrow does not hold it against ours
    for byte in part[:5].tolist():
        told |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return _bytes(codec.decompress(pa.py_buffer(part), size)) if told == size else None


def _room(size: int, dtype: Any) -> NDArray[Any]:
    """An empty array in Arrow's memory, which it keeps for the next: numpy's own goes back to the
    system, and a fresh one takes as long as filling it."""
    return np.frombuffer(pa.allocate_buffer(size * np.dtype(dtype).itemsize), dtype)


def _bytes(buffer: Any) -> U8:
    return np.frombuffer(buffer, dtype=np.uint8)
