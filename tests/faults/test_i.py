"""Families I and J: outputs and resources. One test a fault, named after it."""

from __future__ import annotations

import concurrent.futures
import errno
import os
import subprocess
import sys
from datetime import date

import pytest
from faults.faulty import LAW, OFFRE, STANDARD, Scene, digest

import apl
from apl_core import AplError

RUN = [sys.executable, "-m", "apl", "run"]


def started(scene: Scene, *options: str) -> subprocess.Popen[str]:
    arguments = [*RUN, str(scene.source), *LAW, "--out", str(scene.out), *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True)


def test_apl_i01_run_that_is_killed_while_it_writes(scene: Scene) -> None:
    """Killed at some moment: no result, or a whole one; what a killed run left is none."""
    for seconds in (0.2, 0.6, 1.0):
        running = started(scene)
        try:
            running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.kill()
        running.communicate()
        names = {path.name for path in scene.out.glob("[!.]*")} if scene.out.exists() else set()
        assert not names or "manifeste.json" in names
    assert scene.run("--overwrite").code == 0


def test_apl_i02_disk_that_refuses(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scene.run().code == 0

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    told = scene.refused("APL-I02", "--overwrite", code=5)
    assert "No space left" in told["why"]


def test_apl_i03_output_that_stands(scene: Scene) -> None:
    assert scene.run().code == 0
    told = scene.refused("APL-I03", code=5, table=str(scene.out))
    assert "manifeste.json" in told["why"]
    assert "--overwrite" in told["mend"]


def test_apl_i04_one_of_several_outputs_fails(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second file to be put on the disk fails: the first has not taken its name either."""
    assert scene.run().code == 0
    calls, fsync = [0], os.fsync

    def second(file: int) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(file)

    monkeypatch.setattr(os, "fsync", second)
    scene.edit(STANDARD, "700", "701")
    scene.refused("APL-I02", "--overwrite", code=5)


HOLD = """
import sys, time
from pathlib import Path
from apl.outputs import claimed
with claimed(Path(sys.argv[1]), True):
    print("held", flush=True)
    time.sleep(60)
"""


def test_apl_i05_two_runs_in_one_folder(scene: Scene) -> None:
    """Refused while the other lives; what a dead one left is in nobody's way."""
    assert scene.run().code == 0
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLD, str(scene.out)], stdout=pipe) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            told = scene.refused("APL-I05", "--overwrite", code=5, table=str(scene.out))
            assert told["why"].startswith(f"process {other.pid} on ")
        finally:
            other.kill()
    assert any(".lock-" in path.name for path in scene.out.iterdir())
    assert scene.run("--overwrite").code == 0
    assert not any(".lock-" in path.name for path in scene.out.iterdir())


def test_apl_k05_symbolic_link_in_the_output_folder(scene: Scene) -> None:
    """Nothing is written, nor taken away, where it leads."""
    assert scene.run().code == 0
    elsewhere = scene.place / "elsewhere"
    for name in ("bvcv.parquet", "manifeste.json"):
        path = scene.out / name
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
        scene.refused("APL-K05", "--overwrite", code=5, table=str(path))
        path.unlink()
        elsewhere.rename(path)
    assert scene.run("--overwrite").code == 0


def test_apl_i06_output_open_in_another_program(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))

    monkeypatch.setattr(os, "replace", held)
    left = scene.run()
    assert left.code == 5
    assert left.told["faults"][0]["fault"] == "APL-I02"
    assert "Permission denied" in left.errors


