"""What every benchmark hands over: rows of measures, goals, and how they are shown.

A benchmark is a plain script that runs alone:

    def report(*, short: bool, ...) -> Report      # measures; ``short``: tiny, for a smoke test
    def main(arguments=None) -> None:
        parser = tables.parser("What it shows.")   # --short, --json FILE
        parser.add_argument(...)                   # its own
        asked = parser.parse_args(arguments)
        tables.hand_over(report(short=asked.short), asked)

`hand_over` prints the report and writes it to ``--json``; ``python -m benchmarks`` runs each script
in a process of its own with that option, and makes one Markdown file of them all.

>>> row = measured("the sum", "ours", [0.002, 0.001, 0.003], unit="ms")
>>> (row.median, row.least, row.rounds)
(2.0, 1.0, 3)
>>> measured("the sum", "peer", [0.008, 0.007, 0.009], unit="ms", ours=[0.002, 0.001, 0.003]).ratio
4.0
>>> at_least("the sum, against peer", 3, 4.0).met
True
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles

from benchmarks.peers.memory import peak_megabytes

__all__ = [
    "Goal",
    "Report",
    "Row",
    "at_least",
    "at_most",
    "hand_over",
    "in_turn",
    "machine",
    "measured",
    "parser",
    "peak_megabytes",
    "read_report",
    "show",
    "versions",
]

SECONDS = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9}  # how many of a unit in a second


@dataclass(frozen=True)
class Row:
    """One measured thing: several measures of one engine.

    Attributes
    ----------
    what : str
        The job: "national, warm"; rows of one job stand together.
    engine : str
        Who did it: "ours, 2 threads", "duckdb".
    unit : str
        Of the measures: "ms", "µs", "MB", "ns a pair", …
    median, least, lower, upper : float
        Over the rounds; ``lower`` and ``upper`` are the quartiles.
    rounds : int
    ratio : float or None
        How many times ours: above 1, ours is faster (or smaller); 1 is ours itself.
    """

    what: str
    engine: str
    unit: str
    median: float
    least: float
    lower: float
    upper: float
    rounds: int
    ratio: float | None = None


@dataclass(frozen=True)
class Goal:
    """What was aimed at, what was seen, and whether that is enough; None: was not measured."""

    what: str
    wanted: str
    seen: str
    met: bool | None


@dataclass(frozen=True)
class Report:
    """What a benchmark found. ``notes`` say what a reader must know: sizes, how results were
    compared, where a peer does less."""

    title: str
    rows: tuple[Row, ...]
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


def measured(
    what: str,
    engine: str,
    values: Sequence[float],
    *,
    unit: str = "ms",
    ours: Sequence[float] | None = None,
) -> Row:
    """A row from its measures: seconds where ``unit`` is one of time, else in that unit.

    ``ours`` are ours in the same rounds: the ratio is the median of the ratios within a round
    (steadier on a busy machine than that of medians), or of the medians where rounds differ.
    """
    times = SECONDS.get(unit, 1.0)
    scaled = [value * times for value in values]
    ratio = None
    if ours is not None and len(ours) == len(values):
        ratio = median(v / o for v, o in zip(values, ours, strict=True))
    elif ours is not None:
        ratio = median(values) / median(ours)
    lower, _, upper = quantiles(scaled, method="inclusive") if len(scaled) > 1 else scaled * 3
    middle, least = median(scaled), min(scaled)
    return Row(what, engine, unit, middle, least, lower, upper, len(scaled), ratio)


def at_least(what: str, wanted: float, seen: float | None) -> Goal:
    """A goal for a ratio that should be large: "≥ 5 ×"; None: was not measured."""
    met = None if seen is None else seen >= wanted
    return Goal(what, f"≥ {wanted:g} ×", "—" if seen is None else f"{seen:.2f} ×", met)


def at_most(what: str, wanted: float, seen: float | None, unit: str = "×") -> Goal:
    """A goal for what should be small: "≤ 2 bytes", "≤ 1.2 ×"; None: was not measured."""
    met = None if seen is None else seen <= wanted
    return Goal(
        what, f"≤ {wanted:g} {unit}", "—" if seen is None else f"{figure(seen)} {unit}", met
    )


def parser(description: str) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--short", action="store_true", help="tiny: does it run? figures say nothing")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return made


def hand_over(report: Report, asked: argparse.Namespace) -> None:
    """Print a report, and write it where ``--json`` says."""
    print(report.title)
    show("", HEADS, [cells(row) for row in report.rows], text=2)
    if report.goals:
        show("", GOALS, [goal_cells(goal) for goal in report.goals])
    print("".join(f"\n{note}" for note in report.notes))
    if asked.json:
        text = json.dumps(asdict(report), indent=1, ensure_ascii=False)
        asked.json.write_text(text + "\n", encoding="utf-8")


def read_report(path: Path) -> Report:
    """A report that `hand_over` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return Report(
        found["title"],
        tuple(Row(**row) for row in found["rows"]),
        tuple(Goal(**goal) for goal in found["goals"]),
        tuple(found["notes"]),
    )


HEADS = ("job", "engine", "median", "least", "quartiles", "unit", "rounds", "× ours")
GOALS = ("goal", "wanted", "seen", "met")


def cells(row: Row) -> list[str]:
    """A row as text."""
    spread = f"{figure(row.lower)}–{figure(row.upper)}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    numbers = [figure(row.median), figure(row.least), spread]
    return [row.what, row.engine, *numbers, row.unit, str(row.rounds), ratio]


def goal_cells(goal: Goal) -> list[str]:
    """A goal as text."""
    met = {True: "yes", False: "no", None: "not measured"}[goal.met]
    return [goal.what, goal.wanted, goal.seen, met]


def figure(value: float) -> str:
    """Three figures that count, no exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1e}"


def show(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, text: int = 1) -> None:
    """An aligned table: the first ``text`` columns left, numbers right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    print(f"\n{title}" if title else "")
    for line in (heads, *rows):
        aligned = [
            cell.rjust(width) if k >= text else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(aligned).rstrip())


MEASURED = ("apl", "numba", "numpy", "pyarrow", "duckdb", "polars", "scipy", "pandas", "access",
            "distributed")  # fmt: skip


def versions() -> dict[str, str]:
    """What was measured."""
    known = {d.metadata["Name"].lower() for d in metadata.distributions() if d.metadata["Name"]}
    return {name: metadata.version(name) for name in MEASURED if name in known}


def machine() -> dict[str, str]:
    """Processor, cores, memory, system."""
    return {
        "processor": _of_file("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _memory() -> str:
    kilobytes = _of_file("/proc/meminfo", "MemTotal")
    return f"{int(kilobytes.split()[0]) / 2**20:.0f} GiB" if kilobytes else "unknown"


def _of_file(path: str, key: str) -> str:
    """The value of the first ``key: value`` of a file of the kernel; empty where there is none."""
    file = Path(path)
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, by round; each round begins with another one."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begin = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - begin)
    return seconds
