"""Comparisons against an oracle in fractions, in any order of rows, and what the command says."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from faults.faulty import SOUND
from hypothesis import given, settings
from hypothesis import strategies as st

import apl
from apl.__main__ import cli
from apl.cog import History, _moves
from apl.compared import gaps
from apl.compared.align import aligned, brought
from apl.compared.causes import causes
from apl.compared.comparison import Comparison
from apl.compared.text import describe, text
from apl.conversion import Cog
from apl.outputs import marked, write_file
from apl_core import FileError, TableError
from apl_core.errors import GapError
from apl_core.tables import read_table

CODES = [f"{n:05d}" for n in range(1001, 1021)]
LAW = "masseur_kinesitherapeute"
APL = st.one_of(st.none(), st.integers(0, 3000).map(lambda n: n / 10), st.floats(0, 1e4))
Row = tuple[str, float | None, float]


def sides() -> st.SearchStrategy[list[Row]]:
    row = st.tuples(st.sampled_from(CODES), APL, st.floats(1, 1e6))
    return st.lists(row, unique_by=lambda one: one[0], min_size=1)


def table(rows: Sequence[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table({
        "code_commune": pa.array(columns[0]),
        "apl": pa.array(columns[1], pa.float64()),
        "population_standardisee": pa.array(columns[2], pa.float64()),
    })  # fmt: skip


# --- the oracle: fractions and dicts -------------------------------------------------------------


def pearson(rows: list[tuple[Fraction, Fraction, Fraction]]) -> float | None:
    total = sum(w for _, _, w in rows)
    x, y = (sum(w * row[k] for row in rows for w in (row[2],)) / total for k in (0, 1))
    xy = sum(w * (a - x) * (b - y) for a, b, w in rows)
    xx, yy = (sum(w * (row[k] - m) ** 2 for row in rows for w in (row[2],))
              for k, m in ((0, x), (1, y)))  # fmt: skip
    return None if not xx * yy else float(xy) / math.sqrt(float(xx)) / math.sqrt(float(yy))


@settings(max_examples=60, deadline=None)
@given(sides(), sides(), st.randoms(use_true_random=False))
def test_the_oracle_says_the_same_in_any_order(
    left: list[Row], right: list[Row], order: random.Random
) -> None:
    ours, theirs = ({code: apl for code, apl, _ in rows} for rows in (left, right))
    weight = {code: w for code, _, w in (*left, *right)}
    both = sorted(c for c in ours if ours[c] is not None and theirs.get(c) is not None)
    if not both:
        with pytest.raises(TableError, match="APL-H06"):
            apl.compare(table(left), table(right))
        return
    found = apl.compare(table(left), table(right), digits=1)
    exact = [(Fraction(ours[c] or 0), Fraction(theirs[c] or 0), Fraction(weight[c])) for c in both]
    away = [abs(a - b) for a, b, _ in exact]
    assert found.n == len(both)
    assert found.left_only == tuple(sorted(set(ours) - set(theirs)))
    assert found.right_only == tuple(sorted(set(theirs) - set(ours)))
    shared = sorted(set(ours) & set(theirs))
    assert found.unpublished == tuple(c for c in shared if theirs[c] is None)
    assert found.uncomputed == tuple(c for c in shared if ours[c] is None and theirs[c] is not None)
    assert found.max_gap == pytest.approx(float(max(away)), rel=1e-12)
    assert found.mean_gap == pytest.approx(float(sum(away) / len(away)), rel=1e-12, abs=1e-12)
    signed = sum((a - b for a, b, _ in exact), Fraction())
    assert found.bias == pytest.approx(float(signed / len(away)), rel=1e-9, abs=1e-9)
    bound = Fraction(1, 20) * (1 + Fraction(1, 10**6))
    assert abs(found.equal - sum(gap <= bound for gap in away)) <= sum(
        abs(gap - bound) < Fraction(1, 10**9) for gap in away
    )
    for weights, r in ((False, found.correlation), (True, found.correlation_weighted)):
        wanted = pearson([(a, b, w if weights else Fraction(1)) for a, b, w in exact])
        if r is not None and wanted is not None and _varied(exact):
            assert r == pytest.approx(wanted, abs=1e-9)
    for rows in (left, right):
        order.shuffle(rows)
    assert _plain(apl.compare(table(left), table(right), digits=1)) == _plain(found)


def _varied(rows: list[tuple[Fraction, Fraction, Fraction]]) -> bool:
    """Whether either side varies by more than the rounding of its mean."""
    return all(
        max(row[k] for row in rows) - min(row[k] for row in rows) > Fraction(1, 10) for k in (0, 1)
    )


def _plain(found: Comparison) -> str:
    return json.dumps([describe(found, tolerance=1.0), found.table.to_pylist()])


# --- figures -------------------------------------------------------------------------------------


def test_quantiles_are_values_of_the_list() -> None:
    found = gaps.quantiles(np.arange(1.0, 201.0))
    assert (found["0"], found["1"], found["50"], found["99"], found["100"]) == (1, 2, 100, 198, 200)
    assert gaps.quantiles(np.empty(0)) == {}


@pytest.mark.parametrize("digits", range(10))
def test_digits_are_read_where_they_are_seen(digits: int) -> None:
    values = np.array([float(f"{n}.{'1' * digits or '0'}") for n in range(500)])
    assert gaps.digits_of(values) == digits
    assert gaps.digits_of(values + 1 / 3) is None
    assert gaps.digits_of(values[:50]) is None


def test_half_a_unit_of_the_last_digit_is_no_gap() -> None:
    """12.35 − 12.3 is 0.0499… or 0.0500…1 as floats come: both are half a unit."""
    ours, published = np.array([12.35, 12.25, 12.3501, 7.05]), np.array([12.3, 12.3, 12.3, 7.1])
    assert (~gaps.beyond(ours - published, gaps.half_unit(1))).tolist() == [True, True, False, True]
    assert gaps.beyond(np.array([0.0, 5e-324]), 0.0).tolist() == [False, True]


def test_a_list_that_does_not_vary_has_no_correlation() -> None:
    same = table([(code, 0.1, 1.0) for code in CODES])
    assert apl.compare(same, same).correlation is None
    assert "–" in text(describe(apl.compare(same, same)))


def test_sizes_begin_where_they_say() -> None:
    assert gaps.sizes(np.array([499, 500, 1999, 2000, 1e6, np.nan])) == [
        "under 500",
        "500 to 1,999",
        "500 to 1,999",
        "2,000 to 4,999",
        "50,000 and more",
        "",
    ]


def test_regions_are_those_of_the_departements() -> None:
    codes = ["01001", "2A004", "97105", "98818"]
    data = pa.table({"code_commune": codes, "apl": [1.0, 2.0, 3.0, 4.0]})
    assert list(apl.compare(data, data).regions) == ["", "01", "84", "94"]


# --- causes, years, faults -----------------------------------------------------------------------


def test_a_cause_pushes_the_way_of_the_gap_and_is_not_far_smaller() -> None:
    names = ("code_commune", "apl", "etp", "population_standardisee")
    rows = [
        ("01001", (50.0, 100.0), (1.0, 2.0), (150.0, 100.0)),  # both push, supply more
        ("01002", (90.0, 100.0), (2.0, 1.0), (100.0, 100.0)),  # supply pushes the other way
        ("01003", (50.0, 100.0), (1.0, 1.0), (101.0, 100.0)),  # 1 % does not take half away
        ("01004", (99.0, 100.0), (1.0, 1.0), (101.0, 100.0)),
        ("01005", (90.0, 100.0), (None, 1.0), (0.0, 0.0)),
    ]
    ours, published = (
        pa.table(dict(zip(names, zip(*((row[0], *(cell[k] for cell in row[1:])) for row in rows),
                                     strict=True), strict=True)))
        for k in (0, 1)
    )  # fmt: skip
    found = causes(aligned(ours, published), range(5), frozenset({"01005"}))
    assert [[one["cause"] for one in each] for each in found] == [
        ["supply", "demand"], [], [], ["demand"], ["vintage"]]  # fmt: skip
    assert "supply (-50.0%), then demand (+33.3%)" in text(describe(apl.compare(ours, published)))


def test_years_are_brought_together() -> None:
    history = History.of(_moves((32, "2023-01-01", "01002", "01001")))
    before = pa.table({"code_commune": ["01001", "01002", "01003"], "apl": [100.0, 40.0, 70.0],
                       "population_standardisee": [100.0, 200.0, 10.0],
                       "etp": [1.0, 0.5, None]})  # fmt: skip
    cog = Cog(date(2023, 1, 1), history)
    after = brought(before, cog)
    assert after.to_pylist() == [
        {"code_commune": "01001", "apl": 60.0, "population_standardisee": 300.0, "etp": 1.5},
        {"code_commune": "01003", "apl": 70.0, "population_standardisee": 10.0, "etp": None},
    ]
    later = pa.table({"code_commune": ["01001", "01003"], "apl": [61.0, 70.0],
                      "population_standardisee": [300.0, 10.0]})  # fmt: skip
    (worst,) = apl.compare(after, brought(later, cog)).worst
    assert worst.causes == [{"cause": "vintage", "difference": None}]


def test_tables_that_cannot_be_held_are_refused_together() -> None:
    twice = pa.table({"code_commune": ["01001", "01001"], "apl": [1.0, math.inf]})
    with pytest.raises(TableError) as caught:
        apl.compare(twice, twice)
    assert [fault.fault for fault in caught.value.faults] == ["APL-D05", "APL-D02"] * 2
    with pytest.raises(TableError, match="APL-B08"):
        apl.compare(twice.drop_columns(["apl"]), twice)
    with pytest.raises(ValueError, match="code_bvcv"):
        apl.compare(twice, twice, key="code")


def test_any_arrow_data_will_do() -> None:
    """Text as polars gives it, dictionaries of several chunks, a column of nothing."""
    chunks = [pa.array([code]).dictionary_encode() for code in ("01001", "01002")]
    encoded = pa.table({"code_commune": pa.chunked_array(chunks),
                        "apl": pa.array([1, 2]).dictionary_encode()})  # fmt: skip
    viewed = pa.table({"code_commune": pa.array(["01001"], pa.string_view()), "apl": [1.5]})
    found = apl.compare(encoded, viewed)
    assert (found.n, found.max_gap, found.left_only) == (1, 0.5, ("01002",))
    for some in (viewed.slice(1), pa.table({"code_commune": ["01001"], "apl": pa.nulls(1)})):
        with pytest.raises(TableError, match="APL-H06"):
            apl.compare(some, encoded)


def test_a_tolerance_is_of_the_gap_itself() -> None:
    ours, published = (pa.table({"code_commune": ["01001", "01002"], "apl": [5.0, apl_]})
                       for apl_ in (6.0, 5.9))  # fmt: skip
    found = apl.compare(ours, published)
    found.hold(0.1)
    with pytest.raises(GapError) as caught:
        found.hold(0.09)
    assert (caught.value.fault, caught.value.exit_code) == ("APL-H01", 6)


def test_zones_are_counted_in_bvcv_and_persons() -> None:
    codes = {"code_bvcv": ["01001", "01004", "0405_"], "apl": [1.0, 2.0, 3.0]}
    ours, published = (
        pa.table({**codes, "population": [10, 20, 30], "zone": zones})
        for zones in (["sous_dotee", "sous_dotee", None], ["sous_dotee", "intermediaire", None])
    )
    found = apl.compare(ours, published, key="code_bvcv")
    assert found.zones is not None
    assert [tuple(row.values()) for row in found.zones.matrix] == [
        ("sous_dotee", "sous_dotee", 1, 10), ("sous_dotee", "intermediaire", 1, 20),
        (None, None, 1, 30)]  # fmt: skip
    told = describe(found)["zones"]
    assert (told["bvcv_same"], told["population_same"]) == (2, 40)
    adapted = published.append_column("zone_nationale", ours.column("zone"))
    national = apl.compare(ours, adapted, key="code_bvcv").zones
    assert national is not None
    assert all(row["zone"] == row["zone_publiee"] for row in national.matrix)


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A small country that says of itself that it does not exist."""
    source, out = tmp_path / "input", tmp_path / "run"
    source.mkdir()
    for name, words in SOUND.items():
        (source / f"{name}.csv").write_text(words, encoding="utf-8")
    apl.run(source, apl.rules(LAW, on=date(2025, 6, 6)), out=out)
    for path in out.glob("*.parquet"):
        name = path.stem
        write_file(marked(read_table(path, name), "parquet"), path, overwrite=True)
    return out


Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    return lambda *arguments: CliRunner().invoke(cli, ["compare", *map(str, arguments)])


