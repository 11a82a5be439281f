"""A travel-time file in blocks is the file read whole: the same pairs, the same faults, the same
notes, wherever it is cut and whoever reads it."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apl_core import (
    Catchment,
    FileError,
    TableError,
    Territory,
    stream,
    stream_faults,
    stream_files,
    stream_text,
)
from apl_core.stream import blocks_of, counted_rows, gathered, read_block, read_pairs, read_streamed
from apl_core.stream_rows import TABLE
from apl_core.tables import headers_of, notes_of, read_table

CODES = ["01001", "01002", "2A004", "38185", "97411", "75101"]
LAND = Territory.from_codes(CODES)
HEADER = ("origine", "destination", "minutes")
Row = tuple[Any, Any, Any]
GOOD: list[Row] = [(a, b, float(7 * i % 50)) for i, (a, b) in enumerate(
    (a, b) for a in sorted(CODES) for b in sorted(CODES))]  # fmt: skip


def cell(value: Any) -> str:
    return "" if value is None else str(value)


def write_csv(path: Path, rows: Sequence[Row], header: Sequence[str] = HEADER) -> Path:
    lines = [",".join(map(cell, row)) for row in (header, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Sequence[Row], **options: Any) -> Path:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    types = (pa.string(), pa.string(), pa.float64())
    arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=True)]
    pq.write_table(pa.table(arrays, HEADER), path, **{"row_group_size": 7, **options})
    return path


def whole(path: Path, **asked: Any) -> Catchment:
    """The file read whole, and indexed."""
    choose = asked.pop("choose", None)
    return Catchment.build(read_table(path, TABLE, choose=choose, known=LAND), LAND, **asked)


def attempt(reader: Callable[..., Catchment], *given: Any, **asked: Any) -> Any:
    """What it reads, or all of its faults."""
    try:
        return reader(*given, **asked)
    except TableError as error:
        return [fault.as_dict() for fault in error.faults]


def assert_same(path: Path, **asked: Any) -> None:
    """Streamed and whole: equal pairs to the bit, or equal faults."""
    want = attempt(whole, path, **asked)
    if not isinstance(want, Catchment):
        assert attempt(read_pairs, path, LAND, **asked) == want
        return
    for threads in (1, 3):
        found = read_pairs(path, LAND, threads=threads, **asked)
        for name in ("start", "destination", "minutes", "paired"):
            ours, theirs = getattr(found, name), getattr(want, name)
            assert ours.dtype == theirs.dtype, name
            assert ours.tobytes() == theirs.tobytes(), name
        assert (found.read, found.self_added) == (want.read, want.self_added)
        assert (found.longest, found.within) == (want.longest, want.within)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few rows: a small file is cut in many."""
    monkeypatch.setattr(stream_files, "ROWS", 10)
    monkeypatch.setattr(stream_text, "BYTES", 100)


# --- pairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("self_pair", ["error", "0", "none"])
@pytest.mark.parametrize("within", [20, 0, 12.5, None])
def test_pairs_are_those_of_the_whole_file(
    tmp_path: Path, within: float | None, self_pair: str
) -> None:
    lacking = [row for row in GOOD if row[:2] not in {("2A004", "2A004"), ("97411", "97411")}]
    for n, rows in enumerate((GOOD, GOOD[::-1], lacking, [*GOOD[18:], *GOOD[:18]])):
        assert_same(write_csv(tmp_path / f"{n}.csv", rows), within=within, self_pair=self_pair)
        assert_same(write_parquet(tmp_path / f"{n}.parquet", rows), within=within,
                    self_pair=self_pair)  # fmt: skip


PARQUET = {
    "plain pages": {"use_dictionary": False},
    "some dictionaries": {"use_dictionary": ["origine"]},
    "version 2": {"data_page_version": "2.0"},
    "zstd": {"compression": "zstd"},
    "one group": {"row_group_size": 1000},
    "checksums": {"write_page_checksum": True},
    "uncompressed": {"compression": "none"},
}


@pytest.mark.parametrize("options", PARQUET.values(), ids=PARQUET)
def test_any_writer_of_parquet(tmp_path: Path, options: dict[str, Any]) -> None:
    assert_same(write_parquet(tmp_path / "t.parquet", GOOD, **options), self_pair="error")


