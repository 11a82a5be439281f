"""Sums by row and column of encoded tables: those of fractions, whatever the encoding."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apl_core import AplError, Territory
from apl_core.cells import Coded, exact_cells
from apl_core.files import WORTH_PAGES
from apl_core.tables import read_table
from apl_core.territory import column_values

AMOUNTS = st.one_of(st.integers(0, 10**6).map(float), st.floats(1e-9, 1e9))
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), AMOUNTS), max_size=40)


def table(rows: list[tuple[int, int, float]]) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    ages, amounts = ([row[k] for row in rows] for k in (1, 2))
    return (
        pa.chunked_array([ages], pa.int64()),
        pa.chunked_array([amounts], pa.float64()),
    )


@settings(deadline=None)
@given(ROWS)
def test_cells_are_the_oracle_s_in_any_order_and_encoding(
    rows: list[tuple[int, int, float]],
) -> None:
    exact: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for row, age, amount in rows:
        exact[age % 3, row] += Fraction(amount)
    found = []
    for given_rows in (rows, sorted(rows)):
        age, amount = table(given_rows)
        place_of = np.array([r for r, *_ in given_rows], dtype=np.int32)
        plain = Coded.of(age, np.int64), Coded.of(amount, np.float64)
        # a file's table may be in any order, and hold what no row has
        more = Coded(plain[1].code + 1, np.concatenate([[1e30], plain[1].values]))
        for key, value in (plain, (plain[0], more)):
            column_of = (key.values % 3).astype(np.int64)
            cells = exact_cells(place_of, key, column_of, value, 5, 3)
            assert set(np.flatnonzero(cells.rows)) == {r for r, *_ in rows}
            assert set(key.values[cells.keys].tolist()) == {a for _, a, _ in rows}
            for (column, place), total in exact.items():
                off = abs(Fraction(float(cells.sums[column, place])) - total)
                assert off <= total / 10**12
            found.append(cells.sums.tobytes())
    assert len(set(found)) == 1


def test_a_column_is_encoded_where_it_is_not() -> None:
    for chunks in ([[3, 1], [3]], [[3, 1, 3]], [[], [3, 1, 3]]):
        plain = pa.chunked_array(chunks, pa.int64())
        for column in (plain, plain.dictionary_encode()):
            found = Coded.of(column, np.float64)
            assert found.values[found.code].tolist() == [3.0, 1.0, 3.0]
    assert Coded.of(pa.chunked_array([], pa.int64()), np.int64).code.size == 0


# --- encoded numbers of the gate ---------------------------------------------------------------

CODES = [f"{k:05d}" for k in range(1001, 1801)]
LAND = Territory.from_codes(CODES)


def pairs(minutes: list[float]) -> pa.Table:
    rows = len(minutes)
    ends = {
        "origine": (CODES * (rows // 800 + 1))[:rows],
        "destination": [CODES[(k // 800 + k) % 800] for k in range(rows)],
    }
    return pa.table({**ends, "minutes": pa.array(minutes, pa.float64())})


@pytest.mark.parametrize("kind", [pa.float64(), pa.int64(), pa.float32(), pa.int32()])
@pytest.mark.parametrize("groups", [WORTH_PAGES + 1, 6000])
def test_numbers_of_a_file_are_the_same_encoded(
    tmp_path: Path, kind: pa.DataType, groups: int
) -> None:
    given = pairs([float(k % 97) for k in range(WORTH_PAGES + 1)])
    given = given.set_column(2, "minutes", given["minutes"].cast(kind))
    path = tmp_path / "t.parquet"
    pq.write_table(given, path, row_group_size=groups)
    plain = read_table(path, "temps_de_parcours", known=LAND)
    encoded = read_table(path, "temps_de_parcours", known=LAND, encoded=True)
    assert pa.types.is_dictionary(encoded["minutes"].type) == (kind.bit_width == 64)
    assert encoded["minutes"].type in (pa.float64(), pa.dictionary(pa.uint16(), pa.float64()))
    there = (column_values(t["minutes"], np.float64).tolist() for t in (plain, encoded))
    assert next(there) == next(there)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf"), 9999.0])
def test_an_encoded_number_is_refused_with_its_rows(tmp_path: Path, wrong: float) -> None:
    minutes = [float(k % 97) for k in range(WORTH_PAGES)]
    minutes[5] = minutes[12_000] = wrong
    pq.write_table(pairs(minutes), tmp_path / "t.parquet")
    said = []
    for encoded in (False, True):
        with pytest.raises(AplError) as caught:
            read_table(tmp_path / "t.parquet", "temps_de_parcours", known=LAND, encoded=encoded)
        said.append((caught.value.fault, caught.value.rows, caught.value.values))
    assert said[0] == said[1]
    assert said[0][1] == (6, 12_001)


def test_numbers_that_hardly_repeat_are_arrow_s(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pairs([k / 1e6 for k in range(70_000)]), path, data_page_size=2000)
    table = read_table(path, "temps_de_parcours", encoded=True)
    assert table["minutes"].type == pa.float64()


def test_keys_that_come_twice_across_blocks_are_found(tmp_path: Path) -> None:
    """Blocks of keys that ascend: the last of one and the first of the next are held together."""
    rows = 16_384 * 2
    codes = [f"{k:05d}" for k in range(21001, 21001 + rows)]
    ages = pa.table({"code_commune": codes, "age": [0] * rows, "population": [1.0] * rows})
    path = tmp_path / "p.parquet"
    pq.write_table(ages, path)
    assert read_table(path, "population_par_age", encoded=True).num_rows == rows
    codes[16_384] = codes[16_383]
    pq.write_table(ages.set_column(0, "code_commune", pa.array(codes)), path)
    with pytest.raises(AplError, match="APL-D05") as caught:
        read_table(path, "population_par_age", encoded=True)
    assert caught.value.rows == (16_384, 16_385)
