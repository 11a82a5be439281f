"""One process at a time in one place, and whose leftovers are whose.

A process is named by its host, the start of that host, its space of process numbers, its number and
its own start. The files that it makes on the way to a result end in that name
(``.manifeste.json.lock-NAME``), so that they are ours, and whose, without being opened; a number
that is given again is another process.

A lock is an empty file of a name of its own. Who finds another beside it, of a process that may
live, withdraws: two cannot both enter, and a stale lock is removed without a race, since its name
is its dead owner's alone. Rejected: one common name (two that find it stale may both take it over),
and ``flock`` (the kernel's, and exact, but not on every network disk, nor on Windows, and it cannot
say who holds it).
"""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apl_core import Fault, FileError

PAUSES = (0.0, 0.02, 0.05)  # seconds: of two that start at once, both withdraw; they try again
LONGEST_HOST = 64  # a file's name has 255 bytes


@dataclass(frozen=True)
class Process:
    """A process, told from any other; what a system does not tell is empty.

    Examples
    --------
    >>> own = Process.own()
    >>> Process.parse(str(own)) == own, own.is_dead()
    (True, False)
    """

    host: str
    boot: str
    space: str
    number: int
    start: str

    def __str__(self) -> str:
        return f"{self.host}+{self.boot}+{self.space}+{self.number}+{self.start}"

    @classmethod
    def own(cls) -> Process:
        """The process that asks."""
        return _process(os.getpid())

    @classmethod
    def parse(cls, text: str) -> Process | None:
        """The process of a name that `str` gave; None: no such name."""
        found = re.fullmatch(r"([\w.-]*)\+(\w*)\+(\w*)\+(\d{1,10})\+(\d*)", text, re.ASCII)
        if found is None:
            return None
        host, boot, space, number, start = found.groups()
        return cls(host, boot, space, int(number), start)

    def is_dead(self) -> bool:
        """Whether it is certain that it runs no more; of another host nothing is certain."""
        here = Process.own()
        if self.host != here.host:
            return False
        if self.boot != here.boot:
            return bool(self.boot and here.boot)
        if self.space != here.space:  # a container may have the host's name, and its own numbers
            return False
        started = _started(self.number)
        return started is None or bool(started and self.start and started != self.start)


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold the results ``name`` of a folder; within a thread again and again.

    Raises
    ------
    FileError
        APL-I05: another process, or another thread, holds them or may do so. APL-I02: the folder
        cannot be written.
    """
    key = (os.getpid(), str(folder.resolve() / name))
    token = (threading.get_ident(), object())
    holding = _HELD.setdefault(key, token)
    if holding is not token:
        if holding[0] != token[0]:
            raise taken(_own(folder, name))
        yield
        return
    try:
        try:
            own = _locked(folder, name)
        except OSError as error:
            raise unwritable(folder, error) from None
        try:
            yield
        finally:
            with suppress(OSError):  # a lock that stays is stale with this process
                own.unlink()
    finally:
        del _HELD[key]


def holder(folder: Path, name: str) -> Path | None:
    """The lock of another who holds the results ``name`` of a folder, or may do so."""
    others = ((lock, who) for lock, who in locks(folder, name) if who != Process.own())
    return next((lock for lock, who in others if not who.is_dead()), None)


def locks(folder: Path, name: str) -> list[tuple[Path, Process]]:
    """The locks on the results ``name`` of a folder, stale ones too."""
    start = f".{name}.lock-"
    found = (
        (folder / one, Process.parse(one.removeprefix(start)))
        for one in sorted(os.listdir(folder))
        if one.startswith(start)
    )
    return [(path, process) for path, process in found if process is not None]


_HELD: dict[tuple[int, str], tuple[int, object]] = {}  # by this process, and by which thread


def _own(folder: Path, name: str) -> Path:
    return folder / f".{name}.lock-{Process.own()}"


def _locked(folder: Path, name: str) -> Path:
    own = _own(folder, name)
    other: Path | None = own
    for pause in PAUSES:
        if pause:
            time.sleep(pause * (1 + os.getpid() % 7))  # those that met once meet no more
        os.close(os.open(own, os.O_WRONLY | os.O_CREAT, 0o666))
        try:
            other = holder(folder, name)
        finally:
            if other is not None:
                own.unlink()
        if other is None:
            return own
    raise taken(other or own)


def taken(lock: Path) -> FileError:
    """APL-I05, which says who holds a place."""
    process = Process.parse(lock.name.rpartition(".lock-")[2])
    assert process is not None
    here = Process.own()
    why = f"process {process.number} on {process.host or 'this host'} writes there"
    mend = "wait until it ends, or write elsewhere"
    if (process.host, process.space) != (here.host, here.space) or not process.start:
        why += ", or did so: its end cannot be seen from here"
        mend += f"; if it runs no more, remove {lock.absolute()}"
    title = "another run writes there"
    return FileError([Fault("APL-I05", title, why, mend, str(lock.parent), values=(lock.name,))])


def unwritable(path: Path, error: OSError, *, written_down: bool = False) -> FileError:
    """APL-I02, which says what stands."""
    why = f"{error.strerror or error}"
    mend = "make room or choose another place; what stood there before is as it was"
    if written_down:
        mend = "the new results are on disk, some not in their place yet: mend the folder, then apl"
        mend += " verify, or the next run, puts them there"
    if isinstance(error, PermissionError) and os.name == "nt":
        mend = f"close the program that has it open (a spreadsheet?); {mend}"
    return FileError([Fault("APL-I02", "cannot write", why, mend, str(path))])


@cache
def _process(number: int) -> Process:
    host = re.sub(r"[^A-Za-z0-9.-]", "_", platform.node())[:LONGEST_HOST]
    boot = space = ""
    with suppress(OSError):  # Linux tells; elsewhere a reused number may keep a lock alive
        told = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        boot = re.sub(r"[^0-9a-f]", "", told)[:12]
        space = re.sub(r"\D", "", os.readlink("/proc/self/ns/pid"))
    return Process(host, boot, space, number, _started(number) or "")


def _started(number: int) -> str | None:
    """When a process started, in the system's own ticks ("": it does not tell); None: not there."""
    try:
        told = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        fields = told.rpartition(")")[2].split()  # what stands before may hold anything
        return None if fields[0] in "ZX" else fields[19]
    except OSError:
        if os.name != "posix":
            return ""  # where signal 0 is no question
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass
    return ""
