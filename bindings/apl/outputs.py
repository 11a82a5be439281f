"""The writing end: nothing stands under its final name unless it is whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl_core import Fault, FileError

MANIFEST = "manifeste.json"
FORMATS = ("parquet", "csv")


def write_results(
    out: Path,
    tables: Mapping[str, pa.Table],
    manifest: Mapping[str, Any],
    *,
    file_format: str = "parquet",
    overwrite: bool = False,
) -> dict[str, str]:
    """Write tables and their manifest into a folder; the manifest last.

    Every file is written whole beside its final name and put on disk before any takes its name, so
    that a failure leaves the folder as it was.

    Parameters
    ----------
    out : Path
        A folder; created if absent.
    tables : mapping of name → pyarrow.Table
    manifest : mapping
        Completed with the name, size and sha256 of each output.
    file_format : {"parquet", "csv"}
    overwrite : bool
        Replace the results of an earlier run. Other files of the folder are never touched.

    Returns
    -------
    dict of file name → sha256

    Raises
    ------
    FileError
        The folder holds something and ``overwrite`` is False; the disk refuses.
    """
    refuse_standing(out, overwrite)
    names = {name: out / f"{name}.{file_format}" for name in tables}
    staged: list[tuple[Path, Path]] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        staged += [(_partial(target), target) for target in names.values()]

        def put(name: str) -> dict[str, Any]:
            partial = _partial(names[name])
            write_table(tables[name], partial, file_format)
            return {"bytes": partial.stat().st_size, "sha256": sha256(partial)}

        with ThreadPoolExecutor(2) as pool:
            entries = list(pool.map(put, names))
        outputs = {
            target.name: entry for target, entry in zip(names.values(), entries, strict=True)
        }
        target = out / MANIFEST
        staged.append((_partial(target), target))
        text = json.dumps({**manifest, "outputs": outputs}, ensure_ascii=False, indent=1)
        _put(staged[-1][0], lambda path: path.write_text(text + "\n", encoding="utf-8"))
        for partial, final in staged:
            os.replace(partial, final)
        _sync_folder(out)
    except OSError as error:
        raise _refused(out, error) from None
    finally:
        for partial, _ in staged:
            partial.unlink(missing_ok=True)
    return {name: str(entry["sha256"]) for name, entry in outputs.items()}


def write_file(table: pa.Table, path: Path, *, overwrite: bool = False) -> None:
    """Write one table; the suffix decides its format (``.parquet``, ``.csv``)."""
    file_format = path.suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        mend = f"a name that ends in {' or '.join('.' + f for f in FORMATS)}"
        raise FileError([Fault("APL-A07", "unknown kind of output", str(path), mend)])
    if path.exists() and not overwrite:
        raise _standing(path, [path.name])
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(table, partial, file_format)
        os.replace(partial, path)
    except OSError as error:
        raise _refused(path, error) from None
    finally:
        partial.unlink(missing_ok=True)


def refuse_standing(out: Path, overwrite: bool) -> None:
    """Raise FileError where an output would replace or join what stands there, unasked."""
    if out.exists() and not out.is_dir():
        raise _standing(out, [out.name])
    found = sorted(file.name for file in out.iterdir()) if out.is_dir() else []
    if found and not overwrite:
        raise _standing(out, found)


def write_table(table: pa.Table, path: Path, file_format: str) -> None:
    """One table on disk, whole; text plain (a dictionary would be read as categories elsewhere)."""
    fields = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in table.schema
    ]
    plain = table.cast(pa.schema(fields, metadata=table.schema.metadata))

    def write(target: Path) -> None:
        if file_format == "csv":
            import pyarrow.csv as pa_csv

            pa_csv.write_csv(plain, target)
        else:
            import pyarrow.parquet as pq

            # figures hardly repeat: their dictionaries cost 14 ms of 22 and no byte less
            text = [field.name for field in plain.schema if pa.types.is_string(field.type)]
            pq.write_table(plain, target, use_dictionary=text, write_page_checksum=True)

    _put(path, write)


def sha256(path: Path) -> str:
    """The sha256 of a file, as text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(path: Path, write: Callable[[Path], Any]) -> None:
    write(path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial-{os.getpid()}")


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _standing(path: Path, found: list[str]) -> FileError:
    return FileError(
        [
            Fault(
                "APL-I03",
                "an output that stands is not replaced",
                f"{path.absolute()} holds: {', '.join(found[:20])}",
                "--overwrite, or another name",
                str(path),
                count=len(found),
            )
        ]
    )


def _refused(path: Path, error: OSError) -> FileError:
    why = f"{error.strerror or error}"
    mend = "make room or choose another place; what stood there before is as it was"
    return FileError([Fault("APL-I02", "cannot write", why, mend, str(path))])
