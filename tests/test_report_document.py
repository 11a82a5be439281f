"""The draft arrêté: what is filled, what is left to fill, templates of agencies, hostile labels."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from importlib import util
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from report_scene import HOSTILE, UNITS, scene

for library in ("jinja2", "docxtpl", "docx"):
    pytest.importorskip(library, reason=f"the extra report is not installed: {library}")

from docx import Document  # noqa: E402

from apl.report.document import UNNAMED, arrete, packed  # noqa: E402
from apl_core import FileError, MarginError  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "bindings" / "apl" / "report" / "templates" / "arrete.docx"


def image(width: int, height: int) -> bytes:
    """A white PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = (b"\0" + b"\xff" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))  # fmt: skip


def made(**how: Any) -> Any:
    country, page = scene()
    return Document(io.BytesIO(arrete(country, page, **how)))


def paragraphs(document: Any) -> str:
    return "\n".join(one.text for one in document.paragraphs)


def cells(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def written(folder: Path, *texts: str) -> Path:
    """A template of an agency."""
    document = Document()
    for text in texts:
        document.add_paragraph(text)
    document.save(str(folder / "agence.docx"))
    return folder / "agence.docx"


def test_what_is_known_is_filled_and_the_rest_is_left() -> None:
    text = paragraphs(made())
    for wanted in ("Provence-Alpes-Côte d'Azur", "l'arrêté du 20 mars 2024", "NOR TSSH2408601A",
                   "PAYS SYNTHÉTIQUE", "un seuil", "[date]", "[les motifs généraux de l'arrêté]",
                   "L. 1434-4", "carte à joindre"):  # fmt: skip
        assert wanted in text, wanted
    for code in ("{{", "{%"):
        assert code not in text.replace(HOSTILE, "")


def test_the_three_annexes_are_those_of_the_attribution() -> None:
    zones, decisions, *lists = map(cells, made().tables)
    assert zones[1] == ["Très sous dotée", "1", "1\u202f000", "25,0\u202f%"]
    assert decisions[1][:2] == [HOSTILE, "13001"]
    assert decisions[1][2:] == ["Sous dotée", "Très sous dotée", f"@{HOSTILE}"]
    assert [[row[1] for row in rows[1:]] for rows in lists] == [
        ["13001", "13002", "13003", "13004"], ["13005"], ["26001"]
    ]  # fmt: skip
    assert lists[1][1] == ["Ici", "13005", "Ici (26002)", "Auvergne-Rhône-Alpes", "Sous dotée"]
    assert lists[2][1][3] == "Auvergne-Rhône-Alpes"
    assert "annexe 1 (4 communes)" in paragraphs(made())


def test_a_decision_without_a_reason_asks_for_one_and_none_says_so() -> None:
    country, page = scene()
    page["bvcv"][0]["motif"] = None
    document = Document(io.BytesIO(arrete(country, page)))
    assert cells(document.tables[1])[1][4] == UNNAMED
    page["bvcv"][0]["zone"] = page["bvcv"][0]["zone_nationale"]
    document = Document(io.BytesIO(arrete(country, page)))
    assert "Néant." in paragraphs(document)


def test_hostile_labels_are_text() -> None:
    country, page = scene()
    with zipfile.ZipFile(io.BytesIO(arrete(country, page))) as file:
        body = file.read("word/document.xml").decode()
    assert "<b>" not in body
    assert "&lt;/w:t&gt;&lt;/script&gt;&lt;b&gt;&amp;\u202e{{ 7*7 }}" in body
    assert "49" not in paragraphs(made()).replace("1434-4", "")


@pytest.mark.parametrize(("size", "wide"), [((40, 20), 170), ((20, 40), 112.5)])
def test_the_map_fits_its_page(size: tuple[int, int], wide: float) -> None:
    document = made(picture=image(*size))
    (shape,) = document.inline_shapes
    assert shape.width.mm == pytest.approx(wide, abs=0.5)
    assert "carte à joindre" not in paragraphs(document)


def test_a_document_is_the_same_whenever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    country, page = scene()
    first, second = (arrete(country, page, picture=image(9, 9)) for _ in "12")
    assert first == second
    told = Document(io.BytesIO(first)).core_properties
    assert (told.language, told.created and told.created.year) == ("fr-FR", 2020)


def test_the_template_is_the_one_that_its_script_builds() -> None:
    found = util.spec_from_file_location("make_arrete", ROOT / "docs" / "make_arrete.py")
    assert found is not None
    assert found.loader is not None
    script = util.module_from_spec(found)
    found.loader.exec_module(script)

    def body(data: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return file.read("word/document.xml")  # styles are those of python-docx, by version

    assert body(script.built()) == body(TEMPLATE.read_bytes())
    assert packed(TEMPLATE.read_bytes()) == TEMPLATE.read_bytes()


def test_an_agency_has_its_own_template(tmp_path: Path) -> None:
    path = written(tmp_path, "ARS {{ region }} : {{ compte_1 }}", "{%p for r in annexe_3 %}",
                   "{{ r.libelle }}", "{%p endfor %}")  # fmt: skip
    assert paragraphs(made(template=path)) == "ARS Provence-Alpes-Côte d'Azur : 4 communes\nVal"


@pytest.mark.parametrize("text", ["{{ inconnu }}", "{% for %}", "{{ region.__class__.__mro__ }}",
                                  "{{ region.format.__globals__ }}"])  # fmt: skip
def test_a_template_that_asks_for_what_there_is_not_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileError, match="APL-A14"):
        made(template=written(tmp_path, text))


def test_a_template_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="APL-A14"):
        made(template=tmp_path / "absent.docx")
    (tmp_path / "texte.docx").write_bytes(b"not a document")
    with pytest.raises(FileError, match="APL-A14"):
        made(template=tmp_path / "texte.docx")
    with zipfile.ZipFile(tmp_path / "vide.docx", "w") as file:
        file.writestr("a.txt", "x")
    with pytest.raises(FileError, match="APL-A14"):
        made(template=tmp_path / "vide.docx")


def test_a_region_with_a_bvcv_without_class_has_no_arrete() -> None:
    country, page = scene()
    zones = [None, *(row[3] for row in UNITS[1:])]
    bare = country.material.zonage.drop(["zone"]).append_column("zone", pa.array(zones))
    object.__setattr__(country.material, "zonage", bare)
    with pytest.raises(MarginError, match="APL-G08"):
        arrete(country, page)
