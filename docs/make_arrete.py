"""Build the template of the draft arrêté: ``python docs/make_arrete.py``.

The result, ``bindings/apl/report/templates/arrete.docx``, is a Word file like any other: an agency
copies it, changes its words, its letterhead or its order, and names it with ``--template``. What
stands between braces is filled by `apl.report.document`, which lists all of it; what stands between
square brackets is left to fill by hand.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_COLOR_INDEX
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from apl.report.document import packed

OUT = Path(__file__).resolve().parents[1] / "bindings/apl/report/templates/arrete.docx"
BLUE, GREY = RGBColor(0x12, 0x40, 0x6B), RGBColor(0x4B, 0x55, 0x63)

VUS = (
    "le code de la santé publique, notamment son article L. 1434-4 ;",
    "{{ texte }} (NOR {{ nor }}) ;",
    "[la convention nationale de la profession et ses avenants applicables] ;",
    "[l'arrêté de zonage en vigueur dans la région, date et numéro] ;",
    "l'avis de l'union régionale des professionnels de santé en date du [date] ;",
    "l'avis de la commission paritaire régionale en date du [date] ;",
    "l'avis de la conférence régionale de la santé et de l'autonomie en date du [date] ;",
    "l'information des conseils territoriaux de santé en date du [date] ;",
)
ARTICLES = (
    ("Article 1er", "Les zones prévues à l'article L. 1434-4 du code de la santé publique sont, "
     "pour la profession de {{ profession }} en région {{ region }}, fixées par bassin de vie ou "
     "canton-ou-ville (BVCV) comme suit :"),
    ("Article 2", "Les communes de la région classées par le présent arrêté figurent à l'annexe 1 "
     "({{ compte_1 }}), celles de la région que classe l'agence d'une autre région à l'annexe 2 "
     "({{ compte_2 }}), celles d'autres régions classées par le présent arrêté à l'annexe 3 "
     "({{ compte_3 }}). La carte des zones figure à l'annexe 4."),
    ("Article 3", "Les BVCV dont le classement s'écarte du classement national, et les motifs "
     "retenus, sont :"),
    ("Article 4", "[L'arrêté … du … est abrogé.] Le présent arrêté entre en vigueur le [date] pour "
     "une durée de [durée]."),
    ("Article 5", "Le présent arrêté peut faire l'objet d'un recours devant le tribunal "
     "administratif de [ville] dans un délai de [délai] à compter de sa publication."),
    ("Article 6", "[Le directeur … de l'agence régionale de santé] est chargé de l'exécution du "
     "présent arrêté, qui sera publié au recueil des actes administratifs de la préfecture de "
     "région."),
)  # fmt: skip
LISTS: tuple[tuple[str, str, dict[str, str]], ...] = (  # the annexes, and which region each shows
    ("1", "communes de la région {{ region }} classées par le présent arrêté", {}),
    (
        "2",
        "communes de la région {{ region }} que classe l'agence d'une autre région",
        {"Région qui classe": "decide"},
    ),
    (
        "3",
        "communes d'autres régions classées par le présent arrêté",
        {"Région de la commune": "region"},
    ),
)


def built() -> bytes:
    """The template as a file."""
    made = Document()
    _styled(made)
    _heading(made)
    _considered(made)
    _articles(made)
    for number, title, own in LISTS:
        _annexe(made, number, title)
        columns = {"Commune": "libelle", "Code": "commune", "BVCV": "bvcv", **own, "Zone": "zone"}
        _table(made, tuple(columns), f"annexe_{number}", tuple(columns.values()))
    _annexe(made, "4", "carte des zones")
    _fields(made, "{%p if carte %}")
    made.add_paragraph("{{ carte }}").alignment = WD_ALIGN_PARAGRAPH.CENTER
    _fields(made, "{%p else %}")
    _fields(made, "[carte à joindre]")
    _fields(made, "{%p endif %}")
    sink = BytesIO()
    made.save(sink)
    return packed(sink.getvalue())


def _styled(made: Any) -> None:
    section = made.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin = section.bottom_margin = Mm(18)
    style = made.styles["Normal"]
    style.font.name, style.font.size = "Liberation Sans", Pt(10)
    style.paragraph_format.space_after = Pt(6)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "fr-FR")
    style.element.get_or_add_rPr().append(language)
    for name in ("Heading 1", "Heading 2"):
        heading = made.styles[name]
        heading.font.name, heading.font.color.rgb = "Liberation Sans", BLUE
        heading.element.rPr.rFonts.set(qn("w:asciiTheme"), "")
        heading.font.size = Pt(13 if name.endswith("1") else 11)
    foot = section.footer.paragraphs[0]
    foot.text = "Projet établi à partir du calcul d'empreinte {{ empreinte }}"
    foot.runs[0].font.size, foot.runs[0].font.color.rgb = Pt(7), GREY


def _heading(made: Any) -> None:
    _fields(made, "{%p if synthetique %}")
    said = made.add_paragraph()
    said.add_run("PAYS SYNTHÉTIQUE : aucune valeur ne décrit un lieu réel").bold = True
    _fields(made, "{%p endif %}")
    made.add_paragraph().add_run("PROJET").bold = True
    _fields(made, "Agence régionale de santé {{ region }}")
    made.add_heading("{{ titre }}", level=1)
    _fields(made, "Arrêté n° [numéro] du [date] relatif aux zones caractérisées par une offre de "
            "soins insuffisante ou par des difficultés dans l'accès aux soins, et à celles où le "
            "niveau de l'offre est particulièrement élevé, pour la profession de "
            "{{ profession }}")  # fmt: skip
    _fields(made, "Le directeur général de l'agence régionale de santé {{ region }},")


def _considered(made: Any) -> None:
    for text in VUS:
        _fields(made, f"Vu {text}")
    _fields(made, "{%p for un in modifie_par %}")
    _fields(made, "Vu {{ un }} ;")
    _fields(made, "{%p endfor %}")
    _fields(made, "{%p for un in hors_loi %}")
    _fields(made, "Considérant que le calcul prend en compte, outre le texte : {{ un }} ;")
    _fields(made, "{%p endfor %}")
    _fields(made, "Considérant [les motifs généraux de l'arrêté] ;")
    made.add_paragraph().add_run("ARRÊTE").bold = True


def _articles(made: Any) -> None:
    for place, (title, text) in enumerate(ARTICLES):
        made.add_heading(title, level=2)
        _fields(made, text)
        if place == 0:
            _table(made, ("Zone", "BVCV", "Population", "Part de la population"), "zones",
                   ("libelle", "bvcv", "population", "part"))  # fmt: skip
        if title == "Article 3":
            _table(made, ("BVCV", "Code", "Classement national", "Classement retenu", "Motif"),
                   "decisions", ("libelle", "code", "nationale", "zone", "motif"))  # fmt: skip
    _fields(made, "Fait à [lieu], le [date]")
    _fields(made, "Le directeur général de l'agence régionale de santé {{ region }},")
    _fields(made, "[signature]")


def _annexe(made: Any, number: str, title: str) -> None:
    heading = made.add_heading(f"Annexe {number} : {title}", level=1)
    heading.paragraph_format.page_break_before = True


def _table(made: Any, header: tuple[str, ...], rows: str, names: tuple[str, ...]) -> None:
    """A table of rows that are filled in, if there are any: its header is repeated on each page."""
    _fields(made, f"{{%p if {rows} %}}")
    table = made.add_table(rows=4, cols=len(header))
    table.style = "Table Grid"
    for cell, text in zip(table.rows[0].cells, header, strict=True):
        cell.paragraphs[0].add_run(text).bold = True
    table.rows[1].cells[0].text = f"{{%tr for r in {rows} %}}"
    for cell, name in zip(table.rows[2].cells, names, strict=True):
        cell.text = f"{{{{ r.{name} }}}}"
    table.rows[3].cells[0].text = "{%tr endfor %}"
    repeated = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(repeated)
    for row in table.rows:
        for cell in row.cells:
            for paragraph in cell.paragraphs:
                paragraph.paragraph_format.space_after = Pt(1)
                for run in paragraph.runs:
                    run.font.size = Pt(8)
    _fields(made, "{%p else %}")
    _fields(made, "Néant.")
    _fields(made, "{%p endif %}")


def _fields(made: Any, text: str) -> None:
    """A paragraph whose fields left to fill, in square brackets, are marked in yellow."""
    paragraph = made.add_paragraph()
    while text:
        before, found, rest = text.partition("[")
        if before:
            paragraph.add_run(before)
        if not found:
            return
        inside, _, text = rest.partition("]")
        run = paragraph.add_run(f"[{inside}]")
        run.font.highlight_color = WD_COLOR_INDEX.YELLOW


if __name__ == "__main__":
    OUT.write_bytes(built())
