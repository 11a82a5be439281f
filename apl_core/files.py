"""Opening files: what a file really is, and its columns as they stand.

This is the only place of the engine that opens an input. What comes out is raw: headers as written,
values as text or as the file's own types; `apl_core.tables` recognises and checks them.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl_core.errors import Fault, FileError, TableError

SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "xlsx"}
HEADER_ROWS = 30  # how far down a header is looked for
XLSX_LIMIT = 1 << 30  # bytes once unpacked, declared by the archive itself

Columns = Callable[[Sequence[str]], "dict[str, str] | None"]


@dataclass(frozen=True)
class Raw:
    """The wanted columns of a file under their headers, and what was noticed on the way."""

    table: pa.Table
    ignored: tuple[str, ...]
    notes: tuple[str, ...] = ()


def kind_of(path: Path) -> str:
    """``parquet``, ``csv`` or ``xlsx``: by suffix, held against the first bytes.

    Raises
    ------
    FileError
        Absent, a folder, empty, unreadable, an unknown suffix, or not what the suffix says.
    """
    if not path.exists():
        near = get_close_matches(path.name, _names_beside(path), 3, 0.5)
        raise _file_fault("APL-A01", "no such file", path, f"near names: {', '.join(near) or '–'}")
    if path.is_dir():
        raise _file_fault("APL-A11", "a folder in place of a file", path, "name the file itself")
    name = path.name.removesuffix(".gz")
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise _file_fault("APL-A07", "unknown kind of file", path, f"one of {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise _file_fault("APL-A11", "cannot be read", path, str(error.strerror)) from None
    if not head:
        raise _file_fault("APL-A02", "empty file (0 bytes)", path, "download it again")
    _hold_against_bytes(path, SUFFIXES[suffix], head)
    return SUFFIXES[suffix]


def _hold_against_bytes(path: Path, kind: str, head: bytes) -> None:
    if head.lstrip()[:1] == b"<":
        begins = head[:60].decode("latin-1")
        raise _file_fault("APL-A05", f"a web page, beginning {begins!r}", path, "download it again")
    magic = {b"PAR1": "parquet", b"PK\x03\x04": "xlsx", b"\x1f\x8b": "gz"}
    true = next((k for mark, k in magic.items() if head.startswith(mark)), "csv")
    if true == "gz" and path.suffix == ".gz":
        return
    if true != kind:
        raise _file_fault("APL-A07", f"not {kind}: its bytes say {true}", path, "rename the file")


def read_parquet(path: Path, wanted: Columns, text: Callable[[str], bool]) -> Raw:
    """The wanted columns of a Parquet file; text comes as dictionaries, decoded once a value.

    ``wanted`` maps headers to columns; ``text(column)`` says which are text.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        headers = file.schema_arrow.names
        found = wanted(headers) or {}
        strings = [
            header
            for column, header in found.items()
            if text(column) and _is_text(file.schema_arrow.field(header).type)
        ]
        if strings:
            file = pq.ParquetFile(path, read_dictionary=strings)
        table = file.read(columns=list(found.values()))
    except (pa.ArrowInvalid, OSError) as error:
        first = str(error).splitlines()[0]
        raise _file_fault(
            "APL-A03", f"damaged Parquet file: {first}", path, "get it again"
        ) from None
    return Raw(table, tuple(h for h in headers if h not in found.values()))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def read_csv(path: Path, wanted: Columns, text: Callable[[str], bool]) -> Raw:
    """The wanted columns of a CSV (comma, semicolon or tab; UTF-8 with or without BOM).

    Text stays text; numbers are read as float64, or as text where some cell is not a plain number
    (the caller then says which).
    """
    import pyarrow.csv as pa_csv

    lines = _first_lines(path)
    delimiter, skip, headers, found = _csv_header(lines, wanted)
    doubled = sorted({h for h in found.values() if headers.count(h) > 1})
    if doubled:
        fault = Fault(
            "APL-B07",
            "two columns of one name",
            "which is meant cannot be known",
            "rename one",
            str(path),
            ", ".join(doubled),
        )
        raise TableError([fault])
    kinds = {h: pa.dictionary(pa.int32(), pa.string()) for c, h in found.items() if text(c)}
    numbers = {h: pa.float64() for c, h in found.items() if not text(c)}

    def read(types: dict[str, pa.DataType]) -> pa.Table:
        with pa.input_stream(str(path), compression="detect") as stream:
            return pa_csv.read_csv(
                stream,
                pa_csv.ReadOptions(skip_rows=skip),
                pa_csv.ParseOptions(delimiter=delimiter),
                pa_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(found.values()),
                    null_values=[""],
                    strings_can_be_null=True,
                    true_values=[],
                    false_values=[],
                ),
            )

    try:
        try:
            table = read({**kinds, **numbers})
        except pa.ArrowInvalid:
            table = read({**kinds, **{h: pa.string() for h in numbers}})
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise TableError([_csv_fault(path, str(error))]) from None
    ignored = tuple(h for h in headers if h not in found.values())
    notes = (f"{skip} lines above the header set aside",) if skip else ()
    return Raw(table, ignored, notes)


