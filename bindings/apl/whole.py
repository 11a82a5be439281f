"""Files that change as one: the old ones stand, or the new ones, whatever happens on the way.

No system call renames several files at once. The change is therefore written down before it is
made, and what is written down is the next manifest itself:

1. each new file is written beside its name (``.bvcv.parquet.partial-PROCESS``) and put on disk,
   the manifest like the others;
2. the manifest's partial is renamed ``.manifeste.json.next-PROCESS``: from here the new files
   stand;
3. the old manifest is renamed ``.manifeste.json.gone-PROCESS``; the files that it alone lists go,
   and the new ones take their names; last, the next manifest takes its own, and the old one goes.

A failure or a kill before 2 leaves the folder as it was, with leftovers that the next run sweeps.
After 2, whoever comes next (a run, ``apl verify``, a command that reads results) does 3 again, and
each of its steps does nothing where it is done. Meanwhile there is no ``manifeste.json``, and for
any program a folder without one is no result.

Rejected: hard-linked copies of the old files and a way back (twice the calls, and not on every
disk); a folder staged whole and exchanged for the old one (Linux alone, and a user's own files
stand in it); a manifest renamed last and nothing written down (a kill between two renames leaves
new files under the old manifest, which ``apl verify`` would see and nobody could mend).
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from apl.lock import Process, locked, unwritable
from apl_core import Fault, FileError

# .NAME.partial-PROCESS, and of a manifest also .NAME.next-, .NAME.gone- and .NAME.lock-PROCESS
OURS = re.compile(
    r"\.(?P<name>.+)\.(?P<kind>partial|next|gone|lock)-(?P<process>[^+]*(?:\+\w*){4})"
)


@contextmanager
def claimed(folder: Path, manifest: str) -> Iterator[None]:
    """Hold the results of a manifest; what killed runs left in the folder is mended and swept.

    The folder is made where there is none, and goes again where it is left empty.

    Raises
    ------
    FileError
        APL-I05: another run holds them. APL-I02: the folder cannot be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        _make(folder)
        with locked(folder, manifest):
            try:
                _complete(folder, manifest)
                _sweep(folder)
            except OSError as error:
                raise unwritable(folder, error, written_down=True) from None
            yield
    finally:
        with suppress(OSError):  # not empty: results stand
            for path in made:
                path.rmdir()


def settle(folder: Path, manifest: str) -> None:
    """Before results are read: finish a change that was written down and not done.

    Raises
    ------
    FileError
        APL-I05: the run that does it is under way. APL-I02: the folder cannot be written.
    """
    if any(log.name.startswith(f".{manifest}.next-") for log, _ in _ours(folder, "next")):
        with claimed(folder, manifest):
            pass


def replace(
    folder: Path,
    manifest: str,
    names: Sequence[str],
    data: Callable[[str], Any],
    tell: Callable[[], bytes],
) -> None:
    """Replace the files of a manifest, and it, as one; to be called where they are `claimed`.

    Parameters
    ----------
    folder : Path
    manifest : str
        The manifest's name.
    names : sequence of str
        The new files.
    data : callable
        The bytes (any buffer) of the file of a name; called in two threads.
    tell : callable
        The new manifest, asked for once all files are on disk: JSON that lists them under
        ``outputs``.

    Raises
    ------
    FileError
        APL-I02: the disk refuses; the old files stand, or the message says otherwise.
    """
    own = Process.own()
    log = folder / f".{manifest}.next-{own}"
    staged = [_partial(folder, name, own) for name in (*names, manifest)]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name, path: put(path, data(name)), names, staged))
        put(staged[-1], tell())
        _sync(folder)
        os.replace(staged[-1], log)
        _sync(folder)
        _complete(folder, manifest)
    except BaseException as error:
        if not log.exists():
            with suppress(OSError):  # what stays is swept once this process is dead
                for path in staged:
                    path.unlink(missing_ok=True)
        elif not isinstance(error, OSError):  # an interrupt: what is written down is done
            _complete(folder, manifest)
        if isinstance(error, OSError):
            raise unwritable(folder, error, written_down=log.exists()) from None
        raise


def put(path: Path, data: Any) -> None:
    """Write a file and see it to the disk; a link that stands in its place is not followed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def put_one(path: Path, data: Any) -> None:
    """Replace one file that has no manifest; one rename is whole by itself."""
    partial = _partial(path.parent, path.name, Process.own())
    try:
        put(partial, data)
        os.replace(partial, path)
        _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def read(path: Path) -> Any:
    """What a manifest says; None: there is none.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def listed(found: Any) -> set[str]:
    """The files that a manifest lists as its own: plain names of its folder."""
    outputs = found.get("outputs") if isinstance(found, dict) else None
    names = outputs if isinstance(outputs, dict) else {}
    return {name for name in names if name not in ("", "..") and Path(name).name == name}


def leftover(name: str) -> bool:
    """Whether a file is one of ours on the way to a result."""
    found = OURS.fullmatch(name)
    return found is not None and Process.parse(found["process"]) is not None


def _complete(folder: Path, manifest: str) -> None:
    """Step 3 of a change that was written down, if there is one."""
    for log, found in _ours(folder, "next"):
        if found["name"] != manifest:
            continue
        target = folder / manifest
        try:
            new = listed(read(log))
        except ValueError:
            raise FileError([_unreadable(log)]) from None
        gone = folder / f".{manifest}.gone-{found['process']}"
        if target.exists():  # first of all: from here on nothing vouches for what changes
            os.replace(target, gone)
        try:
            old = listed(read(gone))
        except ValueError:
            old = set()  # no manifest of ours: what it means is unknown
        for name in sorted(old - new - {manifest}):
            if (folder / name).is_file() and not (folder / name).is_symlink():
                (folder / name).unlink()
        for name in sorted(new):
            partial = folder / f".{name}.partial-{found['process']}"
            if partial.exists():
                os.replace(partial, folder / name)
        _sync(folder)  # the names are on disk before a manifest vouches for them
        os.replace(log, target)
        with suppress(OSError):  # it is done; the next run sweeps
            gone.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what dead processes left on their way, but not what they had written down.

    Logs are looked at last: a process that is dead by then writes no other.
    """
    own = str(Process.own())
    left = [
        (path, found["process"])
        for path, found in _ours(folder, "partial", "gone", "lock")
        if _dead(found) or (found["kind"] == "gone" and found["process"] == own)
    ]
    logs = {found["process"] for _, found in _ours(folder, "next")}
    for path, process in left:
        if process not in logs:
            with suppress(OSError):  # of somebody else, who may sweep it
                path.unlink()


def _ours(folder: Path, *kinds: str) -> list[tuple[Path, re.Match[str]]]:
    """The files of a folder that are ours on the way to a result, of these kinds."""
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    matched = (OURS.fullmatch(name) for name in names if name.startswith("."))
    return [(folder / found[0], found) for found in matched if found and found["kind"] in kinds]


def _dead(found: re.Match[str]) -> bool:
    process = Process.parse(found["process"])
    return process is not None and process.is_dead()


def _partial(folder: Path, name: str, process: Process) -> Path:
    return folder / f".{name}.partial-{process}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks have none
            raise
    finally:
        os.close(handle)


def _unreadable(log: Path) -> Fault:
    why = f"{log.absolute()} says which, and cannot be read"
    mend = "remove that file, and run again with --overwrite"
    return Fault("APL-I04", "results that are not all in place", why, mend, str(log.parent))
