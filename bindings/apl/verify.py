"""Results held against their manifest: `apl verify`.

It shows that files are those that a run wrote, from which inputs and under which law. It does not
show who ran it: whoever can write the folder can write a manifest that fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apl import whole
from apl.lines import aligned
from apl.lock import holder, taken
from apl.outputs import (
    FINGERPRINT,
    MADE_FROM,
    MANIFEST,
    fingerprint,
    made_from,
    manifest_of,
    sha256,
)
from apl_core import Fault, FileError

SAME, DIFFERS, MISSING = "same", "differs", "missing"


@dataclass(frozen=True)
class Held:
    """One file held against what the manifest says of it.

    Attributes
    ----------
    file : str
    role : {"output", "input", "manifest"}
    state : {"same", "differs", "missing"}
    bytes, sha256 : what the manifest says
    found : str
        What is there instead; empty where it is the same.
    """

    file: str
    role: str
    state: str
    bytes: int | None
    sha256: str | None
    found: str = ""


@dataclass(frozen=True)
class Verified:
    """Every file of some results held against their manifest.

    Attributes
    ----------
    manifest : Path
    fingerprint, made_from : str
        What the manifest says of itself: of all that it says, and of what went in.
    files : tuple of Held
    unlisted : tuple of str
        What else stands in the folder: nothing is known of it.
    unseen : tuple of str
        Inputs that no file can be held against: tables in memory, or the embedded country.
    """

    manifest: Path
    fingerprint: str
    made_from: str
    files: tuple[Held, ...]
    unlisted: tuple[str, ...]
    unseen: tuple[str, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """One fault a file that is not the same."""
        return tuple(_fault(one, self.manifest) for one in self.files if one.state != SAME)


def verify(out: str | Path, *, inputs: Sequence[str | Path] = ()) -> Verified:
    """Hold results against their manifest, by size and sha256.

    Parameters
    ----------
    out : Path
        A folder of results, or one table that has its manifest beside it.
    inputs : paths, optional
        Folders of the inputs, to hold these against the manifest too.

    Raises
    ------
    FileError
        There is no manifest, it cannot be read, or a run is writing there.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> from apl.outputs import write_results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_results(Path(folder), {"bvcv": pa.table({"n": [1]})}, {})
    ...     first = verify(folder)
    ...     _ = (Path(folder) / "bvcv.parquet").write_bytes(b"")
    ...     second = verify(folder)
    >>> [one.state for one in first.files], [fault.table for fault in second.faults]
    (['same', 'same'], ['bvcv.parquet'])
    """
    folder, name = _place(Path(out))
    whole.settle(folder, name)
    told = _manifest(folder / name)
    found = Verified(
        folder / name,
        str(told.get(FINGERPRINT, "")),
        str(told.get(MADE_FROM, "")),
        (
            *_outputs(told, folder),
            _itself(told, name),
            *(_input(entry, inputs) for entry in _entries(told) if inputs and "file" in entry),
        ),
        _unlisted(told, folder, name),
        tuple(str(entry.get("table")) for entry in _entries(told) if "file" not in entry),
    )
    if found.faults and (lock := holder(folder, name)):
        raise taken(lock)  # they change while they are looked at
    return found


def describe(found: Verified) -> dict[str, Any]:
    """The same as plain data, for ``--json``."""
    return {
        "manifest": str(found.manifest),
        FINGERPRINT: found.fingerprint,
        MADE_FROM: found.made_from,
        "files": [asdict(one) for one in found.files],
        "unlisted": list(found.unlisted),
        "unseen_inputs": list(found.unseen),
    }


def text(found: Mapping[str, Any]) -> str:
    """The summary as a person reads it."""
    rows = [["File", "Role", "State", "Bytes", "sha256"]]
    for one in found["files"]:
        size = "" if one["bytes"] is None else f"{one['bytes']:,}"
        rows.append([one["file"], one["role"], one["state"], size, (one["sha256"] or "")[:16]])
    lines = [*aligned(rows), f"Fingerprint of the run: {found[FINGERPRINT]}"]
    if found["unlisted"]:
        lines.append(f"Not of these results: {', '.join(found['unlisted'])}")
    return "\n".join(lines)


def _place(out: Path) -> tuple[Path, str]:
    """The folder and the name of the manifest of what is to be verified."""
    if out.is_dir():
        return out, MANIFEST
    if out.name.endswith(MANIFEST):
        return out.parent, out.name
    return out.parent, manifest_of(out.name)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        told = {} if _is_endless(path) else whole.read(path)
    except (OSError, ValueError) as error:
        raise FileError([_none(path, f"it cannot be read: {error}")]) from None
    if told is None:
        raise FileError([_none(path, f"there is no {path.name}")])
    if not isinstance(told, dict) or not isinstance(told.get("outputs"), dict):
        raise FileError([_none(path, f"{path.name} lists no outputs")])
    return told


def _outputs(told: Mapping[str, Any], folder: Path) -> Iterator[Held]:
    plain = whole.listed(told)
    for name, entry in told["outputs"].items():
        entry = entry if isinstance(entry, dict) else {}
        size, sha = entry.get("bytes"), entry.get("sha256")
        if name not in plain:
            yield Held(name, "output", DIFFERS, size, sha, "no name of a file of this folder")
        else:
            yield _held(folder / name, "output", size, sha)


def _held(path: Path, role: str, size: Any, sha: Any) -> Held:
    try:
        if _is_endless(path):
            return Held(path.name, role, DIFFERS, size, sha, "a pipe or a device")
        bytes_there = path.stat().st_size
        if bytes_there != size:
            return Held(path.name, role, DIFFERS, size, sha, f"{bytes_there:,} bytes")
        there = sha256(path)
    except FileNotFoundError:
        return Held(path.name, role, MISSING, size, sha, "nothing")
    except OSError as error:
        return Held(path.name, role, DIFFERS, size, sha, f"{error.strerror or error}")
    if there != sha:
        return Held(path.name, role, DIFFERS, size, sha, f"sha256 {there}")
    return Held(path.name, role, SAME, size, sha)


def _is_endless(path: Path) -> bool:
    """A pipe or a device, which is not to be read to its end."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _itself(told: Mapping[str, Any], name: str) -> Held:
    """The manifest against its own fingerprints."""
    for key, again in ((FINGERPRINT, fingerprint(told)), (MADE_FROM, made_from(told))):
        if told.get(key) != again:
            return Held(name, "manifest", DIFFERS, None, None, f"{key} {again}")
    return Held(name, "manifest", SAME, None, None)


