"""Opening files: what a file really is, and its columns as they stand.

This is the only place of the engine that opens an input. What comes out is raw: headers as written,
values as text or as the file's own types; `apl_core.tables` converts and checks them.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apl_core import limits
from apl_core.chunks import read_codes, read_numbers
from apl_core.errors import SHOWN, Fault, FileError, TableError, listed, refuse_if
from apl_core.schema import LACKING
from apl_core.territory import Territory
from apl_core.values import REMARK

SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "xlsx"}
MARKS = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a workbook or an archive",
    b"\x1f\x8b": "gzip",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls)",
}
EXPECTED = {"parquet": "a Parquet file", "xlsx": "a workbook or an archive", "csv": "text"}
UTF16 = (b"\xff\xfe", b"\xfe\xff")  # Excel's "Unicode text"
SEPARATORS = ",;\t"
HEADER_ROWS = 30  # how far down a header is looked for
SAMPLE = 1 << 16  # bytes in which it is
WORTH_PAGES = 20_000  # rows, of which a writer makes a page; below it nothing is to be gained

# Headers → which header holds which column, and what is wrong; `schema.recognise` for one table.
Find = Callable[[Sequence[str]], tuple[dict[str, str], list[Fault]]]
IsText = Callable[[str], bool]
Known = Callable[[str], Territory | None]


@dataclass(frozen=True)
class Raw:
    """The wanted columns of a file under their headers, and what was noticed on the way."""

    table: pa.Table
    ignored: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Header:
    """A row held to be the header: its place, its cells, and the columns they hold."""

    at: int
    cells: Sequence[str]
    columns: dict[str, str]
    faults: Sequence[Fault]

    @property
    def whole(self) -> bool:
        return not any(fault.fault in LACKING for fault in self.faults)

    @property
    def wanted(self) -> list[str]:
        return list(self.columns.values())

    @property
    def ignored(self) -> tuple[str, ...]:
        return tuple(cell for cell in self.cells if cell and cell not in self.wanted)


def header_of(rows: Iterable[Sequence[str]], find: Find) -> Header:
    """The first row that holds every wanted column; else the row that comes nearest."""
    nearest = Header(0, (), *find(()))
    above: list[Sequence[str]] = []
    for at, cells in enumerate(rows):
        header = Header(at, cells, *find(cells))
        if header.whole:
            lost = [row for row in above if _like_data(row, header)]
            where = next((fault.table for fault in nearest.faults), None)
            return replace(header, faults=[*header.faults, *_above(lost, where)])
        above.append(cells)
        if (len(header.columns), len(cells)) > (len(nearest.columns), len(nearest.cells)):
            nearest = header
    return nearest


def _like_data(row: Sequence[str], header: Header) -> bool:
    """Whether a row above the header fills each wanted column, and the first of them in figures.

    Titles and units leave cells empty, or have words where a code stands.
    """
    if not len(row) == len(header.cells) > 1:
        return False
    wanted = [cell for cell, name in zip(row, header.cells, strict=True) if name in header.wanted]
    key = row[header.cells.index(header.wanted[0])]
    return all(cell.strip() for cell in wanted) and any(letter.isdigit() for letter in key)


def _above(rows: Sequence[Sequence[str]], table: str | None) -> Iterator[Fault]:
    if rows:
        why = "lines above the header are set aside, as titles are: these would be lost"
        mend = "mend the header above them, or take them away"
        yield Fault("APL-B15", "rows above the header", why, mend, table,
                    **listed(",".join(row) for row in rows))  # fmt: skip


def kind_of(path: Path) -> str:
    """``parquet``, ``csv`` or ``xlsx``: by suffix, held against the first bytes.

    Raises
    ------
    FileError
        Absent, a folder, empty, unreadable, an unknown suffix, or not what the suffix says.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:  # Arrow cannot open it
        mend = "rename it, or run under a UTF-8 locale"
        raise _file_fault("APL-A11", "a name that is not UTF-8", path, mend) from None
    if not path.exists():
        limits.refuse_url(path)
        near = get_close_matches(path.name, _names_beside(path), 3, 0.5)
        some = ", ".join(near) or "none, correct the path"
        raise _file_fault("APL-A01", "no such file", path, f"near names: {some}")
    if not path.is_dir() and not path.is_file():
        raise _file_fault("APL-A11", "not a regular file", path, "name the file itself")
    if path.is_dir():
        raise _file_fault("APL-A11", "a folder in place of a file", path, "name the file itself")
    kind = SUFFIXES.get(Path(path.stem if _gzipped(path) else path.name).suffix.lower())
    if kind is None or (_gzipped(path) and kind != "csv"):
        known = f"one of {', '.join(SUFFIXES)}; .gz after a text one"
        raise _file_fault("APL-A07", "unknown kind of file", path, known)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise _file_fault("APL-A11", "cannot be read", path, str(error.strerror)) from None
    if not head:
        raise _file_fault("APL-A02", "empty file (0 bytes)", path, "download it again")
    _hold_against_bytes(path, kind, head)
    return kind


