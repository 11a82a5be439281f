"""The BVCV by the legal rule: how many, whose inhabitants, who decides on those astride regions."""

from __future__ import annotations

import pyarrow.compute as pc

from apl.aggregation import attributed
from apl.certified.figures import Figures
from apl.certified.ground import MAYOTTE, Ground
from apl.country import departements
from apl.mergers import departement
from apl.regions.attribution import astride

REGION = "93"


def figures(ground: Ground) -> Figures:
    """The units of the law, against the guide of the agency of region 93."""
    communes, left_out = ground.units.communes, ground.units.without_population
    areas = attributed(communes, ground.law).to_pylist()
    inside = [area for area in areas if area["code_region"] == REGION]
    region_of = {area["code_bvcv"]: area["code_region"] for area in areas}
    facts = departements()
    of_mayotte = {code for code, region in zip(facts.codes, facts.regions, strict=True)
                  if region == MAYOTTE}  # fmt: skip
    own, came, gone = [0, 0], [0, 0], [0, 0]
    for row in communes.to_pylist():
        here, counted = row["code_region"] == REGION, region_of[row["code_bvcv"]] == REGION
        for group, there in ((own, here), (came, counted > here), (gone, here > counted)):
            group[0] += there
            group[1] += there * row["population"]
    who = astride(communes, ground.law)
    differ = who.filter(who.column("differe"))
    values = {
        "national": len(areas),
        "population": sum(area["population"] for area in areas),
        "without_population": sum(departement(code) in of_mayotte for code in left_out),
        "region_93": (len(inside), sum(area["population"] for area in inside)),
        "inhabitants_93": own[1],
        "came_93": tuple(came),
        "gone_93": tuple(gone),
        "astride": len(pc.unique(who.column("code_bvcv"))),
        "code_and_majority": tuple(sorted(set(differ.column("code_bvcv").to_pylist()))),
    }
    for prefix in sorted({area["code_bvcv"][:2] for area in inside}):
        named = [area for area in inside if area["code_bvcv"].startswith(prefix)]
        values[f"prefix_{prefix}"] = (len(named), sum(area["population"] for area in named))
    return Figures(values)
