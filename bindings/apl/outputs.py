"""The writing end: what is written, under which name, and what is refused; `apl.whole` says how.

A manifest lists what went in and what came out. Its ``made_from`` is the sha256 of what went in
(software, inputs with their hashes, rules, options, what a simulation added), which each Parquet
file carries, since it cannot hold its own hash; its ``fingerprint`` is that of all else it says,
the sha256 of the outputs included. Both are of canonical JSON: keys sorted, no spaces, ASCII. There
is no date in it: the same inputs give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apl import whole
from apl.lock import unwritable
from apl_core import Fault, FileError, refuse_if

MANIFEST = "manifeste.json"
FORMATS = ("parquet", "csv")
SYNTHETIC_KEY = b"apl.synthetic"
SYNTHETIC_COLUMN = "synthetique"
LAW_KEY = b"apl.law"  # under which text a table was made, and what of it is not law
SUPPLIED = "supplied_by_the_caller_not_law"
SUPPLIED_COLUMN = "fourni_par_l_appelant"
MADE_FROM_KEY = b"apl.made_from"
MADE_FROM, FINGERPRINT = "made_from", "fingerprint"
WENT_IN = ("software", "inputs", "rules", "options", "simulation")


@dataclass(frozen=True, eq=False)
class Contents:
    """A file to be: its bytes, and their sha256 as text."""

    data: pa.Buffer
    sha256: str

    def entry(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {"bytes": self.data.size, "sha256": self.sha256}


def contents(
    table: pa.Table, file_format: str, *, synthetic: bool = False, made_from: str | None = None
) -> Contents:
    """What `write_results` writes of one table."""
    if synthetic:
        table = marked(table, file_format)
    if made_from is not None:
        known = table.schema.metadata or {}
        table = table.replace_schema_metadata({**known, MADE_FROM_KEY: made_from.encode()})
    sink = pa.BufferOutputStream()
    _encode(table, sink, file_format)
    data = sink.getvalue()
    return Contents(data, hashlib.sha256(data).hexdigest())


@contextmanager
def claimed(out: str | Path | None, overwrite: bool) -> Iterator[None]:
    """Hold a folder of results, from before anything is computed until they stand; None: nothing.

    Raises
    ------
    FileError
        The folder holds something and ``overwrite`` is False; another run holds it; it cannot be
        written.
    """
    if out is None:
        yield
        return
    folder = Path(out)
    refuse_standing(folder, overwrite)
    with whole.claimed(folder, MANIFEST):
        refuse_standing(folder, overwrite)  # what a killed run wrote down may stand by now
        yield


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
    """Write tables and their manifest into a folder: all of them, or none.

    Parameters
    ----------
    out : Path
        A folder; created if absent.
    tables : mapping of name → pyarrow.Table
    manifest : mapping
        Completed with the name, size and sha256 of each output, and with fingerprints.
    file_format : {"parquet", "csv"}
    overwrite : bool
        Replace the results of an earlier run; those that its manifest lists and this run does not
        write are removed once the new ones are on disk. Other files are never touched.
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
        An unknown format; the folder holds something and ``overwrite`` is False; a link or a folder
        stands in the place of a file; another run writes there; the disk refuses.
    """
    if file_format not in FORMATS:
        raise _unknown_format(file_format, f"one of: {' or '.join(FORMATS)}")
    synthetic = synthetic or bool(manifest.get("synthetic"))
    under_way = ready or {}
    told = {**manifest, MADE_FROM: made_from(manifest)}

    def made(name: str) -> Contents:
        if name in under_way:
            return under_way[name].result()
        return contents(tables[name], file_format, synthetic=synthetic, made_from=told[MADE_FROM])

    with claimed(out, overwrite):
        files = {f"{name}.{file_format}": name for name in tables}
        return replace_files(out, MANIFEST, files, made, told)


def write_file(
    table: pa.Table,
    path: Path,
    *,
    manifest: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write one table; the suffix decides its format (``.parquet``, ``.csv``).

    With a ``manifest``, it is completed and written beside: ``annexes.csv.manifeste.json``.
    """
    refuse_file(path, overwrite)
    file_format = path.suffix.lower().removeprefix(".")
    if manifest is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole.put_one(path, contents(table, file_format).data)
        return
    told = {**manifest, MADE_FROM: made_from(manifest)}
    done = contents(table, file_format, made_from=told[MADE_FROM])
    with whole.claimed(path.parent, manifest_of(path.name)):
        refuse_file(path, overwrite)
        replace_files(path.parent, manifest_of(path.name), {path.name: ""}, lambda _: done, told)


