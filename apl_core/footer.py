"""What the foot of a Parquet file says of its column chunks.

Rejected: pyarrow's accessors (``metadata.row_group(0).column(0)``). On a damaged foot (a codec that
there is not, a histogram of another size) they end the process: a C++ exception that nothing
catches, in pyarrow 26. Arrow's own way through the same file says what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

MARK = b"PAR1"
TAIL = 8  # bytes behind the foot: its size, and the mark
LARGEST = 1 << 20  # bytes of a foot, of some 3,000 row groups: a larger one is Arrow's to read
DEEPEST = 16  # structures in structures
CODECS = {0: "UNCOMPRESSED", 1: "SNAPPY"}
Struct = dict[int, Any]
Malformed = (IndexError, KeyError, TypeError, AttributeError, ValueError)


@dataclass(frozen=True)
class About:
    """A column chunk; ``codec`` is empty where it is none of `CODECS`, ``apart`` says that it lies
    in another file."""

    rows: int
    codec: str
    num_values: int
    total_compressed_size: int
    dictionary_page_offset: int
    apart: bool


def column_chunks(file: pa.NativeFile) -> list[list[About]] | None:
    """The column chunks of each row group; None: the foot is not understood.

    Raises
    ------
    OSError
        The disk.
    """
    size = file.size()
    if size < TAIL:
        return None
    file.seek(size - TAIL)
    tail = file.read(TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MARK or length > min(size - TAIL, LARGEST):
        return None
    file.seek(size - TAIL - length)
    return _understood(file.read(length))


@lru_cache(8)
def _understood(foot: bytes) -> list[list[About]] | None:
    try:
        groups = _value(foot, 0, STRUCT, 0)[0][4]
        return [[_about(column, group[3]) for column in group[1]] for group in groups]
    except Malformed:
        return None


def _about(column: Struct, rows: int) -> About:
    told = column[3]
    offset = told.get(11, 0)  # of the dictionary; 0: there is none
    numbers = (rows, told[5], told[7], offset)
    if any(type(number) is not int for number in numbers):
        raise ValueError("not numbers")
    return About(rows, CODECS.get(told[4], ""), *numbers[1:], 1 in column)


# --- Thrift, compact ---------------------------------------------------------------------------

YES, NO, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
WHOLE = (4, 5, 6)


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    """A value, and where the next begins; the numbers of its fields name those of a structure."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if kind in WHOLE:
        number, at = _varint(data, at)
        return (number >> 1) ^ -(number & 1), at
    if kind in (YES, NO, BYTE):
        return data[at], at + 1
    if kind == DOUBLE:
        return None, at + 8
    if kind == BINARY:
        length, at = _varint(data, at)
        return data[at : at + length], at + length
    if kind in (LIST, SET):
        size, inner = data[at] >> 4, data[at] & 15
        size, at = (size, at + 1) if size < 15 else _varint(data, at + 1)
        found = []
        for _ in range(size):
            value, at = _value(data, at, inner, depth + 1)
            found.append(value)
        return found, at
    if kind == STRUCT:
        return _struct(data, at, depth)
    raise ValueError("no such kind")  # nor a map: a foot has none


def _struct(data: bytes, at: int, depth: int) -> tuple[Struct, int]:
    fields: Struct = {}
    number = 0
    while data[at]:
        step, kind = data[at] >> 4, data[at] & 15
        at += 1
        if step:
            number += step
        else:
            number, at = _value(data, at, WHOLE[0], depth)
        if kind in (YES, NO):
            fields[number] = kind == YES
        else:
            fields[number], at = _value(data, at, kind, depth + 1)
    return fields, at + 1


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("no number")