def _first_lines(path: Path) -> list[str]:
    with pa.input_stream(str(path), compression="detect") as stream:
        head: bytes = stream.read(1 << 16)
    try:
        return head.decode("utf-8-sig", errors="strict").splitlines()[:HEADER_ROWS]
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not merely a character cut by the end of the sample
            raise TableError([_csv_fault(path, str(error))]) from None
        return head[: error.start].decode("utf-8-sig").splitlines()[:HEADER_ROWS]


def _csv_header(lines: list[str], wanted: Columns) -> tuple[str, int, list[str], dict[str, str]]:
    """The separator and the line that make a header of known columns; else the first line."""
    for skip, line in enumerate(lines):
        for delimiter in ",;\t":
            headers = next(csv.reader([line], delimiter=delimiter), [])
            found = wanted(headers)
            if found is not None:
                return delimiter, skip, headers, found
    first = lines[0] if lines else ""
    delimiter = max(",;\t", key=first.count)
    headers = next(csv.reader([first], delimiter=delimiter), [])
    wanted_anyway = wanted(["", *headers])  # raises: the caller names what is missing
    return delimiter, 0, headers, wanted_anyway or {}


def read_xlsx(path: Path, wanted: Columns, sheet: str | None) -> Raw:
    """The wanted columns of one sheet of a workbook, as text, numbers and blanks.

    The header is the first row with the wanted columns; the row of units under it and the notes
    under the table (rows without a value in the first wanted column, or alone in their row) are
    set aside and noted.
    """
    from python_calamine import CalamineWorkbook

    _refuse_bomb(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except Exception as error:  # calamine's own kinds, a panic of its parser too: all mean damaged
        raise _file_fault("APL-A03", f"damaged workbook: {error}", path, "get it again") from None
    if sheet is not None:
        chosen = {n: rows for n, rows in sheets.items() if n == sheet or n.endswith(f" {sheet}")}
        if len(chosen) != 1:
            mend = f"--sheet with one of: {', '.join(sheets)}"
            raise TableError(
                [Fault("APL-A08", "no such sheet", f"asked: {sheet!r}", mend, str(path))]
            )
        sheets = chosen
    tables = {n: at for n, rows in sheets.items() if (at := _header_row(rows, wanted)) is not None}
    if len(tables) > 1:
        mend = f"--sheet with one of: {', '.join(tables)}"
        raise TableError(
            [Fault("APL-A08", "several sheets would do", "one a year?", mend, str(path))]
        )
    if not tables:
        first = next(iter(sheets.values()), [])
        wanted(["", *(str(cell) for cell in (first[0] if first else []))])
        raise AssertionError("`wanted` names the missing columns")
    name, at = next(iter(tables.items()))
    return _sheet_columns(sheets[name], at, wanted, name)


def _sheet_columns(rows: list[list[Any]], at: int, wanted: Columns, name: str) -> Raw:
    headers = [str(cell).strip() for cell in rows[at]]
    found = wanted(headers) or {}
    places = [headers.index(header) for header in found.values()]
    kept: list[tuple[int, list[Any]]] = []
    aside: list[tuple[int, list[Any]]] = []
    for number, row in enumerate(rows[at + 1 :], at + 2):
        filled = sum(cell != "" for cell in row)
        (kept if row[places[0]] != "" and filled > 1 else aside).append((number, row))
    columns = {
        header: pa.array([_cell(row[place]) for _, row in kept], pa.string())
        for header, place in zip(found.values(), places, strict=True)
    }
    notes = [f"sheet {name!r}, header on row {at + 1}"]
    aside_filled = [number for number, row in aside if any(cell != "" for cell in row)]
    if aside_filled:
        notes.append(f"rows {aside_filled} hold units or notes, not data: set aside")
    return Raw(
        pa.table(columns), tuple(h for h in headers if h not in found.values()), tuple(notes)
    )


def _header_row(rows: list[list[Any]], wanted: Columns) -> int | None:
    for at, row in enumerate(rows[:HEADER_ROWS]):
        if wanted([str(cell).strip() for cell in row]) is not None:
            return at
    return None


def _cell(value: Any) -> str | None:
    """A cell as text; a whole number without its point, a blank as null."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value == "" else repr(value) if isinstance(value, float) else str(value)


def _refuse_bomb(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise _file_fault("APL-A03", f"damaged workbook: {error}", path, "get it again") from None
    if size > XLSX_LIMIT:
        raise _file_fault("APL-K02", f"{size:,} bytes once unpacked", path, "save it as CSV")


def _csv_fault(path: Path, message: str) -> Fault:
    first = message.splitlines()[0][:300]
    if "codec" in message or "UTF8" in message or "utf-8" in message:
        return Fault("APL-B03", "not UTF-8", first, "save the file as UTF-8", str(path))
    return Fault("APL-B09", "a line that does not fit the header", first, "correct it", str(path))


def _names_beside(path: Path) -> list[str]:
    folder = path.parent
    return [file.name for file in folder.iterdir()] if folder.is_dir() else []


def _file_fault(fault: str, title: str, path: Path, mend: str) -> FileError:
    return FileError([Fault(fault, title, f"{path.absolute()}", mend, str(path))])
