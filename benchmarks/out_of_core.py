"""Both steps over more pairs than one wants in memory: ours against DuckDB and Polars, and on Dask.

    python benchmarks/out_of_core.py [--pairs 1e8] [--rounds 3] [--keep FOLDER] [--short]
        [--json FILE]

The file is a square of communes, each with all that lie within 20 minutes (a twentieth of the pairs
left out), in the order of origins: text codes, minutes to the tenth, row groups of a million,
default settings. Each engine reads it twice, with two threads: D_j = Σ w·P, then A_i = Σ w·E/D.
Ours also passes every row through the gate (codes, minutes, pairs given twice, self pairs), and
gives the same bits in any order. Each job runs in a process of its own, engines in turn; imports
and first calls come before the clock starts (`whole s` has them). Results are compared first.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bindings")]  # for a script that is run as a file

GROUP = 1_000_000
TOLERANCE = 1e-9  # relative, of float sums in any order
LEFT_OUT = 0.05
Job = Callable[[Path], dict[str, Any]]


# --- the input ---------------------------------------------------------------------------------


def places(side: int) -> list[str]:
    """So many codes of communes, sorted."""
    fine = [f"{k:02d}" for k in (*range(1, 20), *range(21, 96))]
    return [f"{d}{k:03d}" for d in sorted([*fine, "2A", "2B"]) for k in range(1000)][: side * side]


def write_input(folder: Path, pairs: float) -> None:
    """``pairs.parquet``, a small one to warm up with, and ``places.parquet``: people and supply."""
    side = 300 if pairs >= 1e7 else 100
    n, rng = side * side, np.random.default_rng(20240320)
    codes = pa.array(places(side))
    people = np.round(rng.lognormal(6, 1, n), 1) + 1
    supply = np.where(rng.random(n) < 0.45, np.round(rng.lognormal(0, 1, n), 2) + 0.01, 0)
    pq.write_table(pa.table({"code": codes, "p": people, "e": supply}), folder / "places.parquet")
    for name, count in (("pairs", pairs), ("small", n)):
        with pq.ParquetWriter(folder / f"{name}.parquet", SCHEMA) as writer:
            for origin, destination, minutes in in_groups(rows(side, count, rng), GROUP):
                ends = [codes.take(pa.array(at)) for at in (origin, destination)]
                writer.write_table(pa.table([*ends, pa.array(minutes)], schema=SCHEMA), GROUP)


SCHEMA = pa.schema([("origine", pa.string()), ("destination", pa.string()), ("minutes", "f8")])


def rows(side: int, count: float, rng: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    """Origin, destination and minutes of about so many pairs, a line of the square at a time."""
    far = max(1.0, (count / (1 - LEFT_OUT) / side**2 / np.pi) ** 0.5)
    for _ in range(8):  # the edge of the square has fewer
        inside = np.clip(side - np.abs(np.mgrid[: int(far) + 1, : int(far) + 1]), 0, side)
        shape = np.hypot(*np.mgrid[: int(far) + 1, : int(far) + 1]) <= far
        four = np.full(shape.shape, 4.0)
        four[0], four[:, 0], four[0, 0] = 2, 2, 1
        have = float((shape * four * inside[0] * inside[1]).sum()) * (1 - LEFT_OUT)
        far *= (count / have) ** 0.5
    steps = np.arange(-int(far), int(far) + 1)
    down, right = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    away = np.hypot(down, right)
    near = away <= far
    down, right, away = down[near], right[near], away[near]
    for line in range(side):
        y, x = line + down[None, :], np.arange(side)[:, None] + right[None, :]
        there = (y >= 0) & (y < side) & (x >= 0) & (x < side)
        there &= (rng.random(there.shape) >= LEFT_OUT) | (away == 0)
        origin = np.broadcast_to(line * side + np.arange(side)[:, None], there.shape)[there]
        time_ = np.broadcast_to(away, there.shape)[there] * (20 / far)
        minutes = np.round(np.minimum(time_ * rng.uniform(0.8, 1.2, time_.size), 20), 1)
        yield origin.astype(np.int32), (y * side + x)[there].astype(np.int32), minutes


def in_groups(parts: Iterator[tuple[Any, ...]], size: int) -> Iterator[list[Any]]:
    """The same rows, so many at a time."""
    held: list[Any] = [np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)]
    for part in parts:
        held = [np.concatenate(pair) for pair in zip(held, part, strict=True)]
        while held[0].size >= size:
            yield [column[:size] for column in held]
            held = [column[size:] for column in held]
    if held[0].size:
        yield held


# --- engines: each a job in a process of its own ------------------------------------------------


def clocked(job: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    wall, used = time.perf_counter(), time.process_time()
    result = job()
    return result, {"job": time.perf_counter() - wall, "cpu": time.process_time() - used}


def solver(folder: Path) -> Callable[[Any, str], Any]:
    """Ours: both steps by some workers over one of the files."""
    from apl_core import Steps, Territory
    from apl_core.blockwise import Blockwise

    table = pq.ParquetFile(folder / "places.parquet").read()
    land = Territory.from_codes(table.column("code").combine_chunks())
    people, supply = (table.column(name).to_numpy() for name in ("p", "e"))
    law = Steps.of([10, 15, 20], ["1", "2/3", "1/3"], closed="left")

    def solve(workers: Any, name: str) -> Any:
        steps = Blockwise(folder / f"{name}.parquet", land, law, workers, self_pair="0")
        summed = steps.first(people)
        return summed.access(summed.ratio(supply, people))

    return solve


def ours(folder: Path) -> dict[str, Any]:
    from apl_core.workers import Workers

    solve = solver(folder)
    with Workers.threads(2) as workers:
        solve(workers, "small")
        found, seconds = clocked(lambda: solve(workers, "pairs"))
    np.save(folder / "ours.npy", found)
    return seconds


def dask(folder: Path) -> dict[str, Any]:
    """Two processes against two threads, in turn, after a first job on both."""
    from distributed import LocalCluster

    from apl.scheduler import cluster
    from apl_core.workers import Workers

    solve = solver(folder)
    start: Any = LocalCluster
    begin = time.perf_counter()
    with (
        start(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        cluster(local.scheduler_address, folder / "pairs.parquet") as processes,
        Workers.threads(2) as threads,
    ):
        up = time.perf_counter() - begin
        begin = time.perf_counter()
        first = [solve(workers, "small") for workers in (processes, threads)]
        warm = time.perf_counter() - begin
        took: dict[str, list[float]] = {"processes": [], "threads": []}
        for _ in range(3):
            for name, workers in (("processes", processes), ("threads", threads)):
                found, seconds = clocked(lambda w=workers: solve(w, "pairs"))  # type: ignore[misc]
                took[name].append(seconds["job"])
                first.append(found)
    if any(one.tobytes() != first[2].tobytes() for one in first[3:]):
        sys.exit("Dask and threads differ")
    return {"start": up, "warm": warm, "took": took}


WEIGHT = (
    "CASE WHEN minutes < 10 THEN 1.0::DOUBLE WHEN minutes < 15 THEN 2.0 / 3::DOUBLE "
    "WHEN minutes < 20 THEN 1.0 / 3::DOUBLE ELSE 0.0::DOUBLE END"
)


def duckdb(folder: Path) -> dict[str, Any]:
    """Text joined as it is; an ENUM of the codes, tried, takes four times as long."""
    import duckdb as engine

    pairs, given = folder / "pairs.parquet", folder / "places.parquet"
    base = engine.connect()
    for option in ("threads = 2", "preserve_insertion_order = false"):
        base.execute(f"SET {option}")
    base.execute("SET enable_progress_bar = false")
    read = f"(SELECT origine, destination, {WEIGHT} AS w FROM read_parquet('{pairs}'))"

    def job() -> Any:
        base.execute(f"CREATE TABLE places AS SELECT * FROM read_parquet('{given}')")
        base.execute(
            f"CREATE TABLE ratio AS SELECT destination, any_value(s.e) / sum(w * p.p) AS r "
            f"FROM {read} t JOIN places p ON p.code = t.origine "
            "JOIN (SELECT code, e FROM places WHERE e > 0) s ON s.code = t.destination "
            "GROUP BY destination"
        )
        return base.execute(
            f"SELECT code, coalesce(a, 0) AS a FROM places LEFT JOIN (SELECT origine, sum(w * r) "
            f"AS a FROM {read} t JOIN ratio USING (destination) GROUP BY origine) "
            "ON origine = code ORDER BY code"
        ).fetchnumpy()["a"]

    found, seconds = clocked(job)
    np.save(folder / "duckdb.npy", np.asarray(found))
    return seconds


def polars(folder: Path) -> dict[str, Any]:
    """The streaming engine, pairs without supply left out before they are grouped."""
    os.environ["POLARS_MAX_THREADS"] = "2"
    import polars as pl

    minutes = pl.col("minutes")
    weight = (
        pl.when(minutes < 10)
        .then(1.0)
        .when(minutes < 15)
        .then(2 / 3)
        .when(minutes < 20)
        .then(1 / 3)
        .otherwise(0.0)
    )

    def job() -> Any:
        given = pl.read_parquet(folder / "places.parquet")
        pairs = pl.scan_parquet(folder / "pairs.parquet").with_columns(w=weight)
        supply = given.lazy().filter(pl.col("e") > 0)
        ratio = (
            pairs.join(supply.select("code", "e"), left_on="destination", right_on="code")
            .join(given.lazy().select("code", "p"), left_on="origine", right_on="code")
            .group_by("destination")
            .agg(r=pl.col("e").first() / (pl.col("w") * pl.col("p")).sum())
            .collect(engine="streaming")
        )
        found = (
            pairs.join(ratio.lazy(), on="destination")
            .group_by("origine")
            .agg(a=(pl.col("w") * pl.col("r")).sum())
            .collect(engine="streaming")
        )
        whole = given.join(found, left_on="code", right_on="origine", how="left").sort("code")
        return whole["a"].fill_null(0).to_numpy()

    found, seconds = clocked(job)
    np.save(folder / "polars.npy", found)
    return seconds


ENGINES: dict[str, Job] = {"ours": ours, "duckdb": duckdb, "polars": polars, "dask": dask}


# --- the table ---------------------------------------------------------------------------------


def alone(engine: str, folder: Path) -> dict[str, Any]:
    """One job in a process of its own."""
    paths = [str(ROOT), str(ROOT / "bindings"), os.environ.get("PYTHONPATH", "")]
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--one", engine, str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return {**json.loads(done.stdout.splitlines()[-1]), "whole": time.perf_counter() - begin}


def compared(folder: Path) -> None:
    found = np.load(folder / "ours.npy")
    for peer in PEERS:
        if not np.allclose(found, np.load(folder / f"{peer}.npy"), rtol=TOLERANCE, atol=1e-18):
            sys.exit(f"ours and {peer} differ")


def report(
    *, short: bool = False, pairs: float = 1e8, rounds: int = 3, keep: Path | None = None
) -> Any:
    """Rows by engine, and two processes of Dask against two threads where it is installed."""
    from benchmarks import tables

    if short:
        pairs, rounds = 2e5, 1
    with tempfile.TemporaryDirectory() as made:
        folder = keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "pairs.parquet").exists():
            write_input(folder, pairs)
        count = pq.ParquetFile(folder / "pairs.parquet").metadata.num_rows
        size = (folder / "pairs.parquet").stat().st_size / 1e6
        names = ("ours", *PEERS)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for number in range(rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                found[name].append(alone(name, folder))
        compared(folder)
        two = alone("dask", folder) if importlib.util.find_spec("distributed") else None
    job = f"both steps over {count:,} pairs, {size:,.0f} MB of Parquet"
    made_rows = []
    for key, what, unit in MEASURES:
        by = {name: [run[key] for run in runs] for name, runs in found.items()}
        made_rows += [
            tables.measured(f"{job}{what}", name, by[name], unit=unit, ours=by["ours"])
            for name in names
        ]
    least = {name: min(run["job"] for run in runs) for name, runs in found.items()}
    memory = max(run["peak"] for run in found["ours"])
    apart = None
    if two is not None:
        took = two["took"]
        made_rows += [
            tables.measured(f"{job}, Dask", f"ours, two {name}", took[name], unit="s",
                            ours=took["threads"])
            for name in ("threads", "processes")
        ]  # fmt: skip
        apart = min(took["processes"]) / min(took["threads"])
    goals = (
        tables.at_least(
            "out of core, against duckdb (least)", 1.5, least["duckdb"] / least["ours"]
        ),
        tables.at_most("out of core, memory", 1024, memory, "MiB"),
        tables.at_most("Dask, two workers, against two threads (least)", 1.2, apart),
    )
    return tables.Report("Out of core", tuple(made_rows), goals, NOTES)


PEERS = ("duckdb", "polars")
MEASURES = (("job", "", "s"), ("cpu", ": processor", "s"), ("whole", ": the process", "s"),
            ("peak", ": memory", "MiB"))  # fmt: skip
NOTES = (
    "The file is in the page cache; two threads each. Imports and first calls come before the clock"
    " of the job starts; “the process” has them.",
    "Peers check nothing. Ours, in the same time, checks every row: codes, minutes, pairs given"
    " twice, self pairs.",
    f"Results equal within {TOLERANCE:.0e} relative; those of Dask and threads to the bit. Its"
    " cluster is up, and has done a first small job, before its clock starts.",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    from benchmarks import tables

    parser = tables.parser("Both steps over more pairs than one wants in memory.")
    parser.add_argument("--pairs", type=float, default=1e8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder where the file stays, or is already")
    asked = parser.parse_args(arguments)
    sizes = {"pairs": asked.pairs, "rounds": asked.rounds, "keep": asked.keep}
    tables.hand_over(report(short=asked.short, **sizes), asked)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        given = ENGINES[sys.argv[2]](Path(sys.argv[3]))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**given, "peak": most}))
    else:
        main()