def test_apl_i07_interruption(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(apl.pipeline, "start_inputs", interrupted)
    before = digest(scene.place)
    left = scene.run()
    assert (left.code, left.errors.splitlines()[-1]) == (130, "interrupted")
    assert digest(scene.place) == before


def test_apl_i08_closed_pipe(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """`apl rules | head -1`: nothing is said of it."""
    arguments = " ".join([sys.executable, "-m", "apl", "rules", "--profession", LAW[1]])
    done = subprocess.run(
        ["sh", "-c", f"{arguments} | head -1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_apl_i09_outputs_that_differ_from_run_to_run(scene: Scene) -> None:
    found = []
    for options in ((), ("--threads", "1"), ("--threads", "4")):
        assert scene.run("--overwrite", *options).code == 0
        found.append(digest(scene.out))
    assert found[0] == found[1] == found[2]


def test_apl_i12_other_data_than_the_run_s(scene: Scene) -> None:
    assert scene.run().code == 0
    scene.edit(OFFRE, "01004,2", "01004,3")
    with pytest.raises(AplError) as caught:
        apl.open_run(scene.out, scene.source)
    assert (caught.value.fault, caught.value.values) == ("APL-I12", ("offre.csv",))
    assert caught.value.exit_code == 5


def test_apl_i10_limits_of_a_workbook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut to fit: too many rows and too long a text are refused."""
    pytest.importorskip("xlsxwriter", reason="no xlsxwriter: pip install 'apl[report]'")
    from report_scene import scene as pages

    from apl.report import workbook

    country, page = pages()
    for name, least in (("LONGEST", 8), ("ROWS", 3)):
        with monkeypatch.context() as patched:
            patched.setattr(workbook, name, least)
            with pytest.raises(AplError) as refused:
                workbook.write_workbook(country, page)
        assert {(one.fault, bool(one.table)) for one in refused.value.faults} == {("APL-I10", True)}
    assert workbook.write_workbook(country, page)[:2] == b"PK"


def test_apl_i13_kind_of_output_that_does_not_exist(scene: Scene) -> None:
    places = scene.place / "places.csv"
    places.write_text("code_commune,longitude,latitude\n01001,5,46\n")
    out = scene.place / "times.xlsx"
    asked = ["travel-times", places, "--out", out, "--json"]
    told = scene.refused("APL-I13", code=5, arguments=asked, why=str(out))
    assert ".parquet or .csv" in told["mend"]


def test_apl_i14_output_that_is_an_input(scene: Scene) -> None:
    """`--overwrite` replaces results, never what the command reads; nothing changes."""
    assert scene.run().code == 0
    run, zones = scene.out, scene.out / "bvcv.parquet"
    more = ["--input", scene.source, "--overwrite", "--json"]
    for asked in (
        ["simulate", run, "--add", "01001=1", "--out", run, *more],
        ["sensitivity", run, "--out", run.parent / "." / run.name, *more],
        ["run", scene.source, *LAW, "--out", scene.source, "--overwrite", "--json"],
        ["adapt", zones, "--suggest", "--region", "84", *LAW, "--out", run, *more[2:]],
    ):
        told = scene.refused("APL-I14", code=5, arguments=asked)
        assert str(asked[1]) in told["why"]


def test_apl_j02_more_threads_than_processors(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More threads than there are processors, or communes: the same bytes."""
    monkeypatch.setattr("apl_core.weighted.WORTH_THREADS", 0)
    started: list[int] = []
    pool = concurrent.futures.ThreadPoolExecutor

    def counted(threads: int) -> concurrent.futures.ThreadPoolExecutor:
        started.append(threads)
        return pool(threads)

    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", counted)
    found = []
    for threads in ("1", "64"):
        assert scene.run("--threads", threads, "--overwrite").code == 0
        found.append(digest(scene.out))
    assert found[0] == found[1]
    assert 64 in started
    assert scene.run("--threads", "65", "--overwrite").code == 2


def test_apl_j05_size_that_is_not_solved(scene: Scene) -> None:
    assert scene.run().code == 0
    place = apl.open_run(scene.out, scene.source).place
    law = apl.rules(LAW[1], on=date(2025, 6, 6))
    with pytest.raises(AplError) as caught:
        apl.best_places(place, law, 10**6, region="84", objective="persons", threshold=50.0)
    assert "APL-J05" in {one.fault for one in caught.value.faults}
