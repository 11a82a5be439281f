"""The same bits whatever the road: order of rows, kind of file, threads, blocks, workers, compiled
or not.

A Parquet result carries the hash of what went in: from the same files its bytes are the same, from
other files its columns are. A CSV result has nothing but figures: its bytes are the same from all.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import apl
from apl.outputs import FINGERPRINT, FORMATS, MANIFEST, sha256
from apl_core.workers import Workers

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
TESTS = Path(__file__).resolve().parent
CODES = [*(f"01{k:03d}" for k in range(1, 37)), *(f"2A{k:03d}" for k in range(1, 9)),
         *(f"6938{k}" for k in range(1, 10))]  # fmt: skip
AGES = (0, 20, 65, 80)
Tables = dict[str, pa.Table]
Seen = dict[str, Any]


def tables() -> Tables:
    """Fifty communes along a road and figures of many digits: any other order of a float sum would
    show. At most 15 digits: workbooks have no more."""
    chance, n = np.random.default_rng(6), len(CODES)
    near = [(i, j) for i in range(n) for j in range(n) if abs(i - j) < 9]
    times = [0.0 if i == j else round(2.4 * abs(i - j) + chance.uniform(-1, 1), 3) for i, j in near]
    ages, homes = chance.integers(25, 71, 80).tolist(), chance.integers(n, size=80).tolist()
    places = [
        (k, CODES[(homes[k] + 5 * other) % n]) for k in range(80) for other in range(1 + k % 2)
    ]
    acts = [round(9000 * chance.random() ** 2, 2) for _ in places]
    return {
        "communes": pa.table({"code_commune": CODES,
            "libelle": [f"Île-d’Évosges {code}" for code in CODES],
            "code_departement": [code[:2] for code in CODES],
            "code_region": [{"2": "94"}.get(code[0], "84") for code in CODES],
            "population": chance.integers(200, 20_000, n).tolist(),
            "code_bvcv": [c if c[0] == "6" else CODES[k - k % 4] for k, c in enumerate(CODES)]}),
        "temps_de_parcours": pa.table({"origine": [CODES[i] for i, _ in near],
            "destination": [CODES[j] for _, j in near], "minutes": times}),
        "population_par_age": pa.table({"code_commune": CODES * len(AGES),
            "age": np.repeat(AGES, n).tolist(),
            "population": chance.uniform(20, 5000, n * len(AGES)).round(9).tolist()}),
        "consommation_par_age": pa.table({"age": AGES,
            "honoraires_par_habitant": [21.37, 48.11, 149.3, 301.9]}),
        "professionnels": pa.table({"identifiant": [f"p{k}" for k, _ in places],
            "code_commune": [code for _, code in places], "age": [ages[k] for k, _ in places],
            "actes": acts, "honoraires": [round(18.38 * each, 2) for each in acts],
            "installe_dans_l_annee": [k % 13 == 0 for k, _ in places]}),
    }  # fmt: skip


def shuffled(given: Tables, seed: int) -> Tables:
    """The rows of every table in another order."""
    chance = np.random.default_rng(seed)
    return {n: t.take(pa.array(chance.permutation(t.num_rows))) for n, t in given.items()}


def in_chunks(given: Tables) -> Tables:
    """The same rows as slices of two arrays, text as categories, the second half first."""
    made = {}
    for name, table in given.items():
        coded, half = table, table.num_rows // 2
        for at, field in enumerate(table.schema):
            if field.type == pa.string():
                coded = coded.set_column(at, field.name, coded.column(at).dictionary_encode())
        made[name] = pa.concat_tables([coded.slice(half), coded.slice(0, half)])
    return made


def as_csv(
    folder: Path,
    given: Tables,
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    packed: bool = False,
) -> Path:
    """CSV files; a semicolon goes with decimal commas."""
    folder.mkdir()
    for name, table in given.items():
        columns = [[str(value) for value in column.to_pylist()] for column in table.columns]
        if separator == ";":
            columns = [[value.replace(".", ",") for value in column] for column in columns]
        path = folder / f"{name}.csv{'.gz' if packed else ''}"
        with (gzip.open if packed else open)(path, "wt", encoding=encoding, newline="") as file:
            rows = csv.writer(file, delimiter=separator)
            rows.writerow(table.column_names)
            rows.writerows(zip(*columns, strict=True))
    return folder


def as_parquet(folder: Path, given: Tables, **how: Any) -> Path:
    """Parquet files."""
    folder.mkdir()
    for name, table in given.items():
        pq.write_table(table, folder / f"{name}.parquet", **how)
    return folder


def as_xlsx(folder: Path, given: Tables) -> Path:
    """Workbooks of one sheet."""
    folder.mkdir()
    for name, table in given.items():
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet(name)
        sheet.append(table.column_names)
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            sheet.append(row)
        book.save(folder / f"{name}.xlsx")
    return folder


def results(source: Path | Tables, out: Path, **how: Any) -> Path:
    """The results of a run, in both formats."""
    for kind in FORMATS:
        apl.run(source, LAW, out=out / kind, file_format=kind, **how)
    return out


def manifest(out: Path, kind: str) -> Seen:
    found: Seen = json.loads((out / kind / MANIFEST).read_text(encoding="utf-8"))
    return found


def files(out: Path) -> Seen:
    """The sha256 of each table, and manifests but for what was noticed: a run in blocks looks at
    less."""
    found: Seen = {
        str(p.relative_to(out)): sha256(p) for p in out.glob("*/*") if p.name != MANIFEST
    }
    assert len(found) == 6
    for kind in FORMATS:
        said = manifest(out, kind)
        found[kind] = {k: v for k, v in said.items() if k not in ("noticed", FINGERPRINT)}
    return found


def figures(out: Path) -> Seen:
    """The sha256 of each CSV, of the columns of each Parquet file, and what was counted."""
    found: Seen = {path.name: sha256(path) for path in out.glob("csv/*.csv")}
    for path in out.glob("parquet/*.parquet"):
        table, sink = pq.ParquetFile(path).read().replace_schema_metadata(), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        found[path.name] = hashlib.sha256(sink.getvalue()).hexdigest()
    assert len(found) == 6
    said = manifest(out, "csv")
    return found | {name: said[name] for name in ("activity", "arithmetic", "counts", "rules")}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The country as Parquet files of several row groups, which can be read in blocks."""
    return as_parquet(tmp_path_factory.mktemp("country") / "in", tables(), row_group_size=100)