def test_other_types_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = dict(zip(HEADER, map(list, zip(*GOOD, strict=True)), strict=True))
    for kind in (pa.int32(), pa.float32(), pa.string(), pa.decimal128(12, 2)):
        minutes = pa.array(columns["minutes"]).cast(pa.int32()).cast(kind)
        for text in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
            ends = [pa.array(columns[name], pa.string()).cast(text) for name in HEADER[:2]]
            pq.write_table(pa.table([*ends, minutes], HEADER), path, row_group_size=5)
            assert_same(path)
    pq.write_table(pa.table({"origine": pa.array([1001, 1002]), "destination": ["01001", "01002"],
                             "minutes": [1.0, 2.0]}), path, row_group_size=1)  # fmt: skip
    assert_same(path)


TEXTS = {
    "semicolons and commas": "idSrc;idDst;HC\n01001;01002;12,5\n01002;01001;3\n",
    "tabs": "origine\tdestination\tminutes\n01001\t01002\t12.5\n",
    "\\r\\n": "origine,destination,minutes\r\n01001,01002,12.5\r\n01002,01001,3\r\n",
    "no end": "origine,destination,minutes\n01001,01002,12.5\n01002,01001,3",
    "quotes": 'origine,destination,minutes\n"01001","01002",12.5\n01002,01001,"3"\n',
    "exponents and signs": "origine,destination,minutes\n01001,01002,1.25e1\n01002,01001,+3\n",
    "points": "origine,destination,minutes\n01001,01002,.5\n01002,01001,3.\n01001,01001,0.1\n",
    "empty lines": "origine,destination,minutes\n01001,01002,1\n\n01002,01001,3\n\n",
    "a title": "Distances\n\norigine,destination,minutes\n01001,01002,1\n",
    "more columns": 'km,minutes,x,destination,origine\n9,12,"a,b",01001,01002\n,3,,01002,01001\n',
    "many digits": "origine,destination,minutes\n01001,01002,1.2345678901234567\n"
                   "01002,01001,0.1234567890123\n01002,01002,19.999999999999998\n",
    "a mark of order": "\ufefforigine,destination,minutes\n01001,01002,1\n",
    "no row": "origine,destination,minutes\n",
    "a header alone": "origine,destination,minutes",
    "\\r alone": "origine,destination,minutes\r01001,01002,1\r01002,01001,2\r",
    "spaces": "origine,destination,minutes\n01001,01002, 1\n01002,01001,1 000\n",
    "HC and HP": "origine,destination,HC,HP\n01001,01002,1,2\n",
    "estimated": "origine,destination,minutes,estimation\n01001,01002,1,oui\n01002,01001,2,non\n",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_any_writer_of_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    for many in (1, 9):
        head, end, rest = text.partition("\n01")
        path.write_bytes((head + (end + rest.rstrip("\n")) * many + "\n" * (many > 1)).encode())
        for choose in (None, {"minutes": "HP"}):
            if choose is None or "HP" in text:
                assert_same(path, self_pair="0", choose=choose)
    path.write_text(text, encoding="utf-8", newline="")
    assert_same(path, self_pair="0")
    path.write_text(text, encoding="utf-16", newline="")
    assert_same(path, self_pair="0")


def test_what_was_noticed_is_the_same(tmp_path: Path) -> None:
    """Notes, headers and the mark of an estimate, without the rows."""
    path = tmp_path / "t.csv"
    for text in TEXTS.values():
        path.write_text(text * (text.count("\n") == 1) or text, encoding="utf-8", newline="")
        try:
            table = read_table(path, TABLE)
            found = read_streamed(path, LAND, self_pair="0").about
        except TableError:
            continue
        assert notes_of(found) == notes_of(table)
        assert headers_of(found) == headers_of(table)
        if "estimation" in table.column_names:
            assert found.column("estimation").to_pylist() == [True]
    table = pa.table(dict(zip(HEADER, map(list, zip(*GOOD, strict=True)), strict=True)))
    marked = table.replace_schema_metadata({"apl.estimate": "{}", "other": "x"})
    pq.write_table(marked, tmp_path / "t.parquet")
    about = read_streamed(tmp_path / "t.parquet", LAND).about
    assert about.schema.metadata == {b"apl.estimate": b"{}", b"apl.rows": b"36"}
    assert counted_rows(about) == len(GOOD)


def test_what_cannot_be_cut_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"origine,destination,minutes\n01001,01002,5\n"))
    assert_same(path, self_pair="none")
    with pytest.raises(FileError, match="APL-A07"):
        blocks_of(path)