def replace_files(
    folder: Path,
    manifest_name: str,
    files: Mapping[str, str],
    made: Callable[[str], Contents],
    told: Mapping[str, Any],
) -> dict[str, str]:
    """Change the files of a manifest as one; ``made`` has the contents of each, by its table."""
    refuse_if(_odd(folder, (*files, manifest_name)), FileError)
    entries: dict[str, dict[str, Any]] = {}

    def data(file: str) -> pa.Buffer:
        done = made(files[file])
        entries[file] = done.entry()
        return done.data

    def tell() -> bytes:
        plain = _plain({**told, "outputs": {file: entries[file] for file in files}})
        plain[FINGERPRINT] = fingerprint(plain)
        return (json.dumps(plain, ensure_ascii=False, indent=1) + "\n").encode()

    whole.replace(folder, manifest_name, list(files), data, tell)
    return {file: str(entries[file]["sha256"]) for file in files}


def made_from(manifest: Mapping[str, Any]) -> str:
    """The sha256 of what went into results: software, inputs, rules, options."""
    return _sha256_of(_plain({key: manifest.get(key) for key in WENT_IN}))


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """The sha256 of a whole manifest but for its own fingerprint.

    Examples
    --------
    >>> first = fingerprint({"outputs": {}, "inputs": [1.5]})
    >>> first == fingerprint({"inputs": [1.5], "outputs": {}, "fingerprint": first})
    True
    """
    return _sha256_of({key: manifest[key] for key in manifest if key != FINGERPRINT})


def _plain(told: Any) -> Any:
    """As whoever reads it has it: text for keys, no tuples."""
    return json.loads(json.dumps(told))


def _sha256_of(plain: Any) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def manifest_of(name: str) -> str:
    """The name of the manifest of a file that stands alone."""
    return f"{name}.{MANIFEST}"


def refuse_file(path: Path, overwrite: bool) -> None:
    """Raise FileError where `write_file` would: the suffix, or what stands there."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        mend = f"a name that ends in {' or '.join('.' + f for f in FORMATS)}"
        raise _unknown_format(str(path), mend)
    found = [name for name in (path.name, manifest_of(path.name)) if _stands(path.parent / name)]
    if found and not overwrite:
        raise _standing(path, found)
    refuse_if(_odd(path.parent, (path.name, manifest_of(path.name))), FileError)


def write_page(text: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a page that has no manifest, whole: it says itself what it was made from."""
    refuse_page(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.put_one(path, text.encode())


def refuse_page(path: Path, overwrite: bool) -> None:
    """Raise FileError where `write_page` would: what stands there, or is no file of ours."""
    refuse_if(_odd(path.parent, (path.name,)), FileError)
    if _stands(path) and not overwrite:
        raise _standing(path, [path.name])


def refuse_standing(out: Path, overwrite: bool) -> None:
    """Raise FileError where an output would replace or join what stands there, unasked."""
    if out.exists() and not out.is_dir():
        raise _standing(out, [out.name])
    try:
        names = sorted(os.listdir(out)) if out.is_dir() else []
    except OSError as error:
        raise unwritable(out, error) from None
    found = [name for name in names if not whole.leftover(name)]
    if found and not overwrite:
        raise _standing(out, found)


def refuse_replacing(out: Path, read: Sequence[Path]) -> None:
    """Raise FileError where an output is what a command reads, or the results with a file of it.

    Results that stand go when others take their place: a run would remove what it is made from.
    """
    results = {path.parent / name for path in (out / MANIFEST,) for name in _listed(path)}
    places = {path.resolve() for path in (out, *results)}
    lost = [str(path) for path in read if path.resolve() in places]
    if lost:
        why = f"{', '.join(lost)} would be replaced by what is made from it"
        mend = "name another folder or file with --out"
        raise FileError([Fault("APL-I14", "an output that is an input", why, mend, str(out))])


def _listed(manifest: Path) -> list[str]:
    """The files of the results that stand; none where there is no manifest that can be read."""
    if not manifest.is_file():  # a pipe would be read for ever
        return []
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        return [str(name) for name in found["outputs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _encode(table: pa.Table, sink: pa.NativeFile, file_format: str) -> None:
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


def _odd(folder: Path, names: tuple[str, ...]) -> Iterator[Fault]:
    """What stands in the place of an output and is no file of ours to replace."""
    for name in names:
        path = folder / name
        if path.is_symlink():
            why, mend = "it leads elsewhere, where nothing is written unasked", "remove the link"
            yield Fault("APL-K05", "a link in the place of an output", why, mend, str(path))
        elif path.is_dir():
            why, mend = "a folder is not replaced by a file", "move it away"
            yield Fault("APL-I03", "a folder in the place of an output", why, mend, str(path))


def _stands(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _unknown_format(asked: str, mend: str) -> FileError:
    return FileError([Fault("APL-I13", "unknown kind of output", asked or "(empty)", mend)])


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
