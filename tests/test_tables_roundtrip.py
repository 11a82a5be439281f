"""Whatever the table: it reads back from every kind of file, and damage never passes for data."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_tables import FORMATS, OFFRE, SEPARATORS, Rows, written

from apl_core import AplError, FileError, TableError
from apl_core.schema import schema
from apl_core.tables import notes_of, read_table

codes = st.from_regex(str(schema("communes").field("code_commune").pattern), fullmatch=True)
places = st.lists(codes.filter(str.isascii), min_size=1, max_size=6, unique=True)
letters = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="=#")
labels = st.text(letters, min_size=1)  # = and # begin formulas and errors in a workbook
quick = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def communes(draw: st.DrawFn) -> Rows:
    """A valid table of communes, its header first."""
    header = ["code_commune", "libelle", "code_departement", "code_region", "population"]
    rows = [
        [code, draw(labels), "01", "84", draw(st.integers(0, 10**9)), code] for code in draw(places)
    ]
    return [[*header, "code_bvcv"], *rows]


@st.composite
def supplies(draw: st.DrawFn) -> Rows:
    """A valid table of supply, its header first."""
    etp = st.floats(0, 1e9, allow_subnormal=False)
    return [OFFRE[0], *([code, draw(etp)] for code in draw(places))]


@pytest.mark.parametrize("form", FORMATS)
@quick
@given(rows=communes())
def test_a_table_of_communes_reads_back(form: str, rows: Rows, tmp_path: Path) -> None:
    found = read_table(written(tmp_path, rows, form), "communes").to_pylist()
    assert [list(row.values()) for row in found] == [list(row) for row in rows[1:]]


@pytest.mark.parametrize("form", FORMATS)
@quick
@given(rows=supplies())
def test_numbers_read_back_to_the_last_bit(form: str, rows: Rows, tmp_path: Path) -> None:
    found = read_table(written(tmp_path, rows, form), "offre")
    assert found["code_commune"].to_pylist() == [row[0] for row in rows[1:]]
    digits = 1e-15 if form == "xlsx" else 0.0  # openpyxl writes 16 of them
    for value, row in zip(found["etp"].to_pylist(), rows[1:], strict=True):
        assert abs(value - row[1]) <= digits * row[1]


@pytest.mark.parametrize("form", ["comma", "tab", "parquet", "xlsx"])
@quick
@given(rows=supplies(), share=st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_is_refused_or_reads_as_a_part(
    form: str, rows: Rows, share: float, tmp_path: Path
) -> None:
    """A cut within the last value of a CSV cannot be told from a value: it is noted."""
    path = written(tmp_path, rows, form)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    try:
        table = read_table(path, "offre")
    except AplError:
        return
    assert form in SEPARATORS
    found = [list(row.values()) for row in table.to_pylist()]
    cut = any("APL-A06" in note for note in notes_of(table))
    kept = found[:-1] if cut else found
    assert kept == [list(row) for row in rows[1 : len(kept) + 1]]


@quick
@given(rows=supplies(), place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_damaged_byte_never_crashes(rows: Rows, place: float, value: int, tmp_path: Path) -> None:
    for form in FORMATS:
        path = written(tmp_path, rows, form)
        data = bytearray(path.read_bytes())
        data[int(len(data) * place)] = value
        path.write_bytes(data)
        with contextlib.suppress(TableError, FileError):
            read_table(path, "offre")
