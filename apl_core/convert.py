"""A column as its schema means it: text as dictionaries, numbers, yes and no.

What cannot be converted is a fault with its rows; what was understood all the same (a decimal
comma, a canton without its mark) is a note. Nothing is padded or guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl_core.errors import Fault, at_rows
from apl_core.schema import Field
from apl_core.territory import column_values

Mask = NDArray[np.bool_]

TEXT = pa.dictionary(pa.int32(), pa.string())
NUMBERS = [pa.dictionary(pa.uint16(), kind) for kind in (pa.int64(), pa.float64())]
TRUE, FALSE = ("true", "1", "oui", "1.0"), ("false", "0", "non", "0.0")
# Values that other files use for ours: INSEE's census counts men as 1 and women as 2.
VALUES = {"sexe": {"1": "M", "2": "F", "H": "M"}}
SPACES = r"[\s\x{00A0}\x{202F}]"
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(nan|NaN|inf|Inf)$"
# What INSEE and DREES write where a figure is missing or secret.
ABSENT = r"(?i)^\s*(n\.?d\.?|n/?a|s|ss|c|secret|\.|-|…|\.\.\.)\s*$"
CONTROL = r"[\x00-\x08\x0e-\x1f]"
LARGEST = 2**53  # beyond it a float64 no longer tells whole numbers apart
# A canton-ou-ville whose mark was left out: 0405 for 0405_. (Overseas, 97106 is a living area's.)
BARE_CANTON = r"^(0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5])([0-9]{2}|ZZ)$"


@dataclass(frozen=True)
class Column:
    """A column on its way through the gate: its values, its schema, the table's name in faults."""

    values: pa.ChunkedArray
    field: Field
    where: str

    def holding(self, values: pa.ChunkedArray) -> Column:
        """The same column with other values."""
        return replace(self, values=values)

    def fault(self, fault: str, title: str, why: str, mend: str, bad: Mask) -> Fault:
        """A fault of the rows that ``bad`` marks."""
        rows = at_rows(np.flatnonzero(bad), self.values)
        return Fault(fault, title, why, mend, self.where, self.field.name, **rows)


@dataclass(frozen=True)
class Converted:
    """A column in the type of its schema (as near as it gets, where there are faults).

    ``values`` is None where it has no such type at all.
    """

    values: pa.ChunkedArray | None
    faults: tuple[Fault, ...] = ()
    note: str | None = None


