"""How pages and documents call things, in French."""

from __future__ import annotations

import re
from collections.abc import Mapping

from apl.lines import REGIONS
from apl.zoning import FRANCE

ZONES = {
    "tres_sous_dotee": "Très sous dotée",
    "sous_dotee": "Sous dotée",
    "intermediaire": "Intermédiaire",
    "non_prioritaire": "Non prioritaire",
    "sous_dense": "Sous dense",
    "zone_intervention_prioritaire": "Zone d’intervention prioritaire",
    "vivier": "Vivier",
    "hors_vivier": "Hors vivier",
    "tres_dotee": "Très dotée",
    "sur_dotee": "Sur dotée",
}
# marks of bidirectional text
DIRECTIONS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
APART, TOGETHER = "\u2068", "\u2069"  # between them, a text changes nothing around it
WHO: Mapping[str, str] = {"women": "femmes", "municipal": "habitants"}


def zone_label(zone: str) -> str:
    """The name of a class.

    >>> zone_label("non_prioritaire")
    'Non prioritaire'
    """
    return ZONES.get(zone, zone.replace("_", " ").capitalize())


def region_label(code: str) -> str:
    """The name of a region; its code where none is known.

    >>> region_label("94"), region_label("FR"), region_label("99")
    ('Corse', 'France', 'Région 99')
    """
    return "France" if code == FRANCE else REGIONS.get(code, f"Région {code}")


def isolated(label: str) -> str:
    """A label that cannot turn the words after it round.

    >>> isolated("Aups"), isolated("\u202espuA") == "\u2068\u202espuA\u2069"
    ('Aups', True)
    """
    kept = label.replace(TOGETHER, "")
    return f"{APART}{kept}{TOGETHER}" if DIRECTIONS.search(label) else label
