"""What the catchment keeps, counts and says, to the last figure.

Each of these tests sees a small fault of `apl_core/catchment.py` that no other did
(`tests/MUTATION.md`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from apl_core import (
    Band,
    Catchment,
    Exponential,
    Fault,
    Gaussian,
    Power,
    RuleError,
    Steps,
    TableError,
    Territory,
)
from apl_core.catchment import LARGEST_LEVEL, first_rows

LAND = Territory.from_codes(["A", "B", "C"])
Row = tuple[str, str, float]
ROWS: list[Row] = [("A", "A", 0.5), ("A", "B", 20.0), ("B", "B", 0.5), ("B", "C", 20.5)]


def pairs_table(rows: Sequence[Row]) -> pa.Table:
    ends = {name: pa.array([row[k] for row in rows], pa.string())
            for k, name in enumerate(("origine", "destination"))}  # fmt: skip
    return pa.table({**ends, "minutes": pa.array([row[2] for row in rows], pa.float64())})


def built(rows: Sequence[Row] = ROWS, **how: Any) -> Catchment:
    return Catchment.build(pairs_table(rows), LAND, **{"self_pair": "none", **how})


def held(pairs: Catchment) -> list[Row]:
    """The pairs as they stand: by origin, then destination."""
    codes, start = LAND.codes.to_pylist(), pairs.start.tolist()
    origin = [codes[i] for i in range(len(codes)) for _ in range(start[i], start[i + 1])]
    ends = [codes[j] for j in pairs.destination.tolist()]
    return list(zip(origin, ends, pairs.minutes.tolist(), strict=True))


def refused(rows: pa.Table | Sequence[Row], **how: Any) -> list[Fault]:
    table = rows if isinstance(rows, pa.Table) else pairs_table(rows)
    with pytest.raises(TableError) as caught:
        Catchment.build(table, LAND, **{"self_pair": "none", **how})
    return list(caught.value.faults)


def cells(fault: Fault) -> list[tuple[int | None, str]]:
    return list(fault.cells())


# --- what is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]], ids=["in order", "in none"])
@pytest.mark.parametrize(("within", "kept"), [(None, 4), (20.5, 4), (20, 3), (19.9, 2), (0, 0)])
def test_pairs_up_to_the_bound_are_kept(rows: list[Row], within: float | None, kept: int) -> None:
    pairs = built(rows, within=within)
    assert held(pairs) == [row for row in ROWS if within is None or row[2] <= within]
    assert (pairs.size, pairs.read, pairs.self_added, pairs.longest) == (kept, 4, 0, 20.5)
    assert pairs.within == (math.inf if within is None else within)
    assert pairs.paired.tolist() == [True] * 3  # of the table, at any time
    assert pairs.times.tolist() == sorted({row[2] for row in held(pairs)})
    assert [pairs.count_at(t) for t in (0.5, 20.0, 20.5, 1.0)] == [
        sum(row[2] == t for row in held(pairs)) for t in (0.5, 20.0, 20.5, 1.0)
    ]
    assert pairs.counts.tolist() == [pairs.count_at(t) for t in pairs.times.tolist()]
    for array in (pairs.start, pairs.destination, pairs.minutes, pairs.counts, pairs.paired):
        assert not array.flags.writeable


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]], ids=["in order", "in none"])
def test_self_pairs_are_added_where_they_lack(rows: list[Row]) -> None:
    pairs = built(rows, self_pair="0")
    assert held(pairs) == [*ROWS[:3], ("C", "C", 0.0)]
    assert (pairs.self_added, pairs.read) == (1, 4)
    none = Catchment.build(pairs_table([]), LAND, self_pair="0")
    assert held(none) == [(code, code, 0.0) for code in "ABC"]
    assert (none.self_added, none.read, none.longest) == (3, 0, 0.0)
    whole = built([*ROWS, ("C", "C", 3.0)], self_pair="0")
    assert (whole.self_added, whole.size) == (0, 4)
    assert built([("A", "A", 1.0)]).paired.tolist() == [True, False, False]
    assert built([("A", "A", 1.0)], self_pair="0").paired.all()


def test_the_default_is_20_minutes_and_all_self_pairs() -> None:
    table = pairs_table([*ROWS, ("C", "C", 0.0)])
    assert Catchment.build(table, LAND).within == 20
    with pytest.raises(TableError, match="APL-E02"):
        Catchment.build(pairs_table(ROWS), LAND)


@dataclass(frozen=True)
class Streamed:
    """A table of another library: nothing but Arrow's stream."""

    table: pa.Table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


def test_a_table_of_another_library_is_taken() -> None:
    table = pairs_table(ROWS)
    assert held(Catchment.build(Streamed(table), LAND, self_pair="none")) == ROWS[:3]
    with pytest.raises(TableError, match="APL-B08"):
        Catchment.build(table.select(["origine", "minutes"]), LAND)


