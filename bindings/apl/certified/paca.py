"""The guide of the agency of Provence-Alpes-Côte d'Azur (2025) against our national classes, to the
BVCV: which ones make its tables by département, how far from the cut they are, what that says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import pyarrow as pa

from apl.certified.claims import paper
from apl.certified.figures import Annex, Figures
from apl.certified.ground import PACA, TABLE_VI, Ground
from apl.law import Rules
from apl.regions.adaptation import adapted, suggest
from apl.regions.audit import audit

REGION = "93"
Cells = dict[tuple[str, str], tuple[int, int]]  # département, class → BVCV, inhabitants


@dataclass(frozen=True)
class Area:
    """A BVCV: its class, and how far from the nearest cut."""

    code: str
    persons: int
    apl: float
    zone: str
    away_apl: float
    away_persons: int

    @property
    def departement(self) -> str:
        return self.code[:2]


@dataclass(frozen=True)
class Swap:
    """BVCV that go up to the class of intermédiaire, and down from it."""

    to_middle: tuple[Area, ...]
    to_rest: tuple[Area, ...]

    @property
    def all(self) -> tuple[Area, ...]:
        return self.to_middle + self.to_rest

    @property
    def count(self) -> int:
        """BVCV that intermédiaire gains."""
        return len(self.to_middle) - len(self.to_rest)

    @property
    def persons(self) -> int:
        """Inhabitants that it gains."""
        return sum(a.persons for a in self.to_middle) - sum(a.persons for a in self.to_rest)


def figures(ground: Ground) -> Figures:
    """Counts of the guide, the margin, its 24 cells, and the nine BVCV that lead to all of them."""
    law = ground.law
    least, low = law.zoning.zones[:2]
    areas = national(ground)
    before = {zone: [a for a in areas if a.zone == zone] for zone in law.zoning.zones}
    zones = ground.ranked(ground.units.communes).bvcv
    up = adapted(zones, suggest(zones, law, region=REGION), law, region=REGION)
    moved = {row["zone"]: row for row in up.parts.to_pylist()}[least]
    gauge = up.held.gauges[0]
    after, target = moved_up(areas, law), guide(ground)
    swaps = explained(after, target, law)
    single = {name: found[0] for name, found in swaps.items() if len(found) == 1}
    every = together(list(single.values()))
    ours = cells(after, law)
    values = {
        "lowest": len(before[least]),
        "persons_two_lowest": sum(a.persons for zone in (least, low) for a in before[zone]),
        "moved_up": (moved["bvcv"], moved["population"]),
        "margin": gauge.allowed,
        "used": 100 * gauge.used / sum(area.persons for area in areas),
        "rest_prose": len(before[law.zoning.rest]),
        "cells": sum(ours[key] == cell for key, cell in target.items()),
        "cells_mended": sum(
            cells(applied(after, [every], law), law)[k] == c for k, c in target.items()
        ),
        "mended_by": len(every.all),
    }
    told = [told_of(part, every, areas, gauge.allowed) for part in splits(after, every, law)]
    return Figures(values, (gaps(ours, target), mended(every, law, told), *audited(ground)))


def told_of(part: Swap, every: Swap, areas: Sequence[Area], allowed: int) -> str:
    """What a split leaves to the agency, against its margin."""
    whole = sum(area.persons for area in areas)
    own = ", ".join(area.code for area in every.all if area not in part.all)
    gained = every.persons - part.persons
    return (f"{own} ({gained:,} persons, {100 * gained / whole:.3f} % of its population; the "
            f"margin allows {allowed:,})")  # fmt: skip


def national(ground: Ground) -> list[Area]:
    """The BVCV of the region with their national classes, the arrondissements of Marseille counted
    as the census has them (the data at hand shares their sum out as in the year before)."""
    communes = _counted(ground.units.communes, paper().facts["marseille"])
    return [
        Area(row["code_bvcv"], row["population"], row["apl"], row["zone"],
             row["ecart_coupure_apl"], row["ecart_coupure_habitants"])
        for row in ground.ranked(communes).bvcv.to_pylist() if row["code_region"] == REGION
    ]  # fmt: skip


def _counted(communes: pa.Table, census: Mapping[str, int]) -> pa.Table:
    codes, persons = (communes.column(n).to_pylist() for n in ("code_commune", "population"))
    given = dict(zip(codes, persons, strict=True))
    if sum(given.get(code, 0) for code in census) != sum(census.values()):
        return communes  # another year's Marseille
    column = pa.array([census.get(c, n) for c, n in given.items()], pa.int64())
    return communes.set_column(communes.column_names.index("population"), "population", column)


def guide(ground: Ground) -> Cells:
    """The guide's tables by département."""
    rows = ground.rows(PACA, "code_departement", "zone", "bvcv", "population")
    return {(row["code_departement"], row["zone"]): (int(row["bvcv"]), int(row["population"]))
            for row in rows}  # fmt: skip


