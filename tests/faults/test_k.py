"""Family K: hostile input. One test a fault, named after it."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from pathlib import Path

import openpyxl
import pytest
from faults.faulty import Scene

from apl.full_list import table_of
from apl_core import Fault, kernels, limits


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
    monkeypatch.setattr(limits, "UNPACKED", 1 << 20)
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


class Code:
    """What runs where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "xlsx"])
def test_apl_k08_pickled_code(scene: Scene, suffix: str) -> None:
    """A pickle under any name is refused as what it is not; nothing runs."""
    ran = scene.place / "ran"
    code = pickle.dumps(Code(ran))
    scene.write(f"offre.{suffix}", gzip.compress(code) if suffix.endswith("gz") else code)
    left = scene.run()
    assert left.code in (3, 5), left.errors
    assert not ran.exists()
    pickle.loads(code)
    assert ran.exists()


def test_apl_k08_compiled_code_of_others(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's own pickles lie in a folder of the user's: where others can write, none is read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(scene.place))
    for mode, ours in ((0o700, True), (0o702, False), (0o720, False), (0o700, True)):
        monkeypatch.setenv("NUMBA_CACHE_DIR", "")
        folder = kernels._cache_folder()
        assert folder is not None
        folder.chmod(mode)
        monkeypatch.setenv("NUMBA_CACHE_DIR", "")
        assert (kernels._cache_folder() is not None) == ours, mode
        folder.chmod(0o700)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setattr("os.getuid", lambda: 12345)
    assert kernels._cache_folder() is None, "the folder is another's"


def labelled(scene: Scene, label: str) -> str:
    """The page of the region where a commune has that name."""
    pytest.importorskip("jinja2", reason="no jinja2: pip install 'apl[report]'")
    pytest.importorskip("shapely", reason="no shapely: pip install 'apl[report]'")
    header, first, *rest = scene.table("communes").read_text().splitlines()
    named = [f"{header},libelle", f"{first},{label}", *(f"{row},Bourg" for row in rest)]
    scene.table("communes").write_text("\n".join([*named, ""]))
    assert scene.run().code == 0
    pages = scene.place / "pages"
    places = scene.place / "places.csv"
    rows = ("code_commune,longitude,latitude", "01001,5,46", "01002,5.1,46", "01004,5.2,46.1", "")
    places.write_text("\n".join(rows))
    asked = ["report", scene.out, "--input", scene.source, "--coordinates", places, "--out", pages]
    left = scene.apl(*asked)
    assert left.code == 0, left.errors
    return (pages / "region-84.html").read_text(encoding="utf-8")


def test_apl_k06_html_in_a_label(scene: Scene) -> None:
    page = labelled(scene, "<img src=x onerror=alert(1)>")
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "default-src &#39;none&#39;" in page


def test_apl_k07_json_inside_html(scene: Scene) -> None:
    page = labelled(scene, "</script><b>\u2028&")
    assert "</script><b>" not in page
    assert page.count("</script>") == 2, "that of the data, that of the page"
    assert "\\u003c/script\\u003e\\u003cb\\u003e\\u2028\\u0026" in page
