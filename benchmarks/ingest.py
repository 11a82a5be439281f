"""An unfiltered national matrix, from its file to the weighted sums within 20 minutes, in a cold
process: ours against duckdb and polars, Parquet and CSV.

    python benchmarks/ingest.py [--rows 34000000] [--rounds 3] [--keep FOLDER] [--short]
        [--json FILE]

The file: the pairs of the embedded country within 20 minutes, and as many farther ones as asked (to
190 minutes, in tenths), in order, codes as text, Parquet's default settings. The job: Σ weight ·
population by destination over the pairs within reach. Peers check nothing; ours, in the same time,
checks the form of every code and time, unknown codes, pairs given twice and self pairs, near or
far, and has the pairs indexed in the end. Each run is a process of its own from start to end;
results are compared before any figure is printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bindings")]  # for a script that is run as a file

TOLERANCE = 1e-9  # relative, of the peers' float sums
OURS, FLOOR = "ours", "imports and one kernel alone"
FAR, TENTHS = 20, (201, 1901)  # minutes of reach; beyond it, in tenths
KINDS = ("parquet", "csv")


# --- the engines, each alone in its process ----------------------------------------------------


def ours(path: str, communes: str) -> tuple[Any, Any]:
    """Codes and sums, by `apl_core.stream`."""
    from fractions import Fraction

    import numpy as np
    import pyarrow.parquet as pq

    from apl_core import Band, Steps, Territory
    from apl_core.stream import read_pairs
    from apl_core.territory import column_values

    with pq.ParquetFile(communes) as file:
        places = file.read()
    land = Territory.from_table(places)
    people = column_values(places.column("population"), np.float64)  # in the order of codes
    bands = (Band(10, False, Fraction(1)), Band(15, False, Fraction(2, 3)),
             Band(FAR, True, Fraction(1, 3)))  # fmt: skip
    pairs = read_pairs(path, land, within=FAR)
    return land.codes.to_pylist(), pairs.weigh(Steps(bands)).demand(people)


def floor(path: str, communes: str) -> None:
    """What ours imports, and one kernel from the cache: no cold run of ours can be shorter."""
    import pyarrow.parquet as pq

    from apl_core import Territory, stream

    assert stream
    with pq.ParquetFile(communes) as file:
        assert Territory.from_table(file.read()).hashed


def duckdb(path: str, communes: str) -> tuple[Any, Any]:
    """In SQL: the reader filters before it decodes codes; one join of text."""
    import duckdb as engine

    reader = f"read_parquet('{path}')"
    if path.endswith(".csv"):  # types told: guessing them takes longer
        kinds = "{'origine': 'VARCHAR', 'destination': 'VARCHAR', 'minutes': 'DOUBLE'}"
        reader = f"read_csv('{path}', columns={kinds}, header=true, delim=',', quote='')"
    connection = engine.connect(config={"threads": 2})
    found = connection.execute(
        f"""SELECT destination, sum(CASE WHEN minutes < 10 THEN 3 WHEN minutes < 15 THEN 2
                ELSE 1 END * population) / 3.0 AS reached
            FROM {reader} JOIN read_parquet('{communes}') ON code_commune = origine
            WHERE minutes <= {FAR} GROUP BY destination ORDER BY destination"""
    ).fetchnumpy()
    return list(found["destination"]), found["reached"]


def polars(path: str, communes: str) -> tuple[Any, Any]:
    """Lazily, by the streaming engine."""
    os.environ["POLARS_MAX_THREADS"] = "2"
    import polars as pl

    kinds = {"origine": pl.String, "destination": pl.String, "minutes": pl.Float64}
    text = path.endswith(".csv")
    rows = pl.scan_csv(path, schema=kinds) if text else pl.scan_parquet(path)
    minutes = pl.col("minutes")
    level = pl.when(minutes < 10).then(3).when(minutes < 15).then(2).otherwise(1)
    places = pl.scan_parquet(communes)
    found = (
        rows.filter(minutes <= FAR)
        .join(places, left_on="origine", right_on="code_commune")
        .select("destination", reached=level * pl.col("population"))
        .group_by("destination")
        .agg(pl.col("reached").sum() / 3)
        .sort("destination")
        .collect(engine="streaming")
    )
    return found["destination"].to_list(), found["reached"].to_numpy()


ENGINES: dict[str, Any] = {OURS: ours, "duckdb": duckdb, "polars": polars, FLOOR: floor}


def alone(engine: str, path: str, communes: str, out: str) -> None:
    """One engine's run: its sums and the most memory that it held are left in a file."""
    from benchmarks.peers.memory import peak_megabytes

    codes, sums = ENGINES[engine](path, communes) or ((), ())
    found = {"megabytes": peak_megabytes(), "sums": dict(zip(codes, map(float, sums), strict=True))}
    Path(out).write_text(json.dumps(found), encoding="utf-8")


