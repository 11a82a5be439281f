"""The two steps over blocks: the bits of pairs in memory, whoever adds them up, and who dies."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import replace
from fractions import Fraction
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from apl_core import AplError, Catchment, FileError, Gaussian, Steps, TableError, Territory
from apl_core import workers as gang
from apl_core.blockwise import Blockwise, Pairs
from apl_core.errors import RuleError
from apl_core.exact import F64
from apl_core.workers import Setting, Workers, hold, setting

LAW = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")
LEGAL = Steps((*LAW.bands[:2], replace(LAW.bands[2], includes_until=True)))


def written(table: pa.Table, folder: str | Path, rows: int = 3, *, csv: bool = False) -> Path:
    """The table in a file of several blocks."""
    path = Path(folder) / f"temps_de_parcours.{'csv' if csv else 'parquet'}"
    if csv:
        lines = ["origine,destination,minutes"]
        lines += [f"{r['origine']},{r['destination']},{r['minutes']!r}" for r in table.to_pylist()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        pq.write_table(table, path, row_group_size=rows)
    return path


def in_memory(
    table: pa.Table, land: Territory, supply: F64, demand: F64, self_pair: str
) -> tuple[F64, F64, Catchment]:
    pairs = Catchment.build(table, land, within=LEGAL.limit, self_pair=self_pair)
    weighted = pairs.weigh(LEGAL)
    ratio = weighted.ratio(supply, demand)
    return ratio, weighted.access(ratio), pairs


def by_blocks(
    path: Path,
    land: Territory,
    supply: F64,
    demand: F64,
    workers: Workers,
    *,
    self_pair: str = "error",
    size: int = 1,
) -> tuple[F64, F64, Pairs]:
    """Ratio, access and facts; blocks of ``size`` rows or bytes at least."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apl_core.stream_files.ROWS", size)
        patch.setattr("apl_core.stream_text.BYTES", size)
        steps = Blockwise(path, land, LEGAL, workers, self_pair=self_pair)
        summed = steps.first(demand)
    assert summed.arithmetic(supply, demand) == "exact"
    ratio = summed.ratio(supply, demand)
    return ratio, summed.access(ratio), summed.pairs


def same(ours: tuple[F64, F64, Pairs], theirs: tuple[F64, F64, Catchment]) -> None:
    """The same bits, and the same knowledge of the pairs."""
    assert [x.tobytes() for x in ours[:2]] == [x.tobytes() for x in theirs[:2]]
    known, pairs = ours[2], theirs[2]
    assert (known.read, known.size, known.self_added, known.longest) == (
        pairs.read,
        pairs.destination.size,
        pairs.self_added,
        pairs.longest,
    )
    assert known.paired.tolist() == pairs.paired.tolist()
    origin = np.repeat(np.arange(len(pairs.land)), np.diff(pairs.start))
    leaves = np.zeros(len(pairs.land), dtype=bool)
    leaves[origin[origin != pairs.destination]] = True
    assert known.lonely().tolist() == np.flatnonzero(~leaves).tolist()
    bounds = [band.until for band in LEGAL.bands]
    assert [known.count_at(bound) for bound in bounds] == [
        int((pairs.minutes == bound).sum()) for bound in bounds
    ]


@settings(max_examples=40, deadline=None)
@given(
    strategies.countries(),
    st.randoms(use_true_random=False),
    st.integers(1, 20),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(["0", "none", "error"]),
)
def test_any_cut_in_any_order_gives_the_bits_of_pairs_in_memory(
    country: strategies.Country,
    shuffle: Any,
    rows: int,
    count: int,
    csv: bool,
    self_pair: str,
) -> None:
    order = list(range(len(country.times)))
    shuffle.shuffle(order)
    table = country.table(order)
    if self_pair != "error":  # some lack theirs
        own = table.column("origine").to_pylist()[0]
        keep = [(i, j) != (own, own) for i, j in zip(
            table.column("origine").to_pylist(), table.column("destination").to_pylist(),
            strict=True)]  # fmt: skip
        table = table.filter(pa.array(keep))
    land = Territory.from_codes(country.codes)
    supply, demand = country.supply_vector(), country.demand_vector()
    with tempfile.TemporaryDirectory() as folder, Workers.threads(count) as workers:
        path = written(table, folder, rows, csv=csv)
        ours = by_blocks(path, land, supply, demand, workers, self_pair=self_pair)
    same(ours, in_memory(table, land, supply, demand, self_pair))


