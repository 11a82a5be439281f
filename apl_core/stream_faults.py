"""What the blocks of a travel-time file have against it, as one table read whole would have it.

A fault that several blocks have is one, with its rows of the whole file. Pairs given twice may
stand far apart: `faults_of` looks for them where the order of the file does not exclude them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl_core import files, kernels_stream
from apl_core.catchment import _double_pairs, _missing_self, unknown_codes
from apl_core.errors import SHOWN, Fault
from apl_core.exact import F64, I64, frozen
from apl_core.schema import schema
from apl_core.stream_files import first_mark, in_turn, rows_of
from apl_core.stream_rows import (
    ENDS,
    TABLE,
    Block,
    Rows,
    Unknown,
)
from apl_core.territory import I32, Territory

if TYPE_CHECKING:
    from apl_core.stream import Facts, Part

BITS = 1 << 28  # bytes in which pairs are marked, a bit each: 46,000 places at once
MOST = 8  # times that the file may be read for it
ORDER = ("origine", "destination", "minutes")
KINDS = ("APL-D01", "APL-B05", "APL-B06", "APL-C01", "APL-D02", "APL-D03")
WHOLE_COLUMN = ("two decimal marks", "not a number")  # a column of text is not looked at further
COMMAS, SPACES = "decimal commas", "spaces in numbers"

Told = TypeVar("Told", Fault, Unknown)


def moved(told: Iterable[Told], by: int) -> tuple[Told, ...]:
    """What names rows, these so many farther down."""
    return tuple(replace(one, rows=tuple(row + by for row in one.rows)) for one in told)


def known(rows: Rows) -> tuple[I32, I32, F64]:
    """The rows both of whose ends are known; those of a good file are the very arrays."""
    if not rows.unknown:
        return rows.origin, rows.destination, rows.minutes
    at = (rows.origin >= 0) & (rows.destination >= 0)
    return rows.origin[at], rows.destination[at], rows.minutes[at]


def as_arrow(values: NDArray[Any]) -> pa.Array:
    """A column over the same memory (`pyarrow.array` imports pandas)."""
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(values)])


# --- the form of rows --------------------------------------------------------------------------


def form_faults(
    parts: Sequence[Part], first_row: Sequence[int], blocks: Sequence[Block]
) -> tuple[Fault, ...]:
    """Faults of the form of rows, one a kind; rows of another length than the header come alone."""
    many = sum(part.skipped for part in parts)
    if many:
        rows = [
            replace(row, number=row.number + first)
            for part, first in zip(parts, first_row, strict=False)
            for row in part.uneven
        ]
        # skip = -1: the rows of a block are counted from 1, without a header
        return (replace(files._uneven_fault(Path(blocks[0].path), rows, -1), count=many),)
    found: dict[tuple[str, str, str | None], Fault] = {}
    for part, first in zip(parts, first_row, strict=False):
        for fault in moved(part.faults, first):
            key = fault.fault, fault.title, fault.column
            if key in found:
                before = found[key]
                fault = replace(
                    before,
                    rows=(before.rows + fault.rows)[:SHOWN],
                    values=(before.values + fault.values)[:SHOWN],
                    count=before.count + fault.count,
                )
            found[key] = fault
    marks = _two_marks(parts, first_row, blocks)
    if marks is not None:
        found = {k: f for k, f in found.items() if f.column != "minutes"}
        found[marks.fault, marks.title, marks.column] = marks
    text = {f.column for f in found.values() if f.title in WHOLE_COLUMN}
    faults = [f for f in found.values() if f.column not in text or f.title in WHOLE_COLUMN]
    return tuple(sorted(faults, key=_place))


def _place(fault: Fault) -> tuple[int, int, int]:
    """The order in which one table has its faults: by column, then by kind."""
    column = ORDER.index(fault.column) if fault.column in ORDER else len(ORDER)
    kind = KINDS.index(fault.fault) if fault.fault in KINDS else len(KINDS)
    marks = [f"{mark:g} ({said})" for mark, said in schema(TABLE).field("minutes").sentinels]
    later = ["NaN", *marks]  # each after the other titles of its kind
    return column, kind, later.index(fault.title) + 1 if fault.title in later else 0


def _two_marks(
    parts: Sequence[Part], first_row: Sequence[int], blocks: Sequence[Block]
) -> Fault | None:
    """Decimal commas in some blocks and points in others: 1,234 could be either."""
    mixed = next((f for p in parts for f in p.faults if f.title == WHOLE_COLUMN[0]), None)
    with_commas = [any(COMMAS in note for note in part.notes) for part in parts]
    if mixed is None and (not any(with_commas) or all(with_commas)):
        return None
    firsts = []
    for sign, sure in ((",", True), (".", False)):
        for part, block, row in zip(parts, blocks, first_row, strict=False):
            ours = with_commas[part.number]
            if mixed is None and ours != sure:
                continue  # a block of commas has no point: the gate has looked
            at = first_mark(block, sign)
            if at is not None:
                firsts.append((at[0] + row, at[1]))
                break
    if len(firsts) < 2:
        return None
    firsts.sort()
    where = f"{TABLE} ({blocks[0].path})"
    why = "decimal comma and decimal point in one column: 1,234 could be either"
    like = mixed or Fault("APL-B02", WHOLE_COLUMN[0], why, "keep one of them", where, "minutes")
    rows, cells = zip(*firsts, strict=True)
    return replace(like, rows=rows, values=cells, count=2)


def joined_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """The notes of all blocks, each once; what was understood of the minutes in one."""
    each = list(dict.fromkeys(notes))
    understood = [note for note in each if note.startswith("minutes: ")]
    said = [what for what in (COMMAS, SPACES) if any(what in note for note in understood)]
    others = [note for note in each if note not in understood]
    return (*others, f"minutes: {' and '.join(said)} understood") if said else tuple(others)


# --- codes -------------------------------------------------------------------------------------


def unknown_ends(parts: Sequence[Part], first_row: Sequence[int]) -> Iterator[Fault]:
    """Codes that the territory does not have, as `Catchment.build` names them."""
    for column in ENDS:
        told = [
            one
            for part, first in zip(parts, first_row, strict=False)
            for one in moved(part.unknown, first)
            if one.column == column
        ]
        if told:
            first: dict[str, int] = {}
            for one in told:  # in the order of the file
                for code, row in zip(one.codes, one.rows, strict=True):
                    first.setdefault(code, row - 1)
            yield unknown_codes(column, first, sum(one.count for one in told))


# --- pairs -------------------------------------------------------------------------------------


def faults_of(
    facts: Facts,
    blocks: tuple[Block, ...],
    land: Territory,
    self_pair: str,
    pool: Executor,
    threads: int,
) -> tuple[list[Fault], str | None]:
    """Unknown codes, missing self pairs, pairs given twice; and what was not looked at."""
    faults = list(facts.ends)
    if self_pair == "error" and not facts.own.all():
        faults.append(_missing_self(land, ~facts.own))
    if facts.ascending:
        return faults, None
    groups = _groups(facts, len(land), len(blocks))
    if groups is None:
        return faults, (
            "pairs given twice were looked for within reach alone: the table is not in the order "
            "of origins, and has too many places to mark their pairs"
        )
    many, keys = 0, np.empty(0, np.int64)
    for places in groups:
        more, found = _marked(places, facts, blocks, land, pool, threads)
        many += more
        keys = np.unique(np.concatenate([keys, found]))[: SHOWN // 2]
    return faults + _double(many, keys, facts, blocks, land), None


def _groups(facts: Facts, n: int, blocks: int) -> list[I64] | None:
    """Origins whose pairs are marked together, in the order of the file; None: too many reads.

    Of a file that is grouped by origin, in whatever order, each group stands in few blocks.
    """
    places = np.flatnonzero(facts.end >= 0)
    places = places[np.argsort(facts.begin[places], kind="stable")]
    lines = max(1, BITS // (n + 7 >> 3))
    groups = [places[k : k + lines] for k in range(0, places.size, lines)]
    reads = sum(int(facts.end[g].max() - facts.begin[g].min()) + 1 for g in groups)
    return groups if reads <= max(MOST * blocks, len(groups)) else None


def _marked(
    places: I64,
    facts: Facts,
    blocks: tuple[Block, ...],
    land: Territory,
    pool: Executor,
    threads: int,
) -> tuple[int, I64]:
    """How many pairs of these origins were there before, and the first of them in order."""
    n = len(land)
    line = np.full(n, -1, np.int32)
    line[places] = np.arange(places.size)
    width = n + 7 >> 3
    bits = np.zeros(places.size * width, np.uint8)
    near = blocks[facts.begin[places].min() : facts.end[places].max() + 1]
    many, found = 0, np.empty(0, np.int64)
    for parts in in_turn(pool, partial(_ends_of, land=land), near, threads + 1):
        for origin, destination in parts:
            again = np.zeros(origin.size, np.bool_)
            more = kernels_stream.mark(
                frozen(origin), frozen(destination), frozen(line), width, bits, again
            )
            if more:
                many += int(more)
                keys = origin[again].astype(np.int64) * n + destination[again]
                found = np.unique(np.concatenate([found, keys]))[: SHOWN // 2]
    return many, found


def _ends_of(block: Block, land: Territory) -> list[tuple[I32, I32]]:
    return [known(rows)[:2] for rows in rows_of(block, land)]


def _double(
    many: int, keys: I64, facts: Facts, blocks: tuple[Block, ...], land: Territory
) -> list[Fault]:
    """The fault of pairs given twice, of which these come first in order."""
    if not many:
        return []
    n = len(land)
    origins = keys // n
    near = blocks[facts.begin[origins].min() : facts.end[origins].max() + 1]
    hits: list[tuple[int, int, float]] = []  # key, row, minutes
    for block in near:
        done = facts.first_row[block.number]
        for rows in rows_of(block, land):
            # an unknown end gives a key below 0, or that of another pair: taken out by hand
            key = rows.origin.astype(np.int64) * n + rows.destination
            at = np.isin(key, keys) & (rows.origin >= 0) & (rows.destination >= 0)
            where = np.flatnonzero(at)
            hits += zip(key[where], where + done, rows.minutes[where], strict=True)
            done += rows.rows
    hits.sort(key=lambda hit: hit[:2])
    key, row, minutes = (np.array(column) for column in zip(*hits, strict=True))
    origin, destination = (part.astype(np.int32) for part in (key // n, key % n))
    ends = [
        pa.DictionaryArray.from_arrays(as_arrow(at), land.codes) for at in (origin, destination)
    ]
    table = pa.table([*ends, as_arrow(minutes.astype(np.float64))], [*ENDS, "minutes"])
    (fault,) = _double_pairs(origin, destination, np.arange(row.size), table)
    rows_shown = tuple(int(row[at - 1]) + 1 for at in fault.rows)
    return [replace(fault, rows=rows_shown, count=2 * many)]


def double_among(
    near: Sequence[tuple[I32, I32, F64]], facts: Facts, blocks: tuple[Block, ...], land: Territory
) -> list[Fault]:
    """Pairs given twice within reach, where no others are looked for."""
    n = len(land)
    keys = np.sort(np.concatenate([i.astype(np.int64) * n + j for i, j, _ in near]))
    twice = keys[1:][keys[1:] == keys[:-1]]
    return _double(twice.size, np.unique(twice)[: SHOWN // 2], facts, blocks, land)
