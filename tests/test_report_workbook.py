"""The workbook: columns that agencies know, text that stays text, read back by other programs."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from report_scene import COMMUNES, FORMULA, HOSTILE, scene

for library in ("jinja2", "xlsxwriter"):
    pytest.importorskip(library, reason=f"the extra report is not installed: {library}")

from apl.report.workbook import KNOWN, LONGEST, write_workbook  # noqa: E402
from apl_core import TableError  # noqa: E402
from apl_core.tables import read_table  # noqa: E402

AGENCIES = ["Nom du bassin de vie ou pseudo-canton", "Code du bassin de vie ou pseudo-canton",
            "Nom de la commune", "Code de la commune", "dansMaRegion", "estMajoritaire",
            "Population", "Zonage"]  # fmt: skip


def book(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def rows(data: bytes, sheet: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in book(data)[sheet].iter_rows(values_only=True)]


def test_sheets_and_the_columns_that_agencies_know() -> None:
    data = write_workbook(*scene())
    assert book(data).sheetnames == ["BVCV", "Communes", "Parts", "Décisions", "Provenance"]
    header, *body = rows(data, "Communes")
    assert list(header) == list(KNOWN) == AGENCIES
    assert len(body) == len(COMMUNES)
    found = {row[3]: row for row in body}
    assert found["13001"] == (
        HOSTILE,
        "13001",
        HOSTILE,
        "13001",
        True,
        True,
        900,
        "Très sous dotée",
    )
    assert found["26001"][4:6] == (False, True)  # of another region, classified here
    assert found["13005"][4:6] == (True, False)  # of the region, classified elsewhere


def test_text_is_never_a_formula_nor_a_link() -> None:
    data = write_workbook(*scene())
    for sheet in book(data):
        kinds = {cell.data_type for line in sheet.iter_rows() for cell in line}
        assert kinds <= {"s", "n", "b", "inlineStr"}, sheet.title
        assert not sheet._hyperlinks
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert not [name for name in file.namelist() if "rels" in name and "sheet" in name]
        assert not any(b"<f>" in file.read(name) for name in file.namelist() if "sheet" in name)
    assert FORMULA in {row[2] for row in rows(data, "Communes")}


def test_decisions_are_the_table_that_adapt_reads(tmp_path: Path) -> None:
    path = tmp_path / "region-93.xlsx"
    path.write_bytes(write_workbook(*scene()))
    found = read_table(path, "decisions", sheet="Décisions")
    assert found.select(["code_bvcv", "zone", "motif"]).to_pylist() == [
        {"code_bvcv": "13001", "zone": "tres_sous_dotee", "motif": f"@{HOSTILE}"}
    ]


def test_provenance_says_the_text_what_is_not_law_and_that_a_country_is_made_up() -> None:
    told: dict[str, Any] = dict(rows(write_workbook(*scene()), "Provenance")[1:])
    assert told["Attention"].startswith("PAYS SYNTHÉTIQUE")
    assert told["Texte appliqué"] == "Arrêté du 20 mars 2024 (NOR TSSH2408601A)"
    assert told["Fourni par l'utilisateur, hors du texte"] == "un seuil"
    assert told["Empreinte du calcul (SHA-256)"] == "c0ffee"
    assert told["Entrée : communes"] == "communes.csv, SHA-256 ab"


def test_shares_and_figures_are_numbers() -> None:
    data = write_workbook(*scene())
    assert rows(data, "Parts")[1] == ("Très sous dotée", 1, 1000, 0.25, 0.2, 0.3, None)
    assert rows(data, "BVCV")[1][3:8] == (1000, 1000.5, 10, 1, 0.1)


def test_a_workbook_is_the_same_whenever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    first = write_workbook(*scene())
    assert first == write_workbook(*scene())
    assert book(first).properties.created == datetime(2020, 1, 1)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert book(write_workbook(*scene())).properties.created == datetime(2023, 11, 14, 22, 13, 20)


def test_a_huge_reason_and_no_decision_at_all() -> None:
    country, page = scene()
    page["bvcv"][0]["motif"] = "é" * LONGEST
    assert len(rows(write_workbook(country, page), "Décisions")[1][2]) == LONGEST
    page["bvcv"][0]["motif"] += "é"
    with pytest.raises(TableError, match="APL-I10"):
        write_workbook(country, page)
    page["bvcv"][0]["motif"] = None
    page["bvcv"][0]["zone"] = page["bvcv"][0]["zone_nationale"]
    assert len(rows(write_workbook(country, page), "Décisions")) == 1
