"""The writing end: what it refuses, what it removes, and what it says of a synthetic country."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from apl.inputs import SYNTHETIC
from apl.outputs import (
    MANIFEST,
    Contents,
    contents,
    made_from,
    refuse_file,
    write_file,
    write_results,
)
from apl_core import FileError

TABLES = {"bvcv": pa.table({"n": [1, 2]}), "parts_regionales": pa.table({"n": [3]})}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("file_format", ["xlsx", "", "Parquet", ".csv"])
def test_an_unknown_format_is_refused_before_anything(tmp_path: Path, file_format: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(FileError, match="APL-I13") as refused:
        write_results(out, TABLES, {}, file_format=file_format)
    assert "parquet or csv" in refused.value.mend
    assert not out.exists()


# Another format in the same folder

NEW = {MANIFEST, "bvcv.csv", "parts_regionales.csv"}


def test_results_of_the_other_format_go_when_the_new_ones_stand(tmp_path: Path) -> None:
    write_results(tmp_path, TABLES, {})
    (tmp_path / "mine.parquet").write_text("not a result")
    write_results(tmp_path, TABLES, {}, file_format="csv", overwrite=True)
    assert names(tmp_path) == NEW | {"mine.parquet"}
    listed = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))["outputs"]
    assert set(listed) == NEW - {MANIFEST}


def test_a_result_that_the_new_run_does_not_have_goes_too(tmp_path: Path) -> None:
    """`apl zone` over `apl run`: an old `apl_communes` would pass for its own."""
    write_results(tmp_path, {**TABLES, "apl_communes": TABLES["bvcv"]}, {})
    write_results(tmp_path, TABLES, {}, overwrite=True)
    assert names(tmp_path) == {MANIFEST, "bvcv.parquet", "parts_regionales.parquet"}


@pytest.mark.parametrize(
    "old",
    [
        "not JSON", "[]", "{}", '{"outputs": 3}', '{"outputs": ["keep.csv"]}',
        '{"outputs": {"../keep.csv": {}, "inner/keep.csv": {}, "inner": {}, "": {}, "..": {}}}',
        '{"outputs": {"manifeste.json": {}}}',
    ],
)  # fmt: skip
def test_nothing_else_is_ever_removed(tmp_path: Path, old: str) -> None:
    out = tmp_path / "out"
    (out / "inner").mkdir(parents=True)
    kept = [tmp_path / "keep.csv", out / "keep.csv", out / "inner" / "keep.csv"]
    for path in kept:
        path.write_text("keep")
    (out / MANIFEST).write_text(old, encoding="utf-8")
    write_results(out, TABLES, {}, file_format="csv", overwrite=True)
    assert all(path.read_text() == "keep" for path in kept)
    assert names(out) == NEW | {"keep.csv", "inner"}


def test_a_failure_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_results(tmp_path, TABLES, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="APL-I02"):
        write_results(tmp_path, TABLES, {}, file_format="csv", overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_under_way_is_written_as_it_would_be(tmp_path: Path) -> None:
    write_results(tmp_path / "one", TABLES, {})
    ready: Future[Contents] = Future()
    ready.set_result(contents(TABLES["bvcv"], "parquet", made_from=made_from({})))
    hashes = write_results(tmp_path / "two", TABLES, {}, ready={"bvcv": ready})
    for name, sha in hashes.items():
        data = (tmp_path / "two" / name).read_bytes()
        assert data == (tmp_path / "one" / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha


@pytest.mark.parametrize("name", ["bvcv.parquet", MANIFEST])
def test_a_link_in_the_place_of_an_output_is_refused(tmp_path: Path, name: str) -> None:
    """K05: nothing is written, nor taken away, where it leads."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.write_text("keep")
    (out / name).symlink_to(elsewhere)
    with pytest.raises(FileError, match="APL-K05") as refused:
        write_results(out, TABLES, {}, overwrite=True)
    assert refused.value.table == str(out / name)
    assert names(out) == {name}
    for broken in (elsewhere, tmp_path / "nowhere"):
        (tmp_path / "t.csv").unlink(missing_ok=True)
        (tmp_path / "t.csv").symlink_to(broken)
        with pytest.raises(FileError, match="APL-I03"):
            write_file(TABLES["bvcv"], tmp_path / "t.csv")
        with pytest.raises(FileError, match="APL-K05"):
            write_file(TABLES["bvcv"], tmp_path / "t.csv", overwrite=True)
    assert elsewhere.read_text() == "keep"


def test_a_folder_in_the_place_of_an_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bvcv.parquet").mkdir()
    with pytest.raises(FileError, match="a folder in the place of an output"):
        write_results(tmp_path, TABLES, {}, overwrite=True)
    assert names(tmp_path) == {"bvcv.parquet"}


# The synthetic country


@pytest.mark.parametrize("how", [{"synthetic": True}, {"manifest": {"synthetic": True}}])
def test_every_output_of_the_embedded_country_says_so(tmp_path: Path, how: dict[str, Any]) -> None:
    arguments = {"manifest": {}, **how}
    write_results(tmp_path / "p", TABLES, **arguments)
    write_results(tmp_path / "c", TABLES, **arguments, file_format="csv")
    for name, table in TABLES.items():
        metadata = pq.read_schema(tmp_path / "p" / f"{name}.parquet").metadata
        assert metadata[b"apl.synthetic"] == SYNTHETIC.encode()
        stored = pa_csv.read_csv(tmp_path / "c" / f"{name}.csv")
        assert stored.column_names == [*table.column_names, "synthetique"]
        assert stored.column("synthetique").to_pylist() == [True] * table.num_rows


def test_other_outputs_do_not(tmp_path: Path) -> None:
    write_results(tmp_path / "p", TABLES, {"synthetic": False})
    write_results(tmp_path / "c", TABLES, {"synthetic": False}, file_format="csv")
    for name, table in TABLES.items():
        assert b"apl.synthetic" not in (
            pq.read_schema(tmp_path / "p" / f"{name}.parquet").metadata or {}
        )
        stored = pa_csv.read_csv(tmp_path / "c" / f"{name}.csv")
        assert stored.column_names == table.column_names


# One file


def test_a_file_is_refused_by_its_name_and_by_what_stands(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    refuse_file(path, overwrite=False)
    write_file(TABLES["bvcv"], path)
    with pytest.raises(FileError, match="APL-I03"):
        refuse_file(path, overwrite=False)
    refuse_file(path, overwrite=True)
    with pytest.raises(FileError, match="APL-I13"):
        refuse_file(tmp_path / "t.xlsx", overwrite=True)