def test_a_run_is_itself(run: Path, tmp_path: Path, invoke: Invoke) -> None:
    done = invoke(run, run, "--tolerance", "0", "--json", "--out", tmp_path / "gaps")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["synthetic"] is True
    assert told["accepted"] is True
    assert (told["correlation"], told["correlation_weighted"], told["max_gap"]) == (1.0, 1.0, 0.0)
    assert told["n"] == told["equal"] == 3
    assert told["zones"]["bvcv"] == told["zones"]["bvcv_same"]
    written = read_table(tmp_path / "gaps" / "ecarts.parquet", "ecarts")
    assert written.num_rows == told["n"] + len(told["unpublished"])
    assert invoke(run, run, "--out", tmp_path / "gaps").exit_code != 0  # it stands


def test_the_key_is_what_both_have(run: Path, tmp_path: Path, invoke: Invoke) -> None:
    bvcv = run / "bvcv.parquet"
    assert json.loads(invoke(run, bvcv, "--json").stdout)["key"] == "code_bvcv"
    assert json.loads(invoke(run, run, "--json").stdout)["key"] == "code_commune"
    assert json.loads(invoke(run, run, "--key", "bvcv", "--json").stdout)["key"] == "code_bvcv"
    assert "SYNTHETIC" in invoke(run, bvcv).stdout
    moved = invoke(bvcv, bvcv, "--cog", "2023", "--movements", _movements(tmp_path))
    assert moved.exit_code == 2
    done = invoke(tmp_path, run)
    assert isinstance(done.exception, FileError)


def _movements(folder: Path) -> Path:
    import pyarrow.csv as pa_csv

    path = folder / "mouvements.csv"
    pa_csv.write_csv(_moves((32, "2023-01-01", "01002", "01001")), path)
    return path


def test_figures_of_a_group_are_those_of_its_rows() -> None:
    rows = [(code, float(n), 1.0 + n) for n, code in enumerate(CODES)]
    ours, published = table(rows), table([(c, a + 1, w) for c, a, w in rows])
    found = apl.compare(ours, published)
    (group,) = found.regions.values()
    assert asdict(group) == {name: getattr(found, name) for name in asdict(group)}
