"""A travel-time file in blocks: where it is cut, and the rows of one block as positions.

A block is read alone, by any thread or process: some row groups of a Parquet file, or a range of
bytes of a CSV that begins and ends with a line (`apl_core.stream_text`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl_core import chunks, files, limits
from apl_core.errors import Fault, FileError, refuse_if
from apl_core.footer import column_chunks
from apl_core.schema import recognise, schema
from apl_core.stream_rows import (
    BYTES,
    ENDS,
    ROWS,
    TABLE,
    Block,
    Choose,
    Cut,
    Rows,
    checked_rows,
    ignored_note,
    plain_minutes,
)
from apl_core.stream_text import cut_text, rows_of_text, text_table
from apl_core.territory import I32, Territory

__all__ = ["Block", "Cut", "Rows", "cut", "first_mark", "in_turn", "rows_of"]

Item = TypeVar("Item")
Made = TypeVar("Made")


def cut(path: str | Path, choose: Choose = None) -> Cut | None:
    """The blocks of a file; None where it can be read from its beginning only: packed (.gz), a
    workbook, a text that is not UTF-8.

    Raises
    ------
    FileError
        The file.
    TableError
        A column is missing.
    """
    path = Path(path)
    kind = files.kind_of(path)
    where = f"{TABLE} ({path})"

    def find(headers: Sequence[str]) -> tuple[dict[str, str], list[Fault]]:
        return recognise(headers, schema(TABLE), choose, where)

    if kind == "parquet":
        return _cut_groups(path, find)
    return cut_text(path, find) if kind == "csv" and path.suffix.lower() != ".gz" else None


def rows_of(block: Block, land: Territory) -> Iterator[Rows]:
    """The rows of a block, about a million at a time, each of them checked."""
    try:
        yield from (_rows_of_groups if block.text is None else rows_of_text)(block, land)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        title = f"damaged file: {files._first_line(error)}"
        raise FileError([Fault("APL-A03", title, block.path, "get it again", block.path)]) from None


def _cut_groups(path: Path, find: files.Find) -> Cut:
    try:
        about, kinds = _foot(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        title = f"damaged Parquet file: {files._first_line(error)}"
        raise FileError([Fault("APL-A03", title, str(path), "get it again", str(path))]) from None
    header = files.header_of([kinds.names], find)
    refuse_if(header.faults)
    columns = tuple(header.columns.items())
    blocks: list[Block] = []
    sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
    begin = first = rows = 0
    for group, size in enumerate(sizes):
        if rows and rows + size > ROWS:
            blocks.append(Block(str(path), len(blocks), first, rows, begin, group, columns))
            begin, first, rows = group, first + rows, 0
        rows += size
    blocks.append(Block(str(path), len(blocks), first, rows, begin, len(sizes), columns))
    kept = {k: v for k, v in (kinds.metadata or {}).items() if k.startswith(b"apl.")}
    return Cut(tuple(blocks), ignored_note(header), tuple(kept.items()))


def _foot(path: Path) -> tuple[Any, pa.Schema]:
    found = path.stat()
    return _metadata(str(path), found.st_mtime_ns, found.st_size)


@lru_cache(8)
def _metadata(path: str, changed: int, size: int) -> tuple[Any, pa.Schema]:
    """The foot of a Parquet file, read once for all its blocks."""
    with limits.parquet(path) as file:
        return file.metadata, file.schema_arrow


def _rows_of_groups(block: Block, land: Territory) -> Iterator[Rows]:
    names = dict(block.columns)
    with _parquet(block) as file, pa.OSFile(block.path) as data:
        for group in range(block.begin, block.end):
            plain = _plain_group(data, file, group, names, land)
            if plain is not None:
                yield plain
                continue
            for table in _batches(block, group, list(names.values())):
                yield checked_rows(table, block, land)


def _parquet(block: Block, words: Sequence[str] = ()) -> Any:
    """The opened file, in little memory however large its row groups are."""
    return limits.parquet(
        block.path,
        metadata=_foot(Path(block.path))[0],
        read_dictionary=list(words),
        page_checksum_verification=True,
        pre_buffer=False,
        buffer_size=BYTES >> 3,
    )


def _batches(block: Block, group: int, names: Sequence[str]) -> Iterator[pa.Table]:
    """Columns of a row group as they stand, a million rows at a time."""
    kinds = _foot(Path(block.path))[1]
    text = [h for c, h in block.columns if c in ENDS and files._is_text(kinds, h)]
    with _parquet(block, text) as file:
        left = file.metadata.row_group(group).num_rows
        for batch in file.iter_batches(
            ROWS, row_groups=[group], columns=list(names), use_threads=False
        ):
            table = pa.Table.from_batches([batch])
            files._validate(table)
            left -= table.num_rows
            yield table
        if left:  # Arrow passes over a page of a kind that it does not know
            raise pa.ArrowInvalid(f"{left:,} rows less than its foot says")


def _plain_group(
    data: pa.NativeFile, file: Any, group: int, names: Mapping[str, str], land: Territory
) -> Rows | None:
    """A row group of known codes and of numbers that repeat, as most writers make them; None: it
    wants a closer look. (By way of Arrow's own columns it takes three times as long.)"""
    if set(names) != {*ENDS, "minutes"} or file.metadata.row_group(group).num_rows > 4 * ROWS:
        return None
    ends: list[I32] = []
    for name in ENDS:
        chunk = _plain_chunk(data, file, group, names[name], pa.string())
        where = None if chunk is None else chunk.positions(land.hashed)
        if chunk is None or where is None:
            return None
        ends.append(chunks._room(chunk.rows, np.int32))
        if not chunk.look_up(where, ends[-1]):
            return None
    chunk = _plain_chunk(data, file, group, names["minutes"], pa.float64())
    if chunk is None or chunk.dictionary.size != 8 * chunk.words:
        return None
    words, minutes = chunk.dictionary.view(np.float64), chunks._room(chunk.rows, np.float64)
    if not plain_minutes(words) or not chunk.look_up(words, minutes):
        return None
    return Rows(minutes.size, ends[0], ends[1], minutes)


def _plain_chunk(
    data: pa.NativeFile, file: Any, group: int, name: str, kind: pa.DataType
) -> chunks.Chunk | None:
    """A column of a row group, unpacked; None where it is of another type, or not plain."""
    groups, kinds = column_chunks(data), file.schema_arrow
    at = kinds.get_field_index(name)
    if groups is None or len(file.schema) != len(kinds) or kinds.field(at).type != kind:
        return None
    if group >= len(groups) or at >= len(groups[group]):
        return None
    shape = file.schema.column(at)
    if shape.max_repetition_level or shape.max_definition_level > 1:
        return None
    if shape.physical_type != ("BYTE_ARRAY" if pa.types.is_string(kind) else "DOUBLE"):
        return None
    return chunks._chunk(data, groups[group][at], shape.max_definition_level)


def first_mark(block: Block, sign: str) -> tuple[int, str] | None:
    """The first row (from 1) whose minutes have this decimal mark, and the cell; of text alone."""
    header = dict(block.columns)["minutes"]
    if block.text is not None:
        tables: Iterable[pa.Table] = [text_table(block, typed=False)[0]]
    else:
        groups = range(block.begin, block.end)
        tables = (table for group in groups for table in _batches(block, group, [header]))
    first = 0
    for table in tables:
        cells = table.column(header)
        if not pa.types.is_string(cells.type):
            return None
        at = int(pc.index(pc.match_substring(cells, sign), True).as_py())
        if at >= 0:
            return first + at + 1, str(cells[at])
        first += table.num_rows
    return None


def in_turn(
    pool: Executor, job: Callable[[Item], Made], items: Iterable[Item], ahead: int
) -> Iterator[Made]:
    """job(item) of each item, in order, at most ``ahead`` of them made before they are taken."""
    under_way: deque[Future[Made]] = deque()
    for item in items:
        under_way.append(pool.submit(job, item))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
