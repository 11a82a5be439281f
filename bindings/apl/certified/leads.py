"""What keeps table VI from being met to the tenth: other readings, units without a canton, the year
of the APL, each with what it does to the gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from apl.certified.claims import paper
from apl.certified.figures import Annex, Figures
from apl.certified.ground import MK, MOVEMENTS, Ground
from apl.certified.shares import Points, gap_of, our_rows, printed_rows
from apl.cog import History
from apl.compared.align import brought
from apl.conversion import Cog
from apl.lines import region_name
from apl.zoning import Ranking

GEOGRAPHY_OF = date(2023, 1, 1)
NO_CANTON = "ZZ_"
WATCHED = ("84", "01", "03", "02", "04")  # regions of units without a canton, and overseas


def figures(ground: Ground) -> Figures:
    """Gaps under each reading, and the blocks of communes without a canton."""
    law, printed = ground.law, printed_rows(ground)
    zones = law.zoning.zones[:-1]
    rows: list[list[str]] = []
    found: dict[str, Points] = {}
    for name, ranking in readings(ground):
        ours = our_rows(ranking, zones)
        mean, most = gap_of(ours, printed)
        found[name] = ours
        watched = [" / ".join(f"{a - float(b):+.1f}" for a, b in
                              zip(ours[region], printed[region], strict=True))
                   for region in WATCHED]  # fmt: skip
        rows.append([name, f"{mean:.3f}", f"{most:.2f}", *watched])
    head = ["Reading", "Mean gap", "Largest", *map(region_name, WATCHED)]
    said = ("Gaps to table VI in points: mean and largest over the twelve mainland regions, then "
            "by class in the regions where units have no canton, and overseas.")  # fmt: skip
    values = {"cayenne_alone": found["Cayenne apart"]["03"][:2],
              "lyon_literal": found["literal"]["84"][2],
              "lyon_split": found["ZZ by commune"]["84"][2]}  # fmt: skip
    return Figures(values, (Annex("Readings tried", head, rows, said), _without_canton(ground)))


def readings(ground: Ground) -> Iterator[tuple[str, Ranking]]:
    """Each reading by name, the literal one first."""
    law, communes = ground.law, ground.units.communes
    yield "literal", ground.ranking
    left = law.reading({"zoning.without_apl": "left_out"})
    yield "Mayotte left out", ground.ranked(communes, left, outside={})
    for name, astride in (("included", "include"), ("to the closer side", "closest")):
        read = law.reading({"zoning.astride": astride})
        yield f"BVCV astride a cut {name}", ground.ranked(communes, read)
    by_commune = law.reading({"territory.canton_without_number": "by_commune"})
    yield "ZZ by commune", ground.ranked(ground.built(by_commune).communes, by_commune)
    yield "Cayenne apart", ground.ranked(_apart(communes, paper().facts["cayenne"]))
    yield "APL 2021, no health centres", ground.ranked(communes, published=_of_2021(ground))
    by_total = law.overlaid({"aggregation": {"weight": "population"}})
    yield "means weighted by total population", ground.ranked(communes, by_total)


def _apart(communes: pa.Table, code: str) -> pa.Table:
    """The communes, one of which is a unit of its own."""
    there = pc.equal(communes.column("code_commune").cast(pa.string()), code)
    unit = pc.if_else(there, code, communes.column("code_bvcv").cast(pa.string()))
    return communes.set_column(communes.column_names.index("code_bvcv"), "code_bvcv", unit)


def _of_2021(ground: Ground) -> pa.Table:
    """The APL of 2021 in the communes of 2023."""
    history = History.of(ground.table(MOVEMENTS, "mouvements"))
    table = ground.workbook(MK)
    cog = Cog(GEOGRAPHY_OF, history, None, {"mouvements": ground.path(MOVEMENTS)})
    return brought(table, cog)


def _blocks(ground: Ground) -> list[dict[str, object]]:
    return [row for row in ground.ranking.bvcv.to_pylist() if row["code_bvcv"].endswith(NO_CANTON)]


def _without_canton(ground: Ground) -> Annex:
    """The communes whose canton code ends in ZZ, kept as one unit a département."""
    members: dict[str, int] = {}
    for code in ground.units.communes.column("code_bvcv").to_pylist():
        members[code] = members.get(code, 0) + 1
    rows = [
        [str(row["code_bvcv"]), region_name(str(row["code_region"])),
         f"{members[str(row['code_bvcv'])]:,}", f"{row['population']:,}", f"{row['apl']:.1f}",
         str(row["zone"])]
        for row in _blocks(ground)
    ]  # fmt: skip
    said = ("INSEE's code of the canton ends in ZZ where there is none (the metropolis of Lyon, "
            "Martinique, Guyane). The text does not say what such communes form; they are kept as "
            "the file has them.")  # fmt: skip
    head = ["BVCV", "Region", "Communes", "Inhabitants", "APL", "Class"]
    return Annex("Units of communes without a canton", head, rows, said)
