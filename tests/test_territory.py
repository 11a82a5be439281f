"""Codes to positions, tables in the order of the codes: by hand, each form a column may have."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from apl_core import TableError, Territory
from apl_core.territory import column_values

CODES = ["01001", "01002", "2A004", "69381"]
LAND = Territory.from_codes(CODES[::-1])


def communes(codes: list[str | None]) -> pa.Table:
    return pa.table({"code_commune": pa.array(codes, pa.string()), "row": list(range(len(codes)))})


def coded(words: list[str | None], *indices: int | None) -> pa.DictionaryArray:
    """A column in a dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(words))


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_rows_in_any_order_come_in_that_of_the_codes(order: tuple[int, ...]) -> None:
    found = LAND.ordered(communes([CODES[k] for k in order]))
    assert found.column("code_commune").to_pylist() == CODES
    assert found.column("row").to_pylist() == [order.index(k) for k in range(4)]


@pytest.mark.parametrize(
    ("codes", "absent", "count"),
    [
        (CODES[1:], ("01001",), 1),
        (CODES[:3], ("69381",), 1),
        (["01002", *CODES[1:]], ("01001",), 1),
        (["01001", *CODES[:3]], ("69381",), 1),
        ([*CODES[:3], "99999"], ("69381",), 1),
        (["99999", *CODES[:3]], ("69381",), 1),
        ([*CODES, "99999"], (), 1),
        ([*CODES[:2], "99998", "99999", "99997"], ("2A004", "69381"), 3),
    ],
)
def test_another_set_of_communes_is_refused(
    codes: list[str | None], absent: tuple[str, ...], count: int
) -> None:
    with pytest.raises(TableError, match="APL-C14") as refused:
        LAND.ordered(communes(codes))
    assert (refused.value.values, refused.value.faults[0].count) == (absent, count)


COLUMNS = {
    "plain": (pa.array(["2A004", None, "x", "01001"]), [2, -1, -1, 0]),
    "no rows": (pa.array([], pa.string()), []),
    "no chunk": (pa.chunked_array([], pa.string()), []),
    "the codes themselves": (pa.array(CODES), [0, 1, 2, 3]),
    "their dictionary": (coded([*CODES], 3, 0, 3), [3, 0, 3]),
    "their dictionary, nulls": (coded([*CODES], 3, None, 1), [3, -1, 1]),
    "another dictionary": (coded(["x", "69381"], 1, 0, None), [3, -1, -1]),
    "a part of a column": (coded(["x", "69381"], 1, 0, 1, 1).slice(1, 2), [-1, 3]),
    "two chunks of one dictionary": (
        pa.chunked_array([coded(["01002", "x"], 0, 1), coded(["01002", "x"], 1, 0, 0)]),
        [1, -1, -1, 1, 1],
    ),
    "two dictionaries": (
        pa.chunked_array([coded(["01002", "x"], 0, 1), coded(["x", "2A004", "01001"], 2, 1, 0)]),
        [1, -1, 0, 2, -1],
    ),
    "two chunks of the codes' dictionary": (
        pa.chunked_array([coded([*CODES], 2), coded([*CODES], 0, 3)]),
        [2, 0, 3],
    ),
    "plain chunks": (pa.chunked_array([["x", "69381"], ["01001"]]), [-1, 3, 0]),
}


@pytest.mark.parametrize("form", COLUMNS)
def test_positions_in_each_form_of_a_column(form: str) -> None:
    column, expected = COLUMNS[form]
    assert LAND.positions(column).tolist() == expected


@pytest.mark.parametrize("twice", [["b", "a", "b"], ["a", "a"], ["c", "b", "a", "a", "c", "c"]])
def test_a_code_given_twice_is_named(twice: list[str]) -> None:
    with pytest.raises(TableError, match="APL-D05") as refused:
        Territory.from_codes(twice)
    doubled = tuple(sorted({code for code in twice if twice.count(code) > 1}))
    assert refused.value.values == doubled
    assert refused.value.faults[0].count == len(doubled)


@pytest.mark.parametrize("codes", [[None], ["a", None], [None, "b", "a"]])
def test_a_code_that_is_missing_is_refused(codes: list[str | None]) -> None:
    with pytest.raises(TableError, match="APL-D05"):
        Territory.from_codes(pa.array(codes, pa.string()))


def test_few_codes() -> None:
    assert (len(Territory.from_codes([])), len(Territory.from_codes(["a"]))) == (0, 1)
    assert Territory.from_codes(pa.array(["b", "a"]).dictionary_encode()).codes.to_pylist() == [
        "a", "b"]  # fmt: skip


def test_a_table_of_another_library_is_taken() -> None:
    batch = pa.record_batch({"code_commune": CODES[::-1]})
    assert Territory.from_table(batch).codes.to_pylist() == CODES
    with pytest.raises(TableError, match="code_commune"):
        Territory.from_table(batch.rename_columns(["code"]))


@pytest.mark.parametrize("chunks", [[], [[1.0, 2.0]], [[1.0], [2.0, 3.0]], [[1.0], [], [4.0]]])
def test_the_values_of_a_column_in_chunks(chunks: list[list[float]]) -> None:
    column = pa.chunked_array(chunks, pa.float64())
    assert column_values(column, np.float64).tolist() == [*itertools.chain(*chunks)]


def test_the_values_of_parts_nulls_and_truths() -> None:
    assert column_values(pa.array([7, 8, 9]).slice(1), np.int64).tolist() == [8, 9]
    assert column_values(pa.array([7, None]), np.int64, fill=-3).tolist() == [7, -3]
    truths = column_values(pa.array([True, False, True]).slice(1), np.bool_)
    assert truths.dtype == np.dtype(np.bool_)
    assert truths.tolist() == [False, True]
    assert column_values(pa.array([], pa.int32()), np.float64).size == 0
