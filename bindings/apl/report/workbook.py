"""The workbook of a region: what it decides on, in columns that agencies know.

Every text is written as text: no formula and no link is made of one, whatever it begins with.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apl.report.payload import Nation
from apl.report.words import region_label, zone_label
from apl.zoning import FRANCE
from apl_core import Fault, refuse_if
from apl_core.errors import SHOWN

LONGEST, ROWS = 32_767, 1 << 20  # characters of a cell, rows of a sheet: Excel's limits
SECONDS = 1_577_836_800  # of 1 January 2020: when files say that they were made, if nobody does
WHEN = re.compile("[0-9]{1,11}")  # a SOURCE_DATE_EPOCH of this millennium or the next
WIDE = {"Quoi": 42, "Valeur": 90, "Motif": 50, "motif": 50, "Région qui classe": 28}  # letters
HEAD = 45  # points: a header of three lines
INERT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}

KNOWN = ("Nom du bassin de vie ou pseudo-canton", "Code du bassin de vie ou pseudo-canton",
         "Nom de la commune", "Code de la commune", "dansMaRegion", "estMajoritaire",
         "Population", "Zonage")  # fmt: skip
UNITS = ("Code du bassin de vie ou pseudo-canton", "Nom du bassin de vie ou pseudo-canton",
         "Région qui classe", "Population", "Population standardisée", "APL", "Rang",
         "Part cumulée de la population", "Zonage national", "Zonage", "Motif",
         "Article")  # fmt: skip
SHARES = ("Zonage", "BVCV", "Population", "Part de la population",
          "Part avant décisions", "Part en France", "Part au tableau VI")  # fmt: skip
DECIDED = ("code_bvcv", "zone", "motif", "Nom", "Zonage national", "Zonage", "Article")

Row = Sequence[Any]


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, its header, its rows, the number format of some columns."""

    name: str
    header: Row
    rows: Sequence[Row]
    formats: Mapping[str, str]


def write_workbook(country: Nation, page: Mapping[str, Any]) -> bytes:
    """The workbook of a page: BVCV, communes, shares, decisions, provenance.

    Parameters
    ----------
    country : Nation
    page : mapping
        Of `apl.report.payload`, of a region or of the country.

    Returns
    -------
    bytes
        An ``.xlsx``; the same from the same run, whenever it is made (``SOURCE_DATE_EPOCH`` is the
        date that it bears, if it is set).

    Raises
    ------
    TableError
        More rows, or a longer text, than a sheet holds: none is cut.
    """
    import xlsxwriter

    region = page["region"]["code"]
    units = country.bvcv if region == FRANCE else page["bvcv"]
    persons = {"Population": "#,##0", "Population standardisée": "#,##0"}
    shares = dict.fromkeys(SHARES[3:], "0.0%")
    sheets = [
        Sheet("BVCV", UNITS, list(map(_unit, units)),
              {**persons, "APL": "0.0", "Part cumulée de la population": "0.0%"}),
        Sheet("Communes", KNOWN, list(_communes(units, region)), persons),
        Sheet("Parts", SHARES, list(map(_share, page["zones"])), {**persons, **shares}),
        Sheet("Décisions", DECIDED, list(_decisions(units, region)), {}),
        Sheet("Provenance", ("Quoi", "Valeur"), list(_provenance(country, page)), {}),
    ]  # fmt: skip
    refuse_if(fault for sheet in sheets for fault in _too_much(sheet))
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"constant_memory": True, **INERT})
    book.set_properties({"title": page["titre"], "created": made_on()})
    for sheet in sheets:
        _write(book, sheet)
    book.close()
    return sink.getvalue()