def _hold_against_bytes(path: Path, kind: str, head: bytes) -> None:
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        begins = head[:60].decode("latin-1")
        raise _file_fault("APL-A05", f"a web page, beginning {begins!r}", path, "download it again")
    true = next((said for mark, said in MARKS.items() if head.startswith(mark)), "text")
    expected = "gzip" if _gzipped(path) else EXPECTED[kind]
    if true != expected:
        title = f"not {expected}: its bytes say {true}"
        raise _file_fault("APL-A07", title, path, "rename it, or download it again")


# --- Parquet -----------------------------------------------------------------------------------


def read_parquet(
    path: Path,
    find: Find,
    repeats: IsText,
    known: Known = lambda column: None,
    encoded: IsText = lambda column: False,
) -> Raw:
    """The wanted columns of a Parquet file; text that repeats is decoded once a value.

    ``known`` gives the codes that a column most likely holds; numbers of ``encoded`` columns stay
    indices in their dictionary, where the file has them so.
    """
    try:
        with limits.parquet(path) as file:
            kinds, told = file.schema_arrow, file.metadata.num_rows
            header = header_of([kinds.names], find)
            refuse_if(header.faults)
            text = {h: c for c, h in header.columns.items() if repeats(c) and _is_text(kinds, h)}
            numbers = [h for c, h in header.columns.items() if encoded(c)]
            decoded = {}
            if file.metadata.num_rows >= WORTH_PAGES:
                with pa.OSFile(str(path)) as data:
                    codes = {h: read_codes(data, file, h, known(c)) for h, c in text.items()}
                    codes |= {h: read_numbers(data, file, h) for h in numbers if h not in text}
                    decoded = {h: column for h, column in codes.items() if column is not None}
        others = [h for h in header.wanted if h not in decoded]
        columns = _by_arrow(path, others, [h for h in others if h in text]) | decoded
        for h in text.keys() & decoded.keys():
            decoded[h].chunk(0).dictionary.validate(full=True)
        table = pa.table({h: columns[h] for h in header.wanted})  # refuses those of other lengths
        if table.num_rows != told:  # Arrow passes over a page of a kind that it does not know
            raise pa.ArrowInvalid(f"{table.num_rows:,} rows, where its foot says {told:,}")
    except MemoryError:  # Arrow's is an ArrowException too, and no damage
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        title = f"damaged Parquet file: {_first_line(error)}"
        fault = "APL-A04" if re.search("CRC|checksum|outside its", title) else "APL-A03"
        raise _file_fault(fault, title, path, "get it again") from None
    return Raw(table.replace_schema_metadata(kinds.metadata), header.ignored)


def _by_arrow(path: Path, names: list[str], by_word: list[str]) -> dict[str, pa.ChunkedArray]:
    """Columns as Arrow reads them, the last as dictionaries."""
    if not names:
        return {}
    how: dict[str, Any] = {"read_dictionary": by_word, "page_checksum_verification": True}
    with limits.parquet(path, **how) as file:
        # one thread: files are read by threads of ours
        table = file.read(columns=names, use_threads=False)
    _validate(table)
    return dict(zip(table.column_names, table.columns, strict=True))


def _validate(table: pa.Table) -> None:
    """Refuse (ArrowInvalid) what a damaged page may hold: indices out of range, text not UTF-8.

    ``table.validate(full=True)``, which walks over every row, takes six times as long.
    """
    for column in table.columns:
        for chunk in column.chunks:
            if not pa.types.is_dictionary(chunk.type):
                if not pa.types.is_primitive(chunk.type):
                    chunk.validate(full=True)
                continue
            chunk.dictionary.validate(full=True)
            ends, words = pc.min_max(chunk.indices).as_py(), len(chunk.dictionary)
            if ends["min"] is not None and not 0 <= ends["min"] <= ends["max"] < words:
                raise pa.ArrowInvalid("an index stands outside its dictionary")


def _is_text(kinds: pa.Schema, name: str) -> bool:
    kind = kinds.field(name).type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


# --- CSV ---------------------------------------------------------------------------------------


def read_csv(path: Path, find: Find, is_text: IsText) -> Raw:
    """The wanted columns of a CSV (comma, semicolon or tab; UTF-8 or UTF-16, with or without BOM).

    Text stays text; numbers are read as float64, or as text where some cell is not a plain number
    (the caller then says which).
    """
    try:
        if _gzipped(path):
            limits.refuse_packed(path)
        encoding, lines = _first_lines(path)
        splits = [next(csv.reader([t], delimiter=d), []) for t in lines for d in SEPARATORS]
        header = header_of(splits, find)
        refuse_if(header.faults)
        skip, separator = divmod(header.at, len(SEPARATORS))
        types = {
            name: pa.dictionary(pa.int32(), pa.string()) if is_text(column) else pa.float64()
            for column, name in header.columns.items()
        }
        if len(lines) == skip + 1 < HEADER_ROWS:  # a header that ends the file: no rows
            table = pa.schema(types).empty_table()
        else:
            table = _csv_table(path, types, skip, SEPARATORS[separator], encoding)
        whole = _gzipped(path) or _ends_a_line(path)
    except OSError as error:
        title = f"damaged file: {_first_line(error)}"
        raise _file_fault("APL-A14", title, path, "get it again") from None
    notes = [f"{skip} lines above the header set aside"] if skip else []
    if not whole:  # not refused: many write it so, and a cut inside a line is ragged, mostly
        notes.append("the last line has no end: make sure that the file was not cut (APL-A06)")
    return Raw(table, header.ignored, tuple(notes))


