"""Inequality against other definitions in fractions, and what the command says."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from test_simulate_command import run_of

import apl
from apl.__main__ import cli
from apl.equity import indices
from apl.equity.inequality import inequality, with_variable
from apl.equity.inequality_text import describe, text
from apl.outputs import write_file
from apl_core import TableError, UsageError
from apl_core.exact import F64

Place = tuple[float, float, float]  # value, persons, rank
PLACES = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.integers(0, 50).map(float), st.floats(0.01, 1e4)),
        st.one_of(st.just(0.0), st.integers(1, 30).map(float), st.floats(0.01, 1e6)),
        st.integers(-3, 12).map(float),
    ),
    min_size=1,
    max_size=12,
)
DIGIT = st.integers(0, 9).map(float)
WHOLE = st.lists(st.tuples(DIGIT, DIGIT, DIGIT), min_size=1, max_size=9)


def columns(rows: Sequence[Place]) -> tuple[F64, F64, F64]:
    x, w, r = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    return x, w, r


def exact(rows: Sequence[Place]) -> list[tuple[Fraction, Fraction, Fraction]]:
    return [(Fraction(x), Fraction(w), Fraction(r)) for x, w, r in rows if w > 0]


def near(found: float | None, wanted: Fraction | float | None, scale: float = 0.0) -> bool:
    """Within 1e-12, of the value itself or of what it is a difference of."""
    if found is None or wanted is None:
        return found is None and wanted is None
    return abs(found - float(wanted)) <= 1e-12 * max(abs(float(wanted)), scale)


# --- indices: other definitions, in fractions ---------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(PLACES)
def test_gini_is_half_the_mean_difference_over_the_mean(rows: list[Place]) -> None:
    some = exact(rows)
    held, total = sum(x * w for x, w, _ in some), sum(w for _, w, _ in some)
    apart = sum(v * w * abs(x - y) for x, w, _ in some for y, v, _ in some)
    wanted = apart / (2 * total * held) if held else None
    x, w, _ = columns(rows)
    assert near(indices.gini(x, w), wanted, 1.0)


@settings(max_examples=100, deadline=None)
@given(PLACES)
def test_concentration_is_of_persons_one_by_one(rows: list[Place]) -> None:
    """Persons of one rank share the middle of theirs; the best off minus the worst off half."""
    some = exact(rows)
    held, total = sum((x * w for x, w, _ in some), Fraction(0)), sum(w for _, w, _ in some)
    lean = Fraction(0)
    for x, w, rank in some:
        below = sum((v for _, v, other in some if other < rank), Fraction(0))
        same = sum(v for _, v, other in some if other == rank)
        lean += x * w * (2 * below + same - total)
    wanted = lean / (total * held) if held else None
    x_, w_, by = columns(rows)
    assert near(indices.concentration(x_, w_, by), wanted, 1.0)
    spread = max(x for x, _, _ in some) - min(x for x, _, _ in some) if some else 0
    corrected = 4 * lean / (total * total) / spread if held and spread else None
    found = indices.concentration(x_, w_, by, corrected=True)
    assert near(found, corrected, float(4 * held / total / spread) if spread else 1.0)


@settings(max_examples=100, deadline=None)
@given(PLACES)
def test_theil_and_its_parts(rows: list[Place]) -> None:
    some = exact(rows)
    held, total = sum(x * w for x, w, _ in some), sum(w for _, w, _ in some)
    x, w, by = columns(rows)
    if not held:
        assert indices.theil_t(x, w) is indices.theil_l(x, w) is None
        assert indices.theil_split(x, w, by.astype(str).tolist()) is None
        return
    ratios = [(float(b / total), float(a * total / held)) for a, b, _ in some]
    assert near(indices.theil_t(x, w), math.fsum(p * r * math.log(r) for p, r in ratios if r), 1.0)
    lacks = math.inf if any(not r for _, r in ratios) else -math.fsum(
        p * math.log(r) for p, r in ratios)  # fmt: skip
    found = indices.theil_l(x, w)
    assert found == lacks or near(found, lacks, 1.0)
    split = indices.theil_split(x, w, by.astype(str).tolist())
    assert split is not None
    assert near(split.between + split.within, indices.theil_t(x, w), 1.0)
    assert min(split.between, split.within) >= -1e-15


def test_theil_of_one_who_has_next_to_nothing() -> None:
    """The mean over the least of float64 is no float64; its logarithm is."""
    found = indices.theil_l(np.array([1.0, 5e-324]), np.ones(2))
    assert found == pytest.approx(math.log(0.5) + 1074 * math.log(2) / 2, rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(WHOLE)
def test_quantiles_and_palma_of_persons_one_by_one(rows: list[Place]) -> None:
    x, w, by = columns(rows)
    for over, under in ((1, 10), (4, 10), (1, 2), (9, 10), (1, 1)):
        ordered = sorted(v for v, persons, _ in rows for _ in range(int(persons)))
        least = ordered[-(-over * len(ordered) // under) - 1] if ordered else None
        assert indices.quantile(x, w, over, under) == least
        fits = [v for v in set(ordered)
                if under * sum(o <= v for o in ordered) <= over * len(ordered)]  # fmt: skip
        assert indices.quantile(x, w, over, under, passed=False) == max(fits, default=None)
    people = sorted((r, v) for v, persons, r in rows for _ in range(int(persons)))
    wanted = None
    if people:
        low, high = (people[-(-tenths * len(people) // 10) - 1][0] for tenths in (4, 9))
        worst = [Fraction(v) for r, v in people if r <= low]
        best = [Fraction(v) for r, v in people if r > high]
        if best and sum(worst):
            wanted = sum(best) / len(best) / (sum(worst) / len(worst))
    assert near(indices.palma(x, w, by), wanted, 1e-300)


@settings(max_examples=100, deadline=None)
@given(PLACES, st.floats(0.01, 1e4))
def test_who_has_less(rows: list[Place], line: float) -> None:
    some, z = exact(rows), Fraction(line)
    total = sum(w for _, w, _ in some)
    x, w, _ = columns(rows)
    found = indices.under(x, w, line)
    for power, value in enumerate((found.share, found.gap, found.severity)):
        lack = sum((b * ((z - a) / z) ** power for a, b, _ in some if a < z), Fraction(0))
        # z - a in float64 is off by a rounding of z
        assert near(value, lack / total if total else None, 1.0)
    assert near(found.persons, sum((b for a, b, _ in some if a < z), Fraction(0)))


@given(PLACES)
@settings(max_examples=50, deadline=None)
def test_the_curve_holds_the_area_of_the_index(rows: list[Place]) -> None:
    x, w, by = columns(rows)
    for rank in (None, by):
        persons, held = indices.curve(x, w, rank)
        assert persons[0] == held[0] == 0
        index = indices.concentration(x, w, rank)
        if index is not None:
            area = float(((held[1:] + held[:-1]) * np.diff(persons)).sum())
            assert index == pytest.approx(1 - area, abs=1e-12)


def test_what_cannot_be_ranked_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="finite"):
        indices.gini(np.array([1.0, np.nan]), np.ones(2))
    with pytest.raises(ValueError, match="not negative"):
        indices.gini(np.array([-1.0, 1.0]), np.ones(2))
    for line in (0.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="over 0"):
            indices.under(np.ones(1), np.ones(1), line)


# --- a table ------------------------------------------------------------------------------------


def table(rows: Sequence[Place], **more: Any) -> pa.Table:
    x, w, r = zip(*rows, strict=True)
    codes = [f"{10 * k + 1001:05d}" for k in range(len(rows))]
    people = [int(v) for v in w]
    return pa.table({"code_commune": codes, "apl": pa.array(x, pa.float64()),
                     "population_standardisee": pa.array(w, pa.float64()), "population": people,
                     "revenu": pa.array(r, pa.float64()), **more})  # fmt: skip


@given(PLACES, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_no_bit(rows: list[Place], order: random.Random) -> None:
    given_ = table(rows, code_region=[("84", "93")[k % 2] for k in range(len(rows))])
    shuffled = list(range(len(rows)))
    order.shuffle(shuffled)
    asked: dict[str, Any] = {"thresholds": [20.0], "rank": "revenu", "regions": True}
    assert inequality(given_, **asked) == inequality(given_.take(pa.array(shuffled)), **asked)


def test_who_has_no_apl_is_left_out_and_told() -> None:
    given_ = table([(10.0, 100.0, 1.0), (20.0, 100.0, 2.0), (0.0, 50.0, 3.0)])
    given_ = given_.set_column(1, "apl", pa.array([10.0, 20.0, None]))
    found = inequality(given_)
    assert (found.places, found.persons, found.mean) == (2, 200.0, 15.0)
    assert found.without_apl == ("01021",)
    assert describe(found)["noticed"][0]["fault"] == "APL-C18"


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        ({"population": None}, "APL-B08"),
        ({"code_commune": ["01001", "01001"]}, "APL-D05"),
        ({"population": [100, None]}, "APL-D01"),
        ({"population_standardisee": [100.0, None]}, "APL-D01"),
        ({"apl": [1.0, -1.0]}, "APL-D04"),
    ],
)
def test_what_cannot_be_weighed_is_refused(spoilt: dict[str, Any], fault: str) -> None:
    given_ = table([(10.0, 100.0, 1.0), (20.0, 100.0, 2.0)])
    for name, values in spoilt.items():
        at = given_.column_names.index(name)
        given_ = given_.remove_column(at)
        if values is not None:
            given_ = given_.add_column(at, name, pa.array(values))
    with pytest.raises(TableError) as refused:
        inequality(given_)
    assert refused.value.faults[0].fault in (fault, "APL-D02", "APL-D03")


def test_nobody_and_nothing() -> None:
    """No place with an APL is refused; places of nobody, or that have nothing, have no index."""
    nothing = table([(1.0, 5.0, 1.0)]).set_column(1, "apl", pa.array([None], pa.float64()))
    for one in (nothing, nothing.slice(0, 0)):
        with pytest.raises(TableError, match="no APL at all"):
            inequality(one)
    for rows in ([(1.0, 0.0, 1.0), (2.0, 0.0, 2.0)], [(0.0, 1.0, 1.0), (0.0, 2.0, 2.0)]):
        found = inequality(table(rows), regions=True, rank="revenu", thresholds=[1.0])
        indexed = (found.gini, found.palma, found.theil_t, found.theil_l, found.concentration)
        assert set(indexed) == {None}
        assert found.split is None
        assert "Gini –" in text({**describe(found), "synthetic": False})


def test_a_variable_of_some_communes() -> None:
    given_ = table([(10.0, 100.0, 1.0), (20.0, 100.0, 2.0), (30.0, 100.0, 3.0)])
    income = pa.table({"code_commune": ["01021", "01001"], "valeur": [5.0, 9.0]})
    found = inequality(with_variable(given_, income, "income"), rank="income")
    assert found.without_rank == ("01011",)
    assert found.concentration == pytest.approx(-0.25)
    with pytest.raises(UsageError, match="nothing to rank by"):
        with_variable(given_, income.set_column(0, "code_commune", [["59350", "59009"]]), "income")


# --- the command --------------------------------------------------------------------------------


def said(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, ["inequality", *map(str, arguments)])


def test_a_run_its_table_and_its_bvcv(tmp_path: Path) -> None:
    _, out, run = run_of(tmp_path)
    done = said(out, "--threshold", "70", "--by", "region", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["mean"] == pytest.approx(run_mean(run), rel=1e-15)
    assert told["under"][0]["persons"] == 2_000
    assert list(told["regions"]) == ["84"]
    assert told["theil_t_split"]["between"] == pytest.approx(0, abs=1e-15)
    again = json.loads(said(out / "apl_communes.parquet", "--json").stdout)
    assert again["gini"] == told["gini"]
    areas = json.loads(said(out, "--key", "bvcv", "--json").stdout)
    assert areas["places"] == run.bvcv.num_rows
    assert areas["mean"] == pytest.approx(told["mean"], rel=1e-12)
    told = said(out, "--threshold", "70", "--by", "region").stdout
    for words in ("Gini", "Under 70: 2,000 inhabitants", "84 Auvergne", "Theil T between regions"):
        assert words in told


def run_mean(run: apl.Run) -> float:
    weight = run.communes["population_standardisee"].to_numpy()
    return float((run.communes["apl"].to_numpy() * weight).sum() / weight.sum())


def test_a_published_table_and_what_ranks_its_communes(tmp_path: Path) -> None:
    given_ = table([(0.0, 100.0, 1.0), (20.0, 100.0, 2.0), (30.0, 200.0, 3.0)])
    write_file(given_.drop_columns(["revenu"]), tmp_path / "apl.csv")
    write_file(given_.select(["code_commune", "revenu"]).slice(0, 2), tmp_path / "incomes.csv")
    done = said(tmp_path / "apl.csv", "--rank", tmp_path / "incomes.csv", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["rank"] == "revenu (incomes.csv)"
    assert told["concentration"] == 0.5
    assert told["without_rank"] == ["01021"]
    assert told["theil_l"] is None
    words = said(tmp_path / "apl.csv", "--rank", tmp_path / "incomes.csv").stdout
    assert "1 commune without it: left out" in words
    assert "Theil L is infinite" in words


@pytest.mark.parametrize("line", ["0", "-1", "nan", "inf", "many"])
def test_a_threshold_that_is_none(tmp_path: Path, line: str) -> None:
    done = said(tmp_path, "--threshold", line)
    assert done.exit_code == 2
    assert "--threshold" in done.stderr
