"""The gate: tables in, checked Arrow tables out.

`read_table` opens a file of any accepted kind, recognises its columns and returns the canonical
table; `checked` does the same for a table in memory. All faults of a table come together, each with
column, rows and values. Nothing is padded, guessed or dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl_core import files, limits, workbooks
from apl_core.convert import Column, converted
from apl_core.errors import Fault, refuse_if
from apl_core.schema import Field, recognise, schema
from apl_core.territory import Territory
from apl_core.values import key_faults, value_faults

KEY_CHECKED_LATER = "temps_de_parcours"  # Catchment.build finds its doubles while it indexes
NOTES, HEADERS = b"apl.notes", b"apl.headers"


def read_table(
    path: str | Path,
    name: str,
    *,
    choose: Mapping[str, str] | None = None,
    sheet: str | None = None,
    known: Territory | None = None,
    encoded: bool = False,
) -> pa.Table:
    """Read a file as one of the tables of ``data_schemas/``.

    Parameters
    ----------
    path : str or Path
        Parquet, CSV (``,`` ``;`` tab; UTF-8 or UTF-16; may be gzipped) or xlsx, by suffix.
    name : str
        The table's name (``"communes"``).
    choose : mapping of column → header, optional
        Where several headers would do: ``{"minutes": "HC"}``, ``{"population": "2020"}``.
    sheet : str, optional
        The sheet of a workbook that has several: its name, or the last word of it (``"2024"``).
    known : Territory, optional
        Of a table of communes that came out of this gate: its codes are not looked at again, and a
        Parquet file's are read as positions. The result is the same without.
    encoded : bool
        Numbers that a Parquet file holds as indices in a dictionary stay so: the type of their
        column is a dictionary of int64 or float64, as `apl_core.territory.column_values` takes it.

    Returns
    -------
    pyarrow.Table
        The columns of the schema, in its order, with its types (text as dictionaries); optional
        columns that are absent are left out. `notes_of` names what was set aside.

    Raises
    ------
    TableError
        The data; all faults together.
    FileError
        The file.
    ResourceError
        It would take more memory than there is, or comes to more than such a file holds.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "offre.csv")
    ...     written = path.write_text("CODGEO;etp;note\\n01004;12,5;\\n")
    ...     offre = read_table(path, "offre")
    >>> offre.to_pylist(), notes_of(offre)
    ([{'code_commune': '01004', 'etp': 12.5}], ['columns ignored: note', 'etp: decimal commas \
understood'])
    """
    path = Path(path)
    shape = schema(name)
    where = f"{name} ({path})"

    def find(headers: Sequence[str]) -> tuple[dict[str, str], list[Fault]]:
        return recognise(headers, shape, choose, where)

    def is_text(column: str) -> bool:
        return shape.field(column).type in ("string", "boolean")

    def repeats(column: str) -> bool:  # codes and identifiers do; labels are read as they are
        field = shape.field(column)
        return bool(field.pattern or field.enum or field.required)

    def codes(column: str) -> Territory | None:
        return known if shape.field(column).pattern == _code_pattern() else None

    def numbers(column: str) -> bool:
        return encoded and shape.field(column).type in ("integer", "number")

    kind = files.kind_of(path)
    limits.refuse_scarce({str(path): memory_of(path, name)})
    if kind == "parquet":
        raw = files.read_parquet(path, find, repeats, codes, numbers)
    elif kind == "csv":
        raw = files.read_csv(path, find, is_text)
    else:
        raw = workbooks.read_xlsx(path, find, sheet)
    notes = list(raw.notes)
    if raw.ignored:
        notes.append(f"columns ignored: {', '.join(raw.ignored)}")
    how: dict[str, Any] = {"source": str(path), "notes": notes, "known": known, "encoded": encoded}
    return checked(raw.table, name, choose=choose, **how)


def checked(
    data: Any,
    name: str,
    *,
    choose: Mapping[str, str] | None = None,
    source: str | None = None,
    notes: Sequence[str] = (),
    known: Territory | None = None,
    encoded: bool = False,
) -> pa.Table:
    """The canonical form of a table in memory, or a TableError with all of its faults.

    Parameters
    ----------
    data : pyarrow.Table, or anything with ``__arrow_c_stream__``
    name : str
        The table's name.
    choose
        As `read_table`.
    source, notes
        Where the table comes from, for messages; what was noticed of it before.
    known, encoded
        As `read_table`.

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
    found, faults = recognise(table.column_names, shape, choose, where)
    refuse_if(faults)
    columns: dict[str, pa.ChunkedArray] = {}
    said = list(notes)
    for column, header in found.items():
        read = converted(Column(table.column(header), shape.field(column), where), encoded)
        faults += read.faults
        said += [read.note] if read.note else []
        if read.values is not None:
            columns[column] = read.values
            if not _is_known(read.values, shape.field(column), known):
                faults += value_faults(Column(read.values, shape.field(column), where))
    if name != KEY_CHECKED_LATER and not {fault.column for fault in faults} & set(shape.key):
        faults += key_faults(columns, shape, where)
    refuse_if(faults)
    kept = {k: v for k, v in (table.schema.metadata or {}).items() if k.startswith(b"apl.")}
    renamed = {column: header for column, header in found.items() if header != column}
    if renamed:
        kept[HEADERS] = json.dumps(renamed, ensure_ascii=False).encode()
    if said:
        kept[NOTES] = json.dumps(said, ensure_ascii=False).encode()
    return pa.table(columns).replace_schema_metadata(kept or None)


def memory_of(path: Path, name: str) -> int:
    """The bytes that a table takes in memory, at least; its optional columns do not count.

    Raises
    ------
    ResourceError
    """
    return limits.memory_of(path, sum(not field.optional for field in schema(name).fields))


def _is_known(values: pa.ChunkedArray, field: Field, known: Territory | None) -> bool:
    """A column of codes that are all known, and so are well formed; without nulls."""
    if known is None or field.pattern != _code_pattern() or values.null_count:
        return False
    return all(chunk.dictionary.equals(known.codes) for chunk in values.chunks)


def _code_pattern() -> str | None:
    return schema("communes").field("code_commune").pattern


def notes_of(table: pa.Table) -> list[str]:
    """What was noticed while a table was read: rows and columns set aside, commas understood."""
    text = (table.schema.metadata or {}).get(NOTES)
    return list(json.loads(text)) if text else []


def headers_of(table: pa.Table) -> dict[str, str]:
    """The headers of the file, by column, where they are not ours."""
    text = (table.schema.metadata or {}).get(HEADERS)
    return dict(json.loads(text)) if text else {}
