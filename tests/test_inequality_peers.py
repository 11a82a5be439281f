"""Our measures of inequality against the packages that have them; skipped loudly without one."""

from __future__ import annotations

import importlib
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PEERS = {  # by the package that must be installed; the last are formulas
    "traccess": "traccess",
    "inequality (pysal)": "inequality",
    "accessibility (R), its formulas in fractions": None,
}


@pytest.fixture
def equity(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.equity")


def case(equity: Any, places: int = 400) -> Any:
    """Places of which some have nothing; no equal ranks."""
    draw = np.random.default_rng(2021)
    values = np.round(draw.gamma(2.0, 50.0, places), 3) * (draw.random(places) > 0.05)
    persons = draw.integers(2, 5_000, places).astype(np.float64)
    rank = draw.permutation(places) + values
    return equity.Case(values, persons, rank, [f"{k % 7}" for k in range(places)], 60.0)


@pytest.mark.filterwarnings("ignore")  # pandas' own, of a peer
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_says_the_same(equity: Any, name: str) -> None:
    package = PEERS[name]
    if package is not None and find_spec(package) is None:
        pytest.skip(f"{package} is not installed: nothing was compared with {name}")
    assert {peer: needs for peer, (needs, _) in equity.PEERS.items()} == PEERS
    one = case(equity)
    away = equity.gaps(equity.ours(one), equity.PEERS[name][1](one))
    assert away
    assert max(away.values()) <= equity.TOLERANCE == 1e-12, away


def test_hmisc_stands_between_two_persons(equity: Any) -> None:
    """1 + (n - 1) p is the place, as R's wtd.quantile has it: type 7 of whole persons."""
    values, persons = [Fraction(v) for v in (3, 1, 2)], [Fraction(n) for n in (1, 2, 2)]
    wanted = {Fraction(1, 2): 2, Fraction(9, 10): Fraction(13, 5), Fraction(0): 1, Fraction(1): 3}
    for share, value in wanted.items():
        assert equity.hmisc_quantile(values, persons, share) == value


@pytest.mark.filterwarnings("ignore")
def test_the_benchmark_compares_before_it_measures(
    equity: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = equity.ours
    monkeypatch.setattr(equity, "nation", lambda short: case(equity))
    equity.main(["--rounds", "1"])
    assert "measures of inequality, against each peer" in capsys.readouterr().out
    monkeypatch.setattr(equity, "ours", lambda one: dict.fromkeys(mine(one), 1.0))
    with pytest.raises(SystemExit, match="differs from ours"):
        equity.main(["--rounds", "1"])
