"""All benchmarks by one command: each in a process of its own, all figures in one Markdown file.

    python -m benchmarks [--short] [--only national,family] [--out benchmarks/RESULTS.md]

A benchmark that fails, or whose libraries are missing (extras `bench`, `distributed`), is named in
the file and by exit code 1; the others are run all the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks import tables

HERE = Path(__file__).resolve().parent
# in this order; each is a script of that name
ALL = ("national", "family", "equity", "kernels", "scenarios", "ingest", "out_of_core")
SHORT = "A smoke test on tiny sizes: its figures say nothing.\n"


def run(name: str, folder: Path, short: bool) -> tables.Report | str:
    """What one benchmark hands over, or why it did not; its output is passed on."""
    json = folder / f"{name}.json"
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(json)]
    code = subprocess.run(command + ["--short"] * short, check=False).returncode
    if code or not json.exists():
        return f"`benchmarks/{name}.py` failed (exit code {code}): no figures."
    return tables.read_report(json)


def markdown(found: Sequence[tables.Report | str], short: bool) -> str:
    """The file: machine and versions, goals, then every table."""
    reports = [report for report in found if isinstance(report, tables.Report)]
    about = tables.machine() | {"date": date.today().isoformat()} | tables.versions()
    parts = [
        "# What the benchmarks gave\n",
        "Written by `make bench`. Absolute times do not travel between machines; ratios within one"
        " run do. Above 1, ours is faster (or smaller); below 1, the other one is.\n",
        *([SHORT] if short else []),
        "; ".join(f"{key} {value}" for key, value in about.items()) + "\n",
        "## Goals\n",
        _table(tables.GOALS, [tables.goal_cells(g) for report in reports for g in report.goals]),
    ]
    for report in found:
        if isinstance(report, str):
            parts.append(report + "\n")
            continue
        rows = [tables.cells(row) for row in report.rows]
        parts += [f"## {report.title}\n", _table(tables.HEADS, rows)]
        parts += ["".join(f"* {note}\n" for note in report.notes)] if report.notes else []
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a ratio below 1, where the other one wins, stands out."""
    ratio = len(heads) - 1 if heads[-1] == tables.HEADS[-1] else None
    lines = [heads, ["---"] * len(heads)]
    for row in rows:
        cells = list(row)
        theirs = not cells[1].startswith("ours")
        if ratio is not None and cells[ratio] and theirs and float(cells[ratio]) < 1:
            cells[ratio] = f"**{cells[ratio]}**"
        lines.append(cells)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="All benchmarks, and one table of them.")
    parser.add_argument("--short", action="store_true", help="tiny: do they run?")
    parser.add_argument("--only", default=",".join(ALL), help=f"of {', '.join(ALL)}")
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md", metavar="FILE")
    asked = parser.parse_args(arguments)
    names = asked.only.split(",")
    if not set(names) <= set(ALL):
        parser.error(f"--only: {', '.join(sorted(set(names) - set(ALL)))} is none of them")
    with tempfile.TemporaryDirectory(prefix="apl-benchmarks-") as folder:
        found = []
        for name in names:
            print(f"\n… {name}", flush=True)
            found.append(run(name, Path(folder), asked.short))
    asked.out.write_text(markdown(found, asked.short), encoding="utf-8")
    print(f"\n{asked.out}")
    failed = [report for report in found if isinstance(report, str)]
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
