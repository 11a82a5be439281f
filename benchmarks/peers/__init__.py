"""The same national job written for other tools, each in its own idioms.

A job is ``run(source, out)``: from the five Parquet files of ``source`` to the three Parquet files
of ``out``. No peer validates, hashes or describes anything. Each module imports its own engine
alone, so that its cold start and its memory are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Job = Callable[[Path, Path], object]

OURS = "apl"
ENGINES = (OURS, "duckdb", "polars", "scipy", "pandas")
THREADS = 2
ON = (2025, 6, 6)  # the date whose law is applied: the text of 20 March 2024

# The figures of that text, repeated here so that no peer needs our code to know them.
OLDEST_AGE = 65
LEAST_FEES = 10_000
PER = 100_000
ZONES = ("tres_sous_dotee", "sous_dotee", "intermediaire", "non_prioritaire")
CUTS = (15, 30, 70)  # % of the total population at which the first three zones end


def job(engine: str) -> Job:
    """The job of one engine; its libraries are imported here."""
    run: Job = import_module(f"{__name__}.{engine}_job").run
    return run
