"""Old results or new ones, never a mixture: every call to the disk fails once, in every way.

A kill at a call is what the folder holds before it: the run goes on in one folder, and each call
leaves a copy, which is looked at as the next process would find it.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from apl import lock, whole
from apl.outputs import MANIFEST, manifest_of, sha256, write_file, write_results
from apl.verify import verify
from apl_core import FileError

CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "rmdir", "listdir")
OLD, NEW, NEXT = ({"n": [k]} for k in (1, 2, 3))


At = Callable[[int, Callable[[], object]], None]


@dataclass
class Disk:
    """The calls to the disk, counted; ``at`` is told of each before it is made.

    ``at(n, half)``: the number of the call, and how a write is made by half.
    """

    at: At
    names: list[str] = field(default_factory=list)
    one: Any = field(default_factory=threading.RLock)
    looking: bool = False

    def call(self, name: str, real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        with self.one:
            if self.looking:
                return real(*given, **named)
            self.names.append(name)

            done = 0

            def half() -> None:
                nonlocal done
                if name == "write":
                    done = real(given[0], given[1][: len(given[1]) // 2])

            self.looking = True
            try:
                self.at(len(self.names), half)
            finally:
                self.looking = False
            if done:
                return done + real(given[0], given[1][done:])
            return real(*given, **named)


@contextmanager
def watched(at: At) -> Iterator[Disk]:
    """All calls of `CALLS`, and the opening of files to read, go through a `Disk`."""
    disk = Disk(at)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            real = getattr(os, name)
            patch.setattr(os, name, lambda *a, n=name, r=real, **k: disk.call(n, r, *a, **k))
        opened = io.open
        patch.setattr(io, "open", lambda *a, **k: disk.call("read", opened, *a, **k))
        yield disk


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sees of a disk does not depend on it: five times faster."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(scope="module")
def ghost() -> lock.Process:
    """A process of this host that is dead."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    own = lock.Process.own()
    return lock.Process(own.host, own.boot, own.space, done.pid, own.start)


@dataclass(frozen=True)
class Scene:
    """What stands before, and what is written over it."""

    name: str
    before: Callable[[Path], object] | None
    write: Callable[[Path], object]
    again: Callable[[Path], object]
    manifest: str = MANIFEST


def results(content: dict[str, list[int]], *names: str, **how: Any) -> Callable[[Path], object]:
    tables = {name: pa.table(content) for name in names}
    return lambda out: write_results(out, tables, {"inputs": []}, overwrite=True, **how)


def single(content: dict[str, list[int]]) -> Callable[[Path], object]:
    table = pa.table(content)
    return lambda out: write_file(table, out / "t.csv", manifest={}, overwrite=True)


TWO = ("bvcv", "parts_regionales")
SCENES = [
    Scene("fresh", None, results(NEW, *TWO), results(NEXT, *TWO)),
    Scene("over", results(OLD, *TWO, "apl_communes"), results(NEW, *TWO), results(NEXT, *TWO)),
    Scene("one file", single(OLD), single(NEW), single(NEXT), manifest_of("t.csv")),
    Scene("one file, fresh", None, single(NEW), single(NEXT), manifest_of("t.csv")),
]  # fmt: skip
scenes = pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])


def held(folder: Path) -> dict[str, bytes]:
    """What a user sees of a folder."""
    there = folder.iterdir() if folder.is_dir() else ()
    return {p.name: p.read_bytes() for p in there if not whole.leftover(p.name)}


def left(out: Path) -> list[str]:
    """What is on its way in a folder."""
    return [path.name for path in out.iterdir() if whole.leftover(path.name)]


