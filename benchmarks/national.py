"""The whole country, from the same Parquet files to the same Parquet results: ours and four peers.

    python benchmarks/national.py [--rounds 7] [--cold 5] [--keep FOLDER] [--short] [--json FILE]

Warm: all engines in one process, imports and one run before, then round after round in turn, each
round beginning with another engine. Ours validates every table, hashes inputs and outputs, syncs
them to disk and writes its manifest inside the time that is measured; the peers do none of it, and
may leave rows in any order. Exit 1 if a result differs from ours.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for a script that is run as a file
from benchmarks import tables

KEYS = {
    "apl_communes": ["code_commune"],
    "bvcv": ["code_bvcv"],
    "parts_regionales": ["code_region", "zone"],
}
TOLERANCE = 1e-9  # relative, on floating-point columns; all others are equal or wrong
# of the table bvcv: distances to the next cut, persons up to a unit
OURS_ALONE = ("ecart_coupure_habitants", "ecart_coupure_apl", "population_cumulee")
COLD_ROUNDS = 5
COMMAND = "`apl run`"
GOAL, COLD_GOAL = 5, 3  # × the best of duckdb and polars, warm; of duckdb's time, cold

Times = dict[str, list[float]]


def write_inputs(folder: Path) -> dict[str, int]:
    """The embedded country as plain Parquet files; how many rows each has."""
    import apl
    from apl.inputs import embedded
    from benchmarks.peers import ON

    country = embedded(apl.rules("masseur_kinesitherapeute", on=date(*ON)))
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in country.items():
        fields = [
            pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in table.schema
        ]
        plain = table.cast(pa.schema(fields, metadata=table.schema.metadata))
        pq.write_table(plain, folder / f"{name}.parquet")
    return {name: table.num_rows for name, table in country.items()}


class Stages:
    """A progress callback that notes how long each stage of our run lasts."""

    def __init__(self) -> None:
        self.seconds: Times = {}
        self._last: tuple[str, float] | None = None

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        if self._last:
            name, since = self._last
            self.seconds.setdefault(name, []).append(now - since)
        self._last = (stage, now) if stage else None


def warm(source: Path, out: Path, rounds: int) -> tuple[Times, Times]:
    """Seconds of each engine and of each of our stages, by round."""
    from benchmarks.peers import ENGINES, OURS, apl_job, job

    stages = Stages()

    def ours(source: Path, out: Path) -> None:
        apl_job.run(source, out, stages)
        stages("")

    jobs = {engine: ours if engine == OURS else job(engine) for engine in ENGINES}
    for engine, work in jobs.items():
        work(source, out / engine)
    stages.seconds.clear()
    seconds: Times = {engine: [] for engine in ENGINES}
    for number in range(rounds):
        turn = number % len(ENGINES)
        for engine in ENGINES[turn:] + ENGINES[:turn]:
            gc.collect()
            begin = time.perf_counter()
            jobs[engine](source, out / engine)
            seconds[engine].append(time.perf_counter() - begin)
    return seconds, stages.seconds


def alone(source: Path, out: Path, rounds: int) -> tuple[Times, Times]:
    """Seconds and peak megabytes of each engine in a process of its own, by round; and seconds of
    the command line, which says more than it measures."""
    from benchmarks.peers import ENGINES

    paths = os.pathsep.join([str(Path(path).resolve()) for path in sys.path])
    job = [sys.executable, "-m", "benchmarks.peers"]
    commands = {engine: [*job, engine, str(source), str(out / engine)] for engine in ENGINES}
    commands[COMMAND] = [
        *(sys.executable, "-m", "apl", "run", str(source), "--out", str(out / "run")),
        *("--profession", "masseur_kinesitherapeute", "--on", "2025-06-06", "--overwrite"),
    ]
    seconds: Times = {name: [] for name in commands}
    peaks: Times = {engine: [] for engine in ENGINES}
    environment = os.environ | {"PYTHONPATH": paths}
    for _ in range(rounds):
        for name, command in commands.items():
            begin = time.perf_counter()
            done = subprocess.run(
                command, cwd=source, env=environment, capture_output=True, text=True, check=True
            )
            seconds[name].append(time.perf_counter() - begin)
            if name in peaks:
                peaks[name].append(float(done.stdout))
    return seconds, peaks


def differences(ours: Path, theirs: Path) -> tuple[float, list[str]]:
    """The largest relative difference of their floating-point columns, and what is wrong."""
    largest, wrong = 0.0, []
    for name, key in KEYS.items():
        mine, other = (
            pq.ParquetFile(folder / f"{name}.parquet")
            .read()
            .sort_by([(column, "ascending") for column in key])
            for folder in (ours, theirs)
        )
        if mine.num_rows != other.num_rows:
            wrong.append(f"{name}: {mine.num_rows} rows, {other.num_rows} of theirs")
            continue
        for column in mine.column_names:
            if column in OURS_ALONE:
                continue
            a = mine.column(column).combine_chunks()
            b = other.column(column).cast(a.type).combine_chunks()
            if column in ("rang", "part_cumulee"):
                a, b = (values.filter(_told_apart(mine)) for values in (a, b))
            if pa.types.is_floating(a.type) and a.is_null().equals(b.is_null()):
                off = _relative(a, b)
                largest = max(largest, off)
                same = off <= TOLERANCE
            else:
                same = a.equals(b)
            if not same:
                wrong.append(f"{name}.{column}")
    return largest, wrong


def _told_apart(bvcv: pa.Table) -> pa.Array:
    """BVCV whose APL is not that of another one to `TOLERANCE`: the last bits of a float sum, which
    the peers' depend on, rank the others."""
    apl = bvcv.column("apl").to_numpy()
    order = np.argsort(apl)
    close = np.diff(apl[order]) <= TOLERANCE * apl[order][1:]
    tied = np.zeros(apl.size, dtype=bool)
    tied[order[1:][close]] = tied[order[:-1][close]] = True
    return pa.array(~tied)


