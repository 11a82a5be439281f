"""Families K and L: hostile input, the machine. One test a fault, named after it."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from faults.faulty import LAW, Scene, digest

from apl.full_list import table_of
from apl_core import Fault, files

ROOT = Path(__file__).resolve().parents[2]


def workbook(rows: list[list[object]]) -> bytes:
    book, data = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(data)
    return data.getvalue()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_apl_k01_text_that_a_spreadsheet_takes_for_a_formula(start: str) -> None:
    fault = Fault("APL-C01", "…", "…", "…", "offre", None, (1,), (f"{start}cmd|'/c calc'!A0",), 1)
    (value,) = table_of([fault]).column("value").to_pylist()
    assert value.startswith(f"'{start}")


def test_apl_k02_bomb_in_a_workbook(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its declared sizes are added up before it is opened."""
    monkeypatch.setattr(files, "XLSX_LIMIT", 1 << 20)
    data = io.BytesIO(workbook([["code_commune", "etp"]]))
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros", bytes(1 << 21))
    path = scene.write("offre.xlsx", data.getvalue())
    told = scene.refused("APL-K02", code=7, table=str(path))
    assert "bytes once unpacked" in told["title"]


def test_apl_k03_entities_in_a_workbook(scene: Scene) -> None:
    """Refused or read as text, never expanded."""
    whole, data = zipfile.ZipFile(io.BytesIO(workbook([["code_commune", "etp"]]))), io.BytesIO()
    lol = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><worksheet>&l9;</worksheet>'
    with zipfile.ZipFile(data, "w") as archive:
        for name in whole.namelist():
            sheet = name.endswith("sheet1.xml")
            archive.writestr(name, bomb if sheet else whole.read(name))
    scene.write("offre.xlsx", data.getvalue())
    left = scene.run()
    assert left.code in (3, 5)
    assert "lollol" not in left.errors
    assert not scene.out.exists()


def test_apl_k04_path_in_a_name(scene: Scene) -> None:
    """A manifest that lists a file elsewhere is not followed when results are replaced."""
    assert scene.run().code == 0
    (scene.place / "precious.txt").write_text("mine")
    manifest = scene.out / "manifeste.json"
    told = json.loads(manifest.read_text())
    told["outputs"]["../precious.txt"] = {"bytes": 4, "sha256": "0"}
    manifest.write_text(json.dumps(told))
    assert scene.run("--overwrite").code == 0
    assert (scene.place / "precious.txt").read_text() == "mine"


def test_apl_k08_pickled_code() -> None:
    """No module reads pickles; Numba's own lie in a folder of the user's."""
    for folder in ("apl_core", "bindings", "data_schemas"):
        for path in (ROOT / folder).rglob("*.py"):
            names = {
                alias.name
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            assert not names & {"pickle", "marshal", "shelve", "dill"}, path.name


def test_apl_l01_index_out_of_bounds_in_a_kernel() -> None:
    """Kernels get positions that were checked; the suite runs as plain Python too."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "NUMBA_DISABLE_JIT=1" in makefile


def test_apl_l02_fastmath() -> None:
    for path in (ROOT / "apl_core").glob("kernels*.py"):
        assert "fastmath" not in path.read_text(encoding="utf-8").replace("no fastmath", ""), path


def test_apl_l03_stale_compiled_code() -> None:
    """No kernel calls a compiled function of another file: Numba would not see it change."""
    for path in (ROOT / "apl_core").glob("kernels*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        taken = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("apl_core")
            for alias in node.names
        }
        assert all(name[0].isupper() or name.startswith("_") for name in taken), (path.name, taken)


def finished(scene: Scene, **environment: str) -> dict[str, str]:
    out = scene.place / f"out{len(list(scene.place.iterdir()))}"
    command = [sys.executable, "-m", "apl", "run", str(scene.source), *LAW, "--out", str(out)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return digest(out)


def test_apl_l04_no_folder_for_compiled_code(scene: Scene) -> None:
    nowhere = str(scene.place / "nowhere" / "at" / "all")
    assert "manifeste.json" in finished(scene, HOME=nowhere, XDG_CACHE_HOME=nowhere)


def test_apl_l06_another_locale(scene: Scene) -> None:
    """Turkish letters and French decimals: not one byte moves."""
    turkish = finished(scene, LC_ALL="tr_TR.UTF-8", LANG="tr_TR.UTF-8")
    assert turkish == finished(scene, LC_ALL="fr_FR.UTF-8", LANG="fr_FR.UTF-8")
