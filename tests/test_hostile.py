"""Hostile input and scarce resources: refused before anything is read or written, and told why."""

from __future__ import annotations

import ast
import gzip
import io
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.faulty import COMMUNES, LAW, OFFRE, SOUND, STANDARD, TIMES, Scene, digest

import apl
import apl.inputs
from apl.commands.shared import Existing, cli
from apl.verify import verify
from apl_core import Territory, UsageError, files, limits
from apl_core.errors import ResourceError
from apl_core.stream import read_pairs
from apl_core.tables import read_table

ROOT = Path(__file__).resolve().parents[1]
OFFER = pa.table({"code_commune": ["01001", "01002", "01004"], "etp": [1.0, 0.0, 2.0]})
SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/'
    'main"><sheetData>{}</sheetData></worksheet>'
)


@pytest.fixture
def scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scene:
    found = Scene(tmp_path, monkeypatch, capsys)
    found.source.mkdir()
    for name, text in SOUND.items():
        found.table(name).write_text(text, encoding="utf-8")
    return found


def workbook(**instead: str) -> bytes:
    """A workbook of supply, some of its parts (by the stem of their names) replaced or added."""
    book, sound, data = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in [list(OFFER.column_names), *([c, e] for c, e in zip(*OFFER.columns, strict=True))]:
        book.active.append([getattr(cell, "as_py", lambda cell=cell: cell)() for cell in row])
    book.save(sound)
    parts = zipfile.ZipFile(sound)
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in parts.namelist():
            archive.writestr(name, instead.pop(Path(name).stem, "") or parts.read(name))
        for name, text in instead.items():
            archive.writestr(name, text)
    return data.getvalue()


def parquet(scene: Scene, table: pa.Table = OFFER, name: str = OFFRE) -> Path:
    path = scene.write(f"{name}.parquet", b"")
    pq.write_table(table, path)
    return path


# --- J: memory and sizes ------------------------------------------------------------------------


