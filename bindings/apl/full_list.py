"""The full list of what a command was refused for: ``<out>.faults.csv``, beside the output.

A message shows twenty rows; who has to correct ten thousand wants them all, in a table. It stands
beside the output and not in it, since a refused command leaves the output as it was. The next run
that succeeds takes it away: a list of faults beside good results would be believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from apl.outputs import write_file
from apl_core.errors import AplError, Fault

COLUMNS = ("fault", "title", "table", "column", "row", "value", "why", "mend")
HEADER = ",".join(f'"{name}"' for name in COLUMNS).encode()
_SHAPE = pa.schema([(name, pa.int64() if name == "row" else pa.string()) for name in COLUMNS])
CODES = (3, 8)  # data, a zoning: what has rows; a missing file is not mended in a table
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run as one (OWASP)


def list_path(out: str | Path) -> Path:
    """Where the full list of an output stands: ``out`` and ``bvcv.csv`` alike take the suffix.

    >>> list_path("out/").name, list_path("bvcv.csv").name
    ('out.faults.csv', 'bvcv.csv.faults.csv')
    """
    path = Path(out)
    path = path if path.name else path.resolve()  # "." has no name of its own
    return path.with_name(f"{path.name or 'out'}.faults.csv")


def write_list(error: AplError, out: str | Path) -> Path | None:
    """Write every row of every fault; the path, or None for faults that are not of data.

    Raises
    ------
    FileError
        The disk refuses, or a file that is no such list stands there.
    """
    if error.exit_code not in CODES:
        return None
    path = list_path(out)
    write_file(table_of(error.faults), path, overwrite=_is_list(path))
    return path


def remove_list(out: str | Path) -> None:
    """Take the list of an earlier refusal away; any other file of that name stays."""
    path = list_path(out)
    if _is_list(path):
        path.unlink(missing_ok=True)


def table_of(faults: Iterable[Fault]) -> pa.Table:
    """Faults as a table: one row a row concerned; text that a spreadsheet would run is quoted.

    Examples
    --------
    >>> where = {"table": "offre", "column": "code_commune", "rows": (7,), "values": ("=1+1",)}
    >>> found = table_of([Fault("APL-C01", "malformed code", "…", "correct it", **where)])
    >>> found.select(["fault", "row", "value"]).to_pylist()
    [{'fault': 'APL-C01', 'row': 7, 'value': "'=1+1"}]
    """
    return pa.concat_tables([_SHAPE.empty_table(), *map(_rows_of, faults)])


def _rows_of(fault: Fault) -> pa.Table:
    cells = list(fault.cells())
    rows, values = [row for row, _ in cells], [_inert(value) for _, value in cells]
    lacking = fault.count - max(len(cells), len(fault.rows))
    if lacking > 0:  # a fault that does not know all of its rows says so
        rows, values = [*rows, None], [*values, f"… and {lacking:,} more, not listed"]
    said = {name: pa.repeat(_inert(getattr(fault, name) or ""), len(rows)) for name in COLUMNS
            if name not in ("row", "value")}  # fmt: skip
    found = {"row": pa.array(rows, pa.int64()), "value": pa.array(values, pa.string()), **said}
    return pa.table([found[name] for name in COLUMNS], schema=_SHAPE)


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before it; numbers stay."""
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def _is_list(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False
