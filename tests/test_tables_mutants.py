"""The gate's bookkeeping: known codes, metadata, whom messages name.

Each of these tests sees a small fault of `apl_core/tables.py` that no other did
(`tests/MUTATION.md`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apl_core import TableError, Territory
from apl_core.files import WORTH_PAGES
from apl_core.limits import memory_of as memory_of_columns
from apl_core.tables import HEADERS, NOTES, checked, headers_of, memory_of, notes_of, read_table

CODES = ["01001", "01002", "2A004"]
LAND = Territory.from_codes(CODES)
OFFRE = {"code_commune": CODES, "etp": [1.0, 2.0, 3.0]}


def coded(words: list[str | None], *indices: int | None) -> pa.DictionaryArray:
    """A column in a dictionary."""
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(words))


# --- metadata ------------------------------------------------------------------------------------


def test_headers_are_kept_where_they_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "population.csv"
    path.write_text("CODGEO;population_2020\n01001;2\n", encoding="utf-8")
    assert headers_of(read_table(path, "population_municipale")) == {
        "code_commune": "CODGEO",
        "population": "population_2020",
    }
    ours = checked(pa.table(OFFRE), "offre")
    assert headers_of(ours) == {}
    assert ours.schema.metadata is None


def test_metadata_can_be_read_by_people(tmp_path: Path) -> None:
    path = tmp_path / "communes.csv"
    header = "code_commune;Libellé;DEP;REG;population;code_bvcv;année"
    path.write_text(f"{header}\n01004;Ambérieu;01;84;14134;01004;1\n", encoding="utf-8")
    metadata = read_table(path, "communes").schema.metadata
    assert "Libellé".encode() in metadata[HEADERS]
    assert "année".encode() in metadata[NOTES]


def test_of_the_metadata_of_a_table_ours_is_kept() -> None:
    given = {b"apl.year": b"2023", b"pandas": b"{}", b"zone": b"1"}
    table = checked(pa.table(OFFRE).replace_schema_metadata(given), "offre")
    assert table.schema.metadata == {b"apl.year": b"2023"}


def test_what_was_noticed_before_comes_first() -> None:
    table = pa.table({"code_commune": ["01001"], "etp": ["1,5"]})
    noticed = notes_of(checked(table, "offre", notes=["a note"]))
    assert noticed == ["a note", "etp: decimal commas understood"]
    assert notes_of(checked(pa.table(OFFRE), "offre")) == []


# --- whom messages name --------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [{"etp": [1.0]}, {"code_commune": ["01001"], "etp": [-1.0]}])
def test_faults_name_the_table_and_where_it_comes_from(bad: dict[str, Any], tmp_path: Path) -> None:
    table = pa.table(bad)
    with pytest.raises(TableError) as refused:
        checked(table, "offre")
    assert refused.value.table == "offre"
    with pytest.raises(TableError) as refused:
        checked(table, "offre", source="there")
    assert refused.value.table == "offre (there)"
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    with pytest.raises(TableError) as refused:
        read_table(path, "offre")
    assert refused.value.table == f"offre ({path})"


def test_doubles_are_looked_for_where_the_key_itself_is_sound() -> None:
    """Of a key that has faults, doubles would say the same again."""
    for codes, faults in ((["01001", "01001"], ["APL-D05"]), (["1001", "1001"], ["APL-B05"])):
        with pytest.raises(TableError) as refused:
            checked(pa.table({"code_commune": codes, "etp": [1.0, 2.0]}), "offre")
        assert [fault.fault for fault in refused.value.faults] == faults


def test_doubles_are_looked_for_in_the_last_of_tables_too() -> None:
    totaux = {"code_region": ["84"] * 2, "zone": ["sous_dotee"] * 2, "population": [1, 2]}
    with pytest.raises(TableError, match="APL-D05"):
        checked(pa.table(totaux), "totaux")


def test_doubles_among_travel_times_are_left_to_the_catchment() -> None:
    pairs = {"origine": CODES[:1] * 2, "destination": CODES[:1] * 2, "minutes": [0.0, 0.0]}
    assert checked(pa.table(pairs), "temps_de_parcours").num_rows == 2


# --- codes that are known ------------------------------------------------------------------------


def test_known_codes_are_read_as_positions(tmp_path: Path) -> None:
    """The very dictionary of the territory, whose words need no second look."""
    count = WORTH_PAGES
    pairs = {"origine": CODES[1:2] * count, "destination": CODES[2:] * count}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({**pairs, "minutes": [1.0] * count}), path)
    for known, words in ((LAND, [CODES] * 2), (None, [CODES[1:2], CODES[2:]])):
        table = read_table(path, "temps_de_parcours", known=known)
        ends = [table.column(name).chunk(0).dictionary for name in ("origine", "destination")]
        assert [end.to_pylist() for end in ends] == words
        assert [table.column(name)[0].as_py() for name in pairs] == CODES[1:]


BAD = ["01001", "2A004", "x"]  # a territory is not asked what its codes look like
KNOWN: dict[str, tuple[list[str], pa.Array | pa.ChunkedArray, str | None]] = {
    "the territory's": (BAD, coded([*BAD], 2, 0), None),
    "the territory's, in chunks": (
        BAD, pa.chunked_array([coded([*BAD], 2), coded([*BAD], 0)]), None,
    ),
    "the territory's, a null": (CODES, coded([*CODES], 1, None), "APL-D01"),
    "of no territory": ([], coded([*BAD], 2, 0), "APL-C01"),
    "of another": (CODES, coded([*BAD], 2, 0), "APL-C01"),
}  # fmt: skip


@pytest.mark.parametrize("form", KNOWN)
def test_codes_are_not_looked_at_again_where_they_are_the_territory_s(form: str) -> None:
    codes, column, fault = KNOWN[form]
    known = Territory.from_codes(codes) if codes else None
    table = pa.table({"code_commune": column, "etp": [1.0, 2.0]})
    if fault is None:
        read = checked(table, "offre", known=known).column("code_commune")
        assert read.to_pylist() == ["x", "01001"]
        return
    with pytest.raises(TableError) as refused:
        checked(table, "offre", known=known)
    assert refused.value.fault == fault


ALIEN = ["01", "2A", "99999"]
OTHERS: dict[str, dict[str, Any]] = {  # patterns before and after the communes', as texts
    "communes": {"code_commune": CODES, "code_region": ["84"] * 3, "population": [1, 2, 3],
                 "code_departement": coded([*ALIEN], 0, 1, 2), "code_bvcv": CODES},
    "mouvements": {"mod": [32] * 3, "date_effet": ["2024-01-01"] * 3, "type_avant": ["COM"] * 3,
                   "code_avant": coded([*ALIEN], 0, 1, 2), "type_apres": ["COM"] * 3,
                   "code_apres": CODES},
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_known_codes_excuse_no_column_of_other_codes(name: str) -> None:
    """A département is no commune, whatever a territory holds."""
    with pytest.raises(TableError) as refused:
        checked(pa.table(OTHERS[name]), name, known=Territory.from_codes(ALIEN))
    assert refused.value.column in ("code_departement", "code_avant")


# --- numbers in dictionaries ---------------------------------------------------------------------


def test_numbers_stay_in_their_dictionary_where_that_is_asked_for(tmp_path: Path) -> None:
    minutes = pa.array([1.0, 2.5] * (WORTH_PAGES // 2))
    ends = dict.fromkeys(("origine", "destination"), CODES[:1] * WORTH_PAGES)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({**ends, "minutes": minutes}), path)
    coded_minutes = pa.dictionary(pa.uint16(), pa.float64())
    kinds: list[tuple[dict[str, Any], pa.DataType]] = [
        ({}, pa.float64()),
        ({"encoded": True}, coded_minutes),
    ]
    for asked, kind in kinds:
        read = read_table(path, "temps_de_parcours", **asked).column("minutes")
        assert read.type == kind
        assert read.cast(pa.float64()).to_pylist() == minutes.to_pylist()
    one = pa.DictionaryArray.from_arrays(pa.array([0], pa.uint16()), pa.array([1.0]))
    small = {**dict.fromkeys(ends, CODES[:1]), "minutes": one}
    for asked, kind in kinds:
        assert checked(pa.table(small), "temps_de_parcours", **asked)["minutes"].type == kind


# --- memory --------------------------------------------------------------------------------------


def test_columns_that_must_be_there_count_for_memory(tmp_path: Path) -> None:
    path = tmp_path / "communes.parquet"
    pq.write_table(pa.table({"code_commune": CODES}), path)
    must = ("code_commune", "code_departement", "code_region", "population", "code_bvcv")
    assert memory_of(path, "communes") == memory_of_columns(path, len(must)) > 0