# --- the file ----------------------------------------------------------------------------------


def write_matrix(folder: Path, rows: int) -> None:
    """``communes.parquet``, ``matrix.parquet`` and ``matrix.csv``, by parts that fit in memory."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    communes, parts = matrix(rows)
    pq.write_table(communes, folder / "communes.parquet")
    kinds = pa.schema({"origine": pa.string(), "destination": pa.string(), "minutes": pa.float64()})
    plain = pa_csv.WriteOptions(include_header=False, quoting_style="none")
    with (
        pq.ParquetWriter(folder / "matrix.parquet", kinds) as parquet,
        open(folder / "matrix.csv", "wb") as text,
    ):
        text.write(b"origine,destination,minutes\n")
        waiting: list[pa.Table] = []
        for part in parts:
            pa_csv.write_csv(part, text, plain)
            waiting.append(part)
            if sum(map(len, waiting)) >= 1 << 20:
                parquet.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting.clear()
        if waiting:
            parquet.write_table(pa.concat_tables(waiting).combine_chunks())


def matrix(rows: int) -> tuple[Any, Iterator[Any]]:
    """The communes with their population, and the pairs in order, a thousand origins a part."""
    from datetime import date

    import numpy as np
    import pyarrow as pa

    import apl
    from apl.inputs import embedded

    given = embedded(apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    land = apl.Territory.from_table(given["communes"])
    communes = land.ordered(given["communes"]).select(["code_commune", "population"])
    near = apl.Catchment.build(given["temps_de_parcours"], land, within=FAR)
    n, rng = len(land), np.random.default_rng(20240320)
    more = max(rows - near.destination.size, 0) // n

    def parts() -> Iterator[Any]:
        for first in range(0, n, 1000):
            origins = np.arange(first, min(first + 1000, n))
            begin, end = near.start[first], near.start[origins[-1] + 1]
            ours = np.repeat(origins, np.diff(near.start[first : origins[-1] + 2])) * n
            ours = ours + near.destination[begin:end]
            far = np.unique(origins[:, None] * n + rng.integers(0, n, (origins.size, more)))
            far = far[~np.isin(far, ours)]
            keys = np.concatenate([ours, far])
            minutes = np.concatenate(
                [near.minutes[begin:end], rng.integers(*TENTHS, far.size) / 10]
            )
            order = np.argsort(keys)
            ends = (land.codes.take(pa.array(k[order])) for k in (keys // n, keys % n))
            yield pa.table([*ends, minutes[order]], ["origine", "destination", "minutes"])

    codes = communes.column("code_commune").cast(pa.string())
    return communes.set_column(0, "code_commune", codes).combine_chunks(), parts()


# --- measures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """A process from its start to its end: seconds by the clock and of the processor, memory."""

    wall: float
    processor: float
    megabytes: float


def cold(engine: str, path: Path, communes: Path, out: Path) -> Measure:
    """One run of an engine in a process of its own."""
    command = [sys.executable, __file__, "--engine", engine, str(path), str(communes), str(out)]
    begin = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = status
    if status:
        raise SystemExit(f"{engine} failed")
    megabytes = json.loads(out.read_text(encoding="utf-8"))["megabytes"]
    return Measure(wall, used.ru_utime + used.ru_stime, megabytes)


def unequal(out: Path, other: Path) -> str | None:
    """Where two engines differ; None: nowhere. A place that nobody reaches may lack, or have 0."""
    a, b = (json.loads(path.read_text(encoding="utf-8"))["sums"] for path in (out, other))
    for code in a.keys() | b.keys():
        x, y = a.get(code, 0.0), b.get(code, 0.0)
        if abs(x - y) > TOLERANCE * max(abs(x), abs(y)):
            return f"{code}: {x} and {y}"
    return None


def report(
    *, short: bool = False, rows: int = 34_000_000, rounds: int = 3, keep: Path | None = None
) -> Any:
    """Rows by kind of file and engine."""
    from benchmarks import tables

    if short:
        rows, rounds = 0, 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        if not (folder / "matrix.parquet").exists():
            write_matrix(folder, rows)
        found = {kind: measures(folder, kind, rounds) for kind in KINDS}
        many = rows_of(folder / "matrix.parquet")
    made, goals = [], []
    for kind, by_engine in found.items():
        job = f"{many / 1e6:.1f} M rows, {kind}"
        for unit, field in (("s", "wall"), ("s", "processor"), ("MB", "megabytes")):
            got = {e: [getattr(m, field) for m in ms] for e, ms in by_engine.items()}
            what = job if field == "wall" else f"{job}: {field}"
            made += [tables.measured(what, e, v, unit=unit, ours=got[OURS]) for e, v in got.items()]
        least = {engine: min(m.wall for m in ms) for engine, ms in by_engine.items()}
        ratio = least["duckdb"] / least[OURS]
        goals.append(tables.at_least(f"{job}, cold, against duckdb (least)", 1, ratio))
        most = max(m.megabytes for m in by_engine[OURS])
        goals.append(tables.at_most(f"{job}: memory of ours", 500, most, "MB"))
    notes = (
        "Cold processes from start to end, files in the page cache, two threads each.",
        "Peers check nothing; ours checks every row, and indexes the pairs that it keeps.",
        f"“{FLOOR}” is Numba's: what a cold process of ours takes before its first row.",
        f"Results equal within {TOLERANCE:.0e} relative.",
    )
    return tables.Report("Unfiltered matrix, read cold", tuple(made), tuple(goals), notes)


def measures(folder: Path, kind: str, rounds: int) -> dict[str, list[Measure]]:
    """Every engine in turn, round by round; results compared first."""
    path, communes = folder / f"matrix.{kind}", folder / "communes.parquet"
    outs = {engine: folder / f"{number}.json" for number, engine in enumerate(ENGINES)}
    for engine, out in outs.items():  # unmeasured: the cache of kernels, and of pages
        cold(engine, path, communes, out)
        if engine not in (OURS, FLOOR) and (where := unequal(outs[OURS], out)):
            raise SystemExit(f"{engine} differs from ours at {where}")
    found: dict[str, list[Measure]] = {engine: [] for engine in ENGINES}
    for _ in range(rounds):
        for engine, out in outs.items():
            found[engine].append(cold(engine, path, communes, out))
    return found


def rows_of(path: Path) -> int:
    """The rows of a Parquet file."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    from benchmarks import tables

    parser = tables.parser("An unfiltered matrix, from its file to weighted sums, cold.")
    parser.add_argument("--rows", type=int, default=34_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder where the files stay, or are already")
    asked = parser.parse_args(arguments)
    if asked.rows < 1 or asked.rounds < 1:
        parser.error("at least 1 row and 1 round")
    sizes = {"rows": asked.rows, "rounds": asked.rounds, "keep": asked.keep}
    tables.hand_over(report(short=asked.short, **sizes), asked)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        alone(*sys.argv[2:6])
    else:
        main()