def _csv_table(
    path: Path, types: dict[str, pa.DataType], skip: int, separator: str, encoding: str
) -> pa.Table:
    import pyarrow.csv as pa_csv

    def read(
        types: dict[str, pa.DataType], *, serial: bool = False, uneven: Any = None
    ) -> pa.Table:
        with _opened(path) as stream:
            return pa_csv.read_csv(
                stream,
                pa_csv.ReadOptions(skip_rows=skip, use_threads=not serial, encoding=encoding),
                pa_csv.ParseOptions(delimiter=separator, invalid_row_handler=uneven),
                pa_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )

    try:
        return read(types)
    except (pa.ArrowInvalid, UnicodeError):
        pass  # read again on one thread, where rows have numbers; a handler of ours on several
        # threads, rejected, aborted the interpreter at exit (5 of 272 runs of 260,000 rows)
    text = {name: pa.string() if pa.types.is_floating(t) else t for name, t in types.items()}
    uneven: list[Any] = []

    def noted(row: Any) -> str:
        uneven.append(row)
        return "skip"

    try:
        table = read(text, serial=True, uneven=noted)
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise TableError([_csv_fault(path, encoding, _first_line(error))]) from None
    if uneven:
        raise TableError([_uneven_fault(path, uneven, skip)])
    return table


def _first_lines(path: Path) -> tuple[str, list[str]]:
    """The encoding of a text file, and its first lines."""
    with _opened(path) as stream:
        head = stream.read(SAMPLE)
    encoding = "utf-16" if head.startswith(UTF16) else "utf-8-sig"
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), True)
    try:
        text = decoder.decode(head, len(head) < SAMPLE)  # a character cut by the sample waits
    except UnicodeDecodeError as error:
        raise TableError([_csv_fault(path, encoding, str(error))]) from None
    return encoding.removesuffix("-sig"), text.split("\n")[:HEADER_ROWS]


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-min(2, path.stat().st_size), io.SEEK_END)
        return file.read().rstrip(b"\0")[-1:] in (b"\n", b"\r")  # UTF-16: \n\0


def _csv_fault(path: Path, encoding: str, message: str) -> Fault:
    if not re.search("codec|utf-?8|utf-?16", message, re.IGNORECASE):
        why = f"{message[:300]}"
        return Fault("APL-B09", "a table that cannot be read", why, "correct it", str(path))
    number, text = _first_undecodable(path, encoding)
    return Fault(
        "APL-B03",
        f"not {encoding.removesuffix('-sig').upper()}",
        f"line {number} of the file has another encoding, cp1252 perhaps: {message[:200]}",
        "save the file as UTF-8",
        str(path),
        values=(text[:80],),
        count=1,
    )


def _first_undecodable(path: Path, encoding: str) -> tuple[int, str]:
    with _opened(path) as stream:
        lines = stream.read().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            return number, line.decode("cp1252", errors="replace").strip()
    return 0, ""


def _uneven_fault(path: Path, uneven: list[Any], skip: int) -> Fault:
    """Rows with more or fewer cells than the header."""
    first = uneven[:SHOWN]
    rows = tuple(row.number - skip - 1 for row in first)
    values = tuple(row.text.strip()[:80] for row in first)
    at: dict[str, Any] = {"rows": rows, "values": values, "count": len(uneven)}
    if all(row.actual_columns == 1 and re.match(REMARK, row.text) for row in uneven):
        title, why = "a total or a note among the rows", "alone in its row, it is none of the table"
        return Fault("APL-B12", title, why, "remove these rows", str(path), **at)
    cells = ", ".join(sorted({str(row.actual_columns) for row in uneven}))
    return Fault(
        "APL-B09",
        "rows of another length than the header",
        f"the header has {uneven[0].expected_columns} cells, these rows have {cells}",
        "correct them; a text that holds the separator, or a decimal comma, is put in quotes",
        str(path),
        **at,
    )


def _opened(path: Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression="gzip" if _gzipped(path) else None)


def _gzipped(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _names_beside(path: Path) -> list[str]:
    folder = path.parent
    return [file.name for file in folder.iterdir()] if folder.is_dir() else []


def _file_fault(fault: str, title: str, path: Path, mend: str) -> FileError:
    return FileError([Fault(fault, title, f"{path.absolute()}", mend, str(path))])
