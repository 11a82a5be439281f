"""What the checks cost a warm national run: the same run with and without them, in turn.

    python benchmarks/checks.py [--rounds 15]

Without: values and keys of tables, plausibility, cities and arrondissements, the look at the
matrix, the memory estimate, conservation. What reading cannot do without (codes that are known,
pairs given twice, self pairs: found while indexing) stays in both; hashes of inputs are a row of
their own.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq

import apl
from apl.inputs import embedded

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
CHECKS = (
    "apl_core.tables.value_faults", "apl_core.tables.key_faults", "apl.plausible.times",
    "apl.plausible.supply", "apl.plausible.demand", "apl.cities.faults", "apl.bvcv.bare_overseas",
    "apl.noticed.oddities", "apl.indicator._verify", "apl_core.limits.refuse_scarce",
)  # fmt: skip


def _nothing(*_: Any, **__: Any) -> str:
    return ""  # no fault; no hash


@contextmanager
def without(*names: str) -> Iterator[None]:
    """These functions do nothing."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(patch(name, _nothing))
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description="What the checks cost.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "input")
        source.mkdir()
        for name, table in embedded(LAW).items():
            pq.write_table(table, source / f"{name}.parquet")
        ways: dict[str, tuple[str, ...]] = {
            "with": (),
            "without checks": CHECKS,
            "without hashes of inputs": ("apl.inputs.sha256",),
        }
        seen: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for turn in range(rounds + 1):
            for way, names in ways.items():
                with without(*names):
                    wall, cpu = time.perf_counter(), time.process_time()
                    apl.run(source, LAW, out=Path(place, "out"), overwrite=True)
                    cost = time.perf_counter() - wall, time.process_time() - cpu
                if turn:
                    seen[way].append(cost)
    print(f"{'':26}  wall ms, median  least   processor ms, median  least")
    for way, costs in seen.items():
        clock, processor = ([1e3 * cost[k] for cost in costs] for k in (0, 1))
        print(
            f"{way:26}  {median(clock):15.0f}  {min(clock):5.0f}   "
            f"{median(processor):20.0f}  {min(processor):5.0f}"
        )
    share = [
        1 - bare[1] / full[1]
        for full, bare in zip(seen["with"], seen["without checks"], strict=True)
    ]
    print(f"checks: {100 * median(share):.1f} % of the processor time of a run (by round)")


if __name__ == "__main__":
    main()