def converted(column: Column, encoded: bool = False) -> Converted:
    """The column in the type of its schema, and the cells that do not fit it.

    ``encoded``: a dictionary of that type, without nulls, may stay one.
    """
    kind = column.values.type
    try:
        if encoded and kind in NUMBERS:
            table = _number_table(column)
            if table is not None:
                return Converted(table)
        if pa.types.is_dictionary(kind) and not (
            column.field.type == "string" and is_text(kind.value_type)
        ):
            column = column.holding(column.values.cast(kind.value_type))
        if column.field.type == "string":
            return _text(column)
        if column.field.type == "boolean":
            return _boolean(column)
        return _number(column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        why = f"the column is of type {kind}: {str(error).splitlines()[0]}"
        title = f"cannot be read as {column.field.type}"
        where, name = column.where, column.field.name
        return Converted(None, (Fault("APL-D10", title, why, "correct it", where, name),))


def is_text(kind: pa.DataType) -> bool:
    """A type of plain text."""
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """A type of numbers."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def mask(array: pa.Array | pa.ChunkedArray, *, null: bool = False) -> Mask:
    """A yes or no of Arrow as numpy."""
    return column_values(array, np.bool_, fill=null)


# --- text --------------------------------------------------------------------------------------


def _text(column: Column) -> Converted:
    values = column.values
    if is_number(values.type):
        if column.field.pattern is not None and len(values):
            return _codes_as_numbers(column)
        values = _text_of_numbers(values)
    if not column.field.required and not (column.field.pattern or column.field.enum):
        return Converted(values.cast(pa.string()))  # a label: nothing looks it up
    values = _encoded(values)
    if not column.field.pattern and not column.field.enum:
        odd = mask(pc.match_substring_regex(values.cast(pa.string()), CONTROL))
        if odd.any():
            why = "it holds a character that nobody sees, NUL perhaps: two names that look alike"
            title = "a control character in a name"
            return Converted(None, (column.fault("APL-B11", title, why, "remove it", odd),))
        values = _blank_is_missing(values)
    names = VALUES.get(column.field.name)
    if names:
        return Converted(_renamed(values, names))
    if column.field.name == "code_bvcv":
        return _with_marks(values)
    return Converted(values)


def _codes_as_numbers(column: Column) -> Converted:
    fault = column.fault(
        "APL-B05",
        "codes that became numbers",
        f"the column is of type {column.values.type}: leading zeros are lost",
        "read the column as text where the file is made; codes are never padded in silence",
        np.ones(len(column.values), dtype=np.bool_),
    )
    return Converted(None, (fault,))


def _text_of_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Identifiers and small enumerations that a file holds as numbers: 1, and 1.0, are "1"."""
    try:
        return values.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:  # some are not whole
        return values.cast(pa.string())


def _encoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """One dictionary of text for all chunks, each value once in it; rows are not decoded."""
    if pa.types.is_dictionary(values.type):
        lists = [chunk.dictionary for chunk in values.chunks]
        if not any(words.null_count for words in lists):
            values = values.cast(TEXT).unify_dictionaries()
            if not lists or _each_once(values.chunk(0).dictionary):
                return values
    return values.cast(pa.string()).dictionary_encode().unify_dictionaries()


def _blank_is_missing(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """An identifier of blanks names nobody: all who bear it would be one person."""
    words = values.chunk(0).dictionary if values.num_chunks else pa.array([], pa.string())
    if not _blank(words).any():
        return values
    plain = values.cast(pa.string())
    return _encoded(pc.if_else(pa.array(_blank(plain)), pa.scalar(None, pa.string()), plain))


def _blank(words: pa.Array | pa.ChunkedArray) -> Mask:
    """Empty, or spaces alone (as a pattern, rejected, it takes ten times as long)."""
    empty: Mask = column_values(pc.binary_length(words), np.int32, fill=1) == 0
    return empty | mask(pc.ascii_is_space(words))


def _each_once(words: pa.Array) -> bool:
    """No word twice: at a glance where they ascend, as those of a sorted file do."""
    if len(words) < 2 or pc.all(pc.less(words[:-1], words[1:])).as_py():
        return True
    return len(words.unique()) == len(words)


def _renamed(values: pa.ChunkedArray, names: Mapping[str, str]) -> pa.ChunkedArray:
    """Encoded text whose values take the names given, where they have one."""
    if not values.num_chunks:
        return values
    known = values.chunk(0).dictionary.to_pylist()
    if not any(value in names for value in known):
        return values
    ours = pa.array([names.get(value, value) for value in known], pa.string())
    chunks = [pa.DictionaryArray.from_arrays(chunk.indices, ours) for chunk in values.chunks]
    return _encoded(pa.chunked_array(chunks))


def _with_marks(values: pa.ChunkedArray) -> Converted:
    """Cantons take the mark ``_`` that was left out, where they can be told from living areas.

    1004 is the canton 1004_, or the living area 01004 without its zero: it stays as it is, and is
    refused, unless another code of the column shows that zeros were kept.
    """
    known = values.chunk(0).dictionary if values.num_chunks else pa.array([], pa.string())
    bare = known.filter(pc.match_substring_regex(known, BARE_CANTON)).to_pylist()
    if not bare:
        return Converted(values)
    zeros_kept = pc.any(pc.starts_with(known, "0")).as_py()
    marked = {code: f"{code}_" for code in bare if zeros_kept or not code.isdigit()}
    note = f"cantons took their mark: {', '.join(f'{a} → {b}' for a, b in sorted(marked.items()))}"
    return Converted(_renamed(values, marked), note=note if marked else None)


# --- yes and no --------------------------------------------------------------------------------


def _boolean(column: Column) -> Converted:
    if pa.types.is_boolean(column.values.type):
        return Converted(column.values)
    text = pc.utf8_lower(column.values.cast(pa.string()))
    true, false = (pc.is_in(text, pa.array(words)) for words in (TRUE, FALSE))
    bad = mask(pc.and_(pc.invert(pc.or_(true, false)), pc.is_valid(text)))
    if bad.any():
        why = f"a yes or no is written {'/'.join(TRUE[:3])} or {'/'.join(FALSE[:3])}"
        return Converted(
            None, (column.fault("APL-D10", "neither yes nor no", why, "correct it", bad),)
        )
    return Converted(pc.if_else(pc.is_valid(text), true, pa.scalar(None, pa.bool_())))


# --- numbers -----------------------------------------------------------------------------------


def _number(column: Column) -> Converted:
    note = None
    if is_text(column.values.type):
        read = _numbers_of_text(column)
        if read.values is None:
            return read
        column, note = column.holding(read.values), read.note
    elif not is_number(column.values.type) and not pa.types.is_null(column.values.type):
        raise pa.ArrowInvalid("it holds no numbers")
    if column.field.type == "integer":
        return replace(_whole(column), note=note)
    if column.field.name == "minutes" and _moved_by_float32(column.values):
        note = "minutes: float32, which may have moved a time onto a bound"
    return Converted(column.values.cast(pa.float64()), note=note)


def _number_table(column: Column) -> pa.ChunkedArray | None:
    """Numbers that stay in a dictionary, in the type of their schema; None: some do not fit."""
    kind = pa.int64() if column.field.type == "integer" else pa.float64()
    if column.field.type not in ("integer", "number") or not column.values.num_chunks:
        return None
    if any(c.null_count or c.dictionary.null_count for c in column.values.chunks):
        return None
    if column.values.type.value_type == pa.float64() != kind:
        return None
    if not all(pc.all(pc.is_finite(c.dictionary)).as_py() for c in column.values.chunks):
        return None
    chunks = [
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(kind), safe=False)
        for chunk in column.values.chunks
    ]
    return pa.chunked_array(chunks)


def _numbers_of_text(column: Column) -> Converted:
    """Numbers written as text: spaces between thousands and a decimal comma are understood."""
    given = column.values.cast(pa.string())
    text = pc.replace_substring_regex(given, SPACES, "")
    comma, point = (mask(pc.match_substring(text, sign)) for sign in ",.")
    if comma.any() and point.any():
        both = np.zeros(len(text), dtype=np.bool_)
        both[[comma.argmax(), point.argmax()]] = True
        why = "decimal comma and decimal point in one column: 1,234 could be either"
        return Converted(
            None, (column.fault("APL-B02", "two decimal marks", why, "keep one of them", both),)
        )
    spaced = pc.any(pc.not_equal(text, given)).as_py()
    text = pc.replace_substring(text, ",", ".")
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    good = mask(pc.match_substring_regex(text, NUMBER), null=True)
    if not good.all():
        return Converted(None, tuple(_not_numbers(column, ~good)))
    said = ["decimal commas"] * bool(comma.any()) + ["spaces in numbers"] * bool(spaced)
    note = f"{column.field.name}: {' and '.join(said)} understood" if said else None
    return Converted(text.cast(pa.float64()), note=note)


def _moved_by_float32(values: pa.ChunkedArray) -> bool:
    """Fractions in float32: 10.0000001 has become 10.0, a bound."""
    return bool(
        values.type == pa.float32() and pc.any(pc.not_equal(values, pc.round(values))).as_py()
    )


def _not_numbers(column: Column, bad: Mask) -> Iterator[Fault]:
    """Cells that hold no number: marks of a missing or secret value, and anything else."""
    text = column.values.cast(pa.string())
    absent = bad & mask(pc.match_substring_regex(text, ABSENT))
    odd = bad & mask(pc.match_substring_regex(text, CONTROL))
    secret, other = "a missing or secret value ('nd', 's') is never 0", "it holds other text"
    marks = "it holds a character that nobody sees, NUL perhaps"
    mend = "give the number, or remove the row"
    for rows, fault, title, why in (
        (absent, "APL-D01", "a mark in place of a number", secret),
        (odd, "APL-B11", "a control character in a number", marks),
        (bad & ~absent & ~odd, "APL-D10", "not a number", other),
    ):
        if rows.any():
            yield column.fault(fault, title, why, mend, rows)


def _whole(column: Column) -> Converted:
    """int64 where every value is whole (806.0 is, 12.5 is not)."""
    if not pa.types.is_floating(column.values.type):
        return Converted(column.values.cast(pa.int64()))
    values = column.values.cast(pa.float64())
    numbers = column_values(values, np.float64, fill=0.0)
    finite = np.isfinite(numbers)
    bad = finite & ((np.rint(numbers) != numbers) | (abs(numbers) > LARGEST))
    if bad.any():
        why = f"{column.field.unit or column.field.name} are counted whole"
        fault = column.fault("APL-D04", "not a whole number", why, "correct it; in thousands?", bad)
        return Converted(values, (fault,))
    if not finite.all():
        return Converted(values)  # NaN and infinity are named with the other values
    return Converted(values.cast(pa.int64()))