def test_apl_j01_more_memory_than_there_is(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told before anything is read: the table that needs most, what is needed, what there is."""
    monkeypatch.setattr(limits, "available", lambda: 10)
    largest = max(scene.source.iterdir(), key=lambda path: path.stat().st_size)
    told = scene.refused("APL-J01", code=7, table=str(largest))
    assert told["why"] == "0 MB are needed at least, and 0 MB are available"
    monkeypatch.setattr(limits, "available", lambda: None)  # a system that does not say
    assert scene.run().code == 0


def test_apl_j01_of_a_file_in_blocks_the_pairs_that_are_kept_count(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be larger than the memory: far pairs are not held."""
    near, far = read_table(scene.table(TIMES), TIMES).num_rows, "01002,01004,90\n01004,01002,91\n"
    scene.table(TIMES).write_text(SOUND[TIMES] + far)
    land = Territory.from_codes(["01001", "01002", "01004"])
    monkeypatch.setattr(limits, "available", lambda: near * limits.A_PAIR)
    assert read_pairs(scene.table(TIMES), land).size == near
    monkeypatch.setattr(limits, "available", lambda: near * limits.A_PAIR - 1)
    with pytest.raises(ResourceError, match="APL-J01"):
        read_pairs(scene.table(TIMES), land)
    monkeypatch.setattr(limits, "ROWS", near - 1)
    with pytest.raises(ResourceError, match=f"APL-J03 {near} rows"):
        read_pairs(scene.table(TIMES), land)


@pytest.mark.skipif(sys.platform != "linux", reason="a limit that this system does not hold")
def test_apl_j01_limit_of_the_process(tmp_path: Path) -> None:
    """Under ``ulimit -v``, a file of 300 kB that says that it has 67 million rows is refused."""
    path = tmp_path / "offre.parquet"
    piece = pa.table({"etp": pa.repeat(pa.scalar(1.0), 1 << 22)})
    with pq.ParquetWriter(path, piece.schema) as writer:
        for _ in range(16):
            writer.write_table(piece, row_group_size=1 << 22)
    assert path.stat().st_size < 1 << 19
    code = (
        "import resource; from pathlib import Path; from apl_core import limits\n"
        f"needed = limits.memory_of(Path({str(path)!r}), 2)\n"
        "assert needed == 2 * 4 * 2**26\n"
        "limits.refuse_scarce({'offre': needed // 64})\n"
        "taken = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (taken + 2**28, taken + 2**28))\n"
        "try: limits.refuse_scarce({'offre': needed})\n"
        "except limits.ResourceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "APL-J01" in done.stdout
    assert "537 MB are needed at least, and 2" in done.stdout


@pytest.mark.parametrize(
    ("line", "folder", "most", "used", "stat"),
    [
        ("0::/user/apl", "user", "memory.max", "memory.current", "inactive_file 5\nactive_file 2"),
        ("4:memory:/", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
         "total_inactive_file 5\ntotal_active_file 2\ninactive_file 1"),
    ],
    ids=["version 2", "version 1"],
)  # fmt: skip
def test_apl_j01_limit_of_the_group(
    tmp_path: Path, line: str, folder: str, most: str, used: str, stat: str
) -> None:
    """The outer groups count too, a group without limit does not, and pages of files come back."""
    own, group = tmp_path / "cgroup", tmp_path / "fs" / folder
    own.write_text(f"9:cpu:/elsewhere\n{line}\n")
    (group / "apl").mkdir(parents=True)
    (group / "apl" / most).write_text("max\n")
    (group / "apl" / used).write_text("30\n")
    for name, text in ((most, "100\n"), (used, "40\n"), ("memory.stat", f"anon 9\n{stat}\n")):
        (group / name).write_text(text)
    assert list(limits._groups(own, tmp_path / "fs")) == [67]
    assert list(limits._groups(tmp_path / "none", tmp_path / "fs")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="a system that does not say")
def test_apl_j01_this_machine_says_what_it_has() -> None:
    assert 0 < (limits.available() or 0) < 1 << 50


def test_apl_j01_memory_that_ends_on_the_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimate is low: what ends all the same is no damaged file, and nothing is written."""

    def full(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 1099511627776 failed")

    parquet(scene)
    monkeypatch.setattr(files, "_by_arrow", full)
    left = scene.run()
    assert (left.code, "APL-J01" in left.errors) == (7, True)
    assert not scene.out.exists()


def test_apl_j03_more_rows_than_positions_count(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(scene)
    monkeypatch.setattr(limits, "ROWS", 2)
    told = scene.refused("APL-J03", code=7, table=str(path), title="3 rows")
    assert "--scheduler" in told["mend"]


# --- K02: bombs ---------------------------------------------------------------------------------


def test_apl_k02_workbook_packed_too_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SMALL", 1 << 20)
    path = scene.write("offre.xlsx", workbook(**{"xl/media/zeros": "0" * (1 << 22)}))
    told = scene.refused("APL-K02", code=7, table=str(path))
    assert "times its size" in told["why"]


def test_apl_k02_workbook_that_lies_of_its_sizes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is counted: the index says 9 bytes of 4 million."""
    monkeypatch.setattr(limits, "SMALL", 1 << 20)
    data = workbook(**{"xl/media/zeros": "0" * (1 << 22)})
    said = struct.pack("<I", 1 << 22)
    assert data.count(said) >= 1
    path = scene.write("offre.xlsx", data.replace(said, struct.pack("<I", 9)))
    scene.refused("APL-K02", code=7, table=str(path))


def test_apl_k02_two_cells_far_apart(scene: Scene) -> None:
    """The rectangle around them is held whole by the reader, which 17 billion cells would kill."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"/></row>'
    path = scene.write("offre.xlsx", workbook(sheet1=SHEET.format(cells)))
    told = scene.refused("APL-K02", code=7, table=str(path))
    assert told["title"] == "1,048,576 rows of 16,384 cells"


@pytest.mark.parametrize(
    "cell", ["A99999999", "ZZZZ9999", "a4294967295", "A99999999999", "AAAAAAAA1", "A" * 99 + "1"]
)
def test_apl_k02_cell_outside_any_sheet(tmp_path: Path, cell: str) -> None:
    row = f"<c r='A1'/><c r='A9999'/><c s='1'\tr\n=\t'{cell}' />"
    path = tmp_path / "offre.xlsx"
    path.write_bytes(workbook(sheet1=SHEET.format(row)))
    with pytest.raises(ResourceError, match="APL-K02"):
        limits.refuse_bomb(path)


def test_apl_k02_row_that_alone_says_where_it_is(tmp_path: Path) -> None:
    """Its cells follow it without names; a prefix and another name of the part change nothing."""
    text = SHEET.format("<row r='4000'/>" + "<c/>" * 9 + "<row r='4000000000'><c/></row>")
    path = tmp_path / "offre.xlsx"
    path.write_bytes(workbook(sheet1=text))
    with pytest.raises(ResourceError, match="4,000,000,000 rows of 9 cells"):
        limits.refuse_bomb(path)


@pytest.mark.parametrize(
    "text", ["<sheetData><c/></a>", "junk <sheetData><c/>", "<!DOCTYPE sheetData><b/>"]
)
def test_apl_k03_sheet_that_is_not_well_formed(scene: Scene, text: str) -> None:
    """Its reader would take it, and what it holds would not be known before."""
    path = scene.write("offre.xlsx", workbook(sheet1=text))
    scene.refused("APL-A14", code=5, table=str(path))


@pytest.mark.parametrize("space", [0, 1, 50, 70, limits.PIECE])
@pytest.mark.parametrize("form", ["<c r{}='XFD9'/>", "<x:c{} r='XFD9'/>", "<c {}s='1' r='XFD9'/>"])
def test_apl_k02_space_in_a_tag(tmp_path: Path, space: int, form: str) -> None:
    cells = "<c r='A99999'/>" + form.format(" " * space)
    path = tmp_path / "offre.xlsx"
    path.write_bytes(workbook(sheet1=SHEET.format(cells).replace("xmlns=", "xmlns:x='x' xmlns=")))
    with pytest.raises(ResourceError, match="99,999 rows of 16,384 cells"):
        limits.refuse_bomb(path)


def test_apl_k02_wide_and_long_sheets_pass(tmp_path: Path) -> None:
    cells = "".join(f"<c r='{name}'/>" for name in ("A1", "Z999999", "B1048576"))
    for sheet in (cells, "<c r='BL1'/><c r='A1048576'/>"):
        path = tmp_path / "offre.xlsx"
        path.write_bytes(workbook(sheet1=SHEET.format(sheet)))
        limits.refuse_bomb(path)


@pytest.mark.parametrize("at", range(limits.PIECE - 40, limits.PIECE + 8, 3))
def test_apl_k02_cell_whose_name_is_cut_in_two(tmp_path: Path, at: int) -> None:
    """Pieces of a sheet overlap."""
    begin = SHEET.partition("{}")[0]
    cell = "<c r='xfd1048576'/>"
    path = tmp_path / "offre.xlsx"
    path.write_bytes(workbook(sheet1=SHEET.format(" " * (at - len(begin)) + cell)))
    with pytest.raises(ResourceError, match="16,384 cells"):
        limits.refuse_bomb(path)


def test_apl_k02_entries_that_share_their_bytes(tmp_path: Path) -> None:
    """A hundred entries of one body."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a", os.urandom(1000))
        archive.filelist *= 100
    path = tmp_path / "offre.xlsx"
    path.write_bytes(data.getvalue())
    with pytest.raises(ResourceError, match="one in another"):
        limits.refuse_bomb(path)


def test_apl_k02_packed_text(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SOUND[OFFRE].encode() + b"01004,2\n" * (1 << 17)
    path = scene.write("offre.csv.gz", gzip.compress(text))
    scene.refused("APL-D05", table=f"offre ({path})")  # a small one: as it is
    monkeypatch.setattr(limits, "SMALL", 1 << 20)
    told = scene.refused("APL-K02", code=7, table=str(path))
    assert "once unpacked" in told["title"]


def test_sound_packed_files_pass(scene: Scene) -> None:
    scene.write("offre.xlsx", workbook())
    scene.write("population_standardisee.csv.gz", gzip.compress(SOUND[STANDARD].encode()))
    assert scene.run().code == 0


# --- K04, K05, A11: names and places ------------------------------------------------------------


def test_apl_k04_path_in_an_archive(scene: Scene) -> None:
    """Nothing is unpacked to the disk."""
    scene.write("offre.xlsx", workbook(**{"../../stolen.txt": "x", "/tmp/../stolen.txt": "x"}))
    before = digest(scene.place)
    assert scene.run().code == 0
    after = {name for name in digest(scene.place) if not name.startswith("out/")}
    assert after == set(before)


def test_apl_k04_path_in_a_manifest(scene: Scene) -> None:
    """What stands elsewhere is not looked at."""
    assert scene.run().code == 0
    manifest = scene.out / "manifeste.json"
    (scene.place / "secret").write_text("x")
    manifest.write_text(manifest.read_text().replace('"bvcv.parquet"', '"../secret"'))
    found = verify(scene.out)
    (one,) = [held for held in found.files if held.file == "../secret"]
    assert (one.state, one.found) == ("differs", "no name of a file of this folder")


@pytest.mark.parametrize("name", ["bvcv.parquet", "manifeste.json"])
def test_apl_k05_link_in_the_output_folder(scene: Scene, name: str) -> None:
    """It is not followed: what it points to stays."""
    mine = scene.place / "mine"
    mine.write_text("mine")
    scene.out.mkdir()
    (scene.out / name).symlink_to(mine)
    scene.refused("APL-I03", code=5)
    scene.refused("APL-K05", "--overwrite", code=5, table=str(scene.out / name))
    assert (scene.out / name).is_symlink()
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", [COMMUNES, OFFRE, TIMES])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx", "csv.gz"])
def test_apl_a11_pipe_or_device_in_place_of_a_file(scene: Scene, name: str, suffix: str) -> None:
    """Refused before it is hashed, which would wait or go on for ever."""
    path = scene.source / f"{name}.{suffix}"
    scene.table(name).unlink()
    if suffix == "csv":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    try:
        scene.refused("APL-A11", code=5, table=str(path), title="not a regular file")
    finally:
        path.unlink()