@settings(max_examples=30, deadline=None)
@given(strategies.countries())
def test_fractions_agree(country: strategies.Country) -> None:
    land = Territory.from_codes(country.codes)
    supply, demand = country.supply_vector(), country.demand_vector()
    with tempfile.TemporaryDirectory() as folder, Workers.threads(2) as workers:
        _, found, _ = by_blocks(written(country.table(), folder), land, supply, demand, workers)
    exact = naive.two_steps(country.times, country.supply, country.population)
    for code, value in zip(country.codes, found, strict=True):
        assert abs(Fraction(float(value)) - exact[code]) <= Fraction(1, 10**12) * exact[code]


# --- a country for the rest --------------------------------------------------------------------


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(strategies.strip(60).table(), tmp_path_factory.mktemp("strip"), 40)


HERE = strategies.strip(60)
LAND = Territory.from_codes(HERE.codes)
GIVEN = (LAND, HERE.supply_vector(), HERE.demand_vector())


@pytest.fixture(scope="module")
def expected() -> tuple[F64, F64, Catchment]:
    return in_memory(HERE.table(), *GIVEN, "error")


class Inline(Executor):
    """Does the work where it is submitted, through a pickle; ``spoil`` may do something else."""

    def __init__(self, spoil: Callable[[int], Any] | None = None) -> None:
        self.done = 0
        self.spoil = spoil
        self.stopped = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.done += 1
        try:
            spoiled = self.spoil(self.done) if self.spoil else None
            future.set_result(fn(*args, **kwargs) if spoiled is None else spoiled)
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.stopped = True


def test_an_executor_of_the_caller_s_is_used_and_left_open(
    there: Path, expected: tuple[F64, F64, Catchment]
) -> None:
    pool = Inline()
    with Workers(pool, count=2) as workers:
        same(by_blocks(there, *GIVEN, workers), expected)
    assert pool.done == 8
    assert not pool.stopped


def dies_at(*numbers: int) -> Callable[[int], None]:
    def spoil(number: int) -> None:
        if number in numbers:
            raise BrokenExecutor("a worker was killed")

    return spoil


def test_parts_of_dead_workers_are_done_again(
    there: Path, expected: tuple[F64, F64, Catchment]
) -> None:
    pools: list[Inline] = []

    def fresh() -> Inline:
        pools.append(Inline(dies_at(2, 5) if len(pools) < 2 else None))
        return pools[-1]

    with Workers(fresh, count=2) as workers:
        same(by_blocks(there, *GIVEN, workers), expected)
    assert len(pools) == 3
    assert all(pool.stopped for pool in pools)


def test_workers_that_always_die_are_given_up(there: Path) -> None:
    with (
        Workers(Inline(dies_at(*range(1000))), count=1) as workers,
        pytest.raises(FileError, match="APL-M01") as refused,
    ):
        by_blocks(there, *GIVEN, workers)
    assert refused.value.exit_code == 5


def test_an_executor_that_is_broken_when_it_is_asked_is_replaced(
    there: Path, expected: tuple[F64, F64, Catchment]
) -> None:
    class Broken(Inline):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.done >= 3:
                raise BrokenExecutor
            return super().submit(fn, *args, **kwargs)

    started: list[Inline] = []

    def fresh() -> Inline:
        started.append(Broken() if not started else Inline())
        return started[-1]

    with Workers(fresh, count=2) as workers:
        same(by_blocks(there, *GIVEN, workers), expected)


def test_a_part_in_place_of_another_is_a_defect(there: Path) -> None:
    class Twice(Inline):
        first: Any = None

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(fn, *args, **kwargs)
            self.first = self.first or future
            return future if self.done != 3 else self._copy()

        def _copy(self) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(self.first.result())
            return future

    with (
        Workers(Twice(), count=2) as workers,
        pytest.raises(AplError, match="APL-M02") as refused,
    ):
        by_blocks(there, *GIVEN, workers)
    assert refused.value.exit_code == 1


def test_sums_of_the_step_before_are_a_defect(there: Path) -> None:
    held: list[Any] = []

    def stale(value: Any) -> Any:
        held.append(value)
        return held[0]

    with (
        Workers(Inline(), count=1, share=stale) as workers,
        pytest.raises(AplError, match="APL-M02"),
    ):
        by_blocks(there, *GIVEN, workers)


def test_other_versions_and_files_are_refused_before_a_row_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x")
    good = setting(str(path))
    hold(good)
    with pytest.raises(FileError, match=r"APL-M03(.|\n)*numba .*\(here 0\.1\)") as refused:
        hold(Setting({**good.software, "numba": "0.1"}, good.files))
    assert refused.value.exit_code == 5
    path.write_text("longer")
    with pytest.raises(FileError, match="APL-M04"):
        hold(good)
    path.unlink()
    with pytest.raises(FileError, match=r"APL-M04(.|\n)*No such file") as refused:
        hold(good)
    assert refused.value.table == str(path)


