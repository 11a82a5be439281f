"""`apl verify`: every byte of results, and every word of their manifest, is held."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_worked_example import written

import apl
from apl.commands.results import verify as command
from apl.outputs import MADE_FROM_KEY, MANIFEST, fingerprint, made_from, write_file, write_results
from apl.verify import describe, text, verify
from apl_core import FileError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
GIVEN = apl.Parameters(3783.0, 6906.0)
TABLES = {"bvcv": pa.table({"n": [1, 2]}), "parts_regionales": pa.table({"n": [3]})}
TOLD: dict[str, Any] = {"software": {"apl": "0"}, "inputs": [], "rules": {"a": 1.5}, "options": {}}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_results(tmp_path / "out", TABLES, TOLD)
    return tmp_path / "out"


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_results_as_they_were_written(out: Path) -> None:
    found = verify(out)
    assert [(one.file, one.state) for one in found.files] == [
        ("bvcv.parquet", "same"), ("parts_regionales.parquet", "same"), (MANIFEST, "same"),
    ]  # fmt: skip
    assert found.faults == ()
    told = json.loads((out / MANIFEST).read_bytes())
    assert (found.fingerprint, found.made_from) == (told["fingerprint"], told["made_from"])
    assert told["fingerprint"] == fingerprint(told)
    assert told["made_from"] == made_from(TOLD)
    assert verify(out / MANIFEST) == found
    (out / "mine.txt").touch()
    assert verify(out).unlisted == ("mine.txt",)
    assert "Not of these results: mine.txt" in text(describe(verify(out)))


def test_each_table_carries_what_it_was_made_from(out: Path) -> None:
    for name in TABLES:
        metadata = pq.read_schema(out / f"{name}.parquet").metadata
        assert metadata[MADE_FROM_KEY].decode() == made_from(TOLD)


def test_the_same_in_gives_the_same_bytes(tmp_path: Path) -> None:
    source = written(tmp_path / "in")
    for name, threads in (("a", 1), ("b", 2)):
        apl.run(source, LAW, parameters=GIVEN, out=tmp_path / name, threads=threads)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"?")


@pytest.mark.parametrize(
    ("disturb", "why"),
    [(change, "sha256 "), (grow, " bytes"), (Path.unlink, "nothing")],
)
def test_each_file_that_is_another_is_named(
    disturb: Callable[[Path], object], why: str, out: Path
) -> None:
    for name in ("bvcv.parquet", "parts_regionales.parquet"):
        disturb(out / name)
    done = asked(out)
    assert isinstance(done.exception, FileError)
    faults = done.exception.faults
    assert [fault.table for fault in faults] == ["bvcv.parquet", "parts_regionales.parquet"]
    assert all(fault.fault == "APL-I12" and why in fault.why for fault in faults)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_any_other_byte_is_seen(out: Path, chance: random.Random) -> None:
    path = chance.choice(sorted(out.iterdir()))
    before = path.read_bytes()
    at = chance.randrange(len(before))
    path.write_bytes(
        before[:at] + bytes([before[at] ^ 1 << chance.randrange(8)]) + before[at + 1 :]
    )
    try:
        try:
            seen = verify(out).faults
        except FileError as error:  # a manifest that cannot be read
            seen = tuple(error.faults)
        same = path.name == MANIFEST and json.loads(before) == readable(path)
        assert seen or same
    finally:
        path.write_bytes(before)


def readable(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


@pytest.mark.parametrize(
    "name", ["../bvcv.parquet", "/etc/hostname", "..", "", "inner/bvcv.parquet"]
)
def test_a_manifest_is_held_against_its_own_folder_alone(out: Path, name: str) -> None:
    told = json.loads((out / MANIFEST).read_bytes())
    told["outputs"][name] = told["outputs"]["bvcv.parquet"]
    (out / MANIFEST).write_text(json.dumps({**told, "fingerprint": fingerprint(told)}))
    (fault,) = verify(out).faults
    assert "no name of a file of this folder" in fault.why


@pytest.mark.parametrize(
    ("manifest", "why"),
    [(None, "there is no"), ("{", "cannot be read"), ("[" * 10**5, "cannot be read"),
     ("[]", "lists no outputs"), ('{"outputs": []}', "lists no outputs"), (b"\xff", "cannot be")],
)  # fmt: skip
def test_what_is_no_result_is_refused(
    out: Path, manifest: str | bytes | None, why: str, tmp_path: Path
) -> None:
    (out / MANIFEST).unlink()
    if manifest is not None:
        data = manifest if isinstance(manifest, bytes) else manifest.encode()
        (out / MANIFEST).write_bytes(data)
    with pytest.raises(FileError, match=why) as refused:
        verify(out)
    assert refused.value.fault == "APL-A01"
    with pytest.raises(FileError, match="there is no"):
        verify(tmp_path / "nowhere")


def test_inputs_are_held_too_where_their_folder_is_named(tmp_path: Path) -> None:
    source, out = written(tmp_path / "in"), tmp_path / "out"
    apl.run(source, LAW, parameters=GIVEN, out=out)
    found = verify(out, inputs=[tmp_path / "nowhere", source])
    files = [one.file for one in found.files if one.role == "input"]
    assert sorted(files) == sorted(path.name for path in source.iterdir())
    assert found.faults == ()
    change(source / "communes.csv")
    (source / "professionnels.csv").unlink()
    done = asked(out, "--inputs", source)
    assert isinstance(done.exception, FileError)
    assert [(fault.table, fault.title) for fault in done.exception.faults] == [
        (name, "another input than the run's") for name in files
        if name in ("communes.csv", "professionnels.csv")
    ]  # fmt: skip
    assert asked(out).exit_code == 0
    told = json.loads((out / MANIFEST).read_bytes())
    assert all({"rows", "bytes", "sha256", "years"} <= set(entry) for entry in told["inputs"])


def test_one_table_with_its_manifest_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "annexes.csv"
    write_file(TABLES["bvcv"], path, manifest=TOLD)
    assert asked(path).exit_code == asked(tmp_path / "annexes.csv.manifeste.json").exit_code == 0
    change(path)
    assert isinstance(asked(path).exception, FileError)
    write_file(TABLES["bvcv"], path, manifest=TOLD, overwrite=True)
    assert asked(path).exit_code == 0
    path.unlink()
    with pytest.raises(FileError, match="APL-I03"):  # its manifest stands
        write_file(TABLES["bvcv"], path, manifest=TOLD)


def test_the_summary_is_for_people_and_for_machines(out: Path) -> None:
    done = asked(out)
    assert done.exit_code == 0
    assert "bvcv.parquet" in done.stdout
    told = json.loads(asked(out, "--json").stdout)
    assert told["fingerprint"] in done.stdout
    assert [one["state"] for one in told["files"]] == ["same"] * 3
    assert told["unlisted"] == told["unseen_inputs"] == []
