"""One run at a time in a place: who holds it, who is dead, and what a killed run leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apl import outputs, whole
from apl.lock import Process, holder, locked
from apl.outputs import MANIFEST, claimed, write_results
from apl.verify import verify
from apl_core import FileError

TABLES = {"bvcv": pa.table({"n": [1, 2]})}
OWN = Process.own()
HOLD = """
import sys, time
from pathlib import Path
from apl.outputs import claimed
with claimed(Path(sys.argv[1]), True):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another(out: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a folder."""
    arguments = [sys.executable, "-c", HOLD, str(out)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def leave(out: Path, who: Process) -> Path:
    """The lock of a process."""
    out.mkdir(exist_ok=True)
    path = out / f".{MANIFEST}.lock-{who}"
    path.touch()
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_two_runs_in_one_folder_are_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_results(out, TABLES, {})
    with another(out) as process:
        with pytest.raises(FileError, match="APL-I05") as refused:
            write_results(out, TABLES, {}, overwrite=True)
        assert f"process {process.pid} on " in str(refused.value)
        assert refused.value.exit_code == 5
        assert verify(out).faults == ()  # who reads is not in the way
        write_results(tmp_path / "other", TABLES, {})
        process.send_signal(signal.SIGKILL)
        process.wait()
        write_results(out, TABLES, {}, overwrite=True)
    assert names(out) == {MANIFEST, "bvcv.parquet"}


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    """Killed, and not yet waited for by who started it."""
    with another(tmp_path) as process:
        lock = next(tmp_path.iterdir())
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert lock.exists()
        write_results(tmp_path, TABLES, {}, overwrite=True)
    assert not lock.exists()


@pytest.mark.parametrize(
    ("who", "dead"),
    [
        (OWN, False),
        (replace(OWN, start="1"), True),  # its number was given again
        (replace(OWN, start=""), False),  # a system that does not tell
        (replace(OWN, boot="0"), True),  # the machine has started again
        (replace(OWN, boot=""), False),
        (replace(OWN, number=2**31 - 2), True),
        (replace(OWN, number=2**31 - 2, space="1"), False),  # a container's number
        (replace(OWN, number=2**31 - 2, host="elsewhere"), False),
        (replace(OWN, host="elsewhere", boot="0"), False),
    ],
)
def test_who_is_dead(who: Process, dead: bool, tmp_path: Path) -> None:
    assert who.is_dead() is dead
    lock = leave(tmp_path / "out", who)
    if dead or who == OWN:
        write_results(tmp_path / "out", TABLES, {})
        assert not lock.exists()
        return
    with pytest.raises(FileError, match="APL-I05") as refused:
        write_results(tmp_path / "out", TABLES, {})
    assert lock.exists()
    if who.host == "elsewhere" or not who.start:
        assert f"remove {lock.absolute()}" in refused.value.mend


hosts = st.text("abcXYZ019.-_", max_size=64)
words = st.text("abcdef0123456789", max_size=12)


@given(st.builds(Process, hosts, words, words, st.integers(0, 10**10 - 1), st.integers(0).map(str)))
def test_a_process_is_read_from_its_name(who: Process) -> None:
    assert Process.parse(str(who)) == who
    assert whole.leftover(f".bvcv.parquet.partial-{who}")


@pytest.mark.parametrize("text", ["", "+", "a+b+c+d", "a+b+c+d+1", "é+b+c+1+1", "a+b+c+1+1+1"])
def test_other_names_are_no_process(text: str, tmp_path: Path) -> None:
    """And what they end is nobody's to sweep."""
    assert Process.parse(text) is None
    mine = tmp_path / f".mine.partial-{text}"
    mine.touch()
    assert not whole.leftover(mine.name)
    write_results(tmp_path, TABLES, {}, overwrite=True)
    assert mine.exists()


def test_leftovers_go_when_their_process_is_dead(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    dead = replace(OWN, start="1")
    for who in (dead, replace(OWN, host="elsewhere"), OWN):
        for name in ("bvcv.parquet", "annexes.csv"):
            (out / f".{name}.partial-{who}").touch()
    (out / f".annexes.csv.{MANIFEST}.lock-{dead}").touch()
    write_results(out, TABLES, {})  # what is on its way is no result that stands
    elsewhere = replace(OWN, host="elsewhere")
    kept = {f".annexes.csv.partial-{who}" for who in (elsewhere, OWN)}
    kept |= {f".bvcv.parquet.partial-{elsewhere}"}
    assert names(out) == {MANIFEST, "bvcv.parquet", *kept}


def test_what_another_command_wrote_down_is_not_swept(tmp_path: Path) -> None:
    """A killed `apl annexes` beside the results of a run: its own reader finishes it."""
    dead = replace(OWN, start="1")
    (tmp_path / f".t.csv.{MANIFEST}.next-{dead}").write_text('{"outputs": {"t.csv": {}}}')
    (tmp_path / f".t.csv.partial-{dead}").write_text("new")
    write_results(tmp_path, TABLES, {}, overwrite=True)
    assert f".t.csv.partial-{dead}" in names(tmp_path)
    whole.settle(tmp_path, f"t.csv.{MANIFEST}")
    assert (tmp_path / "t.csv").read_text() == "new"
    assert names(tmp_path) == {"t.csv", f"t.csv.{MANIFEST}", MANIFEST, "bvcv.parquet"}


def test_a_thread_holds_a_place_against_another(tmp_path: Path) -> None:
    found: list[object] = []

    def other() -> None:
        try:
            write_results(tmp_path, TABLES, {})
        except FileError as error:
            found.append(error.fault)

    with claimed(tmp_path, False):
        with claimed(tmp_path, False):  # and not against itself
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert holder(tmp_path, MANIFEST) is None
        assert len(names(tmp_path)) == 1
    assert found == ["APL-I05"]
    assert names(tmp_path) == set()


RACE = """
import os, sys, time
from pathlib import Path
from apl.lock import locked
from apl_core import FileError
out, inside = Path(sys.argv[1]), Path(sys.argv[2])
time.sleep(max(0, float(sys.argv[3]) - time.time()))
for _ in range(8):
    try:
        with locked(out, "m"):
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # raises if another is inside
            inside.unlink()
            print("in")
    except FileError: pass
"""


def test_of_many_at_once_one_is_inside(tmp_path: Path) -> None:
    start = str(time.time() + 2)
    arguments = [sys.executable, "-c", RACE, str(tmp_path), str(tmp_path / "inside"), start]
    dead = leave(tmp_path, replace(OWN, start="1"))
    dead.rename(tmp_path / f".m.lock-{replace(OWN, start='1')}")  # which all find stale
    racers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [racer.communicate()[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 3
    assert sum(one.count("in") for one in said) > 0


def test_an_empty_folder_that_a_refused_run_made_goes_again(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with claimed(out, False):
        assert len(names(out)) == 1
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_written_is_refused_before_anything(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "out", tmp_path / "file"):
        with pytest.raises(FileError, match=r"APL-I0[23]"), claimed(out, True):
            pass
    with pytest.raises(FileError, match="APL-I02"), locked(tmp_path / "nowhere", MANIFEST):
        pass
    assert outputs.MANIFEST == MANIFEST
