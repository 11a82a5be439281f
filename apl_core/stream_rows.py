"""What a block of a travel-time file is, and what its rows are once they passed the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl_core import files
from apl_core.catchment import first_rows
from apl_core.errors import Fault, TableError
from apl_core.exact import F64
from apl_core.schema import schema
from apl_core.tables import checked, notes_of
from apl_core.territory import I32, Territory, column_values

TABLE = "temps_de_parcours"
ENDS = ("origine", "destination")
ROWS = 1 << 20  # of a block, about; a row group that has more is read so many at a time
BYTES = 1 << 24  # of a block of text

Choose = Mapping[str, str] | None


@dataclass(frozen=True)
class Block:
    """Part of a travel-time file, which any worker that sees the file can read alone.

    Attributes
    ----------
    path : str
    number : int
        From 0, in the order of the file.
    first_row, rows : int
        Where it stands in the file; -1 in a text, whose rows are counted when they are read.
    begin, end : int
        Row groups, or bytes.
    columns : tuple of (column, header)
    text : Text or None
        How a text is written; None: Parquet.
    """

    path: str
    number: int
    first_row: int
    rows: int
    begin: int
    end: int
    columns: tuple[tuple[str, str], ...]
    text: Text | None = None


@dataclass(frozen=True)
class Text:
    """How a CSV is written: the cells of its header, and what separates them."""

    cells: tuple[str, ...]
    separator: str


@dataclass(frozen=True)
class Cut:
    """A file in blocks, and what was noticed of it."""

    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    metadata: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Uneven:
    """A row with more or fewer cells than the header, as pyarrow names it."""

    number: int
    expected_columns: int
    actual_columns: int
    text: str


@dataclass(frozen=True)
class Unknown:
    """Codes of a column that the territory does not have."""

    column: str
    rows: tuple[int, ...]  # the first of each code, from 1
    codes: tuple[str, ...]  # each once
    count: int


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a block one after another: positions (-1: unknown) and minutes, and what is wrong."""

    rows: int
    origin: I32
    destination: I32
    minutes: F64
    faults: tuple[Fault, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    uneven: tuple[Uneven, ...] = ()  # the first, and one of each length
    skipped: int = 0  # how many there are
    notes: tuple[str, ...] = ()
    estimated: bool = False


NO_ROWS = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))


def checked_rows(table: pa.Table, block: Block, land: Territory) -> Rows:
    """Rows through the gate of the schema; with faults of form, none of them are rows."""
    chosen = dict(block.columns)
    try:
        read = checked(table, TABLE, choose=chosen, source=block.path, known=land)
    except TableError as error:
        return Rows(table.num_rows, *NO_ROWS, faults=tuple(error.faults))
    ends = [land.positions(read.column(end)) for end in ENDS]
    unknown = [
        _unknown(read.column(name), name, at < 0)
        for name, at in zip(ENDS, ends, strict=True)
        if at.min(initial=0) < 0
    ]
    estimated = "estimation" in read.column_names and pc.any(read.column("estimation")).as_py()
    return Rows(
        table.num_rows,
        ends[0],
        ends[1],
        column_values(read.column("minutes"), np.float64),
        unknown=tuple(unknown),
        notes=tuple(notes_of(read)),
        estimated=bool(estimated),
    )


def _unknown(column: pa.ChunkedArray, name: str, bad: Any) -> Unknown:
    first = first_rows(column, bad)
    return Unknown(name, tuple(row + 1 for row in first.values()), tuple(first), int(bad.sum()))


def plain_minutes(minutes: F64) -> bool:
    """Finite, in range, and below or above every mark: as `values` sees at a glance."""
    field = schema(TABLE).field("minutes")
    low, high = float(minutes.min()), float(minutes.max())
    ends = (field.minimum or 0.0) <= low and high < np.inf  # NaN fails both
    return ends and not any(low <= mark <= high for mark, _ in field.sentinels)


def ignored_note(header: files.Header) -> tuple[str, ...]:
    return (f"columns ignored: {', '.join(header.ignored)}",) if header.ignored else ()
