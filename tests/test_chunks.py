"""Column chunks that are decoded here hold what Arrow reads from them; no byte is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apl_core import AplError, Territory
from apl_core import kernels_pages as kernels
from apl_core.chunks import ABSENT, read_codes
from apl_core.files import WORTH_PAGES
from apl_core.tables import read_table

CODES = [f"{k:05d}" for k in range(1001, 1801)]
LAND = Territory.from_codes(CODES)


def column(path: Path, known: Territory | None = None) -> pa.ChunkedArray | None:
    with pq.ParquetFile(path) as file, pa.OSFile(str(path)) as data:
        return read_codes(data, file, "x", known)


def codes(rows: int, distinct: int, run: int = 1) -> list[str]:
    draw = np.random.default_rng(rows + distinct + run)
    chosen = np.repeat(draw.integers(0, distinct, rows // run + 1), run)[:rows]
    return [CODES[k] for k in chosen.tolist()]


def write(path: Path, words: Any, *, nullable: bool = True, **how: Any) -> None:
    table = pa.table([pa.array(words, pa.string())], schema=pa.schema(
        [pa.field("x", pa.string(), nullable=nullable)]
    ))  # fmt: skip
    pq.write_table(table, path, **{"data_page_size": 2000, **how})


PLAIN: dict[str, dict[str, Any]] = {
    "default": {},
    "checksums": {"write_page_checksum": True},
    "uncompressed": {"compression": "none"},
    "no levels": {"nullable": False},
    "row groups": {"row_group_size": 1700},
    "version 1.0": {"version": "1.0"},
    "no statistics": {"write_statistics": False},
}


@pytest.mark.parametrize("how", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("known", [LAND, None], ids=["known", "unknown"])
@pytest.mark.parametrize("run", [1, 50])
@pytest.mark.parametrize("distinct", [1, 2, 9, 800])
def test_what_is_written_the_plain_way_is_read(
    tmp_path: Path, how: dict[str, Any], known: Territory | None, run: int, distinct: int
) -> None:
    words = codes(5000, distinct, run)
    write(tmp_path / "x.parquet", words, **how)
    found = column(tmp_path / "x.parquet", known)
    assert found is not None
    found.validate(full=True)
    assert found.to_pylist() == words
    if known:
        assert found.chunk(0).dictionary.equals(LAND.codes)
        assert LAND.positions(found).tolist() == [CODES.index(word) for word in words]


def test_other_words_than_the_known_ones_are_read_all_the_same(tmp_path: Path) -> None:
    words = ["01001", "", "été", "01001", "010010", "0100"] * 500
    write(tmp_path / "x.parquet", words, row_group_size=1000)
    found = column(tmp_path / "x.parquet", LAND)
    assert found is not None
    assert found.to_pylist() == words
    assert LAND.positions(found).tolist() == [0, -1, -1, 0, -1, -1] * 500
    write(tmp_path / "x.parquet", ["01001"] * 10)
    assert column(tmp_path / "x.parquet", Territory.from_codes(pa.array([], pa.string())))


NOT_PLAIN: dict[str, dict[str, Any]] = {
    "pages of version 2": {"data_page_version": "2.0"},
    "another compression": {"compression": "zstd"},
    "no dictionary": {"use_dictionary": False},
    "a dictionary given up": {"dictionary_pagesize_limit": 500},
}


@pytest.mark.parametrize("how", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_not_plain_is_left_to_arrow(tmp_path: Path, how: dict[str, Any]) -> None:
    words = codes(WORTH_PAGES, 800)
    write(tmp_path / "x.parquet", words, **how)
    assert column(tmp_path / "x.parquet", LAND) is None
    write(tmp_path / "x.parquet", [None, *words])
    assert column(tmp_path / "x.parquet", LAND) is None
    pq.write_table(pa.table({"x": [1.5], "y": [["a"]]}), tmp_path / "x.parquet")
    assert column(tmp_path / "x.parquet", LAND) is None


@pytest.mark.parametrize("how", [*PLAIN.values(), *NOT_PLAIN.values()], ids=[*PLAIN, *NOT_PLAIN])
def test_a_table_is_the_same_by_either_way(tmp_path: Path, how: dict[str, Any]) -> None:
    pairs = pa.table(
        {
            "origine": codes(WORTH_PAGES, 800, 20),
            "destination": codes(WORTH_PAGES, 799),
            "minutes": np.arange(WORTH_PAGES) % 7 / 2,
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(pairs, path, **{k: v for k, v in how.items() if k != "nullable"})
    for known in (None, LAND):
        table = read_table(path, "temps_de_parcours", known=known)
        assert table.cast(pairs.schema).equals(pairs)


def test_known_codes_excuse_no_other(tmp_path: Path) -> None:
    pairs = {"origine": CODES[:1] * WORTH_PAGES, "destination": ["1001"] * WORTH_PAGES}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({**pairs, "minutes": [1.0] * WORTH_PAGES}), path)
    with pytest.raises(AplError, match="APL-B05") as caught:
        read_table(path, "temps_de_parcours", known=LAND)
    assert caught.value.column == "destination"


# --- damage ------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["snappy", "none"])
def test_damage_is_never_read_as_something_else_than_words(
    tmp_path: Path, compression: str
) -> None:
    """Without a checksum a byte may make another code of one; never a row more, or no code."""
    path = tmp_path / "x.parquet"
    write(path, codes(600, 300, 3), compression=compression, data_page_size=300)
    whole = path.read_bytes()
    size = pq.ParquetFile(path).metadata.row_group(0).column(0).total_compressed_size
    draw = np.random.default_rng(3)
    for at in draw.integers(4, 4 + size, 300).tolist():
        damaged = bytearray(whole)
        damaged[at] ^= int(draw.integers(1, 256))
        path.write_bytes(damaged)
        for known in (LAND, None):
            try:
                found = column(path, known)
            except OSError:  # snappy's own word for it
                continue
            if found is not None:
                assert len(found) == 600
                indices = found.chunk(0).indices.to_numpy()
                assert 0 <= indices.min() <= indices.max() < len(found.chunk(0).dictionary)


def test_a_checksum_that_does_not_hold_is_arrow_s_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "offre.parquet"
    offre = pa.table({"code_commune": CODES * (WORTH_PAGES // 800), "etp": [1.0] * WORTH_PAGES})
    pq.write_table(offre, path, write_page_checksum=True)
    about = pq.ParquetFile(path).metadata.row_group(0).column(0)
    damaged = bytearray(path.read_bytes())
    damaged[about.data_page_offset + about.total_compressed_size // 2] ^= 1
    damaged[about.data_page_offset - 20] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(AplError, match="APL-A03"):
        read_table(path, "offre", known=LAND)


@pytest.mark.parametrize("alphabet", [256, 32, 4])
def test_no_byte_is_trusted(alphabet: int) -> None:
    """As plain Python (NUMBA_DISABLE_JIT), reading beyond an end is an IndexError here."""
    draw = np.random.default_rng(alphabet)
    for _ in range(200):
        data = draw.integers(0, alphabet, draw.integers(0, 60)).astype(np.uint8)
        table = np.full((3, 9), ABSENT, dtype=np.int64)
        count = kernels.page_table(data, np.zeros(3, dtype=np.int64), table)
        assert -1 <= count <= 3
        assert all(0 <= row[0] <= row[0] + row[3] <= data.size for row in table[: max(count, 0)])
        found = np.zeros(5, dtype=np.int32)
        assert -1 <= kernels.known_words(data, *LAND.hashed, found) <= 5
        offsets, text = np.zeros(6, dtype=np.int32), np.zeros(data.size, dtype=np.uint8)
        if kernels.plain_words(data, offsets, text) == 0:
            assert (np.diff(offsets) >= 0).all()
            assert offsets[-1] == data.size - 20
        room = np.zeros((data.size + 11) & ~3, dtype=np.uint8)
        room[: data.size] = data
        pages = np.array([[0, data.size, 40]], dtype=np.int64)
        out = np.full(40, -1, dtype=np.int32)
        values = np.arange(8, dtype=np.int32)
        for array in (room, pages, values):
            array.flags.writeable = False
        if kernels.unpack(room, room.view(np.uint32), pages, values, 7, out) == 0:
            assert 0 <= out.min() <= out.max() < 7
        begun = pages.copy()
        if kernels.behind_levels(room, begun) == 0:
            assert 6 <= begun[0, 0] <= data.size
