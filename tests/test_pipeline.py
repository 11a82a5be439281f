"""The corridor as a whole: same bits whatever the order, threads, format; whole outputs or none."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shared import needs_jit
from test_worked_example import tables, written

import apl
from apl import inputs, outputs, summary
from apl.jobs import Jobs
from apl_core import Fault, FileError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
GIVEN = apl.Parameters(3783.0, 6906.0)


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    order = np.random.default_rng(seed).permutation(table.num_rows)
    return table.take(pa.array(order))


def bits(run: apl.Run) -> list[bytes]:
    """The three results, byte for byte."""
    found = []
    for table in (run.communes, run.bvcv, run.parts):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        found.append(sink.getvalue().to_pybytes())
    return found


def test_the_order_of_rows_changes_no_bit() -> None:
    first = bits(apl.run(tables(), LAW, parameters=GIVEN))
    for seed in range(5):
        other = {name: shuffled(table, seed) for name, table in tables().items()}
        assert bits(apl.run(other, LAW, parameters=GIVEN)) == first


@needs_jit
def test_the_nation_has_the_same_bits_shuffled_on_two_threads_and_from_files(
    tmp_path: Path,
) -> None:
    country = inputs.embedded(LAW)
    run = apl.run(country, LAW, threads=1)
    other = {name: shuffled(table, 7) for name, table in country.items()}
    assert bits(apl.run(other, LAW, threads=2)) == bits(run)
    files = tmp_path / "files"
    files.mkdir()
    for name, table in country.items():  # plain text, which `apl_core.chunks` decodes
        plain = [
            pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
            for f in table.schema
        ]
        pq.write_table(table.cast(pa.schema(plain)), files / f"{name}.parquet")
    assert bits(apl.run(files, LAW)) == bits(run)
    told = summary.national(run.communes)
    assert 112 <= told["mean_apl"] <= 120
    assert 6.2 <= told["tenth_ratio"] <= 7.2
    assert run.manifest["arithmetic"] == "exact"


def test_csv_and_parquet_inputs_give_the_same_bits(tmp_path: Path) -> None:
    by_csv = apl.run(written(tmp_path / "csv"), LAW, parameters=GIVEN)
    (tmp_path / "parquet").mkdir()
    for name, table in tables().items():
        pq.write_table(table, tmp_path / "parquet" / f"{name}.parquet")
    by_parquet = apl.run(tmp_path / "parquet", LAW, parameters=GIVEN)
    assert bits(by_csv) == bits(by_parquet)


def test_results_are_written_whole_with_their_manifest(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = apl.run(written(tmp_path / "in"), LAW, parameters=GIVEN, out=out)
    manifest = json.loads((out / outputs.MANIFEST).read_text(encoding="utf-8"))
    assert {entry["table"] for entry in manifest["inputs"]} == set(tables())
    for name, entry in manifest["outputs"].items():
        assert outputs.sha256(out / name) == entry["sha256"]
    stored = pq.ParquetFile(out / "apl_communes.parquet").read()
    assert stored.column("apl").to_pylist() == run.communes.column("apl").to_pylist()
    assert sorted(p.name for p in out.iterdir()) == sorted([*manifest["outputs"], "manifeste.json"])


def test_results_that_stand_are_replaced_only_on_demand(tmp_path: Path) -> None:
    source, out = written(tmp_path / "in"), tmp_path / "out"
    apl.run(source, LAW, parameters=GIVEN, out=out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(apl.FileError, match="APL-I03"):
        apl.run(source, LAW, parameters=GIVEN, out=out)
    (out / "mine.txt").write_text("not a result")
    apl.run(source, LAW, parameters=GIVEN, out=out, overwrite=True)
    after = {p.name: p.read_bytes() for p in out.iterdir()}
    assert after == {**before, "mine.txt": b"not a result"}, "same inputs, same bytes"


@pytest.mark.parametrize("nth", range(1, 5))  # three tables and the manifest
def test_a_disk_that_refuses_leaves_the_folder_as_it_was(
    tmp_path: Path, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nth fsync fails: the old results stand, and nothing partial."""
    source, out = written(tmp_path / "in"), tmp_path / "out"
    apl.run(source, LAW, parameters=GIVEN, out=out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    count = 0
    real = os.fsync

    def fails(handle: int) -> None:
        nonlocal count
        count += 1
        if count == nth:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(apl.FileError, match="No space left"):
        apl.run(source, LAW, out=out, overwrite=True)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert count >= nth


def test_a_run_tells_its_stages_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    apl.run(tables(), LAW, parameters=GIVEN, progress=told.append)
    assert told == ["reading and indexing", "two steps", "zones"]
    assert capsys.readouterr() == ("", "")


def test_supply_that_nobody_reaches_is_said_with_its_fte() -> None:
    given = tables()
    given["communes"] = given["communes"].append_column("libelle", pa.array(["a", "b", "c", "d"]))
    empty = pa.table(
        {
            "code_commune": ["01001", "01002", "01003", "01004"],
            "population_standardisee": [3000.0, 0.0, 0.0, 0.0],
        }
    )
    pairs = pa.table(
        {
            "origine": ["01001", "01002", "01003", "01004"],
            "destination": ["01001", "01002", "01003", "01004"],
            "minutes": [0.0] * 4,
        }
    )
    del given["population_par_age"], given["consommation_par_age"], given["professionnels"]
    given |= {
        "population_standardisee": empty,
        "temps_de_parcours": pairs,
        "offre": pa.table({"code_commune": ["01001", "01003"], "etp": [2.0, 3.5]}),
        "communes": given["communes"].set_column(4, "code_bvcv", pa.array(["01001"] * 4)),
    }
    found = apl.run(given, LAW)
    assert any(n.fault == "APL-E10" and "3.50 FTE" in n.text for n in found.noticed)
    assert found.communes.column("apl").to_pylist()[1:] == [0.0, 0.0, 0.0]
    assert found.manifest["counts"]["supply_unreached_etp"] == 3.5


def test_an_estimate_is_named_in_the_manifest() -> None:
    places = pa.table(
        {
            "code_commune": ["01001", "01002", "01003", "01004"],
            "longitude": [5.0, 5.05, 5.1, 5.2],
            "latitude": [46.0, 46.0, 46.0, 46.0],
        }
    )
    given = {**tables(), "temps_de_parcours": apl.travel_times(places)}
    found = apl.run(given, LAW, parameters=GIVEN)
    assert found.manifest["travel_times_estimate"]["estimate"] is True
    assert any(notice.fault == "APL-S02" for notice in found.noticed)


def test_of_several_errors_ours_is_raised() -> None:
    """A file that cannot be read fails twice: to the hash as a bare OSError."""

    def fails(error: Exception) -> None:
        raise error

    with Jobs() as jobs:
        jobs.start(fails, jobs.start(OSError, jobs.start(lambda: "to the hash")))
        jobs.start(fails, jobs.start(lambda: FileError([Fault("APL-A03", "damaged", "", "")])))
        with pytest.raises(FileError, match="APL-A03"):
            jobs.finish()
