"""The lines that summaries share: tables in columns, wrapped words, the text, remarks, the file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from apl.law import short_title
from apl.law_schema import CALLER
from apl.zoning import FRANCE

WIDTH = 96
REGIONS = {
    "01": "Guadeloupe", "02": "Martinique", "03": "Guyane", "04": "La Réunion", "06": "Mayotte",
    "11": "Île-de-France", "24": "Centre-Val de Loire", "27": "Bourgogne-Franche-Comté",
    "28": "Normandie", "32": "Hauts-de-France", "44": "Grand Est", "52": "Pays de la Loire",
    "53": "Bretagne", "75": "Nouvelle-Aquitaine", "76": "Occitanie", "84": "Auvergne-Rhône-Alpes",
    "93": "Provence-Alpes-Côte d'Azur", "94": "Corse",
}  # fmt: skip


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows in aligned columns: text to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = [not any(row[k][:1].isdigit() for row in rows[1:]) or k == 0 for k in range(len(widths))]
    return [
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    ]


def wrapped(first: str, words: str, then: str) -> list[str]:
    """Words in lines that begin with ``first``, and then with ``then``."""
    return textwrap.wrap(words, WIDTH, initial_indent=first, subsequent_indent=then)


def people_of(found: Mapping[str, Any]) -> str:
    """Whom a summary counts, as its key ``counted`` says."""
    return "women" if found["counted"] == "women" else "inhabitants"


def region_name(code: str) -> str:
    """A region's code and name; ``FR`` is the whole country.

    >>> region_name("94"), region_name("FR")
    ('94 Corse', 'France')
    """
    return "France" if code == FRANCE else f"{code} {REGIONS.get(code, '')}".rstrip()


def made_up(found: Mapping[str, Any]) -> list[str]:
    """The first line of every text about a country that does not exist; none about a real one."""
    said = "SYNTHETIC COUNTRY: no figure below describes a real place."
    return [said] if found.get("synthetic") else []


def headed(found: Mapping[str, Any]) -> list[str]:
    """Whose APL it is, under which text, and what was applied that is not law."""
    return [f"{found['profession']} · {law_line(found['law'])}", *supplied_lines(found)]


def law_line(law: Mapping[str, Any]) -> str:
    """The text that was applied, from its ``text`` and ``nor``."""
    return f"{short_title(law['text'])} (NOR {law['nor']})"


def supplied_lines(found: Mapping[str, Any]) -> list[str]:
    """What was applied and is not law."""
    return [f"{CALLER}: {one}" for one in found["supplied_by_the_caller_not_law"]]


def noticed_lines(found: Mapping[str, Any]) -> list[str]:
    """The remarks, under a title, if there are any."""
    notes = [f"  {note['fault']}  {note['text']}" for note in found["noticed"]]
    return ["", "Noticed", *notes] if notes else []


def written_lines(found: Mapping[str, Any]) -> list[str]:
    """Where the results are, if they were written."""
    return ["", f"Written: {found['out']}"] if found.get("out") else []


def quoted(words: str, indent: str) -> list[str]:
    """The words of a text, if they were read."""
    return wrapped(indent, f"« {words} »", indent) if words else []


def asides(readings: Mapping[str, str], unknown: Mapping[str, str]) -> Iterable[str]:
    """How a text is read, and what no source states."""
    for key, why in readings.items():
        yield from wrapped("  reading: ", f"{key} — {why}", "    ")
    for key, looked in unknown.items():
        yield from wrapped("  UNKNOWN: ", f"{key} — looked for: {looked}", "    ")