def test_a_worker_refuses_for_all(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere() -> Mapping[str, str]:
        asked.append(None)
        return dict.fromkeys(gang.SOFTWARE, "1" if len(asked) == 1 else "2")

    asked: list[None] = []
    monkeypatch.setattr(gang, "software", elsewhere)
    with Workers(Inline(), count=1) as workers, pytest.raises(FileError, match="APL-M03"):
        by_blocks(there, *GIVEN, workers)


def test_processes(there: Path, expected: tuple[F64, F64, Catchment]) -> None:
    pool = partial(ProcessPoolExecutor, 1, mp_context=get_context("spawn"))
    with Workers(pool, count=1) as workers:
        same(by_blocks(there, *GIVEN, workers, size=200), expected)


def test_the_caller_may_stop(there: Path) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with Workers.threads(2) as workers:
        steps = Blockwise(there, LAND, LEGAL, workers, progress=stop)
        with pytest.raises(KeyboardInterrupt):
            steps.first(GIVEN[2])
    assert threading.active_count() < 4


def test_progress_is_told(there: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(1) as pool, Workers(pool, count=1) as workers:
        Blockwise(there, LAND, LEGAL, workers, progress=said.append).first(GIVEN[2])
    assert said[-1] == "step 1: 100 %"


# --- what is refused ---------------------------------------------------------------------------


def refused(error: type[AplError], table: pa.Table, folder: Path, rows: int = 3) -> AplError:
    with Workers.threads(2) as workers, pytest.raises(error) as found:
        by_blocks(written(table, folder, rows), *GIVEN, workers)
    return found.value


def test_faults_of_all_blocks_come_together_with_their_rows(tmp_path: Path) -> None:
    rows = HERE.table().to_pylist()
    rows[5]["destination"] = "95999"
    rows[700]["origine"] = "95998"
    rows[8] = rows[2]
    table = pa.Table.from_pylist(rows, HERE.table().schema)
    ours = refused(TableError, table, tmp_path, 40)
    with pytest.raises(TableError) as theirs:
        Catchment.build(table, LAND, within=20)
    assert str(ours) == str(theirs.value)


def test_a_decay_that_is_not_steps_is_refused(there: Path) -> None:
    fine = Steps.of([20], [Fraction(1, 1 << 21) + Fraction(1, 3)], closed="right")
    with Workers.threads(1) as workers:
        for decay in (Gaussian(10, limit=20), fine):
            with pytest.raises(RuleError, match="APL-M05"):
                Blockwise(there, LAND, decay, workers)
        with pytest.raises(ValueError, match="self_pair"):
            Blockwise(there, LAND, LEGAL, workers, self_pair="1")


def test_a_file_that_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "temps_de_parcours.csv"
    path.write_text("origine,destination,minutes\n", encoding="utf-16")
    with Workers.threads(1) as workers, pytest.raises(FileError, match="APL-A07"):
        Blockwise(path, LAND, LEGAL, workers).first(GIVEN[2])


def test_quantities_that_do_not_fit_are_refused(there: Path) -> None:
    wide = GIVEN[2].copy()
    wide[:2] = 1e-12, 1e12
    with Workers.threads(1) as workers, pytest.raises(TableError, match="APL-N01"):
        by_blocks(there, LAND, GIVEN[1], wide, workers)


def test_a_file_that_changes_between_the_steps_is_refused(tmp_path: Path) -> None:
    path = written(HERE.table(), tmp_path, 40)
    with Workers.threads(1) as workers:
        summed = Blockwise(path, LAND, LEGAL, workers).first(GIVEN[2])
        with pytest.raises(ValueError, match="another demand"):
            summed.ratio(GIVEN[1], GIVEN[1])
        pq.write_table(HERE.table().slice(1), path)
        with pytest.raises(FileError, match="APL-M04"):
            summed.access(np.zeros(len(LAND)))


def test_what_is_not_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apl_core.stream_faults.BITS", 1)
    monkeypatch.setattr("apl_core.stream_faults.MOST", 0)
    order = np.random.default_rng(1).permutation(len(HERE.times)).tolist()
    with Workers.threads(2) as workers:
        _, _, pairs = by_blocks(written(HERE.table(order), tmp_path, 40), *GIVEN, workers)
    assert b"pairs given twice were not looked for" in pairs.about.schema.metadata[b"apl.notes"]
