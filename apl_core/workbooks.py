"""Workbooks: the sheet that holds a table, its header among title rows, notes set aside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl_core import files, limits
from apl_core.errors import AplError, Fault, TableError, refuse_if


def read_xlsx(path: Path, find: files.Find, sheet: str | None) -> files.Raw:
    """The wanted columns of one sheet of a workbook, as text.

    The header is the first row with the wanted columns. A row of units under it, and remarks under
    the table, are set aside and noted.
    """
    sheets = _chosen(_sheets(path), sheet, path)
    headers = {
        name: files.header_of(
            ([text.strip() for text in _texts(row)] for row in rows[: files.HEADER_ROWS]), find
        )
        for name, rows in sheets.items()
    }
    good = [name for name, header in headers.items() if header.whole]
    if len(good) > 1:
        mend = f"--sheet with one of: {', '.join(good)}"
        raise TableError(
            [Fault("APL-A13", "several sheets would do", "one a year?", mend, str(path))]
        )
    name = good[0] if good else max(headers, key=lambda name: len(headers[name].columns))
    refuse_if(headers[name].faults)
    return _sheet_columns(sheets[name], headers[name], name)


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    from python_calamine import CalamineWorkbook

    try:
        limits.refuse_bomb(path)
        book = CalamineWorkbook.from_path(str(path))
        return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except AplError:
        raise
    except Exception as error:  # zipfile's, calamine's and the system's own kinds: all say damaged
        raise files._file_fault(
            "APL-A14", f"damaged: {files._first_line(error)}", path, "resave it"
        ) from None


def _chosen(
    sheets: dict[str, list[list[Any]]], asked: str | None, path: Path
) -> dict[str, list[list[Any]]]:
    """The sheet of that name, or whose name ends so (``2024``); every sheet where none is asked."""
    if asked is None and sheets:
        return sheets
    names = [n for n in sheets if n == asked] or [n for n in sheets if n.endswith(f" {asked}")]
    if len(names) != 1:
        mend = f"--sheet with one of: {', '.join(sheets)}"
        raise TableError([Fault("APL-A08", "no such sheet", f"asked: {asked!r}", mend, str(path))])
    return {names[0]: sheets[names[0]]}


def _sheet_columns(rows: list[list[Any]], header: files.Header, name: str) -> files.Raw:
    body = list(enumerate(map(_texts, rows[header.at + 1 :]), header.at + 2))
    places = [header.cells.index(wanted) for wanted in header.wanted]
    aside = [
        number
        for number, row in body
        if any(row) and (_is_remark(row) or (number == header.at + 2 and _is_units(row, places)))
    ]
    kept = [row for number, row in body if any(row) and number not in set(aside)]
    columns = {
        wanted: pa.array([row[place] or None for row in kept], pa.string())
        for wanted, place in zip(header.wanted, places, strict=True)
    }
    notes = [f"sheet {name!r}, header on row {header.at + 1}"]
    if aside:
        notes.append(f"rows {aside} hold units or notes, not data: set aside")
    return files.Raw(pa.table(columns), header.ignored, tuple(notes))


def _is_remark(row: list[str]) -> bool:
    """One sentence alone in its row; a code has no space, and is kept though it be alone."""
    filled = [cell for cell in row if cell]
    return len(filled) == 1 and any(map(str.isspace, filled[0]))


def _is_units(row: list[str], places: list[int]) -> bool:
    """No value in the first column, and words in the others."""
    return not row[places[0]] and not any(
        cell.replace(",", ".").replace(".", "", 1).isdigit() for cell in row
    )


def _texts(row: Sequence[Any]) -> list[str]:
    return [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    """A cell as text; a whole number without its point."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return str(cell)