def test_apl_j01_of_a_table_read_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reader looks first, not `apl run` alone."""
    path = parquet(scene)
    monkeypatch.setattr(limits, "available", lambda: 8)
    with pytest.raises(ResourceError, match="APL-J01"):
        read_table(path, OFFRE)


# --- K09: addresses -----------------------------------------------------------------------------


def commands(group: click.Group = cli, name: str = "apl") -> Iterator[tuple[str, click.Command]]:
    for word, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def test_apl_k09_every_path_of_every_command() -> None:
    """All have the one type that refuses an address."""
    taken = 0
    for name, command in commands():
        for param in command.params:
            if isinstance(param.type, (click.Path, click.File)):
                assert param.type is Existing, f"{name}: {param.name}"
                taken += 1
            else:
                assert param.name not in ("source", "out", "communes", "zonage"), name
    assert taken > 20


@pytest.mark.parametrize(
    "address", ["https://example.org/t/", "s3://b/t", "FILE:///tmp", "a+b://c"]
)
def test_apl_k09_address_in_place_of_a_path(scene: Scene, address: str) -> None:
    asked = ["run", address, *LAW, "--out", scene.out, "--json"]
    told = scene.refused("APL-K09", code=2, arguments=asked, table=address)
    assert "download" in told["mend"]
    asked[1:2], asked[-2] = [scene.source], address
    scene.refused("APL-K09", code=2, arguments=asked)


def test_apl_k09_address_given_to_the_library() -> None:
    law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    with pytest.raises(UsageError, match="APL-K09"):
        apl.run("https://example.org/tables", law)
    with pytest.raises(UsageError, match="https://example"):
        read_table("https://example.org/communes.csv", "communes")


def test_no_module_knows_a_network() -> None:
    """`apl run --scheduler` alone does, through its cluster; a lock names its host."""
    known = {"lock.py": {"socket"}}
    for folder in ("apl_core", "bindings", "data_schemas"):
        for path in (ROOT / folder).rglob("*.py"):
            found = {
                name.partition(".")[0]
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                )
            }
            network = {"socket", "urllib", "http", "ftplib", "ssl", "requests", "smtplib", "fsspec"}
            assert found & network <= known.get(path.name, set()), path.name


# --- K10: the foot of a Parquet file ------------------------------------------------------------


@pytest.mark.parametrize(("limit", "most"), [("FOOT", 64), ("TEXT", 1 << 10), ("ENTRIES", 2)])
@pytest.mark.parametrize("blocks", [False, True], ids=["whole", "in blocks"])
def test_apl_k10_huge_metadata(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, blocks: bool
) -> None:
    """Held before they are read: their size, the texts in them, the lists in them."""
    times = pa.table({"origine": ["01001"], "destination": ["01001"], "minutes": [0.0]})
    path = parquet(scene, times.replace_schema_metadata({"k": "x" * (1 << 12)}), TIMES)
    monkeypatch.setattr(apl.inputs, "LARGE", 0 if blocks else 1 << 40)
    monkeypatch.setattr(limits, limit, most)
    told = scene.refused("APL-K10", code=7, table=str(path))
    assert "metadata" in told["title"]


def test_apl_k10_foot_that_is_not_there(scene: Scene) -> None:
    """A file that declares two billion bytes of metadata is damaged."""
    path = parquet(scene)
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<I", (1 << 31) - 1) + b"PAR1")
    scene.refused("APL-A03", code=5, table=str(path))