def test_no_such_file_and_missing_columns(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="APL-A01"):
        read_pairs(tmp_path / "none.csv", LAND)
    for name in ("t.csv", "t.parquet"):
        path = tmp_path / name
        table = pa.table({"origine": ["01001"], "minutes": [1.0]})
        if name == "t.csv":
            path.write_text("origine,minutes\n01001,1\n")
        else:
            pq.write_table(table, path)
        with pytest.raises(TableError, match="APL-B08"):
            read_pairs(path, LAND)
        with pytest.raises(TableError, match="APL-B08"):
            whole(path)


# --- faults ------------------------------------------------------------------------------------

BAD: dict[str, Row] = {
    "malformed": ("XX", "01001", 1.0),
    "lost zero": ("01001", "1001", 1.0),
    "lost zero, .0": ("1001.0", "01001", 1.0),
    "scientific": ("01001", "1E3", 1.0),
    "unknown origin": ("38001", "01001", 1.0),
    "unknown destination": ("01001", "38002", 30.0),
    "both": ("38003", "38002", 1.0),
    "no code": (None, "01001", 1.0),
    "no minutes": ("01001", "01002", None),
    "negative": ("01001", "01002", -1.0),
    "not computed": ("01001", "01002", 9999.0),
    "not computed, negative": ("01001", "01002", -999999.0),
    "NaN": ("01001", "01002", float("nan")),
    "infinite": ("01001", "01002", float("inf")),
    "twice": ("01001", "01002", 3.0),
    "twice, far": ("97411", "01001", 180.0),
}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_fault_has_its_row_wherever_it_stands(tmp_path: Path, bad: Row, kind: str) -> None:
    write = write_csv if kind == "csv" else write_parquet
    for at in (0, 17, len(GOOD)):
        rows = [*GOOD[:at], bad, *GOOD[at:]]
        assert_same(write(tmp_path / f"{at}.{kind}", rows))
        assert_same(write(tmp_path / f"{at}.{kind}", [*rows, *([bad] * 30)]))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_faults_of_several_kinds_and_blocks_come_together(tmp_path: Path, kind: str) -> None:
    write = write_csv if kind == "csv" else write_parquet
    form = [row for name, row in BAD.items() if "unknown" not in name and "twice" not in name]
    ends = [row for name, row in BAD.items() if "unknown" in name or "twice" in name]
    for rows in (form, ends, form[::-1], [*ends, *form]):
        spread = [row for bad in rows for row in (*GOOD[:5], bad)]
        assert_same(write(tmp_path / f"t.{kind}", [*rows, *GOOD]))
        assert_same(write(tmp_path / f"t.{kind}", spread))


LINES = {
    "ragged": "01001,01002,5,6",
    "short": "01001,01002",
    "decimal comma": "01001,01002,5,5",
    "words": "01001,01002,nd",
    "a comma in quotes": '01001,01002,"5,5"',
    "not UTF-8": "01001,0100\xe9,5",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_lines_that_are_not_rows(tmp_path: Path, line: str) -> None:
    path = tmp_path / "t.csv"
    good = [",".join(map(cell, row)) for row in GOOD]
    for at in (0, 20, len(good)):
        for many in (1, 25):
            lines = [",".join(HEADER), *good[:at], *([line] * many), *good[at:], line]
            path.write_bytes("\n".join(lines).encode("latin-1"))
            assert_same(path)


def test_a_comma_here_and_a_point_there(tmp_path: Path) -> None:
    """Within one block the gate sees both; in two, neither block does."""
    path = tmp_path / "t.csv"
    for first, last in (("5,5", "5.5"), ("5.5", "5,5"), ("5,5", "5"), ("5,5", "5,25")):
        lines = [f"01001;01002;{first}", *["01001;2A004;7"] * 20, f"01002;01001;{last}"]
        path.write_text("\n".join(["origine;destination;minutes", *lines, ""]))
        assert_same(path, self_pair="none")


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "t.parquet", GOOD, compression="none", use_dictionary=False,
                         write_page_checksum=True, write_statistics=False)  # fmt: skip
    data = bytearray(path.read_bytes())
    at = data.index(b"97411")
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="APL-A03"):
        read_pairs(path, LAND)


# --- pairs given twice -------------------------------------------------------------------------