@dataclass(frozen=True)
class States:
    """The folder as it was before, and as it is after a run that nothing disturbs."""

    scene: Scene
    before: dict[str, bytes]
    after: dict[str, bytes]
    last: dict[str, bytes]

    def hold(self, out: Path, *, lasting: bool = False) -> None:
        """The invariant of a folder after a disturbance, and after the next reader and run."""
        manifest = out / self.scene.manifest
        if manifest.exists():  # to any program, a manifest vouches for its files
            for name, entry in json.loads(manifest.read_bytes())["outputs"].items():
                assert sha256(out / name) == entry["sha256"]
        whole.settle(out, self.scene.manifest)  # which each reader does first
        assert held(out) in (self.before, self.after)
        if manifest.exists():
            assert verify(manifest).faults == ()
        self.scene.again(out)
        assert held(out) == self.last
        if not lasting:
            assert not left(out)
            return
        with pytest.MonkeyPatch.context() as later:  # what a broken disk kept, once this one ends
            later.setattr(lock.Process, "is_dead", lambda self: True)
            with whole.claimed(out, self.scene.manifest):
                pass
        assert not left(out)


def prepared(scene: Scene, out: Path) -> Path:
    """The folder before the run that is disturbed, with a file of the user's in it."""
    if scene.before is not None:
        scene.before(out)
        (out / "mine.txt").write_text("not a result")
    return out


def states(scene: Scene, folder: Path) -> States:
    out = prepared(scene, folder / "undisturbed")
    seen = [held(out)]
    for write in (scene.write, scene.again):
        write(out)
        seen.append(held(out))
    return States(scene, *seen)


def killed(write: Callable[[], object], out: Path, copies: Path) -> list[Path]:
    """What a folder held before each call, and after each half of a write."""
    made: list[Path] = []

    def copy(n: int, half: Callable[[], object]) -> None:
        for torn in (False, True):
            if torn:
                half()
            if out.is_dir() and (not torn or done.names[-1] == "write"):
                made.append(copies / f"{n}{torn}")
                shutil.copytree(out, made[-1])

    with watched(copy) as done:
        write()
    return made


def calls_of(scene: Scene, folder: Path) -> int:
    out = prepared(scene, folder / "counted")
    with watched(lambda n, half: None) as disk:
        scene.write(out)
    assert {"open", "write", "fsync", "replace", "unlink"} <= set(disk.names)
    return len(disk.names)


@scenes
def test_a_kill_at_any_call_leaves_the_old_or_the_new(
    scene: Scene, tmp_path: Path, ghost: lock.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = states(scene, tmp_path)
    out = prepared(scene, tmp_path / "out")
    copies: list[Path] = []

    with monkeypatch.context() as dying:
        dying.setattr(lock.Process, "own", classmethod(lambda cls: ghost))
        copies = killed(lambda: scene.write(out), out, tmp_path)
        assert len(copies) > 20
        pending = next(copy for copy in copies if any(".next-" in name for name in left(copy)))
        shutil.copytree(pending, tmp_path / "pending")
        mending = tmp_path / "pending"  # who comes next is killed too
        copies += killed(lambda: whole.settle(mending, scene.manifest), mending, tmp_path / "two")
    for copy in copies:
        known.hold(copy)


@scenes
@pytest.mark.parametrize(
    ("code", "lasting"), [(errno.EIO, False), (errno.ENOSPC, False), (errno.EIO, True)],
    ids=["EIO once", "ENOSPC once", "EIO from then on"],
)  # fmt: skip
def test_a_failure_at_any_call_leaves_the_old_or_the_new(
    scene: Scene, code: int, lasting: bool, tmp_path: Path
) -> None:
    known = states(scene, tmp_path)
    for n in range(1, calls_of(scene, tmp_path) + 1):
        out = prepared(scene, tmp_path / f"out{n}")

        def fail(k: int, half: Callable[[], object], n: int = n) -> None:
            if k == n or (lasting and k > n):
                half()
                raise OSError(code, os.strerror(code))

        with watched(fail), suppress(FileError):
            scene.write(out)
        known.hold(out, lasting=lasting)


@scenes
def test_an_interrupt_at_any_call_leaves_nothing_on_the_way(scene: Scene, tmp_path: Path) -> None:
    known = states(scene, tmp_path)
    for n in range(1, calls_of(scene, tmp_path) + 1):
        out = prepared(scene, tmp_path / f"out{n}")

        def interrupt(k: int, half: Callable[[], object], n: int = n) -> None:
            if k == n:
                half()
                raise KeyboardInterrupt

        with watched(interrupt), pytest.raises(KeyboardInterrupt):
            scene.write(out)
        known.hold(out)