def made_on() -> datetime:
    """The date that documents bear: that of ``SOURCE_DATE_EPOCH``, else always the same."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(given) if WHEN.fullmatch(given) else SECONDS, UTC).replace(
        tzinfo=None
    )


def _write(book: Any, sheet: Sheet) -> None:
    """One sheet, row by row: a header that stays in sight and filters."""
    page = book.add_worksheet(sheet.name)
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    kinds = {name: book.add_format({"num_format": form}) for name, form in sheet.formats.items()}
    for place, name in enumerate(sheet.header):
        page.set_column(place, place, WIDE.get(name, 34 if "Nom" in name else 18))
    page.freeze_panes(1, 0)
    page.set_row(0, HEAD)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    for place, name in enumerate(sheet.header):
        page.write_string(0, place, name, bold)
    last = 0
    for last, row in enumerate(sheet.rows, 1):
        for place, value in enumerate(row):
            _cell(page, last, place, value, kinds.get(sheet.header[place]))
    page.autofilter(0, 0, max(last, 1), len(sheet.header) - 1)


def _cell(page: Any, row: int, column: int, value: Any, form: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        page.write_boolean(row, column, value, form)
    elif isinstance(value, int | float):
        page.write_number(row, column, value, form)
    else:
        page.write_string(row, column, str(value), form)


def _too_much(sheet: Sheet) -> Iterator[Fault]:
    """What a sheet does not hold; XlsxWriter leaves it out without a word."""
    title, mend = "more than a workbook holds", "leave --xlsx, or shorten a motive"
    if len(sheet.rows) >= ROWS:
        yield Fault("APL-I10", title, f"{len(sheet.rows):,} rows of {ROWS:,}", mend, sheet.name)
    long = [row for row, cells in enumerate(sheet.rows, 2)
            if any(isinstance(cell, str) and len(cell) > LONGEST for cell in cells)]  # fmt: skip
    if long:
        why = f"a cell has {LONGEST:,} characters at most"
        yield Fault(
            "APL-I10", title, why, mend, sheet.name, None, tuple(long[:SHOWN]), (), len(long)
        )


def _unit(one: Mapping[str, Any]) -> Row:
    return (one["code"], one["libelle"], region_label(one["region"]), one["population"],
            one["population_standardisee"], one["apl"], one["rang"], one["part_cumulee"],
            _label(one["zone_nationale"]), _label(one["zone"]), one["motif"],
            one["article"])  # fmt: skip


def _communes(units: Iterable[Mapping[str, Any]], region: str) -> Iterator[Row]:
    """The communes of these BVCV: whether each lies in the region, and whether it classifies."""
    for one in sorted(units, key=lambda unit: str(unit["code"])):
        decides = region in (one["region"], FRANCE)
        for place in sorted(one["communes"], key=lambda commune: str(commune["code"])):
            yield (one["libelle"], one["code"], place["libelle"], place["code"],
                   place.get("dans_region", True), decides, place["population"],
                   _label(one["zone"]))  # fmt: skip


def _share(zone: Mapping[str, Any]) -> Row:
    return (zone["libelle"], zone["bvcv"], zone["population"], zone["part"],
            zone["part_nationale"], zone["part_france"], zone["part_table_vi"])  # fmt: skip


def _decisions(units: Iterable[Mapping[str, Any]], region: str) -> Iterator[Row]:
    """What the region has decided; the first columns are the table that `apl adapt` reads."""
    for one in units:
        if one["zone"] != one["zone_nationale"] and region in (one["region"], FRANCE):
            yield (one["code"], one["zone"], one["motif"], one["libelle"],
                   _label(one["zone_nationale"]), _label(one["zone"]), one["article"])  # fmt: skip


def _provenance(country: Nation, page: Mapping[str, Any]) -> Iterator[Row]:
    """Where the figures come from: the text, what is not law, software, inputs and their hashes."""
    told = country.material.manifest
    if page["synthetique"]:
        yield "Attention", "PAYS SYNTHÉTIQUE : aucune valeur ne décrit un lieu réel"
    yield "Titre", page["titre"]
    yield "Profession", page["profession"]
    yield "Région", f"{page['region']['libelle']} ({page['region']['code']})"
    yield "Texte appliqué", f"{page['droit']['texte']} (NOR {page['droit']['nor']})"
    yield "Texte retenu à compter du", page["droit"]["depuis"]
    yield "Unité de l'APL", page["unite"]
    yield from (("Fourni par l'utilisateur, hors du texte", one) for one in page["hors_loi"])
    yield "Empreinte du calcul (SHA-256)", page["empreinte"]
    yield from ((f"Logiciel : {name}", version) for name, version in told["software"].items())
    for entry in told["inputs"]:
        file, digest = entry.get("file", "en mémoire"), entry.get("sha256")
        yield f"Entrée : {entry['table']}", f"{file}, SHA-256 {digest}" if digest else file
    yield "dansMaRegion", "la commune est dans la région"
    yield "estMajoritaire", "la région classe ce bassin de vie : elle en a le plus d'habitants"


def _label(zone: str | None) -> str | None:
    return None if zone is None else zone_label(zone)