def test_marks_in_several_lots_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one origin at a time; and grouped by origin, in no order otherwise."""
    monkeypatch.setattr(stream_faults, "BITS", 1)
    monkeypatch.setattr(stream_faults, "MOST", 100)
    grouped = sorted(GOOD, key=lambda row: (hash(row[0]), row[1][::-1]))
    for rows in (GOOD[::-1], grouped):
        for extra in ([], rows[3:5], [rows[0]] * 3, rows):
            assert_same(write_csv(tmp_path / "t.csv", [*rows, *extra]))


def test_where_marks_do_not_fit_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_faults, "BITS", 1)
    monkeypatch.setattr(stream_faults, "MOST", 0)
    shuffled = [GOOD[k] for k in np.random.default_rng(1).permutation(len(GOOD))]
    path = write_csv(tmp_path / "t.csv", shuffled)
    found = read_streamed(path, LAND)
    assert "within reach alone" in notes_of(found.about)[-1]
    assert found.pairs.minutes.tolist() == whole(path).minutes.tolist()
    near = next(row for row in shuffled if row[2] <= 20)
    far = next(row for row in shuffled if row[2] > 20)
    assert_same(write_csv(tmp_path / "near.csv", [*shuffled, near]))
    read_pairs(write_csv(tmp_path / "far.csv", [*shuffled, far]), LAND)  # not seen, but said


# --- blocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_blocks_are_whole_and_travel(tmp_path: Path, kind: str) -> None:
    write = write_csv if kind == "csv" else write_parquet
    blocks = blocks_of(write(tmp_path / f"t.{kind}", GOOD))
    assert len(blocks) > 3
    assert [block.number for block in blocks] == list(range(len(blocks)))
    parts = [read_block(pickle.loads(pickle.dumps(block)), LAND) for block in blocks]
    assert sum(part.rows for part in parts) == len(GOOD)
    if kind == "parquet":
        assert [part.rows for part in parts] == [block.rows for block in blocks]
    facts = gathered(parts[::-1], blocks, LAND)  # in any order
    assert facts.ascending
    assert facts.own.all()
    assert facts.rows == len(GOOD)
    assert gathered([pickle.loads(pickle.dumps(p)) for p in parts], blocks, LAND).ascending


def test_progress_is_told_in_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "EVERY", -1.0)
    heard: list[str] = []
    read_pairs(write_parquet(tmp_path / "t.parquet", GOOD), LAND, progress=heard.append)
    assert heard[-1] == "temps_de_parcours: 36 of 36 rows, 100 %"
    read_pairs(write_csv(tmp_path / "t.csv", GOOD), LAND, progress=heard.append)
    assert heard[-1] == "temps_de_parcours: 36 rows, 100 %"


def test_a_territory_of_long_codes(tmp_path: Path) -> None:
    """The kernel for plain lines takes codes of one length, up to five; others go another way."""
    path = write_csv(tmp_path / "t.csv", [("01001", "01001", 1), ("01001", "01002", 2)])
    for codes in (["01001", "01002", "x"], ["01001", "01002", "longer"], ["01001", "010é2"]):
        land = Territory.from_codes(codes)
        table = read_table(path, TABLE)
        want = attempt(Catchment.build, table, land, self_pair="0")
        found = attempt(read_pairs, path, land, self_pair="0")
        if isinstance(want, Catchment):
            want, found = want.start.tolist(), found.start.tolist()
        assert found == want


# --- any table ---------------------------------------------------------------------------------

codes = st.sampled_from([*CODES[:4], "38001", "1001", None]) | st.sampled_from(CODES)
minutes = st.one_of(
    st.integers(0, 40).map(float),
    st.integers(0, 4000).map(lambda n: n / 100),
    st.floats(0, 200),
    st.sampled_from([None, -1.0, 9999.0, -0.0]),
)
good_minutes = st.integers(0, 4000).map(lambda n: n / 100)
tables = st.lists(st.tuples(codes, codes, minutes), max_size=40) | st.lists(
    st.tuples(st.sampled_from(CODES), st.sampled_from(CODES), good_minutes),
    max_size=40,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(tables, st.sampled_from(["0", "none", "error"]), st.booleans())
def test_any_table(tmp_path: Path, rows: list[Row], self_pair: str, ordered: bool) -> None:
    if ordered:
        rows = sorted(rows, key=lambda row: (cell(row[0]), cell(row[1])))
    assert_same(write_csv(tmp_path / "t.csv", rows), self_pair=self_pair)
    assert_same(write_parquet(tmp_path / "t.parquet", rows), self_pair=self_pair)