def _entries(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = told.get("inputs")
    return [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []


def _input(entry: Mapping[str, Any], folders: Sequence[str | Path]) -> Held:
    """One input, in whichever of the folders it is the same."""
    name, size, sha = str(entry["file"]), entry.get("bytes"), entry.get("sha256")
    if Path(name).name != name:
        return Held(name, "input", DIFFERS, size, sha, "no name of a file")
    tried = [_held(Path(folder) / name, "input", size, sha) for folder in folders]
    return min(tried, key=lambda one: (SAME, DIFFERS, MISSING).index(one.state))


def _unlisted(told: Mapping[str, Any], folder: Path, name: str) -> tuple[str, ...]:
    if name != MANIFEST:
        return ()
    ours = {*whole.listed(told), name}
    there = sorted(path.name for path in folder.iterdir())
    return tuple(one for one in there if one not in ours and not whole.leftover(one))


def _none(path: Path, why: str) -> Fault:
    mend = "name a folder that apl wrote, or a table that has its manifest beside it"
    return Fault("APL-A01", "no results to verify", why, mend, str(path))


def _fault(one: Held, manifest: Path) -> Fault:
    other = {"output": "another result", "input": "another input", "manifest": "another manifest"}
    title = f"{other[one.role]} than the run's"
    said = f"{one.bytes} bytes, sha256 {one.sha256}" if one.sha256 else "its own words"
    why = f"{manifest.name} says {said}; found: {one.found}"
    mends = {
        "output": "run again with --overwrite, or bring back the file",
        "input": "name the folder of the inputs as they were, or run again",
        "manifest": "it was changed after the run: bring it back, or run again with --overwrite",
    }
    return Fault("APL-I12", title, why, mends[one.role], one.file)
