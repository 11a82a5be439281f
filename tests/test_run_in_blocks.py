"""A run over blocks of the travel times: the same results, byte for byte, and the same refusals."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import apl
from apl.__main__ import cli
from apl_core import FileError, TableError
from apl_core.workers import Workers

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
CODES = [f"01{k:03d}" for k in range(1, 31)]


def tables() -> dict[str, pa.Table]:
    """Thirty communes along a road, each with its neighbours, supply in every third."""
    pairs = [(i, j, 2.5 * abs(i - j)) for i in range(30) for j in range(30) if abs(i - j) < 9]
    return {
        "communes": pa.table({"code_commune": CODES, "code_departement": ["01"] * 30,
            "code_region": ["84"] * 30, "population": [100 + k for k in range(30)],
            "code_bvcv": [CODES[k - k % 5] for k in range(30)]}),
        "temps_de_parcours": pa.table({"origine": [CODES[i] for i, _, _ in pairs],
            "destination": [CODES[j] for _, j, _ in pairs], "HC": [m for _, _, m in pairs],
            "HP": [2 * m for _, _, m in pairs]}),
        "population_standardisee": pa.table({"code_commune": CODES,
            "population_standardisee": [101.5 + k for k in range(30)]}),
        "offre": pa.table({"code_commune": CODES[::3], "etp": [0.7] * 10}),
    }  # fmt: skip


def folder(tmp_path: Path, **other: pa.Table) -> Path:
    made = tmp_path / "input"
    made.mkdir()
    for name, table in {**tables(), **other}.items():
        pq.write_table(table, made / f"{name}.parquet", row_group_size=50)
    return made


def test_the_same_files_as_with_pairs_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apl_core.stream_files.ROWS", 100)
    source = folder(tmp_path)
    asked = [str(source), "--profession", "masseur_kinesitherapeute", "--on", "2025-06-06",
             "--time", "HP", "--format", "csv", "--out"]  # fmt: skip
    for out, more in (("memory", []), ("blocks", ["--scheduler", "threads"])):
        done = CliRunner().invoke(cli, ["run", *asked, str(tmp_path / out), *more])
        assert done.exit_code == 0, done.output
    for name in ("apl_communes.csv", "bvcv.csv", "parts_regionales.csv"):
        there = [(tmp_path / out / name).read_bytes() for out in ("memory", "blocks")]
        assert there[0] == there[1], name
    told = [json.loads((tmp_path / out / "manifeste.json").read_text("utf-8"))
            for out in ("memory", "blocks")]  # fmt: skip
    seen = [{one["fault"] for one in manifest.pop("noticed")} for manifest in told]
    assert seen[0] ^ seen[1] <= {"APL-E03", "APL-E06", "APL-S08"}  # of what a sample of pairs shows
    assert "APL-S08" in seen[1]
    assert {**told[0], "fingerprint": ""} == {**told[1], "fingerprint": ""}
    assert "step 2: 100 %" in done.stderr


def test_supply_that_no_pair_leads_to_is_refused_after_the_first_step(tmp_path: Path) -> None:
    times = tables()["temps_de_parcours"]
    away = times.filter(pa.array([d != CODES[0] for d in times.column("destination").to_pylist()]))
    source = folder(tmp_path, temps_de_parcours=away)
    with Workers.threads(1) as workers, pytest.raises(TableError, match="APL-D07"):
        apl.run(source, LAW, self_pair="none", time="HC", workers=workers)


def test_workers_want_a_file() -> None:
    with Workers.threads(1) as workers, pytest.raises(FileError, match="no file of travel times"):
        apl.run(tables(), LAW, time="HC", workers=workers)
    done = CliRunner().invoke(cli, ["run", "--profession", "masseur_kinesitherapeute", "--on",
                                    "2025-06-06", "--out", "o", "--scheduler", "threads"],
                              standalone_mode=False)  # fmt: skip
    assert "goes with a folder" in str(done.exception)


def test_a_large_file_is_read_in_blocks_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path)
    asked = [str(source), "--profession", "masseur_kinesitherapeute", "--on", "2025-06-06",
             "--time", "HP", "--format", "csv", "--out"]  # fmt: skip
    for out, large in (("whole", 1 << 26), ("blocks", 0)):
        monkeypatch.setattr("apl.inputs.LARGE", large)
        done = CliRunner().invoke(cli, ["run", *asked, str(tmp_path / out)])
        assert done.exit_code == 0, done.output
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / "blocks" / file.name).read_bytes(), file.name
