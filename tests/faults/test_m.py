"""Family M: distributed runs. One test a fault, named after it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from faults.faulty import COMMUNES, LAW, TIMES, Scene, digest

import apl
from apl_core import Exponential, RuleError, Territory
from apl_core.blockwise import Blockwise
from apl_core.workers import Workers

BLOCKS = ("--scheduler", "tcp://somewhere:8786")
Work = Callable[..., Any]


@dataclass
class Worker(Executor):
    """Does the work where it is submitted; ``does`` may do it otherwise."""

    does: Callable[[int, Work, tuple[Any, ...]], Any]
    done: list[Any] = field(default_factory=list)

    def submit(self, fn: Work, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            self.done.append(None)
            self.done[-1] = self.does(len(self.done), fn, args)
            future.set_result(self.done[-1])
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A cluster of these executors, one after another, behind any address; blocks are small."""
    monkeypatch.setattr("apl_core.stream_text.BYTES", 1)

    def serve(*executors: Executor) -> None:
        @contextmanager
        def cluster(*_: Any) -> Iterator[Workers]:
            left = iter(executors)
            only = executors[0] if len(executors) == 1 else lambda: next(left)
            with Workers(only, count=2) as workers:
                yield workers

        monkeypatch.setattr("apl.scheduler.cluster", cluster)

    return serve


def dying(*numbers: int) -> Worker:
    def does(number: int, work: Work, given: tuple[Any, ...]) -> Any:
        if number in numbers:
            raise BrokenExecutor("killed")
        return work(*given)

    return Worker(does)


def test_apl_m01_worker_that_dies(scene: Scene, served: Callable[..., None]) -> None:
    """Its part is done again by others, to the same bytes; four times over, it is the part."""
    served(dying())
    assert scene.run(*BLOCKS).code == 0
    whole = digest(scene.out)
    pool = [dying(2), dying(1, 4), dying()]
    served(*pool)
    left = scene.run(*BLOCKS, "--overwrite")
    assert left.code == 0, left.errors
    assert digest(scene.out) == whole
    assert all(worker.done for worker in pool)
    served(dying(*range(1000)))
    told = scene.refused("APL-M01", *BLOCKS, "--overwrite", code=5)
    assert "4 times over" in told["why"]


def test_apl_m02_block_that_comes_twice(scene: Scene, served: Callable[..., None]) -> None:
    worker = dying()
    worker.does = lambda number, work, given: worker.done[0] if number == 3 else work(*given)
    served(worker)
    told = scene.refused("APL-M02", *BLOCKS, code=1)
    assert told["why"].startswith("part 3 was asked for, part 1 came")


def told_otherwise(**setting: Any) -> Worker:
    """A worker for whom the setting is another one than here."""

    def does(_: int, work: Work, given: tuple[Any, ...]) -> Any:
        step, order, *rest = given
        return work(step, replace(order, setting=replace(order.setting, **setting)), *rest)

    return Worker(does)


def test_apl_m03_workers_of_other_versions(scene: Scene, served: Callable[..., None]) -> None:
    served(told_otherwise(software={"numba": "0.1"}))
    told = scene.refused("APL-M03", *BLOCKS, code=5)
    assert "(here 0.1)" in told["why"]


def test_apl_m04_file_that_a_worker_does_not_see(scene: Scene, served: Callable[..., None]) -> None:
    away = str(scene.place / "away" / "temps_de_parcours.csv")
    served(told_otherwise(files={away: 1}))
    told = scene.refused("APL-M04", *BLOCKS, code=5, table=away)
    assert "No such file" in told["why"]
    served(told_otherwise(files={str(scene.table(TIMES)): 1}))
    assert "bytes there, 1 here" in scene.refused("APL-M04", *BLOCKS, code=5)["why"]


def test_apl_m05_decay_that_is_not_added_up_in_blocks(scene: Scene) -> None:
    land = Territory.from_table(apl.read_table(scene.table(COMMUNES), COMMUNES))
    with Workers.threads(1) as workers:
        with pytest.raises(RuleError) as caught:
            Blockwise(scene.table(TIMES), land, Exponential(0.1, limit=20.0), workers)
        assert (caught.value.fault, caught.value.exit_code) == ("APL-M05", 4)
        law = apl.rules(LAW[1], on=date(2025, 6, 6))
        steps = Blockwise(scene.table(TIMES), land, law.decay, workers)
        near, far = law.decay(np.array([12.5, 14.0])).tolist()
        found = steps.first(np.ones(len(land))).demand.tolist()
        assert found == pytest.approx([1 + near + far, 1 + near, 1.0], rel=1e-12)


def test_apl_m06_no_scheduler_at_hand(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = scene.refused("APL-M06", *BLOCKS, code=5)
    assert "apl[distributed]" in told["mend"]


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason='distributed is not installed: pip install -e ".[distributed]"',
)
def test_apl_m07_scheduler_that_does_not_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apl.scheduler.PATIENCE", 0.5)
    told = scene.refused("APL-M07", "--scheduler", "tcp://127.0.0.1:9", code=5)
    assert told["why"].startswith("tcp://127.0.0.1:9: ")
    assert "dask scheduler" in told["mend"]
