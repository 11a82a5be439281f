"""What is wrong with the values and the keys of converted columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl_core.convert import Column, Mask, mask
from apl_core.errors import Fault, at_rows, shown
from apl_core.schema import Field, Schema
from apl_core.territory import column_values

I64 = NDArray[np.int64]
LARGEST_KEY = 2**62
BLOCK = 1 << 14  # rows
MARKED = 1 << 26  # keys that a table of booleans may hold

LOST_ZERO = "a code is text: read as a number, it loses its first 0 and names another place"
CONTROL = r"[\x00-\x1f]"
# What stands under the tables of INSEE and DREES.
REMARK = r"(?i)^\s*(total|ensemble|france|source|note|champ|lecture)\b"
NEVER = r"^$."
AS_TEXT = "read the column as text where the file is made; codes are never padded in silence"


def value_faults(column: Column) -> Iterator[Fault]:
    """Nulls, patterns, enumerations, ranges and marks of one column, one fault a kind."""
    if column.field.required and column.values.null_count:
        missing = mask(pc.is_null(column.values))
        why, mend = "a missing value is never 0", "give it, or remove the row"
        named = column.field.named("missing", "APL-D01")
        yield column.fault(named, "missing value", why, mend, missing)
    if column.field.pattern or column.field.enum:
        yield from _text_faults(column)
    elif column.field.type in ("integer", "number"):
        yield from _number_faults(column)


def _number_faults(column: Column) -> Iterator[Fault]:
    """Numbers that are not finite, out of range, or marks for something else; not the nulls."""
    field = column.field
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum
    marks = [mark for mark, _ in field.sentinels]

    def good(values: NDArray[Any]) -> bool:
        if not values.size:
            return True
        least, most = float(values.min()), float(values.max())  # NaN comes through both
        finite = math.isfinite(least) and math.isfinite(most)
        return (
            finite and low <= least and most <= high and not any(least <= m <= most for m in marks)
        )

    given = column.values
    if pa.types.is_dictionary(given.type):  # of numbers: the distinct ones are looked at first
        given = pa.chunked_array([c.dictionary for c in given.chunks], given.type.value_type)
    dtype = np.int64 if pa.types.is_integer(given.type) else np.float64
    if good(column_values(given, dtype, fill=dtype(field.minimum or 0))):
        return
    values = column_values(column.values, dtype, fill=dtype(field.minimum or 0))
    if good(values):  # a table may hold values that no row has
        return
    odd = np.isin(values, marks) | ~np.isfinite(values)
    below, above = "negative value" if low == 0 else f"below {low:g}", f"above {high:g}"
    kinds: list[tuple[Mask, str, str, str]] = [
        (np.isnan(values), "APL-D01", "NaN", "a missing value is not a number, and never 0"),
        (np.isinf(values), "APL-D02", "infinite value", "not a quantity"),
        (~odd & (values < low), "APL-D03", below, f"{field.name} is at least {low:g}"),
        (~odd & (values > high), "APL-D03", above, f"{field.name} is at most {high:g}"),
    ]
    for mark, meaning in field.sentinels:
        kinds.append((values == mark, "APL-D03", f"{mark:g} ({meaning})", "not a quantity"))
    mend = "remove these rows: a pair that is absent is out of reach" if marks else "correct it"
    for bad, fault, title, why in kinds:
        if bad.any():
            yield column.fault(fault, title, why, mend, bad)


def _text_faults(column: Column) -> Iterator[Fault]:
    """Values that are not of the form or in the list; each distinct value is looked at once."""
    if not column.values.num_chunks:
        return
    field = column.field
    known = column.values.chunk(0).dictionary  # chunks share one dictionary: see `convert`
    good = (
        pc.match_substring_regex(known, field.pattern)
        if field.pattern
        else pc.is_in(known, pa.array(field.enum, pa.string()))
    )
    wrong = ~mask(good)
    if not wrong.any():
        return
    if not field.pattern:
        why = f"one of: {', '.join(field.enum)}"
        kinds = [(wrong, "APL-D10", "unknown value", why, "correct it")]
    else:
        kinds = _malformed(known, wrong, field)
    rows = np.concatenate(
        [column_values(chunk.indices, np.int32, fill=len(known)) for chunk in column.values.chunks]
    )
    for values, fault, title, why, mend in kinds:
        bad = np.append(values, False)[rows]  # a null is none of these
        if bad.any():
            yield column.fault(fault, title, why, mend, bad)


def _malformed(known: pa.Array, wrong: Mask, field: Field) -> list[tuple[Mask, str, str, str, str]]:
    """Values of another form than the pattern, by what may have happened to them."""
    short = pc.replace_substring_regex(known, r"\.0+$", "")
    lost, scientific = wrong.copy(), wrong.copy()
    padded = [pc.binary_join_element_wise(zeros, short, "") for zeros in ("0", "00")]
    fits = [mask(pc.match_substring_regex(code, field.pattern)) for code in padded]
    lost &= (fits[0] | fits[1]) & mask(pc.match_substring_regex(short, r"^[0-9]+$"))
    scientific &= mask(pc.match_substring_regex(known, r"^[0-9.]+[eE]\+?[0-9]+$"))
    odd = mask(pc.match_substring_regex(known, CONTROL))
    remark = mask(pc.match_substring_regex(known, REMARK)) & ~odd
    former = wrong & ~odd & mask(pc.match_substring_regex(known, field.former or NEVER))
    other = wrong & ~lost & ~scientific & ~odd & ~remark & ~former
    why = f"a value of {field.name} looks like {field.example}"
    cell = "a code that a spreadsheet took for a number in scientific notation"
    return [
        (lost, "APL-B05", "codes that lost their leading zero", LOST_ZERO, AS_TEXT),
        (scientific, "APL-B06", "codes in scientific notation", cell, "write the column as text"),
        (odd, "APL-B11", "a control character in a code", shown_marks(known, odd), "remove it"),
        (remark, "APL-B12", "a total or a note among the rows", why, "remove these rows"),
        (former, "APL-C17", "codes of before a reform", why, field.former_mend),
        (other, "APL-C01", "malformed code", why, "correct it"),
    ]


def shown_marks(words: pa.Array, odd: Mask) -> str:
    """The control characters of a text, by their number."""
    found = {f"U+{ord(mark):04X}" for word in words.filter(pa.array(odd)).to_pylist()
             for mark in word if ord(mark) < ord(" ")}  # fmt: skip
    return f"it holds {', '.join(sorted(found)) or 'none'}, which nobody sees and no code has"


# --- keys --------------------------------------------------------------------------------------


def key_faults(
    columns: Mapping[str, pa.ChunkedArray], shape: Schema, where: str
) -> Iterator[Fault]:
    """Rows that share a key. Keys become one whole number a row, in mixed base."""
    present = [name for name in shape.key if name in columns]
    ranks = [_ranks(columns[name]) for name in present]
    if _ascend(ranks):
        return
    narrow = math.prod(size for *_, size in ranks) < 2**31
    key: Any = np.zeros(len(columns[present[0]]), np.int32 if narrow else np.int64)
    base = 1
    for parts, least, size in ranks:
        if base * size > LARGEST_KEY:
            key = np.unique(key, return_inverse=True)[1]
            base = key.size
        if base > 1:
            key *= size
        if least:
            key -= least
        first = 0
        for part in parts:  # in place: a copy of each column would take longer than all the rest
            slot = key[first : first + part.size]
            np.add(slot, part, out=slot, casting="unsafe")
            first += part.size
        base *= size
    if key.size < 2 or _all_distinct(key, base):
        return
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    if not same.size:
        return
    rows = np.unique(np.concatenate([order[same], order[same + 1]]))
    fault, title, beside = _twice(columns, shape, rows)
    why = f"a row is named by {', '.join(present)}, once"
    at = at_rows(rows, _Keys(columns, [*present, *beside]))
    name = ", ".join(present)
    yield Fault(fault, title, why, "keep one of these rows", where, name, **at)


@dataclass(frozen=True, eq=False)
class _Keys:
    """The key of a row as text, made when it is listed."""

    columns: Mapping[str, pa.ChunkedArray]
    names: list[str]

    def __getitem__(self, row: int) -> str:
        return " ".join(shown(self.columns[name][row]) for name in self.names)


def _twice(
    columns: Mapping[str, pa.ChunkedArray], shape: Schema, rows: I64
) -> tuple[str, str, list[str]]:
    """A key given twice, or, where a column has a fault of its own, one thing in two places."""
    for field in shape.fields:
        named = field.named("several", "")
        if named and field.name in columns:
            key, both = (_Keys(columns, [*shape.key, *more]) for more in ([], [field.name]))
            if len({both[int(r)] for r in rows}) > len({key[int(r)] for r in rows}):
                return named, f"one {shape.key[0]} with several {field.name}", [field.name]
    return "APL-D05", "duplicate key", []


def _ascend(ranks: list[tuple[list[NDArray[Any]], int, int]]) -> bool:
    """Whether keys ascend strictly, as in a sorted file: by blocks, which stay in the cache."""
    if (
        any(len(parts) != 1 for parts, *_ in ranks)
        or math.prod(size for *_, size in ranks) > LARGEST_KEY
    ):
        return False
    rows, last = ranks[0][0][0].size, -1
    for first in range(0, rows, BLOCK):
        key: Any = np.zeros(min(BLOCK, rows - first), dtype=np.int64)
        for (part,), least, size in ranks:
            key *= size
            key += part[first : first + BLOCK]
            key -= least
        if key[0] <= last or not bool((key[1:] > key[:-1]).all()):
            return False
        last = int(key[-1])
    return True


def _all_distinct(key: NDArray[Any], base: int) -> bool:
    """Distinct, by marking a table of keys where that is small (7 times faster than sorting)."""
    if base > MARKED:
        return False
    seen = np.zeros(base, dtype=np.bool_)
    seen[key] = True
    return int(np.count_nonzero(seen)) == key.size


def _ranks(column: pa.ChunkedArray) -> tuple[list[NDArray[Any]], int, int]:
    """Whole numbers that tell values apart, by chunk; the least, and how many there may be.

    A null is one of them.
    """
    if pa.types.is_dictionary(column.type):
        size = len(column.chunk(0).dictionary) if column.num_chunks else 0
        # narrow indices have no nulls: see `convert`
        kinds = [
            np.uint16 if pa.types.is_uint16(c.indices.type) else np.int32 for c in column.chunks
        ]
        parts = [
            column_values(c.indices, kind, fill=size)
            for c, kind in zip(column.chunks, kinds, strict=True)
        ]
        return parts, 0, size + 1
    values = column_values(column, np.int64, fill=-1)
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    return [values], least, most - least + 1
