"""The whole country, from the same Parquet files to the same Parquet results: ours and four peers.

    python benchmarks/national.py [--rounds 7] [--cold] [--keep FOLDER] [--json FILE]

Warm: all engines in one process, imports and one run before, then round after round in turn, each
round beginning with another engine. Ours validates every table, hashes inputs and outputs, syncs
them to disk and writes its manifest inside the time that is measured; the peers do none of it, and
may leave rows in any order. Exit 1 if a result differs from ours.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
KEYS = {
    "apl_communes": ["code_commune"],
    "bvcv": ["code_bvcv"],
    "parts_regionales": ["code_region", "zone"],
}
TOLERANCE = 1e-9  # relative, on floating-point columns; all others are equal or wrong
# of the table bvcv: distances to the next cut, persons up to a unit
OURS_ALONE = ("ecart_coupure_habitants", "ecart_coupure_apl", "population_cumulee")
COLD_ROUNDS = 3

Times = dict[str, list[float]]


def write_inputs(folder: Path) -> dict[str, int]:
    """The embedded country as plain Parquet files; how many rows each has."""
    import apl
    from apl.inputs import embedded
    from benchmarks.peers import ON

    tables = embedded(apl.rules("masseur_kinesitherapeute", on=date(*ON)))
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        fields = [
            pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in table.schema
        ]
        plain = table.cast(pa.schema(fields, metadata=table.schema.metadata))
        pq.write_table(plain, folder / f"{name}.parquet")
    return {name: table.num_rows for name, table in tables.items()}


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
    """Seconds and peak megabytes of each engine in a process of its own, by round."""
    from benchmarks.peers import ENGINES

    paths = os.pathsep.join([str(Path(path).resolve()) for path in sys.path])
    seconds: Times = {engine: [] for engine in ENGINES}
    peaks: Times = {engine: [] for engine in ENGINES}
    for _ in range(rounds):
        for engine in ENGINES:
            command = [
                sys.executable,
                "-m",
                "benchmarks.peers",
                engine,
                str(source),
                str(out / engine),
            ]
            begin = time.perf_counter()
            done = subprocess.run(
                command,
                cwd=source,
                env=os.environ | {"PYTHONPATH": paths},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            seconds[engine].append(time.perf_counter() - begin)
            peaks[engine].append(float(done.stdout))
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


def against(seconds: Times) -> dict[str, dict[str, float]]:
    """Median and minimum in ms; how many times ours: of medians, and the median of the rounds."""
    from benchmarks.peers import OURS

    ours = seconds[OURS]
    return {
        engine: {
            "median_ms": 1e3 * median(values),
            "min_ms": 1e3 * min(values),
            "of_medians": median(values) / median(ours),
            "of_rounds": median(v / o for v, o in zip(values, ours, strict=True)),
        }
        for engine, values in seconds.items()
    }


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """An aligned table: first column left, numbers right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    print(f"\n{title}")
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def show_engines(
    title: str, found: Mapping[str, Mapping[str, float]], last: str, more: Mapping[str, str]
) -> None:
    """One row an engine; ``more`` fills the last column."""
    heads = ["engine", "median ms", "min ms", "× ours (medians)", "× ours (by round)", last]
    rows = [
        [
            engine,
            f"{f['median_ms']:.0f}",
            f"{f['min_ms']:.0f}",
            f"{f['of_medians']:.2f}",
            f"{f['of_rounds']:.2f}",
            more[engine],
        ]
        for engine, f in found.items()
    ]
    show(title, heads, rows)


def show_stages(stages: Times) -> None:
    """Our stages, in their order."""
    whole = sum(median(values) for values in stages.values())
    rows = [
        [name, f"{1e3 * median(v):.1f}", f"{1e3 * min(v):.1f}", f"{median(v) / whole:.0%}"]
        for name, v in stages.items()
    ]
    show("Ours, stage by stage", ["stage", "median ms", "min ms", "share"], rows)


def versions() -> dict[str, str]:
    """What was measured."""
    names = ("apl", "numba", "numpy", "pyarrow", "duckdb", "polars", "scipy", "pandas")
    known = {d.metadata["Name"].lower() for d in metadata.distributions() if d.metadata["Name"]}
    return {name: metadata.version(name) for name in names if name in known}


def measure(folder: Path, rounds: int, cold: bool) -> dict[str, Any]:
    """Everything, printed as it is found."""
    from benchmarks.peers import ENGINES

    source, out = folder / "inputs", folder / "results"
    rows = write_inputs(source)
    print(f"{os.cpu_count()} cores; " + ", ".join(f"{k} {v}" for k, v in versions().items()))
    print("; ".join(f"{name} {count:,}" for name, count in rows.items()))
    seconds, stages = warm(source, out, rounds)
    furthest = compared(out)
    _, peaks = process = alone(source, out, COLD_ROUNDS if cold else 1)
    found = against(seconds)
    megabytes = {engine: median(peaks[engine]) for engine in ENGINES}
    peak = {engine: f"{value:.0f}" for engine, value in megabytes.items()}
    show_engines(f"Warm, {rounds} rounds", found, "peak MB", peak)
    show_stages(stages)
    report: dict[str, Any] = {
        "versions": versions(),
        "rows": rows,
        "warm": found,
        "stages_ms": {name: 1e3 * median(values) for name, values in stages.items()},
        "peak_mb": megabytes,
        "largest_relative_difference": furthest,
    }
    if cold:
        report["cold"] = against(process[0])
        show_engines(
            f"Cold, one process a run, {COLD_ROUNDS} rounds",
            report["cold"],
            "",
            dict.fromkeys(ENGINES, ""),
        )
    print(
        f"\nResults equal: zones and persons exactly, numbers within {max(furthest.values()):.0e}"
    )
    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The national job: ours and four peers.")
    parser.add_argument("--rounds", type=int, default=7, help="warm rounds (default 7)")
    parser.add_argument("--cold", action="store_true", help="one process a run as well")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave files there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args(arguments)
    if asked.rounds < 1:
        parser.error("--rounds is at least 1")
    if asked.keep:
        report = measure(asked.keep, asked.rounds, asked.cold)
    else:
        with tempfile.TemporaryDirectory(prefix="apl-national-") as folder:
            report = measure(Path(folder), asked.rounds, asked.cold)
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.append(str(ROOT))  # run as a file, `benchmarks` is not on the path
    main()
