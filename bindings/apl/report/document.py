"""The draft of a region's arrêté, from a template that an agency may edit in Word.

What is known is filled in; consultations, motives and dates are left between square brackets.
"""

from __future__ import annotations

import importlib.resources
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl.mergers import departement
from apl.regions.attribution import ABROAD, ELSEWHERE, HERE, annexes
from apl.regions.zonage import rows_of
from apl.report.material import Material
from apl.report.pages import percent, whole_number
from apl.report.payload import Nation
from apl.report.words import region_label, zone_label
from apl.report.workbook import made_on
from apl_core import Fault, FileError, limits

TEMPLATE = "templates/arrete.docx"
WIDE, HIGH = 170, 225  # mm that a map may take on a page
UNNAMED = "[motif à compléter]"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every entry of a file: the first that zip knows


def arrete(
    country: Nation,
    page: Mapping[str, Any],
    *,
    template: Path | None = None,
    picture: bytes | None = None,
) -> bytes:
    """The draft arrêté of a region.

    Parameters
    ----------
    country : Nation
    page : mapping
        Of `apl.report.payload.region_payload`.
    template : Path, optional
        A ``.docx`` with the fields of ``templates/arrete.docx``: ``region``, ``profession``,
        ``titre``, ``texte``, ``nor``, ``modifie_par``, ``hors_loi``, ``synthetique``,
        ``empreinte``, ``zones``, ``decisions``, ``annexe_1`` and ``compte_1`` (to 3), ``carte``.
    picture : bytes, optional
        The map, as PNG.

    Returns
    -------
    bytes
        A ``.docx``; the same from the same run.

    Raises
    ------
    RuleError
        A text under which each region counts its own inhabitants: it has no such lists.
    MarginError
        BVCV without a class.
    FileError, ResourceError
        A template that cannot be read, is a bomb, or asks for what there is not.
    """
    fields = _fields(country.material, page)
    if template is None:
        data = (importlib.resources.files("apl.report") / TEMPLATE).read_bytes()
        return _filled(data, fields, picture, TEMPLATE)
    try:
        limits.refuse_bomb(template)
        data = template.read_bytes()
    except (OSError, zipfile.BadZipFile) as error:
        raise _unusable(str(template), error) from None
    return _filled(data, fields, picture, str(template))


def packed(document: bytes) -> bytes:
    """A document whose parts bear no date.

    >>> sink = io.BytesIO()
    >>> with zipfile.ZipFile(sink, "w") as file:
    ...     file.writestr("a.xml", "<a/>")
    >>> packed(sink.getvalue()) == packed(packed(sink.getvalue()))
    True
    """
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(sink, "w") as new:
        for entry in old.infolist():
            kept = zipfile.ZipInfo(entry.filename, EPOCH)
            kept.compress_type, kept.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            new.writestr(kept, old.read(entry))
    return sink.getvalue()


def _filled(template: bytes, fields: Mapping[str, Any], picture: bytes | None, name: str) -> bytes:
    """A template with its fields; nothing in it may do more than show them."""
    from docxtpl import DocxTemplate
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    sink = io.BytesIO()
    try:
        made = DocxTemplate(io.BytesIO(template))
        made.init_docx()
        known = {**fields, "carte": _picture(made, picture)}
        made.render(known, SandboxedEnvironment(undefined=StrictUndefined), autoescape=True)
        told = made.docx.core_properties
        told.title, told.language, told.author = fields["titre"], "fr-FR", ""
        told.created = told.modified = made_on()
        made.save(sink)
    except Exception as error:  # jinja's, docx's, lxml's and zipfile's own kinds
        raise _unusable(name, error) from error
    return packed(sink.getvalue())


def _picture(made: Any, picture: bytes | None) -> Any:
    """The map as wide or as high as a page allows."""
    if picture is None:
        return ""
    from docx.shared import Mm
    from docxtpl import InlineImage

    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))  # PNG's head
    if width / height > WIDE / HIGH:
        return InlineImage(made, io.BytesIO(picture), width=Mm(WIDE))
    return InlineImage(made, io.BytesIO(picture), height=Mm(HIGH))


def _fields(found: Material, page: Mapping[str, Any]) -> dict[str, Any]:
    """What a template may show."""
    lists = _lists(found, page["region"]["code"])
    names = {one["code"]: one["libelle"] for one in page["bvcv"]}
    return {
        "region": page["region"]["libelle"],
        "profession": page["profession"],
        "titre": page["titre"],
        "texte": _lower(found.rules.text),
        "nor": page["droit"]["nor"],
        "modifie_par": [_lower(one) for one in found.rules.amendments],
        "hors_loi": page["hors_loi"],
        "synthetique": page["synthetique"],
        "empreinte": page["empreinte"],
        "zones": [{**zone, "population": whole_number(zone["population"]),
                   "part": percent(zone["part"])} for zone in page["zones"]],
        "decisions": [
            {"libelle": names[one["code"]], "code": one["code"],
             "nationale": _label(one["zone_nationale"]), "zone": _label(one["zone"]),
             "motif": one["motif"] or UNNAMED}
            for one in page["bvcv"]
            if one["dans_region"] and one["zone"] != one["zone_nationale"]
        ],
        **{f"annexe_{which}": rows for which, rows in lists.items()},
        **{f"compte_{which}": f"{whole_number(len(rows))} commune{'s' * (len(rows) > 1)}"
           for which, rows in lists.items()},
    }  # fmt: skip


def _lists(found: Material, region: str) -> dict[int, list[dict[str, str]]]:
    """The three lists of communes."""
    places = found.communes
    codes = places.column("code_commune").to_pylist()
    if "code_departement" not in places.column_names:
        column = pa.array([departement(code) for code in codes], pa.string())
        places = places.append_column("code_departement", column)
    table = annexes(found.zonage, places, found.rules, region=region)
    lists: dict[int, list[dict[str, str]]] = {HERE: [], ELSEWHERE: [], ABROAD: []}
    names = ("annexe", "code_commune", "libelle", "code_region", "code_bvcv", "region_decision",
             "zone")  # fmt: skip
    for which, code, label, lies, unit, decides, zone in rows_of(table, *names):
        lists[which].append({
            "commune": code, "libelle": label or code,
            "bvcv": f"{found.libelles.get(unit, unit)} ({unit})",
            "region": region_label(lies), "decide": region_label(decides), "zone": _label(zone),
        })  # fmt: skip
    return lists


def _label(zone: str | None) -> str:
    return "Sans classement" if zone is None else zone_label(zone)


def _lower(text: str) -> str:
    """The title of a text after « Vu »."""
    return f"l'a{text[1:]}" if text.startswith("Arrêté") else text


def _unusable(name: str, error: Exception) -> FileError:
    why = f"{type(error).__name__}: {error}"[:300]
    mend = "start again from the template of this version, and change its words alone"
    title = "a template that cannot be filled"
    return FileError([Fault("APL-A14", title, why, mend, name)])