def _relative(a: pa.Array, b: pa.Array) -> float:
    x, y = (values.fill_null(0.0).to_numpy(zero_copy_only=False) for values in (a, b))
    scale = np.maximum(np.abs(x), np.abs(y))
    return float(np.max(np.abs(x - y) / np.where(scale > 0, scale, 1.0), initial=0.0))


def compared(out: Path) -> dict[str, float]:
    """The largest relative difference of each peer; exit 1 where one has other results."""
    from benchmarks.peers import ENGINES, OURS

    found = {}
    for engine in ENGINES:
        if engine == OURS:
            continue
        found[engine], wrong = differences(out / OURS, out / engine)
        if wrong:
            sys.exit(f"{engine} differs from ours: {', '.join(wrong)}")
    return found


def rows_of(what: str, measures: Times, unit: str = "ms") -> list[tables.Row]:
    """One row an engine."""
    from benchmarks.peers import OURS

    ours = measures[OURS]
    return [tables.measured(what, e, v, unit=unit, ours=ours) for e, v in measures.items()]


def best(rows: Sequence[tables.Row]) -> float:
    """How many times ours the faster of duckdb and polars takes."""
    return min(row.ratio or 0.0 for row in rows if row.engine in ("duckdb", "polars"))


def measure(folder: Path, rounds: int, cold: int) -> tables.Report:
    """Everything: ``rounds`` warm, ``cold`` processes an engine."""
    source, out = folder / "inputs", folder / "results"
    sizes = write_inputs(source)
    seconds, stages = warm(source, out, rounds)
    furthest = compared(out)
    whole, peaks = alone(source, out, max(cold, 1))
    warm_rows = rows_of("the country, warm", seconds)
    rows = [*warm_rows, *(tables.measured("ours, by stage", n, v) for n, v in stages.items())]
    goals = [tables.at_least("warm, against the best of duckdb and polars", GOAL, best(warm_rows))]
    slower = None
    if cold:
        cold_rows = rows_of("the country, a process a run", whole)
        rows += cold_rows
        ratio = {row.engine: row.ratio or 0.0 for row in cold_rows}
        slower = ratio[COMMAND] / ratio["duckdb"]
    goals.append(tables.at_most("`apl run`, cold, of duckdb's time", COLD_GOAL, slower))
    rows += rows_of("most memory, alone", peaks, "MB")
    notes = (
        "; ".join(f"{name} {count:,}" for name, count in sizes.items()),
        "Ours checks every table, hashes inputs and outputs, syncs them and writes its manifest;"
        " the peers do none of it.",
        f"Results equal: zones and persons exactly, numbers within {max(furthest.values()):.0e}.",
    )
    return tables.Report("The country, files to results", tuple(rows), tuple(goals), notes)


def report(
    *, short: bool = False, rounds: int = 7, cold: int = COLD_ROUNDS, keep: Path | None = None
) -> tables.Report:
    """What `measure` finds, in ``keep`` or a folder that is removed."""
    rounds, cold = (1, 0) if short else (rounds, cold)
    if keep is not None:
        return measure(keep, rounds, cold)
    with tempfile.TemporaryDirectory(prefix="apl-national-") as folder:
        return measure(Path(folder), rounds, cold)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = tables.parser("The national job: ours and four peers.")
    parser.add_argument("--rounds", type=int, default=7, help="warm rounds (default 7)")
    parser.add_argument(
        "--cold", type=int, default=COLD_ROUNDS, help="processes an engine, 0: none"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave files there")
    asked = parser.parse_args(arguments)
    if asked.rounds < 1:
        parser.error("--rounds is at least 1")
    found = report(short=asked.short, rounds=asked.rounds, cold=asked.cold, keep=asked.keep)
    tables.hand_over(found, asked)


if __name__ == "__main__":
    main()
