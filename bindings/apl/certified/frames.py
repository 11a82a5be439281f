"""The national frames of 2018 to 2020: as printed, in the law pages, and on the APL of 2021."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction

import pyarrow.compute as pc

from apl.aggregation import aggregate
from apl.bvcv import Built, build
from apl.certified.figures import Annex, Figures
from apl.certified.ground import FRAMES, MOVEMENTS, OLD_GEOGRAPHY, Ground
from apl.law import Rules, law_page, rules
from apl.zoning import Cut, rank

APPLIED = {"masseur_kinesitherapeute": date(2019, 6, 1), "infirmier": date(2020, 6, 1)}
NEW_YEAR = date(2022, 1, 1)  # of the geography of the APL of 2021


def figures(ground: Ground) -> Figures:
    """Printed figures that the law pages have; the cuts of two frames on the APL of 2021."""
    values: dict[str, object] = {"pages": sum(_agreeing(ground))}
    rows = []
    for profession, on in APPLIED.items():
        law = rules(profession, on=on)
        levels = []
        for cut in _cuts(ground, law):
            levels.append(cut.apl or 0.0)
            printed = float(cut.printed or 0)
            rows.append([profession, cut.zone, f"{float(100 * cut.share):g}", f"{printed:g}",
                         f"{levels[-1]:.2f}", f"{levels[-1] / printed:.2f}"])  # fmt: skip
        values[f"cuts_{profession}"] = tuple(levels)
    head = ["Profession", "Up to class", "Share %", "Printed", "On the APL 2021", "Ratio"]
    said = ("The shares of 2018 and 2020 applied to the APL of 2021: geography 2022, living areas "
            "of 2012, municipal population of the workbook.")  # fmt: skip
    return Figures(values, (Annex("The cuts of earlier frames", head, rows, said),))


def _agreeing(ground: Ground) -> Iterator[bool]:
    """For each printed share and highest APL, whether the law page has it."""
    frames = ground.rows(FRAMES, "profession", "texte", "zone", "part_population", "apl_maximum")
    for row in frames:
        (law,) = (v for v in law_page(row["profession"]) if v.text.lower().startswith(row["texte"]))
        yield law.zoning.printed.get(row["zone"]) == Fraction(row["apl_maximum"])
        share = Fraction(row["part_population"]) / 100
        if row["zone"] != law.zoning.rest:
            yield dict(law.zoning.classes)[row["zone"]] == share


def _cuts(ground: Ground, law: Rules) -> tuple[Cut, ...]:
    published = ground.workbook(law.profession)

    def built() -> Built:
        people = published.select(["code_commune", "population"])
        return build(
            ground.table(OLD_GEOGRAPHY, "geographie"),
            people.filter(pc.is_valid(people.column("population"))),
            law,
            movements=ground.table(MOVEMENTS, "mouvements"),
            between=(NEW_YEAR, NEW_YEAR),
        )

    found = ground.once(("units of 2012", law.territory), built)
    return rank(aggregate(published, found.communes, law), law).cuts