def moved_up(areas: Sequence[Area], law: Rules) -> list[Area]:
    """Our classes after the one change that the guide tells: all of sous dotée moved up."""
    least, low = law.zoning.zones[:2]
    return [replace(area, zone=least) if area.zone == low else area for area in areas]


def cells(areas: Sequence[Area], law: Rules) -> Cells:
    """BVCV and inhabitants by département and class."""
    found: dict[tuple[str, str], list[int]] = {}
    for departement in sorted({area.departement for area in areas}):
        found |= {(departement, zone): [0, 0] for zone in law.zoning.zones}
    for area in areas:
        cell = found[area.departement, area.zone]
        cell[0] += 1
        cell[1] += area.persons
    return {key: (count, persons) for key, (count, persons) in found.items()}


def smallest_swaps(areas: Sequence[Area], count: int, persons: int, law: Rules) -> list[Swap]:
    """The smallest sets of BVCV whose exchange gives intermédiaire so many more, to the person."""
    _, _, middle, rest = law.zoning.zones
    lower = [area for area in areas if area.zone == middle]
    upper = [area for area in areas if area.zone == rest]
    for down in range(4):
        up = down + count
        if up < 0:
            continue
        sums: dict[int, list[tuple[Area, ...]]] = {}
        for some in itertools.combinations(lower, down):
            sums.setdefault(sum(area.persons for area in some), []).append(some)
        found = [
            Swap(some, others)
            for some in itertools.combinations(upper, up)
            for others in sums.get(sum(area.persons for area in some) - persons, ())
        ]
        if found:
            return found
    return []


def explained(areas: Sequence[Area], target: Cells, law: Rules) -> dict[str, list[Swap]]:
    """By département, the smallest swaps that lead from our cells to the guide's."""
    ours, middle = cells(areas, law), law.zoning.zones[2]
    found = {}
    for departement in sorted({name for name, _ in target}):
        (count, persons), (n, p) = target[departement, middle], ours[departement, middle]
        here = [area for area in areas if area.departement == departement]
        if (count, persons) != (n, p):
            found[departement] = smallest_swaps(here, count - n, persons - p, law)
    return found


def together(swaps: Sequence[Swap]) -> Swap:
    """Several swaps as one."""
    return Swap(tuple(a for swap in swaps for a in swap.to_middle),
                tuple(a for swap in swaps for a in swap.to_rest))  # fmt: skip


def applied(areas: Sequence[Area], swaps: Sequence[Swap], law: Rules) -> list[Area]:
    """The classes after swaps."""
    _, _, middle, rest = law.zoning.zones
    to = {area.code: middle for swap in swaps for area in swap.to_middle}
    to |= {area.code: rest for swap in swaps for area in swap.to_rest}
    return [replace(area, zone=to.get(area.code, area.zone)) for area in areas]


