"""What `apl compare` is given: the folder of a run, that of a zoning, or one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl import whole
from apl.compared.align import BVCV, COMMUNE
from apl.outputs import FORMATS, MANIFEST
from apl.regions.zonage import read_zones
from apl_core import Fault, FileError, TableError, UsageError
from apl_core.schema import LACKING
from apl_core.tables import read_table

Found = tuple[pa.Table, Path]
KEYS = {"commune": COMMUNE, "bvcv": BVCV}
STEMS = {COMMUNE: ("apl_communes",), BVCV: ("zonage", "bvcv")}


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison: its tables by key, each with the file it was read from."""

    path: Path
    tables: dict[str, Found]


def read_side(
    path: Path, key: str | None = None, *, sheet: str | None = None, column: str | None = None
) -> Side:
    """Read one side.

    Parameters
    ----------
    path : Path
        A folder with ``apl_communes``, ``zonage`` or ``bvcv``; or a file: one of these, or DREES's
        workbook.
    key : {"code_commune", "code_bvcv"}, optional
        What is compared; else what the file has, communes first.
    sheet, column : str, optional
        Of a workbook: its sheet, the header of the APL.

    Raises
    ------
    FileError, TableError
        No such table there; as `apl.read_table`.
    """
    if path.is_dir():
        whole.settle(path, MANIFEST)
        files = dict(_of_folder(path))
        if not files:
            why, mend = "it holds no apl_communes, zonage or bvcv", "name the folder of a run"
            raise FileError([Fault("APL-A01", "no results", why, mend, str(path))])
        return Side(path, {one: (_READ[one](file), file) for one, file in files.items()})
    choose = {"apl": column} if column else None

    def communes(file: Path) -> pa.Table:
        if file.suffix.lower() != ".xlsx":  # ours are none
            found = _tried(lambda: read_table(file, "apl_communes"))
            if isinstance(found, pa.Table):
                return found
        return read_table(file, "apl_publie", choose=choose, sheet=sheet)

    readers = {COMMUNE: communes, BVCV: read_zones}
    if key is not None:
        return Side(path, {key: (readers[key](path), path)})
    first = _tried(lambda: communes(path))
    if isinstance(first, pa.Table):
        return Side(path, {COMMUNE: (first, path)})
    second = _tried(lambda: read_zones(path))
    if isinstance(second, pa.Table):
        return Side(path, {BVCV: (second, path)})
    raise first


def _tried(read: Callable[[], pa.Table]) -> pa.Table | TableError:
    """A table, or the refusal of a file that lacks columns of it: it may be another table."""
    try:
        return read()
    except TableError as error:
        if not any(fault.fault in LACKING for fault in error.faults):
            raise
        return error


_READ: dict[str, Callable[[Path], Any]] = {
    COMMUNE: lambda file: read_table(file, "apl_communes"),
    BVCV: read_zones,
}


def _of_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    for key, stems in STEMS.items():
        names = (folder / f"{stem}.{suffix}" for stem in stems for suffix in FORMATS)
        file = next((name for name in names if name.is_file()), None)
        if file is not None:
            yield key, file


def chosen(ours: Side, published: Side, key: str | None) -> str:
    """What two sides are compared by: the key asked for, else the first that both have.

    Raises
    ------
    UsageError
        They have none in common, or not the one asked for (``APL-H06``).
    """
    common = [one for one in KEYS.values() if one in ours.tables and one in published.tables]
    if key in common or (key is None and common):
        return key or common[0]
    held = (", ".join(sorted(side.tables)) for side in (ours, published))
    why = f"ours has {next(held)}, the published {next(held)}"
    mend = "give two tables by commune, or two by BVCV: apl zone makes the second from the first"
    raise UsageError([Fault("APL-H06", "nothing to compare", why, mend, str(published.path))])