@pytest.fixture(scope="module")
def first(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results that all others are held against."""
    return results(source, tmp_path_factory.mktemp("first") / "out", threads=1)


def test_the_sums_are_exact_and_the_country_has_all_that_the_law_asks_for(first: Path) -> None:
    said = manifest(first, "csv")
    assert said["arithmetic"] == "exact"
    assert all(said["activity"].values()), said["activity"]


OTHER: dict[str, Callable[[Path], Path | Tables]] = {
    "in memory": lambda _: tables(),
    "in memory, in chunks": lambda _: in_chunks(tables()),
    "in memory, shuffled": lambda _: in_chunks(shuffled(tables(), 1)),
    "Parquet, shuffled": lambda folder: as_parquet(folder, shuffled(tables(), 2)),
    "Parquet, plain": lambda folder: as_parquet(folder, tables(), use_dictionary=False,
        compression="none", data_page_version="2.0"),
    "Parquet, packed": lambda folder: as_parquet(folder, in_chunks(tables()), compression="zstd",
        data_page_size=200),
    "CSV": lambda folder: as_csv(folder, tables()),
    "CSV, shuffled": lambda folder: as_csv(folder, shuffled(tables(), 3)),
    "CSV, decimal commas": lambda folder: as_csv(folder, tables(), separator=";"),
    "CSV, UTF-16": lambda folder: as_csv(folder, tables(), separator="\t", encoding="utf-16"),
    "CSV, packed, shuffled": lambda folder: as_csv(folder, shuffled(tables(), 4), packed=True),
    "xlsx": lambda folder: as_xlsx(folder, tables()),
    "xlsx, shuffled": lambda folder: as_xlsx(folder, shuffled(tables(), 5)),
}  # fmt: skip


@pytest.mark.parametrize("way", OTHER)
def test_other_rows_and_files_give_the_same_figures(way: str, first: Path, tmp_path: Path) -> None:
    found = results(OTHER[way](tmp_path / "in"), tmp_path / "out", threads=2)
    assert figures(found) == figures(first)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_change_no_byte(threads: int, source: Path, first: Path, tmp_path: Path) -> None:
    found = results(source, tmp_path / "out", threads=threads)
    assert files(found) == files(first)
    for kind in FORMATS:
        again = (found / kind / MANIFEST).read_bytes()
        assert again == (first / kind / MANIFEST).read_bytes()


@pytest.mark.parametrize("rows", [10, 100, 1 << 20])
def test_travel_times_read_in_blocks_change_no_byte(
    rows: int, source: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apl.inputs.LARGE", 0)
    monkeypatch.setattr("apl_core.stream_files.ROWS", rows)
    assert files(results(source, tmp_path / "out")) == files(first)


@pytest.mark.parametrize("way", ["CSV", "CSV, shuffled", "CSV, decimal commas"])
def test_text_read_in_blocks_gives_the_same_figures(
    way: str, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apl.inputs.LARGE", 0)
    monkeypatch.setattr("apl_core.stream_text.BYTES", 1000)
    found = results(OTHER[way](tmp_path / "in"), tmp_path / "out")
    assert figures(found) == figures(first)


WORKERS: dict[str, Callable[[], Workers]] = {
    "a thread": lambda: Workers.threads(1),
    "threads": lambda: Workers.threads(3),
    "a process": lambda: Workers(
        partial(ProcessPoolExecutor, 1, mp_context=get_context("spawn")), count=1
    ),
}


@pytest.mark.parametrize("way", WORKERS)
def test_workers_change_no_byte(
    way: str, source: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apl_core.stream_files.ROWS", 100)
    with WORKERS[way]() as workers:
        assert files(results(source, tmp_path / "out", workers=workers)) == files(first)


def python(code: str, *arguments: Path, **given: str) -> None:
    """Some Python in a process of its own, which may import this file."""
    paths = os.pathsep.join([str(TESTS), *(path for path in sys.path if path)])
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": paths, **given}
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_kernels_as_plain_python_change_no_byte(source: Path, first: Path, tmp_path: Path) -> None:
    """The other way than here, and with sets in another order."""
    other = "0" if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0") else "1"
    code = (
        "import sys; from pathlib import Path; from test_sameness import results\n"
        "results(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    python(code, source, tmp_path / "out", NUMBA_DISABLE_JIT=other, PYTHONHASHSEED="7")
    assert files(tmp_path / "out") == files(first)
    for kind in FORMATS:
        again = (tmp_path / "out" / kind / MANIFEST).read_bytes()
        assert again == (first / kind / MANIFEST).read_bytes()