def splits(areas: Sequence[Area], swap: Swap, law: Rules) -> Iterator[Swap]:
    """The parts of a swap that may be the ministry's, the rest being the agency's own: before the
    agency's, the prose's BVCV are non prioritaire and table VI's share prints for intermédiaire.
    """
    _, _, middle, rest = law.zoning.zones
    whole = sum(area.persons for area in areas)
    persons = sum(area.persons for area in areas if area.zone == middle)
    outside = sum(area.zone == rest for area in areas)
    if law.shares is None:
        return
    printed, half = law.shares.regions[REGION][2], law.shares.unit / 2
    for size in range(len(swap.all) + 1):
        for some in itertools.combinations(swap.all, size):
            part = Swap(*(tuple(a for a in side if a in some) for side in
                          (swap.to_middle, swap.to_rest)))  # fmt: skip
            share = Fraction(persons + part.persons, whole)
            if outside - part.count == paper().facts["paca_rest"] and abs(share - printed) <= half:
                yield part


def gaps(ours: Cells, target: Cells) -> Annex:
    """Every cell of the guide beside ours."""
    head = ["Département, class", "BVCV ours", "BVCV guide", "Inhabitants ours",
            "Inhabitants guide", "Gap"]  # fmt: skip
    rows = [
        [" ".join(key), str(ours[key][0]), str(count), f"{ours[key][1]:,}", f"{persons:,}",
         f"{persons - ours[key][1]:+,}"]
        for key, (count, persons) in target.items()
    ]  # fmt: skip
    said = "Our national classes, all of *sous dotée* moved up, beside the tables of the guide."
    return Annex("Region 93 by département and class", head, rows, said)


def mended(every: Swap, law: Rules, told: Sequence[str]) -> Annex:
    """The BVCV that lead from ours to the guide's."""
    _, _, middle, rest = law.zoning.zones
    head = ["BVCV", "Inhabitants", "APL", "Ours", "Guide", "APL from the cut", "Persons from it"]
    rows = [
        [area.code, f"{area.persons:,}", f"{area.apl:.2f}", area.zone,
         middle if area in every.to_middle else rest, f"{area.away_apl:+.2f}",
         f"{area.away_persons:,}"]
        for area in sorted(every.all, key=lambda area: area.apl)
    ]  # fmt: skip
    said = ("In each département, the one smallest exchange between *intermédiaire* and "
            "*non prioritaire* that gives the guide's count and persons. Some are the ministry's "
            "(another APL than the published one), some the agency's own decisions: the guide does "
            "not say which.")  # fmt: skip
    both = ("The count of *non prioritaire* in its prose and the share of *intermédiaire* in "
            "table VI both hold before adaptation if what the agency moved by itself is "
            + "; or ".join(told) + ".")  # fmt: skip
    return Annex("The BVCV that lead to every cell", head, rows, said, both if told else "")


def audited(ground: Ground) -> Iterator[Annex]:
    """The zoning known by its totals alone: table VI before, the guide's tables after."""
    law = ground.law
    zones = law.zoning.zones
    table_vi = ground.rows(TABLE_VI, "code_region", *zones[:-1])
    printed = next(row for row in table_vi if row["code_region"] == REGION)
    persons = dict.fromkeys(zones, 0)
    for (_, zone), (_, count) in guide(ground).items():
        persons[zone] += count
    before = pa.table({"zone": zones[:-1], "precision": [0.001] * (len(zones) - 1),
                       "part": [float(printed[zone]) / 100 for zone in zones[:-1]]})  # fmt: skip
    after = pa.table({"zone": list(persons), "population": list(persons.values())})
    rows = []
    for regime in law.adaptation.regimes:
        for said in audit(before, after, law, region=REGION, regime=regime.name).verdicts:
            if said.rule in ("margin", "balance"):
                low, high = (float(100 * end) for end in (said.found.low, said.found.high))
                rows.append([regime.name, " + ".join(said.zones), f"{low:+.2f} to {high:+.2f}",
                             said.verdict])  # fmt: skip
    words = "Table VI before, the guide after, by totals; intervals are those of printed figures."
    yield Annex("The guide held against the law (`apl audit`)",
                ["Regime", "Class", "Change, points", "Verdict"], rows, words)  # fmt: skip
