"""A run on a Dask cluster of two processes: the same bits, also when a worker is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import strategies

from apl.scheduler import cluster
from apl_core import Catchment, FileError, Steps, Territory
from apl_core.blockwise import Blockwise
from apl_core.exact import F64
from apl_core.workers import Workers

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason='distributed is not installed: pip install -e ".[distributed]"',
)
LAW = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
HERE = strategies.strip(400)
LAND = Territory.from_codes(HERE.codes)
SUPPLY, DEMAND = HERE.supply_vector(), HERE.demand_vector()
ROOT = Path(__file__).resolve().parents[1]
# Dask's own workers and scheduler, in processes that nobody's main module has a part in
SCHEDULER = (
    "import asyncio, distributed\n"
    "async def serve():\n"
    "    async with distributed.Scheduler(port=0, host='127.0.0.1', dashboard=False) as s:\n"
    "        print(s.address, flush=True)\n"
    "        await s.finished()\n"
    "asyncio.run(serve())\n"
)
WORKER = (
    "import asyncio, sys, distributed\n"
    "{first}\n"
    "async def serve():\n"
    "    async with distributed.Worker(sys.argv[1], nthreads=1, dashboard=False) as w:\n"
    "        print(w.address, flush=True)\n"
    "        await w.finished()\n"
    "asyncio.run(serve())\n"
)


QUICK = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
# a part takes some time, so that one is under way when its worker is killed
SLOW = (
    "import time, apl_core.blockwise as b; read = b.read_block\n"
    "b.read_block = lambda *a, **k: (time.sleep(0.01), read(*a, **k))[1]"
)


def process(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process."""
    paths = [str(ROOT), str(ROOT / "bindings"), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        # Dask waits so long for an answer of one who is dead; 30 seconds unless told
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **QUICK},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def address_of(started: subprocess.Popen[str]) -> str:
    """The first line that a process says."""
    assert started.stdout is not None
    return started.stdout.readline().strip()


@contextmanager
def ended(*processes: subprocess.Popen[str]) -> Iterator[None]:
    """Kill them at the end."""
    try:
        yield
    finally:
        for one in processes:
            one.kill()
            one.wait()
            assert one.stdout is not None
            one.stdout.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler without workers."""
    scheduler = process(SCHEDULER)
    with ended(scheduler):
        yield address_of(scheduler)


@contextmanager
def served(address: str, *first: str) -> Iterator[list[subprocess.Popen[str]]]:
    """A worker for each code that is to come first in it."""
    workers = [process(WORKER.format(first=code), address) for code in first]
    with ended(*workers):
        for worker in workers:
            assert address_of(worker).startswith("tcp://")
        yield workers


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("scheduler") / "temps_de_parcours.parquet"
    pq.write_table(HERE.table(), found, row_group_size=200)
    return found


@pytest.fixture(scope="module")
def expected() -> F64:
    weighted = Catchment.build(HERE.table(), LAND, within=LAW.limit).weigh(LAW)
    return weighted.access(weighted.ratio(SUPPLY, DEMAND))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apl_core.stream_files.ROWS", 200)


def solved(path: Path, workers: Workers, progress: Any = None) -> F64:
    summed = Blockwise(path, LAND, LAW, workers, progress=progress).first(DEMAND)
    return summed.access(summed.ratio(SUPPLY, DEMAND))


@needs_dask
def test_two_processes_give_the_bits_of_one_also_when_one_is_killed(
    address: str, path: Path, expected: F64
) -> None:
    said: list[str] = []

    def kill(stage: str) -> None:
        if not said:  # in the middle of the first step, with parts done and parts under way
            os.kill(processes[0].pid, signal.SIGKILL)
        said.append(stage)

    with served(address, SLOW, SLOW) as processes, cluster(address, path) as workers:
        assert workers.count == 2
        assert solved(path, workers).tobytes() == expected.tobytes()
        assert solved(path, workers, kill).tobytes() == expected.tobytes()
        assert said[-1] == "step 2: 100 %"
        assert processes[0].wait(10) == -signal.SIGKILL


@needs_dask
def test_a_worker_of_other_versions_is_refused(address: str, path: Path) -> None:
    other = (
        "from importlib import metadata; known = metadata.version; "
        "metadata.version = lambda name: '0.1' if name == 'numba' else known(name)"
    )
    with (
        served(address, other),
        pytest.raises(FileError, match=r"APL-M03(.|\n)*numba 0\.1") as refused,
        cluster(address, path),
    ):
        pass
    assert refused.value.exit_code == 5


@needs_dask
def test_a_worker_without_this_package_is_refused(address: str, path: Path) -> None:
    without = "import sys; sys.modules['apl_core.workers'] = None"
    with (
        served(address, without),
        pytest.raises(FileError, match="APL-M03"),
        cluster(address, path),
    ):
        pass


@needs_dask
def test_nobody_there_is_said(address: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apl.scheduler.PATIENCE", 0.5)
    with pytest.raises(FileError, match="APL-M07") as refused, cluster("tcp://127.0.0.1:9", path):
        pass
    assert refused.value.exit_code == 5
    with pytest.raises(FileError, match="it has no worker"), cluster(address, path):
        pass


def test_without_dask_it_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(FileError, match=r"APL-M06(.|\n)*apl\[distributed\]"), cluster("tcp://x:1"):
        pass
