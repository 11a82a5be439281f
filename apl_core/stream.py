"""Travel times of any size: a file is read in blocks, and only pairs within reach are kept.

Every row passes the gate, as in a table that is read whole: what is wrong with it carries its row
of the whole file. Memory holds the pairs that are kept and a block a thread.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import chunks, kernels_stream
from apl_core.catchment import SELF_PAIR, Catchment
from apl_core.errors import Fault, FileError, refuse_if
from apl_core.exact import F64, frozen
from apl_core.limits import refuse_pairs
from apl_core.stream_faults import (
    as_arrow,
    double_among,
    faults_of,
    form_faults,
    joined_notes,
    known,
    moved,
    unknown_ends,
)
from apl_core.stream_files import cut, in_turn, rows_of
from apl_core.stream_rows import (
    ENDS,
    TABLE,
    Block,
    Choose,
    Cut,
    Rows,
    Uneven,
    Unknown,
)
from apl_core.tables import HEADERS, NOTES, read_table
from apl_core.territory import I32, Territory

Mask = NDArray[np.bool_]
Columns = tuple[I32, I32, F64]
Progress = Callable[[str], None]
COUNT = b"apl.rows"
NOWHERE = (-1, -1)
EVERY = 1.0  # seconds between two words of progress


@dataclass(frozen=True, eq=False)
class Part:
    """What a block holds: its pairs within reach, and what the gate needs to know of the whole.

    Attributes
    ----------
    number : int
        The block's.
    origin, destination : int32[k]
    minutes : float64[k]
        The rows within reach whose ends are known, in the order of the file.
    rows : int
    longest : float
        The longest time of all rows.
    own, paired, present : bool[n]
        Places with a self pair, that are a destination, that are an origin.
    first, last : (int, int)
        The pair of the first row and of the last.
    ascending : bool
        Each pair comes strictly after the one before it: none is given twice in the block.
    faults : tuple of Fault
        What is wrong with its rows, counted from 1 in the block.
    unknown, uneven, skipped, notes, estimated
        As `Rows`.
    """

    number: int
    origin: I32
    destination: I32
    minutes: F64
    rows: int
    longest: float
    own: Mask
    paired: Mask
    present: Mask
    first: tuple[int, int]
    last: tuple[int, int]
    ascending: bool
    faults: tuple[Fault, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    uneven: tuple[Uneven, ...] = ()
    skipped: int = 0
    notes: tuple[str, ...] = ()
    estimated: bool = False


def blocks_of(path: str | Path, *, choose: Choose = None) -> tuple[Block, ...]:
    """The blocks of a travel-time file: row groups of Parquet, ranges of bytes of a CSV.

    Raises
    ------
    FileError
        The file; one that cannot be cut, too (packed, UTF-16, a workbook).
    TableError
        A column is missing.
    """
    file = cut(path, choose)
    if file is None:
        why = "a packed file, a workbook, UTF-16: they are read from the beginning only"
        mend = "write it as Parquet, or as CSV in UTF-8"
        raise FileError([Fault("APL-A07", "cannot be cut in blocks", why, mend, str(path))])
    return file.blocks


def read_block(block: Block, land: Territory, *, within: float | None = 20) -> Part:
    """One block: the pairs within reach, as positions, and what the gate needs to know.

    Faults of its rows are in the part; nothing is refused here but a damaged file.
    """
    n = len(land)
    reach = math.inf if within is None else float(within)
    own, paired, present = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    before = np.full(3, -1, dtype=np.int64)
    before[2] = 0
    near: list[tuple[Any, ...]] = []
    seen: list[Rows] = []
    first, longest, done = NOWHERE, 0.0, 0
    for rows in rows_of(block, land):
        seen.append(replace(rows, origin=rows.origin[:0], destination=rows.destination[:0],
                            minutes=rows.minutes[:0], unknown=moved(rows.unknown, done),
                            faults=moved(rows.faults, done)))  # fmt: skip
        done += rows.rows
        origin, destination, minutes = known(rows)
        if not origin.size:
            continue
        if first == NOWHERE:
            first = int(origin[0]), int(destination[0])
        longest = max(longest, float(minutes.max()))
        out = [chunks._room(origin.size, kind) for kind in (np.int32, np.int32, np.float64)]
        kept = kernels_stream.sift(
            frozen(origin), frozen(destination), frozen(minutes), reach, before,
            own, paired, present, *out,
        )  # fmt: skip
        # most rows kept: a copy (30 ms a million, of fresh memory) would save none
        few = 2 * kept < origin.size
        near.append(tuple(column[:kept].copy() if few else column[:kept] for column in out))
    nothing = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    columns = (
        near[0]
        if len(near) == 1
        else [np.concatenate(parts) for parts in zip(nothing, *near, strict=True)]
    )
    return Part(
        block.number, columns[0], columns[1], columns[2], done, longest, own, paired, present,
        first, (int(before[0]), int(before[1])), not before[2],
        tuple(f for rows in seen for f in rows.faults),
        tuple(u for rows in seen for u in rows.unknown),
        tuple(u for rows in seen for u in rows.uneven),
        sum(rows.skipped for rows in seen),
        tuple(n for rows in seen for n in rows.notes),
        any(rows.estimated for rows in seen),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Facts:
    """What all blocks say together.

    Attributes
    ----------
    rows : int
    longest : float
    own, paired : bool[n]
    begin, end : int32[n]
        The first and the last block in which a place is an origin.
    ascending : bool
        No pair comes twice: blocks are ascending, and so are they among themselves.
    first_row : tuple of int
        The rows before each block.
    form, ends : tuple of Fault
        What is wrong with the form of rows, and codes that the territory does not have.
    notes : tuple of str
    estimated : bool
    """

    rows: int
    longest: float
    own: Mask
    paired: Mask
    begin: I32
    end: I32
    ascending: bool
    first_row: tuple[int, ...]
    form: tuple[Fault, ...]
    ends: tuple[Fault, ...]
    notes: tuple[str, ...]
    estimated: bool


def gathered(parts: Iterable[Part], blocks: tuple[Block, ...], land: Territory) -> Facts:
    """What the parts of all blocks, one of each, in any order, say of the file."""
    n = len(land)
    own, paired = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    begin, end = np.full(n, len(blocks), np.int32), np.full(n, -1, np.int32)
    small: list[Part] = []
    for part in parts:
        own |= part.own
        paired |= part.paired
        begin[part.present] = np.minimum(begin[part.present], part.number)
        end[part.present] = np.maximum(end[part.present], part.number)
        small.append(without_rows(part))
    small.sort(key=lambda part: part.number)
    assert [part.number for part in small] == list(range(len(blocks)))
    first_row = tuple(accumulate((part.rows for part in small), initial=0))
    spans = sorted((part.first, part.last) for part in small if part.first != NOWHERE)
    apart = all(a[1] < b[0] for a, b in pairwise(spans))
    return Facts(
        first_row[-1],
        max((part.longest for part in small), default=0.0),
        own,
        paired,
        begin,
        end,
        apart and all(part.ascending for part in small),
        first_row,
        form_faults(small, first_row, blocks),
        tuple(unknown_ends(small, first_row)),
        joined_notes([note for part in small for note in part.notes]),
        any(part.estimated for part in small),
    )


def without_rows(part: Part) -> Part:
    """A part without what grows with its rows or with the territory."""
    none = np.empty(0, np.bool_)
    return replace(
        part,
        origin=part.origin[:0].copy(),
        destination=part.destination[:0].copy(),
        minutes=part.minutes[:0].copy(),
        own=none,
        paired=none,
        present=none,
    )


@dataclass(frozen=True, eq=False)
class Streamed:
    """Pairs that were read in blocks, and the table that they come from, without its rows: its
    metadata hold notes and headers as those of `read_table` do."""

    pairs: Catchment
    about: pa.Table


def read_pairs(
    path: str | Path,
    land: Territory,
    *,
    within: float | None = 20,
    self_pair: str = "error",
    choose: Choose = None,
    threads: int = 2,
    progress: Progress | None = None,
) -> Catchment:
    """The pairs within reach of a travel-time file of any size.

    The same to the bit as `Catchment.build` of the table that `read_table` reads, with the same
    faults, in memory bounded by the pairs kept and a block a thread.

    Parameters
    ----------
    path : str or Path
        As `read_table`; what cannot be cut in blocks (packed, a workbook, UTF-16) is read whole.
    land : Territory
    within, self_pair
        As `Catchment.build`.
    choose
        As `read_table`.
    threads : int
        The result does not depend on it.
    progress : callable of str, optional
        Told about once a second how far it is.

    Raises
    ------
    TableError
        The data; all faults together.
    FileError
        The file.

    Examples
    --------
    >>> import tempfile
    >>> land = Territory.from_codes(["01001", "01002"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "temps_de_parcours.csv")
    ...     written = path.write_text("origine,destination,minutes\\n01001,01002,8\\n"
    ...                               "01002,01001,45\\n")
    ...     pairs = read_pairs(path, land, self_pair="0")
    >>> pairs.minutes.tolist(), pairs.read, pairs.longest
    ([0.0, 8.0, 0.0], 2, 45.0)
    """
    return read_streamed(
        path,
        land,
        within=within,
        self_pair=self_pair,
        choose=choose,
        threads=threads,
        progress=progress,
    ).pairs


def read_streamed(
    path: str | Path,
    land: Territory,
    *,
    within: float | None = 20,
    self_pair: str = "error",
    choose: Choose = None,
    threads: int = 2,
    progress: Progress | None = None,
) -> Streamed:
    """As `read_pairs`, with what was noticed of the table on the way."""
    if self_pair not in SELF_PAIR:
        raise ValueError(f"self_pair is one of {SELF_PAIR}, not {self_pair!r}")
    file = cut(path, choose)
    if file is None:
        table = read_table(path, TABLE, choose=choose, known=land)
        return Streamed(Catchment.build(table, land, within=within, self_pair=self_pair), table)
    near: list[Columns] = []

    def passed(parts: Iterable[Part]) -> Iterator[Part]:
        kept = 0
        for part in parts:
            near.append((part.origin, part.destination, part.minutes))
            kept += part.origin.size
            refuse_pairs(path, kept)
            yield part

    with ThreadPoolExecutor(threads) as pool:
        job = partial(read_block, land=land, within=within)
        parts = told(in_turn(pool, job, file.blocks, 2 * threads), file.blocks, progress)
        facts = gathered(passed(parts), file.blocks, land)
        refuse_if(facts.form)
        faults, note = faults_of(facts, file.blocks, land, self_pair, pool, threads)
    if note is not None:
        faults += double_among(near, facts, file.blocks, land)
    refuse_if(faults)
    pairs = _indexed(near, facts, land, within, self_pair)
    return Streamed(pairs, _about(file, facts, [note] if note else []))


def _indexed(
    near: list[Columns], facts: Facts, land: Territory, within: float | None, self_pair: str
) -> Catchment:
    """The catchment of the pairs that were kept, which knows of those that were not."""
    missing = np.flatnonzero(~facts.own).astype(np.int32)
    added = missing if self_pair == "0" else missing[:0]
    near.append((added, added, np.zeros(added.size)))
    columns = [np.concatenate(parts) for parts in zip(*near, strict=True)]
    near.clear()
    ends = [pa.DictionaryArray.from_arrays(as_arrow(at), land.codes) for at in columns[:2]]
    table = pa.table([*ends, as_arrow(columns[2])], [*ENDS, "minutes"])
    pairs = Catchment.build(table, land, within=within, self_pair="none")
    paired = facts.paired.copy()
    paired[added] = True
    return replace(
        pairs,
        paired=frozen(paired),
        read=facts.rows,
        self_added=added.size,
        longest=facts.longest,
    )


def _about(file: Cut, facts: Facts, notes: list[str]) -> pa.Table:
    """The table without its rows (one alone, where minutes are an estimate)."""
    said = [*file.notes, *facts.notes, *notes]
    known = {**dict(file.metadata), COUNT: str(facts.rows).encode()}
    other = {column: header for column, header in file.blocks[0].columns if header != column}
    if other:
        known[HEADERS] = json.dumps(other, ensure_ascii=False).encode()
    if said:
        known[NOTES] = json.dumps(said, ensure_ascii=False).encode()
    estimated = {"estimation": pa.array([True])} if facts.estimated else {}
    return pa.table(estimated).replace_schema_metadata(known)


def counted_rows(table: pa.Table) -> int:
    """The rows of a table; of one without its rows (`Streamed.about`), of the file.

    >>> counted_rows(pa.table({"minutes": [8.0]}))
    1
    """
    return int((table.schema.metadata or {}).get(COUNT, table.num_rows))


def told(
    parts: Iterable[Part], blocks: tuple[Block, ...], progress: Progress | None
) -> Iterator[Part]:
    """The same parts, and a word about once a second."""
    total = sum(block.rows for block in blocks)
    rows, last = 0, monotonic()
    for done, part in enumerate(parts, 1):
        rows += part.rows
        if progress is not None and monotonic() - last > EVERY:
            of = f"{rows:,} of {total:,}" if total >= 0 else f"{rows:,}"
            progress(f"{TABLE}: {of} rows, {100 * done // len(blocks)} %")
            last = monotonic()
        yield part
