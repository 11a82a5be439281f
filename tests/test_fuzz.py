"""Every reader on damaged files: refused, or read as it was; `make fuzz` goes further."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzzing import OFFRE, SHEET, Finding, findings, goldens

from apl_core import AplError
from apl_core.footer import column_chunks
from apl_core.tables import notes_of, read_table

CORPUS = Path(__file__).parent / "fuzz_corpus"
QUICK = (
    "csv", "csv-gz", "csv-times", "csv-utf16", "decisions", "manifest", "parameters",
    "parquet", "parquet-open", "parquet-snappy", "parquet-times", "xlsx",
)  # fmt: skip
# Files of a kind that are tried here, spread over the positions; `make fuzz` tries every one.
MOST = int(os.environ.get("APL_FUZZ_POSITIONS", "350"))


def spread(positions: int) -> list[int]:
    """So many positions, from the first to the last."""
    step = max(1, -(-positions // MOST))
    return sorted({*range(0, positions, step), *range(max(0, positions - 40), positions)})


def flipped(data: bytes) -> list[bytes]:
    """One bit changed in each byte: which one changes with the byte."""
    return [
        data[:at] + bytes([data[at] ^ 1 << (5 * at) % 8]) + data[at + 1 :]
        for at in spread(len(data))
    ]


def told(found: list[Finding]) -> str:
    return "\n".join(sorted({f"{one.kind} ({len(one.data)} bytes)" for one in found}))


@pytest.mark.parametrize("name", QUICK)
def test_a_flipped_byte_is_refused_or_changes_nothing(name: str) -> None:
    found = findings(name, flipped(goldens()[name].file))
    assert not found, told(found)


@pytest.mark.parametrize("name", QUICK)
def test_a_file_that_was_cut_is_refused_or_says_so(name: str) -> None:
    data = goldens()[name].file
    found = findings(name, [data[:size] for size in spread(len(data))])
    assert not found, told(found)


def test_a_text_that_was_cut_is_a_text_without_its_end(tmp_path: Path) -> None:
    """All that a CSV can tell: lines are whole, or the last one is said to have no end."""
    for size in range(len(OFFRE)):
        path = tmp_path / "offre.csv"
        path.write_bytes(OFFRE[:size])
        try:
            read = read_table(path, "offre")
        except AplError:
            continue
        assert OFFRE[:size].endswith(b"\n") or "APL-A06" in str(notes_of(read)), size


def test_a_run_whose_manifest_changed_is_not_opened() -> None:
    found = findings("run", flipped(goldens()["run"].file)[::60])
    assert not found, told(found)


@pytest.mark.parametrize("name", [name for name in QUICK if name.startswith("parquet")])
def test_the_foot_says_what_arrow_reads_in_it(name: str) -> None:
    with pa.BufferReader(goldens()[name].file) as file:
        groups = column_chunks(file)
        told = pq.ParquetFile(file).metadata
        assert groups is not None
        assert len(groups) == told.num_row_groups
        for at, columns in enumerate(groups):
            group = told.row_group(at)
            assert len(columns) == group.num_columns
            for place, about in enumerate(columns):
                column = group.column(place)
                assert about.rows == group.num_rows
                assert not about.apart
                assert (about.codec or "GZIP") == column.compression
                assert about.num_values == column.num_values
                assert about.total_compressed_size == column.total_compressed_size
                assert about.dictionary_page_offset == column.dictionary_page_offset


@pytest.mark.parametrize("size", range(0, 40, 3))
def test_a_foot_that_is_not_understood(size: int) -> None:
    foot = bytes([0x49] * size) + size.to_bytes(4, "little") + b"PAR1"
    with pa.BufferReader(foot) as file:
        assert column_chunks(file) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"B3"', b'"ZZZZZZ3"'),
        (b'"B3"', b'"B4294967295"'),
        (b'r="3"><c r="A3"', b'r="99999999"><c'),
    ],
    ids=["column", "row", "nameless"],
)
def test_a_cell_far_away_is_no_bomb(old: bytes, new: bytes) -> None:
    assert old in SHEET
    sheet = SHEET.replace(old, new)
    found = findings("xlsx", [goldens()["xlsx"].wrap(sheet)], sealed=False)
    assert not found, told(found)


def test_every_kind_is_tried() -> None:
    assert set(goldens()) == {*QUICK, "run"}  # a run takes long to open again: `make fuzz` does


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.*.*")), ids=lambda path: path.name)
def test_what_was_found_once(path: Path) -> None:
    """`make fuzz` leaves here what it finds: KIND.sealed.NUMBER, or KIND.open.NUMBER."""
    kind, sealed, _ = path.name.split(".")
    found = findings(kind, [path.read_bytes()], sealed=sealed == "sealed")
    assert not found, told(found)
