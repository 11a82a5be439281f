"""Family A: files. One test a fault, named after it."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.faulty import LAW, OFFRE, SOUND, STANDARD, Scene

import apl.inputs
from apl_core import AplError
from apl_core.tables import read_table

OFFER = pa.table({"code_commune": ["01001", "01002", "01004"], "etp": [1.0, 0.0, 2.0]})


def parquet(scene: Scene) -> bytes:
    """Supply as Parquet, uncompressed so that its codes can be found in the bytes."""
    path = scene.write("offre.parquet", b"")
    pq.write_table(OFFER, path, compression="none", write_page_checksum=True)
    return path.read_bytes()


def workbook(scene: Scene, sheets: dict[str, list[list[object]]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(scene.write("offre.xlsx", b""))


def test_apl_a01_no_such_file(scene: Scene) -> None:
    scene.table(OFFRE).unlink()
    told = scene.refused("APL-A01", code=5, table="professionnels or offre")
    assert "offre.csv" in told["mend"]
    asked = ["travel-times", scene.source / "offres.csv", "--out", scene.out, "--json"]
    scene.table(OFFRE).write_text(SOUND[OFFRE])
    asked[3] = scene.place / "t.csv"
    told = scene.refused("APL-A01", code=5, arguments=asked)
    assert (str(scene.source / "offres.csv"), "offre.csv" in told["mend"]) == (told["why"], True)


def test_apl_a02_empty_file(scene: Scene) -> None:
    path = scene.write("offre.csv", b"")
    scene.refused("APL-A02", code=5, table=str(path), title="empty file (0 bytes)")


def test_apl_a03_truncated_parquet(scene: Scene) -> None:
    data = parquet(scene)
    for length in range(8, len(data), len(data) // 16):
        path = scene.write("offre.parquet", data[:length], instead=False)
        scene.refused("APL-A03", code=5, table=str(path))


def test_apl_a04_altered_parquet(scene: Scene) -> None:
    data = bytearray(parquet(scene))
    data[data.index(b"01002")] ^= 1  # 01002 would be read as 11002
    path = scene.write("offre.parquet", bytes(data), instead=False)
    told = scene.refused("APL-A04", code=5, table=str(path))
    assert "CRC" in told["title"]


def test_apl_a05_web_page(scene: Scene) -> None:
    page = b"<!doctype html><title>404 Not Found</title>"
    for name in ("offre.parquet", "offre.csv", "offre.xlsx"):
        path = scene.write(name, page, instead=name == "offre.parquet")
        told = scene.refused("APL-A05", code=5, table=str(path))
        assert "404 Not Found" in told["title"]
        path.unlink()


def test_apl_a06_text_file_without_its_end(scene: Scene) -> None:
    """700 cut to 7 is read as 7: said, and refused under --strict."""
    scene.write("population_standardisee.csv", SOUND[STANDARD][:-3])
    assert STANDARD in scene.noticed("APL-A06")


def test_apl_a07_another_kind_of_file(scene: Scene) -> None:
    path = scene.write("offre.parquet", SOUND[OFFRE])
    told = scene.refused("APL-A07", code=5, table=str(path))
    assert told["title"].endswith("its bytes say text")
    path.unlink()
    path = scene.write("offre.csv", gzip.compress(SOUND[OFFRE].encode()), instead=False)
    told = scene.refused("APL-A07", code=5, table=str(path))
    assert told["title"].endswith("its bytes say gzip")


def test_apl_a08_no_such_sheet(scene: Scene) -> None:
    rows: list[list[object]] = [["code_commune", "apl", "population_standardisee"]]
    workbook(scene, {"2022": rows, "2023": rows})
    book = scene.source / "offre.xlsx"
    asked = ["zone", book, scene.table("communes"), *LAW, "--sheet", "2024"]
    told = scene.refused("APL-A08", arguments=[*asked, "--out", scene.out, "--json"])
    assert "2022, 2023" in told["mend"]


def test_apl_a09_title_rows(scene: Scene) -> None:
    scene.write("offre.csv", "Offre de soins\n\n\nSource : invented\n\n" + SOUND[OFFRE])
    assert "5 lines above the header" in scene.noticed("APL-A09")


def test_apl_a10_file_that_changes_while_it_is_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = scene.table(OFFRE), read_table
    stat = path.stat()

    def slow(file: object, *arguments: object, **options: object) -> object:
        found = read(file, *arguments, **options)  # type: ignore[arg-type]
        if file == path:
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
        return found

    monkeypatch.setattr(apl.inputs, "read_table", slow)
    scene.refused("APL-A10", code=5, table=str(path))


def test_apl_a11_folder_in_place_of_a_file(scene: Scene) -> None:
    scene.table(OFFRE).unlink()
    scene.table(OFFRE).mkdir()
    told = scene.refused("APL-A11", code=5, table=str(scene.table(OFFRE)))
    assert told["title"] == "a folder in place of a file"


def test_apl_a11_unreadable_file(scene: Scene) -> None:
    scene.table(OFFRE).chmod(0)
    if os.access(scene.table(OFFRE), os.R_OK):
        pytest.skip("this user may read everything")
    told = scene.apl("check", scene.source, "--json").told["faults"][0]
    assert (told["fault"], told["table"]) == ("APL-A11", str(scene.table(OFFRE)))


def test_apl_a12_table_given_twice(scene: Scene) -> None:
    scene.write("offre.parquet", b"x", instead=False)
    scene.refused("APL-A12", code=5, title="two files for offre", table=str(scene.source))
    (scene.source / "offre.parquet").unlink()
    scene.write("professionnels.csv", "x", instead=False)
    scene.refused("APL-A12", code=5, title="one thing given twice", table=str(scene.source))


def test_apl_a13_several_sheets(scene: Scene) -> None:
    rows: list[list[object]] = [["code_commune", "etp"], ["01001", 1]]
    workbook(scene, {"2022": rows, "2023": rows})
    told = scene.refused("APL-A13", table=str(scene.source / "offre.xlsx"))
    assert "2022, 2023" in told["mend"]


def test_apl_a14_damaged_archive(scene: Scene) -> None:
    whole = gzip.compress((SOUND[OFFRE] * 50).encode())
    path = scene.write("offre.csv.gz", whole[: len(whole) // 2])
    scene.refused("APL-A14", code=5, table=str(path))
    path.unlink()
    path = scene.write("offre.xlsx", b"PK\x03\x04 and no more", instead=False)
    scene.refused("APL-A14", code=5, table=str(path))


@pytest.mark.parametrize("name", ["bvcv.parquet", "manifeste.json"])
def test_apl_a11_pipe_or_device_among_results(scene: Scene, name: str) -> None:
    """`apl verify` does not wait for it."""
    assert scene.run().code == 0
    path = scene.out / name
    path.unlink()
    if name == "bvcv.parquet":
        path.symlink_to("/dev/zero")
        manifest = scene.out / "manifeste.json"
        told = json.loads(manifest.read_text())
        told["outputs"][name]["bytes"] = 0  # what a device says that it has
        manifest.write_text(json.dumps(told))
    else:
        os.mkfifo(path)
    left = scene.apl("verify", scene.out, "--json")
    assert left.code == 5
    assert "a pipe or a device" in left.errors or "lists no outputs" in left.errors


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_apl_a11_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"communes\xff.csv")
    path.write_text("code_commune\n01001\n")
    with pytest.raises(AplError) as caught:
        read_table(path, "communes")
    assert (caught.value.fault, caught.value.exit_code) == ("APL-A11", 5)
