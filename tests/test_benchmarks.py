"""What the benchmarks hand over, and (asked for) that each of them runs."""

from __future__ import annotations

import doctest
import importlib
import os
import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.tables")


def test_the_examples_hold(tables: Any) -> None:
    assert doctest.testmod(tables).failed == 0


def test_a_row_is_its_measures(tables: Any) -> None:
    row = tables.measured("a", "peer", [0.004, 0.002, 0.008], ours=[0.002, 0.002, 0.002])
    assert (row.median, row.least, row.lower, row.upper, row.rounds) == (4, 2, 3, 6, 3)
    assert row.ratio == 2  # the median of 2, 1 and 4
    assert tables.measured("a", "peer", [3.0], unit="MB", ours=[2.0, 1.0]).ratio == 2
    assert tables.measured("a", "peer", [3.0], unit="MB").ratio is None


def test_a_goal_is_met_missed_or_was_not_measured(tables: Any) -> None:
    goals = [
        tables.at_least("a", 3, 3.0),
        tables.at_most("a", 3, 3.1),
        tables.at_least("a", 3, None),
    ]
    assert [goal.met for goal in goals] == [True, False, None]
    assert [tables.goal_cells(goal)[-1] for goal in goals] == ["yes", "no", "not measured"]


def test_a_report_comes_back_and_shows_where_a_peer_wins(
    tables: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module("benchmarks.__main__")
    rows = tuple(
        tables.measured("a job", name, values, ours=[0.1, 0.2])
        for name, values in {"ours": [0.1, 0.2], "peer": [0.05, 0.1]}.items()
    )
    goal = tables.at_least("against peer", 2, rows[1].ratio)
    report = tables.Report("A title", rows, (goal,), ("A note.",))
    tables.hand_over(report, Namespace(json=tmp_path / "r.json"))
    assert "A title" in capsys.readouterr().out
    assert tables.read_report(tmp_path / "r.json") == report
    text = main.markdown([report, "`benchmarks/x.py` failed (exit code 1): no figures."], True)
    assert "| a job | peer | 75 | 50 | 62.5–87.5 | ms | 2 | **0.50** |" in text
    assert "| against peer | ≥ 2 × | 0.50 × | no |" in text
    assert "failed (exit code 1)" in text
    assert "say nothing" in text


@pytest.mark.skipif("APL_BENCH" not in os.environ, reason="two minutes: APL_BENCH=1 runs it")
def test_every_benchmark_runs(tmp_path: Path) -> None:
    lacking = [name for name in ("duckdb", "polars", "pandas", "access") if not find_spec(name)]
    if lacking:
        pytest.skip(f"the extra bench is not installed: {', '.join(lacking)}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--short", "--out", str(tmp_path / "R.md")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "## Goals" in (tmp_path / "R.md").read_text(encoding="utf-8")
