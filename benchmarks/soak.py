"""Endurance: national runs one after the other in one process; does anything grow?

    python benchmarks/soak.py [--runs 200] [--settled 20]     (or: make soak)

The embedded country is written to Parquet once, and each run writes over the results of the one
before. Memory is what the system counts as resident, the median of ten runs on end: an allocator
gives back when it likes, not when it is asked. Beside it stand what Arrow holds, how many objects
Python's collector follows (one more a run is kept here), open files and threads. Exit 1 where, from
the runs that let it settle to the last ones, memory has grown by more than 2 %, or files or threads
by one, or where the results of two runs differ.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

import apl
from apl.inputs import embedded
from apl.outputs import sha256

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
GROWTH = 0.02
WINDOW = 10  # runs
MB = 1 << 20


@dataclass(frozen=True)
class State:
    """What a process holds after a run; bytes, but for counts and seconds."""

    resident: float
    arrow: float
    objects: float
    files: float
    threads: float
    seconds: float


def state(seconds: float) -> State:
    """This process, now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    said = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    gc.collect()
    return State(
        int(said["VmRSS"].split()[0]) * 1024,
        pa.total_allocated_bytes(),
        len(gc.get_objects()),
        len(os.listdir("/proc/self/fd")),
        int(said["Threads"]),
        seconds,
    )


def middle(states: list[State]) -> State:
    """The median of each figure."""
    return State(*(median(getattr(one, name) for one in states) for name in vars(states[0])))


def soaked(folder: Path, runs: int) -> tuple[list[State], int]:
    """The state after each run, and how many different sets of results there were."""
    source, out = written(folder / "in"), folder / "out"
    states: list[State] = []
    seen: set[tuple[str, ...]] = set()
    for _ in range(runs):
        start = time.perf_counter()
        apl.run(source, LAW, out=out, overwrite=True)
        states.append(state(time.perf_counter() - start))
        seen.add(tuple(sha256(path) for path in sorted(out.iterdir())))
        if len(states) % WINDOW == 0:
            print(line(len(states), middle(states[-WINDOW:])), flush=True)
    return states, len(seen)


def written(folder: Path) -> Path:
    """The embedded country as plain Parquet."""
    folder.mkdir()
    for name, table in embedded(LAW).items():
        fields = [
            pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in table.schema
        ]
        pq.write_table(table.cast(pa.schema(fields)), folder / f"{name}.parquet")
    return folder


def line(runs: int, one: State) -> str:
    """One line of the table."""
    return (
        f"{runs:>5} {one.resident / MB:>12.1f} {one.arrow / MB:>9.2f} {one.objects:>9,.0f} "
        f"{one.files:>6.0f} {one.threads:>8.0f} {one.seconds:>8.3f}"
    )


def main() -> None:
    """Run, tell, compare."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--runs", type=int, default=200)
    asked.add_argument("--settled", type=int, default=20)
    options = asked.parse_args()
    print(" runs  resident MB  Arrow MB   objects  files  threads  seconds")
    with tempfile.TemporaryDirectory() as folder:
        states, kinds = soaked(Path(folder), options.runs)
    first = middle(states[options.settled - WINDOW : options.settled])
    last = middle(states[-WINDOW:])
    growth = last.resident / first.resident - 1
    print(f"resident memory from run {options.settled} to {options.runs}: {100 * growth:+.2f} %")
    print(f"sets of results: {kinds}")
    held = last.files <= first.files and last.threads <= first.threads and kinds == 1
    sys.exit(0 if held and growth <= GROWTH else 1)


if __name__ == "__main__":
    main()
