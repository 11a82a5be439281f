"""The gate: tables in, checked Arrow tables out.

`read_table` opens a file of any accepted kind, recognises its columns and returns the canonical
table; `checked` does the same for a table in memory. All faults of a table come together, each with
column, rows and values. Nothing is padded, guessed or dropped in silence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl_core import files
from apl_core.errors import SHOWN, Fault, at_rows, refuse_if, shown
from apl_core.schema import Field, Schema, recognise, schema
from apl_core.territory import column_values

TYPES = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
TRUE, FALSE = ("true", "1", "oui"), ("false", "0", "non")
# Values that other files use for ours: INSEE's census counts men as 1 and women as 2.
VALUES = {"sexe": {"1": "M", "2": "F", "H": "M"}}
KEY_CHECKED_LATER = "temps_de_parcours"  # Catchment.build finds its doubles while it indexes


def read_table(
    path: str | Path,
    name: str,
    *,
    choose: Mapping[str, str] | None = None,
    sheet: str | None = None,
) -> pa.Table:
    """Read a file as one of the tables of ``data_schemas/``.

    Parameters
    ----------
    path : str or Path
        Parquet, CSV (``,`` ``;`` tab; UTF-8; may be gzipped) or xlsx, by suffix.
    name : str
        The table's name (``"communes"``).
    choose : mapping of column → header, optional
        Where several headers would do: ``{"minutes": "HC"}``, ``{"population": "2020"}``.
    sheet : str, optional
        The sheet of a workbook that has several.

    Returns
    -------
    pyarrow.Table
        The columns of the schema, in its order, with its types (text as dictionaries); optional
        columns that are absent are left out. The metadata ``apl.notes`` names what was set aside.

    Raises
    ------
    TableError
        The data; all faults together.
    FileError
        The file.
    """
    path = Path(path)
    table = schema(name)
    asked = choose or {}

    def wanted(headers: Sequence[str]) -> dict[str, str] | None:
        found, faults = recognise(headers, table, asked)
        if "" in headers[:1]:
            refuse_if(_in_file(faults, path))
        missing = [f for f in faults if f.fault == "APL-B08"]
        if not missing:
            refuse_if(_in_file(faults, path))
        return None if missing else found

    def is_text(column: str) -> bool:
        return table.field(column).type in ("string", "boolean")

    kind = files.kind_of(path)
    if kind == "parquet":
        raw = files.read_parquet(
            path, lambda headers: wanted(headers) or wanted(["", *headers]), is_text
        )
    elif kind == "csv":
        raw = files.read_csv(path, wanted, is_text)
    else:
        raw = files.read_xlsx(path, wanted, sheet)
    notes = [
        *raw.notes,
        *(
            ["columns ignored: " + ", ".join(h for h in raw.ignored if h)]
            if any(raw.ignored)
            else []
        ),
    ]
    return checked(raw.table, name, choose=asked, source=str(path), notes=notes)


def checked(
    data: Any,
    name: str,
    *,
    choose: Mapping[str, str] | None = None,
    source: str | None = None,
    notes: Sequence[str] = (),
) -> pa.Table:
    """The canonical form of a table in memory, or a TableError with all of its faults.

    Parameters
    ----------
    data : pyarrow.Table, or anything with ``__arrow_c_stream__``
    name : str
        The table's name.
    choose, source, notes
        As `read_table`; ``source`` is named in messages.

    Examples
    --------
    >>> offre = pa.table({"code_commune": ["01001", "1004"], "etp": [2.0, 1.0]})
    >>> checked(offre, "offre")
    Traceback (most recent call last):
    ...
    apl_core.errors.TableError: APL-B05 codes that lost their leading zero
      table : offre
      column: code_commune
      rows  : 2
      values: 1004
      why   : a code is text: read as a number, it loses its first 0 and names another place
      mend  : read the column as text where the file is made; codes are never padded in silence
    """
    table = data if isinstance(data, pa.Table) else pa.table(data)
    shape = schema(name)
    where = f"{name} ({source})" if source else name
    found, faults = recognise(table.column_names, shape, choose or {})
    refuse_if(_in_file(faults, source))
    columns: dict[str, pa.ChunkedArray] = {}
    for column, header in found.items():
        field = shape.field(column)
        values, wrong = _converted(table.column(header), field, where)
        columns[column] = values
        faults += wrong or _value_faults(values, field, where)
    if not faults and name != KEY_CHECKED_LATER:
        faults += _key_faults(columns, shape, where)
    refuse_if(faults)
    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k.startswith(b"apl.")}
    if notes:
        metadata[b"apl.notes"] = json.dumps(list(notes), ensure_ascii=False).encode()
    return pa.table(columns).replace_schema_metadata(metadata or None)


def notes_of(table: pa.Table) -> list[str]:
    """What was noticed while a table was read."""
    text = (table.schema.metadata or {}).get(b"apl.notes")
    return list(json.loads(text)) if text else []


def _in_file(faults: list[Fault], source: str | Path | None) -> list[Fault]:
    from dataclasses import replace

    return [replace(f, table=f"{f.table} ({source})") for f in faults] if source else faults


# --- types -------------------------------------------------------------------------------------


def _converted(
    column: pa.ChunkedArray, field: Field, where: str
) -> tuple[pa.ChunkedArray, list[Fault]]:
    """The column in the type of its schema, and the cells that do not fit it."""
    kind = column.type
    if field.type == "string":
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return _text_of_numbers(column, field, where)
        if not pa.types.is_dictionary(kind):
            column = column.cast(pa.string()).dictionary_encode()
        column = column.unify_dictionaries()
        return _renamed(column, VALUES[field.name]) if field.name in VALUES else column, []
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if field.type == "boolean":
        return _booleans(column, field, where)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column, faults = _numbers_of_text(column, field, where)
        if faults:
            return column, faults
    if not pa.types.is_integer(column.type) and not pa.types.is_float64(column.type):
        column = column.cast(pa.float64())
    return (
        _whole(column, field, where) if field.type == "integer" else (column.cast(pa.float64()), [])
    )


def _text_of_numbers(
    column: pa.ChunkedArray, field: Field, where: str
) -> tuple[pa.ChunkedArray, list[Fault]]:
    """A text column that holds numbers: small enumerations pass, codes do not."""
    if field.pattern is None:
        whole = column if pa.types.is_integer(column.type) else column.cast(pa.int64(), safe=False)
        text = whole.cast(pa.string()).dictionary_encode()
        return (_renamed(text, VALUES[field.name]) if field.name in VALUES else text), []
    values = column.slice(0, 3).to_pylist()
    fault = Fault(
        "APL-B05",
        "codes that became numbers",
        f"the column is of type {column.type}: leading zeros are lost",
        "read the column as text where the file is made; codes are never padded in silence",
        where,
        field.name,
        tuple(range(1, len(values) + 1)),
        tuple(str(v) for v in values),
        len(column),
    )
    return column, [fault]


def _renamed(column: pa.ChunkedArray, names: Mapping[str, str]) -> pa.ChunkedArray:
    """A dictionary column whose values are replaced by ours where other files use their own."""
    chunks = []
    for chunk in column.chunks:
        values = [names.get(v, v) for v in chunk.dictionary.to_pylist()]
        plain = pa.array(values, pa.string()).take(chunk.indices)
        chunks.append(plain)
    return pa.chunked_array(chunks, pa.string()).dictionary_encode()


def _booleans(
    column: pa.ChunkedArray, field: Field, where: str
) -> tuple[pa.ChunkedArray, list[Fault]]:
    if pa.types.is_boolean(column.type):
        return column, []
    text = pc.utf8_lower(column.cast(pa.string()))
    true = pc.is_in(text, pa.array([*TRUE, "1.0"]))
    false = pc.is_in(text, pa.array([*FALSE, "0.0"]))
    neither = pc.and_(pc.invert(pc.or_(true, false)), pc.is_valid(text))
    bad = np.flatnonzero(column_values(neither, np.bool_, fill=False))
    if bad.size:
        why = f"a yes or no is written {'/'.join(TRUE)} or {'/'.join(FALSE)}"
        return column, [
            _at("APL-D01", "neither yes nor no", why, "correct it", field, where, column, bad)
        ]
    return pc.if_else(pc.is_valid(text), true, pa.scalar(None, pa.bool_())), []


def _numbers_of_text(
    column: pa.ChunkedArray, field: Field, where: str
) -> tuple[pa.ChunkedArray, list[Fault]]:
    """Numbers written as text: spaces between thousands and a decimal comma are understood."""
    spaced = pc.replace_substring_regex(column.cast(pa.string()), r"[\s\x{00A0}\x{202F}]", "")
    point = pc.match_substring(spaced, ".")
    comma = pc.match_substring(spaced, ",")
    if pc.any(comma).as_py() and pc.any(point).as_py():
        at = [pc.index(mask, True).as_py() for mask in (comma, point)]
        why = "decimal comma and decimal point in one column: 1,234 could be either"
        return column, [
            _at(
                "APL-B02",
                "two decimal marks",
                why,
                "keep one of them",
                field,
                where,
                column,
                np.array(sorted(at)),
            )
        ]
    text = pc.replace_substring(spaced, ",", ".")
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    number = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(nan|NaN|inf|Inf)$"
    good = pc.match_substring_regex(text, number)
    bad = np.flatnonzero(column_values(pc.invert(good), np.bool_, fill=False))
    if bad.size:
        why = "not a number; a missing or secret value ('nd', 's') is never 0"
        return column, [
            _at(
                "APL-D01",
                "not a number",
                why,
                "give the number, or remove the row",
                field,
                where,
                column,
                bad,
            )
        ]
    return text.cast(pa.float64()), []


def _whole(
    column: pa.ChunkedArray, field: Field, where: str
) -> tuple[pa.ChunkedArray, list[Fault]]:
    """float64 → int64 where every value is whole (806.0 is, 12.5 is not)."""
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64()), []
    values = column_values(column, np.float64, fill=0.0)
    bad = np.flatnonzero((np.rint(values) != values) & np.isfinite(values) | (abs(values) > 2**53))
    infinite = np.flatnonzero(~np.isfinite(values))
    if infinite.size:
        return column, [
            _at(
                "APL-D02",
                "infinite or NaN",
                "not a count",
                "correct it",
                field,
                where,
                column,
                infinite,
            )
        ]
    if bad.size:
        return column, [
            _at(
                "APL-D04",
                "not a whole number",
                "persons and years are counted whole",
                "correct it",
                field,
                where,
                column,
                bad,
            )
        ]
    return column.cast(pa.int64()), []


# --- values ------------------------------------------------------------------------------------


def _value_faults(column: pa.ChunkedArray, field: Field, where: str) -> list[Fault]:
    """Nulls, patterns, enumerations, ranges and marks of one column."""
    faults = []
    if field.required and column.null_count:
        bad = np.flatnonzero(column_values(pc.is_null(column), np.bool_))
        faults.append(
            _at(
                "APL-D01",
                "missing value",
                "a missing value is never 0",
                "give it, or remove the row",
                field,
                where,
                column,
                bad,
            )
        )
    if field.type == "string":
        return faults + _text_faults(column, field, where)
    if field.type in ("integer", "number"):
        return faults + number_faults(column, field, where)
    return faults


def number_faults(column: pa.ChunkedArray, field: Field, where: str) -> list[Fault]:
    """What is wrong with the numbers of a column, one fault a kind; nulls are not looked at."""
    dtype = np.int64 if field.type == "integer" else np.float64
    values = column_values(column, dtype, fill=0)
    if not values.size:
        return []
    least, most = float(values.min()), float(values.max())  # NaN comes through both
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum
    marks = [value for value, _ in field.sentinels]
    in_range = low <= least and most <= high and abs(least) < math.inf and abs(most) < math.inf
    if in_range and not any(least <= mark <= most for mark in marks):
        return []
    finite = np.isfinite(values)
    kinds: list[tuple[NDArray[np.bool_], str, str, str]] = [
        (np.isnan(values), "APL-D01", "NaN", "a missing value is not a number"),
        (np.isinf(values), "APL-D02", "infinite value", "not a quantity"),
    ]
    for mark, meaning in field.sentinels:
        kinds.append((values == mark, "APL-D03", f"{mark:g} ({meaning})", "not a quantity"))
    out = finite & ~np.isin(values, marks) & ((values < low) | (values > high))
    title = "negative value" if low == 0 and high == math.inf else f"outside {low:g} to {high:g}"
    kinds.append(
        (
            out,
            "APL-D03",
            title,
            f"{field.name} is at least {low:g}"
            + ("" if high == math.inf else f" and at most {high:g}"),
        )
    )
    mend = "remove these rows: a pair that is absent is out of reach" if marks else "correct it"
    return [
        _at(fault, title, why, mend, field, where, column, np.flatnonzero(bad))
        for bad, fault, title, why in kinds
        if bad.any()
    ]


def _text_faults(column: pa.ChunkedArray, field: Field, where: str) -> list[Fault]:
    """Values that are not of the form or in the list; each distinct value is looked at once."""
    if not column.num_chunks or not (field.pattern or field.enum):
        return []
    values = column.chunk(0).dictionary  # chunks share one dictionary: unified on reading
    if field.pattern:
        good = pc.match_substring_regex(values, field.pattern)
    else:
        good = pc.is_in(values, pa.array(field.enum, pa.string()))
    if pc.all(good, min_count=0).as_py():
        return []
    wrong = ~column_values(good, np.bool_, fill=True)
    indices = np.concatenate(
        [column_values(chunk.indices, np.int32, fill=0) for chunk in column.chunks]
    )
    valid = column_values(pc.is_valid(column), np.bool_)
    bad = np.flatnonzero(wrong[indices] & valid)
    if field.enum:
        why = f"one of: {', '.join(field.enum)}"
        return (
            [_at("APL-D01", "unknown value", why, "correct it", field, where, column, bad)]
            if bad.size
            else []
        )
    short = column_values(
        pc.match_substring_regex(values, r"^[0-9]{1,4}(\.0+)?$"), np.bool_, fill=False
    )
    lost = bad[short[indices[bad]]]
    other = bad[~short[indices[bad]]]
    faults = []
    if lost.size:
        faults.append(
            _at(
                "APL-B05",
                "codes that lost their leading zero",
                "a code is text: read as a number, it loses its first 0 and names another place",
                "read the column as text where the file is made; codes are never padded in silence",
                field,
                where,
                column,
                lost,
            )
        )
    if other.size:
        why = f"a value of {field.name} looks like {field.pattern}"
        faults.append(
            _at("APL-C01", "malformed code", why, "correct it", field, where, column, other)
        )
    return faults


def _at(
    fault: str,
    title: str,
    why: str,
    mend: str,
    field: Field,
    where: str,
    column: pa.ChunkedArray,
    bad: NDArray[np.int64],
) -> Fault:
    """A fault of one column at the given rows (positions from 0)."""
    return Fault(fault, title, why, mend, where, field.name, **at_rows(bad, column))


# --- keys --------------------------------------------------------------------------------------


def _key_faults(columns: Mapping[str, pa.ChunkedArray], shape: Schema, where: str) -> list[Fault]:
    """Rows that share a key. Keys become one whole number a row, in mixed base."""
    present = [name for name in shape.key if name in columns]
    rows = len(columns[present[0]])
    key = np.zeros(rows, dtype=np.int64)
    base = 1
    for name in present:
        ranks, size = _ranks(columns[name])
        if base * size >= 2**62:
            raise OverflowError(f"{where}: too many distinct keys")
        key = key * size + ranks
        base *= size
    if rows < 2 or bool(np.all(key[1:] > key[:-1])) or _all_distinct(key, base):
        return []
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    if not same.size:
        return []
    pairs = np.unique(np.concatenate([order[same], order[same + 1]]))
    first = pairs[:SHOWN]
    keys = {int(row): " ".join(shown(columns[n][int(row)]) for n in present) for row in first}
    return [
        Fault(
            "APL-D05",
            "duplicate key",
            f"a row is named by {', '.join(present)}, once",
            "keep one of these rows",
            where,
            ", ".join(present),
            **{**at_rows(first, keys), "count": int(pairs.size)},
        )
    ]


def _all_distinct(key: NDArray[np.int64], base: int) -> bool:
    """Distinct, by marking a table of keys where that is small (20 times faster than sorting)."""
    if base > 1 << 26:
        return False
    seen = np.zeros(base, dtype=np.bool_)
    seen[key] = True
    return int(np.count_nonzero(seen)) == key.size


def _ranks(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], int]:
    """Each value as a whole number from 0, and how many there may be."""
    if pa.types.is_dictionary(column.type):
        parts = [column_values(chunk.indices, np.int32, fill=-1) for chunk in column.chunks]
        ranks = np.concatenate(parts) if parts else np.empty(0, np.int32)
        size = len(column.chunk(0).dictionary) if parts else 0
        return ranks.astype(np.int64) + 1, size + 1
    values = column_values(column, np.int64, fill=-1)
    least = int(values.min(initial=0))
    return values - least, int(values.max(initial=0)) - least + 1
