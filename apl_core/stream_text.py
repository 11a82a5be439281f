"""A CSV in ranges of bytes: lines that are plain go straight to positions and minutes.

Whatever is not plain (quotes, an unknown code, a decimal comma, a row of another length) is None
there, and pyarrow reads the range, as it reads a whole file in `apl_core.files`.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import chunks, files, kernels_stream
from apl_core.errors import SHOWN, TableError, refuse_if
from apl_core.exact import I64, frozen
from apl_core.stream_rows import (
    BYTES,
    ENDS,
    NO_ROWS,
    Block,
    Cut,
    Rows,
    Text,
    Uneven,
    checked_rows,
    ignored_note,
    plain_minutes,
)
from apl_core.territory import Territory

POWERS = 10.0 ** np.arange(16)


def cut_text(path: Path, find: files.Find) -> Cut | None:
    """Ranges of bytes that end with a line; None of a text that is not UTF-8."""
    try:
        encoding, lines = files._first_lines(path)
    except OSError as error:
        raise files._file_fault("APL-A03", f"damaged file: {error}", path, "get it again") from None
    if encoding != "utf-8":
        return None
    splits = [next(csv.reader([t], delimiter=d), []) for t in lines for d in files.SEPARATORS]
    header = files.header_of(splits, find)
    refuse_if(header.faults)
    skip, separator = divmod(header.at, len(files.SEPARATORS))
    text = Text(tuple(header.cells), files.SEPARATORS[separator])
    columns = tuple(header.columns.items())
    blocks: list[Block] = []
    with path.open("rb") as file:
        if any(b"\r" in file.readline().removesuffix(b"\n")[:-1] for _ in range(skip + 1)):
            return None  # lines that end with \r alone
        begin, size = file.tell(), path.stat().st_size
        while begin < size or not blocks:
            file.seek(begin + BYTES)
            file.readline()
            end = min(file.tell(), size)
            blocks.append(Block(str(path), len(blocks), -1, -1, begin, end, columns, text))
            begin = max(end, begin + 1)
    notes = [f"{skip} lines above the header set aside"] if skip else []
    if not files._ends_a_line(path):
        notes.append("the last line has no end: make sure that the file was not cut (APL-A06)")
    return Cut(tuple(blocks), (*notes, *ignored_note(header)), ())


def rows_of_text(block: Block, land: Territory) -> Iterator[Rows]:
    plain = _plain_text(block, land)
    if plain is not None:
        yield plain
        return
    table, uneven, skipped = text_table(block)
    if skipped:
        yield Rows(table.num_rows + skipped, *NO_ROWS, uneven=uneven, skipped=skipped)
    elif table.num_rows:
        yield checked_rows(table, block, land)


def _plain_text(block: Block, land: Territory) -> Rows | None:
    """Lines of known codes and plain numbers; None: something in them wants a closer look.

    (By pyarrow's reader, as dictionaries and float64, it takes three to four times as long.)
    """
    text, short = block.text, _short_words(land)
    wanted = {header: column for column, header in block.columns}
    if text is None or short is None or set(wanted.values()) != {*ENDS, "minutes"}:
        return None
    roles = {"origine": 0, "destination": 1, "minutes": 2}
    role = [roles.get(wanted.get(cell, ""), 3) for cell in text.cells]
    data, size = _bytes_of(block)
    most = size // (2 * short.length + len(role) + 1) + 1  # a cell, and what ends it
    ends = chunks._room(2 * most, np.int32).reshape(2, most)
    mantissa, decimals = chunks._room(most, np.int64), chunks._room(most, np.uint8)
    rows = kernels_stream.plain_lines(
        frozen(data),
        frozen(data.view(np.uint32)),
        size,
        frozen(np.array(role, np.uint8)),
        ord(text.separator),
        short.length,
        short.slot,
        ends,
        mantissa,
        decimals,
    )
    if rows <= 0:
        return None
    # both are exact, so that their quotient is the number that was written, to the last bit
    minutes = chunks._room(most, np.float64)[:rows]
    np.divide(mantissa[:rows], POWERS[decimals[:rows]], out=minutes)
    if not plain_minutes(minutes):
        return None
    return Rows(int(rows), ends[0, :rows], ends[1, :rows], minutes)


@dataclass(frozen=True, eq=False)
class Short:
    """Codes of one length, of at most five letters and digits, by hash."""

    slot: I64
    length: int


@lru_cache(1)
def _short_words(land: Territory) -> Short | None:
    """The codes of a territory; None where they are longer, or of several lengths."""
    words = [code.encode() for code in land.codes.to_pylist()]
    if not words or len({len(word) for word in words}) > 1 or not 0 < len(words[0]) <= 5:
        return None
    if len(words) >= 1 << 22 or not all(word.isalnum() for word in words):
        return None
    keys = np.array([int.from_bytes(word, "little") for word in words], np.int64)
    slot = np.full(2 << len(words).bit_length(), -1, np.int64)
    kernels_stream.hash_keys(frozen(keys), slot)
    return Short(frozen(slot), len(words[0]))


def _bytes_of(block: Block) -> tuple[NDArray[np.uint8], int]:
    """The text of a block, the end of its last line included, and room for eight bytes more."""
    room = chunks._room((block.end - block.begin + 16) & ~3, np.uint8)
    size = 0
    with open(block.path, "rb", buffering=0) as file:
        file.seek(block.begin)
        while more := file.readinto(room[size : block.end - block.begin].data):
            size += more
    room[size:] = 0
    if size and room[size - 1] != ord("\n"):
        room[size] = ord("\n")
        size += 1
    return room, size


def text_table(block: Block, *, typed: bool = True) -> tuple[pa.Table, tuple[Uneven, ...], int]:
    """The wanted columns of a range of bytes; as `files.read_csv` reads a whole file."""
    import pyarrow.csv as pa_csv

    assert block.text is not None
    room, size = _bytes_of(block)
    data = room[:size].tobytes()
    if data.startswith(codecs.BOM_UTF8):  # the header is above: this mark is a letter of the text,
        data = codecs.BOM_UTF8 + data  # and Arrow takes one away from the beginning
    words = pa.dictionary(pa.int32(), pa.string())
    numbers = pa.float64() if typed else pa.string()
    types = {h: numbers if c == "minutes" else words for c, h in block.columns}
    if not data.strip():
        return pa.schema(types).empty_table(), (), 0
    uneven: list[Uneven] = []
    lengths: Counter[int] = Counter()

    def noted(row: Any) -> str:
        lengths[row.actual_columns] += 1
        if len(uneven) < SHOWN or lengths[row.actual_columns] == 1:
            known = (row.number, row.expected_columns, row.actual_columns, row.text)
            uneven.append(Uneven(*known))
        return "skip"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(
                column_names=list(block.text.cells),
                use_threads=False,
                block_size=len(data) + 1,
            ),
            pa_csv.ParseOptions(
                delimiter=block.text.separator, invalid_row_handler=None if typed else noted
            ),
            pa_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        if typed:
            return text_table(block, typed=False)
        first = str(error).splitlines()[0]
        raise TableError([files._csv_fault(Path(block.path), "utf-8", first)]) from None
    return table, tuple(uneven), lengths.total()
