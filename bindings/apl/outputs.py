"""The writing end: nothing stands under its final name unless it is whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apl_core import Fault, FileError

MANIFEST = "manifeste.json"
FORMATS = ("parquet", "csv")
SYNTHETIC_KEY = b"apl.synthetic"
SYNTHETIC_COLUMN = "synthetique"
LAW_KEY = b"apl.law"  # under which text a table was made, and what of it is not law
SUPPLIED = "supplied_by_the_caller_not_law"
SUPPLIED_COLUMN = "fourni_par_l_appelant"


@dataclass(frozen=True, eq=False)
class Contents:
    """A file to be: its bytes, and their sha256 as text."""

    data: pa.Buffer
    sha256: str


def contents(table: pa.Table, file_format: str, *, synthetic: bool = False) -> Contents:
    """What `write_results` writes of one table."""
    sink = pa.BufferOutputStream()
    _encode(marked(table, file_format) if synthetic else table, sink, file_format)
    data = sink.getvalue()
    return Contents(data, hashlib.sha256(data).hexdigest())


def write_results(
    out: Path,
    tables: Mapping[str, pa.Table],
    manifest: Mapping[str, Any],
    *,
    file_format: str = "parquet",
    overwrite: bool = False,
    synthetic: bool = False,
    ready: Mapping[str, Future[Contents]] | None = None,
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
        Replace the results of an earlier run; those that its manifest lists and this run does not
        write are removed once the new ones stand. Other files are never touched.
    synthetic : bool
        The tables describe no real place, and say so: in their metadata, in CSV by a column. A
        manifest that has ``synthetic`` true means the same.
    ready : mapping of name → future of Contents, optional
        The `contents` of tables that are under way already.

    Returns
    -------
    dict of file name → sha256

    Raises
    ------
    FileError
        An unknown format; the folder holds something and ``overwrite`` is False; the disk refuses.
    """
    if file_format not in FORMATS:
        raise _unknown_format(file_format, f"one of: {' or '.join(FORMATS)}")
    refuse_standing(out, overwrite)
    synthetic = synthetic or bool(manifest.get("synthetic"))
    under_way = ready or {}
    earlier = _listed(out)
    names = {name: out / f"{name}.{file_format}" for name in tables}
    staged: list[tuple[Path, Path]] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        staged += [(_partial(target), target) for target in names.values()]

        def put(name: str) -> dict[str, Any]:
            whole = (
                under_way[name].result()
                if name in under_way
                else contents(tables[name], file_format, synthetic=synthetic)
            )
            _put(_partial(names[name]), lambda path: path.write_bytes(whole.data))
            return {"bytes": whole.data.size, "sha256": whole.sha256}

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
    except OSError as error:
        raise _refused(out, error) from None
    finally:
        for partial, _ in staged:
            partial.unlink(missing_ok=True)
    _remove(out, earlier - set(outputs) - {MANIFEST})
    _sync_folder(out)
    return {name: str(entry["sha256"]) for name, entry in outputs.items()}


def write_file(table: pa.Table, path: Path, *, overwrite: bool = False) -> None:
    """Write one table; the suffix decides its format (``.parquet``, ``.csv``)."""
    refuse_file(path, overwrite)
    file_format = path.suffix.lower().removeprefix(".")
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(partial, lambda target: _encode(table, target, file_format))
        os.replace(partial, path)
    except OSError as error:
        raise _refused(path, error) from None
    finally:
        partial.unlink(missing_ok=True)


def refuse_file(path: Path, overwrite: bool) -> None:
    """Raise FileError where `write_file` would: the suffix, or what stands there."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        mend = f"a name that ends in {' or '.join('.' + f for f in FORMATS)}"
        raise _unknown_format(str(path), mend)
    if path.exists() and not overwrite:
        raise _standing(path, [path.name])


def refuse_standing(out: Path, overwrite: bool) -> None:
    """Raise FileError where an output would replace or join what stands there, unasked."""
    if out.exists() and not out.is_dir():
        raise _standing(out, [out.name])
    found = sorted(file.name for file in out.iterdir()) if out.is_dir() else []
    if found and not overwrite:
        raise _standing(out, found)


def _encode(table: pa.Table, sink: Path | pa.NativeFile, file_format: str) -> None:
    """One table as a file; text plain (a dictionary would be read as categories elsewhere)."""
    fields = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in table.schema
    ]
    plain = table.cast(pa.schema(fields, metadata=table.schema.metadata))

    def ascends(name: str) -> bool:
        column = plain.column(name)
        return bool(pc.all(pc.less(column[:-1], column[1:])).as_py())

    if file_format == "csv":
        import pyarrow.csv as pa_csv

        pa_csv.write_csv(_outspoken(plain), sink)
    else:
        import pyarrow.parquet as pq

        # figures hardly repeat, nor does a key: their dictionaries cost 17 ms of 24, and 6 % more
        text = [f.name for f in plain.schema if pa.types.is_string(f.type) and not ascends(f.name)]
        pq.write_table(plain, sink, use_dictionary=text, write_page_checksum=True)


def sha256(path: Path) -> str:
    """The sha256 of a file, as text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def marked(table: pa.Table, file_format: str) -> pa.Table:
    """A table that says of itself that it describes no real place; CSV has no metadata."""
    from apl.inputs import SYNTHETIC  # which hashes its files with this module

    if file_format == "csv":
        return table.append_column(SYNTHETIC_COLUMN, pa.repeat(pa.scalar(True), table.num_rows))
    known = table.schema.metadata or {}
    return table.replace_schema_metadata({**known, SYNTHETIC_KEY: SYNTHETIC.encode()})


def _outspoken(table: pa.Table) -> pa.Table:
    """CSV has no metadata: what of a table is not law stands in a column of it."""
    made = json.loads((table.schema.metadata or {}).get(LAW_KEY, b"{}"))
    said = "; ".join(made.get(SUPPLIED, ()))
    if not said:
        return table
    return table.append_column(SUPPLIED_COLUMN, pa.repeat(pa.scalar(said), table.num_rows))


def _listed(out: Path) -> set[str]:
    """The files of this folder that the manifest of an earlier run lists as its outputs."""
    try:
        found = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    listed = found.get("outputs") if isinstance(found, dict) else None
    names = listed if isinstance(listed, dict) else {}
    return {name for name in names if Path(name).name == name and (out / name).is_file()}


def _remove(out: Path, names: set[str]) -> None:
    try:
        for name in sorted(names):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        why = f"{error.strerror or error}"
        mend = "remove it by hand; the new results stand"
        title = "a result of an earlier run cannot be removed"
        raise FileError([Fault("APL-I02", title, why, mend, str(error.filename))]) from None


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


def _unknown_format(asked: str, mend: str) -> FileError:
    return FileError([Fault("APL-A07", "unknown kind of output", asked or "(empty)", mend)])


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