@pytest.mark.parametrize(
    "wrong", [{"self_pair": "1"}, {"self_pair": ""}, {"within": -1}, {"within": math.nan}]
)
def test_what_is_asked_for_must_mean_something(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is"):
        built(**wrong)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("kind", [pa.uint16(), pa.int8()], ids=str)
def test_minutes_in_a_dictionary(parts: int, kind: pa.DataType) -> None:
    """A value that no row takes is no time of the table."""
    words = pa.array([0.5, 99.0, 20.0, 20.5, 0.25])
    codes = [pa.array([0, 2, 0, 3][:2], kind), pa.array([0, 3], kind)]
    chunks = [pa.DictionaryArray.from_arrays(code, words) for code in codes]
    minutes = pa.chunked_array(chunks)
    column = minutes if parts == 2 else minutes.combine_chunks()
    pairs = Catchment.build(
        pairs_table(ROWS).set_column(2, "minutes", column), LAND, self_pair="none", within=None
    )
    assert held(pairs) == ROWS
    assert (pairs.longest, pairs.times.tolist()) == (20.5, [0.5, 20.0, 20.5])


def test_towards_and_supply_that_nobody_reaches() -> None:
    pairs = built([("A", "A", 1.0), ("A", "B", 30.0)])
    supply = np.array([1.0, 2.0, 0.5])
    assert pairs.unreached_supply(supply).tolist() == [2]
    assert pairs.unreached_supply(np.array([1.0, 2.0, 0.0])).tolist() == []
    some = built(within=None).towards(np.array([0, 1, 0]))
    assert held(some) == [ROWS[1], ROWS[2]]
    assert (some.read, some.longest, some.paired.tolist()) == (4, 20.5, [True] * 3)


# --- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "exact"), [(LARGEST_LEVEL, True), (LARGEST_LEVEL + 1, False)])
def test_weights_are_whole_numbers_as_long_as_sums_have_room(part: int, exact: bool) -> None:
    steps = Steps((Band(10.0, True, Fraction(1)), Band(20.0, True, Fraction(1, part))))
    weighted = built().weigh(steps)
    assert weighted.denominator == (part if exact else 1)
    assert weighted.demand(np.array([1.0, 0.0, 0.0])) == pytest.approx([1, 1 / part, 0], rel=1e-12)


def test_the_largest_weight_stands_behind_those_of_the_times() -> None:
    """Even where no pair is so near: the scale of sums is made of it."""
    weighted = built([("A", "A", 12.0)]).weigh(Steps.of([10, 20], ["1", "1/3"], closed="right"))
    assert weighted.level is not None
    assert (weighted.level.tolist(), weighted.denominator) == ([1, 3], 3)


def test_a_decay_may_reach_farther_only_without_a_bound() -> None:
    assert built().weigh(Exponential(0.1)).demand(np.ones(3)).size == 3
    assert built().weigh(lambda t: 1 / (1 + t)).demand(np.ones(3)).size == 3
    for decay in (Gaussian(7.0, limit=20.0), Gaussian(7.0, limit=5.0)):
        built().weigh(decay)
    built(within=None).weigh(Gaussian(7.0, limit=500.0))
    with pytest.raises(RuleError) as caught:
        built().weigh(Gaussian(7.0, limit=20.5))
    assert caught.value.fault == "APL-E07"
    assert "up to 20 minutes; the decay reaches 20.5" in str(caught.value)
    assert "within=20.5" in caught.value.mend


def test_what_is_no_weight_is_named_with_its_minutes() -> None:
    for bad in (-1.0, math.nan, math.inf, -math.inf):
        with pytest.raises(RuleError) as caught:
            built().weigh(lambda t, bad=bad: np.where(t < 20, 1.0, bad))
        assert caught.value.fault == "APL-F03"
        assert "at 20 minutes" in str(caught.value)
    with pytest.raises(RuleError, match=r"at 0\.5 minutes"):  # the first of them
        built().weigh(lambda t: -t)
    for more, weight in ((1, 1.0), (1, -1.0), (-1, 1.0), (-1, -1.0)):
        with pytest.raises(RuleError, match="at nan minutes"):
            built().weigh(lambda t, n=more, w=weight: np.full(t.size + n, w))
    assert built().weigh(lambda t: np.where(t < 20, 1.0, 0.0)).demand(np.ones(3)).tolist() == [
        1,
        1,
        0,
    ]


def test_a_time_that_no_pair_takes_any_more_needs_no_weight() -> None:
    decay = Power(-1.0)
    rows: list[Row] = [("A", "A", 0.0), ("A", "B", 2.0), ("B", "B", 4.0)]
    with pytest.raises(RuleError, match="at 0 minutes"):
        built(rows).weigh(decay)
    some = built(rows).towards(np.array([False, True, False])).weigh(decay)
    assert some.demand(np.array([1.0, 1.0, 0.0])).tolist() == [0, 0.75, 0]
    with pytest.raises(RuleError, match="at 0 minutes"):
        built(rows).towards(np.array([True, False, False])).weigh(decay)


# --- what is refused -----------------------------------------------------------------------------


def test_unknown_codes_are_named_once_each_where_they_come_first() -> None:
    rows: list[Row] = [
        ("A", "Z", 1.0),
        ("Y", "A", 1.0),
        ("A", "Z", 1.0),
        ("A", "X", 1.0),
        ("Y", "Z", 1.0),
    ]
    table = pa.concat_tables([pairs_table(rows[:2]), pairs_table(rows[2:])])
    origin, destination = refused(table)
    assert (origin.fault, origin.column, origin.table) == (
        "APL-C02",
        "origine",
        "temps_de_parcours",
    )
    assert (origin.rows, origin.values, origin.count) == ((2,), ("Y",), 2)
    assert cells(origin) == [(2, "Y"), (5, "Y")]
    assert destination.column == "destination"
    assert (destination.rows, destination.values, destination.count) == ((1, 4), ("Z", "X"), 4)
    assert cells(destination) == [(1, "Z"), (3, "Z"), (4, "X"), (5, "Z")]
    assert "2 codes" in destination.why


def test_of_many_unknown_codes_the_first_20_are_shown() -> None:
    (fault,) = refused([("A", f"Z{k:02}", 1.0) for k in range(30)])
    assert fault.values == tuple(f"Z{k:02}" for k in range(20))
    assert fault.rows == tuple(range(1, 21))
    assert (fault.count, len(cells(fault))) == (30, 30)


def test_first_rows_in_chunks() -> None:
    """Rows are those of the column, not of the chunk; a value keeps its first."""
    parts = [["c", "b", "b", "a"], [], [None, "a", "d", "d"]]
    column = pa.chunked_array(parts, pa.string())
    bad = np.array([False, True, True, True, True, True, False, True])
    assert list(first_rows(column, bad).items()) == [("b", 1), ("a", 3), ("(empty)", 4), ("d", 7)]
    coded = column.dictionary_encode()
    assert first_rows(coded, bad) == first_rows(column, bad)


def test_doubles_are_shown_with_their_rows_and_times() -> None:
    rows: list[Row] = [
        ("B", "A", 3.0),
        ("A", "C", 1.0),
        ("B", "A", 4.5),
        ("A", "C", 1.0),
        ("A", "B", 2.0),
    ]
    (fault,) = refused(rows)
    assert (fault.fault, fault.rows, fault.count) == ("APL-E01", (2, 4, 1, 3), 4)
    assert (fault.table, fault.column) == ("temps_de_parcours", "origine, destination")
    assert fault.values == ("A → C: 1.0 then 1.0 min", "B → A: 3.0 then 4.5 min")
    assert cells(fault) == [
        (2, "A → C: 1.0 min"), (4, "A → C: 1.0 min"), (1, "B → A: 3.0 min"), (3, "B → A: 4.5 min"),
    ]  # fmt: skip


def test_doubles_beside_unknown_codes_keep_their_rows() -> None:
    rows: list[Row] = [("Z", "A", 1.0), ("B", "A", 3.0), ("A", "Z", 1.0), ("B", "A", 4.0)]
    *codes, doubled = refused(rows)
    assert [fault.column for fault in codes] == ["origine", "destination"]
    assert (doubled.rows, doubled.count) == ((2, 4), 2)
    assert cells(doubled) == [(2, "B → A: 3.0 min"), (4, "B → A: 4.0 min")]


def test_of_many_doubles_ten_are_shown() -> None:
    many = [(a, b, float(k)) for k in range(3) for a in "ABC" for b in "ABC"]
    (fault,) = refused(many)
    assert (len(fault.values), len(fault.rows), fault.count) == (10, 20, 36)
    assert fault.rows[:4] == (1, 10, 10, 19)
    assert len(cells(fault)) == 36


def test_missing_self_pairs_are_named() -> None:
    (fault,) = refused(ROWS, self_pair="error")
    assert (fault.fault, fault.values, fault.count, fault.rows) == ("APL-E02", ("C",), 1, ())
    unknown, missing = refused([*ROWS, ("C", "Z", 1.0)], self_pair="error")
    assert (unknown.fault, missing.values) == ("APL-C02", ("C",))


def test_minutes_of_no_number_are_named_with_all_else() -> None:
    lists = pairs_table([("Z", "A", 1.0), ("A", "A", 2.0)]).set_column(
        2, "minutes", pa.array([[1.0], [2.0]])
    )
    assert [fault.fault for fault in refused(lists)] == ["APL-D10", "APL-C02"]
    holed = pairs_table([("A", "A", math.nan), ("A", "A", 2.0)])
    found = refused(holed)
    assert [(fault.fault, fault.rows) for fault in found] == [
        ("APL-D01", (1,)),
        ("APL-E01", (1, 2)),
    ]
    null = holed.set_column(2, "minutes", pa.array([None, 2.0]))
    assert [fault.fault for fault in refused(null)] == ["APL-D01", "APL-E01"]
