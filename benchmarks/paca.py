"""The guide of the agency of Provence-Alpes-Côte d'Azur (2025) against our national classes, to the
BVCV: which ones make its tables by département, how far from the cut they are, and what that says.

Needs the real data (``APL_REAL_DATA``, else ``../shared/data``); says so and leaves with 1 if it is
not there; leaves with 6 where the guide's tables are not met to the unit.

    python benchmarks/paca.py
"""

from __future__ import annotations

import csv
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import pyarrow as pa

import apl

DATA = Path(
    os.environ.get("APL_REAL_DATA")
    or Path(__file__).resolve().parents[1].parent / "shared" / "data"
)
LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
LEAST, LOW, MIDDLE, REST = LAW.zoning.zones
REGION, MAYOTTE = "93", {"06": 279_471}
# The arrondissements of Marseille, 1 to 16: municipal population of 2020 (INSEE, census of 2020);
# the data at hand has the sum, and shares it out as in 2019.
MARSEILLE = (39_265, 23_898, 52_277, 49_636, 45_098, 40_734, 34_596, 82_155,
             76_053, 59_131, 57_519, 61_931, 91_959, 60_968, 79_092, 16_009)  # fmt: skip
PROSE = 77  # BVCV that the guide's prose calls non prioritaire
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


def national() -> list[Area]:
    """The BVCV of the region with their national classes, from the published APL 2022."""
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    population = apl.read_table(
        DATA / "population/population_municipale_geographie_2023.csv",
        "population_municipale",
        choose={"population": "2020"},
    )
    communes = _counted(apl.build_bvcv(geography, population, LAW).communes)
    published = apl.read_table(DATA / "published/apl_mk_2022.csv", "apl_publie")
    areas = apl.aggregate(published, communes, LAW)
    ranked = apl.rank(areas, LAW, territories_without_apl=MAYOTTE).bvcv
    return [
        Area(row["code_bvcv"], row["population"], row["apl"], row["zone"],
             row["ecart_coupure_apl"], row["ecart_coupure_habitants"])
        for row in ranked.to_pylist() if row["code_region"] == REGION
    ]  # fmt: skip


def _counted(communes: pa.Table) -> pa.Table:
    """The communes with the inhabitants of Marseille's arrondissements as the census has them."""
    census = {f"132{k:02d}": persons for k, persons in enumerate(MARSEILLE, 1)}
    codes, persons = (communes.column(n).to_pylist() for n in ("code_commune", "population"))
    given = dict(zip(codes, persons, strict=True))
    assert sum(given[code] for code in census) == sum(MARSEILLE), "another year's Marseille"
    column = pa.array([census.get(c, n) for c, n in given.items()], pa.int64())
    return communes.set_column(communes.column_names.index("population"), "population", column)


def guide() -> Cells:
    """The guide's tables by département."""
    with (DATA / "official/paca_2025.csv").open(encoding="utf-8", newline="") as lines:
        return {
            (row["code_departement"], row["zone"]): (int(row["bvcv"]), int(row["population"]))
            for row in csv.DictReader(lines)
        }


def moved_up(areas: Sequence[Area]) -> list[Area]:
    """Our classes after the one change that the guide tells: all of sous dotée moved up."""
    return [replace(area, zone=LEAST) if area.zone == LOW else area for area in areas]


def cells(areas: Sequence[Area]) -> Cells:
    """BVCV and inhabitants by département and class."""
    found: dict[tuple[str, str], list[int]] = {}
    for departement in sorted({area.departement for area in areas}):
        found |= {(departement, zone): [0, 0] for zone in LAW.zoning.zones}
    for area in areas:
        cell = found[area.departement, area.zone]
        cell[0] += 1
        cell[1] += area.persons
    return {key: (count, persons) for key, (count, persons) in found.items()}


def smallest_swaps(areas: Sequence[Area], count: int, persons: int) -> list[Swap]:
    """The smallest sets of BVCV whose exchange gives intermédiaire so many more, to the person."""
    lower = [area for area in areas if area.zone == MIDDLE]
    upper = [area for area in areas if area.zone == REST]
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


def explained(areas: Sequence[Area], target: Cells) -> dict[str, list[Swap]]:
    """By département, the smallest swaps that lead from our cells to the guide's."""
    ours = cells(areas)
    found = {}
    for departement in sorted({name for name, _ in target}):
        (count, persons), (n, p) = target[departement, MIDDLE], ours[departement, MIDDLE]
        here = [area for area in areas if area.departement == departement]
        if (count, persons) != (n, p):
            found[departement] = smallest_swaps(here, count - n, persons - p)
    return found


def applied(areas: Sequence[Area], swaps: Sequence[Swap]) -> list[Area]:
    """The classes after swaps."""
    to = {area.code: MIDDLE for swap in swaps for area in swap.to_middle}
    to |= {area.code: REST for swap in swaps for area in swap.to_rest}
    return [replace(area, zone=to.get(area.code, area.zone)) for area in areas]


def splits(areas: Sequence[Area], swap: Swap) -> Iterator[Swap]:
    """The parts of a swap that may be the ministry's, the rest being the agency's own: before the
    agency's, the prose's 77 BVCV are non prioritaire and table VI's share prints for intermédiaire.
    """
    whole = sum(area.persons for area in areas)
    middle = sum(area.persons for area in areas if area.zone == MIDDLE)
    rest = sum(area.zone == REST for area in areas)
    assert LAW.shares is not None
    printed, half = LAW.shares.regions[REGION][2], LAW.shares.unit / 2
    for size in range(len(swap.all) + 1):
        for some in itertools.combinations(swap.all, size):
            part = Swap(*(tuple(a for a in side if a in some) for side in
                          (swap.to_middle, swap.to_rest)))  # fmt: skip
            share = Fraction(middle + part.persons, whole)
            if rest - part.count == PROSE and abs(share - printed) <= half:
                yield part


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in
                         enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )  # fmt: skip


def gap_rows(ours: Cells, target: Cells) -> Iterator[list[str]]:
    yield ["Département, class", "BVCV ours", "guide", "inhabitants ours", "guide", "gap"]
    for key, (count, persons) in target.items():
        n, p = ours[key]
        yield [" ".join(key), f"{n}", f"{count}", f"{p:,}", f"{persons:,}", f"{persons - p:+,}"]


def swap_rows(swap: Swap) -> Iterator[list[str]]:
    yield ["BVCV", "inhabitants", "APL", "ours", "guide", "APL from the cut", "persons from it"]
    for area in sorted(swap.all, key=lambda area: area.apl):
        to = MIDDLE if area in swap.to_middle else REST
        yield [area.code, f"{area.persons:,}", f"{area.apl:.2f}", area.zone, to,
               f"{area.away_apl:+.2f}", f"{area.away_persons:,}"]  # fmt: skip


def describe(part: Swap, swap: Swap, whole: int) -> str:
    own = [area for area in swap.all if area not in part.all]
    gained = swap.persons - part.persons
    allowed = int((LAW.adaptation.regimes[1].margin or 0) * whole)  # as the guide describes it
    names = ", ".join(area.code for area in own)
    return (f"the agency's own: {names}: {gained:,} persons, {100 * gained / whole:.3f} points; "
            f"{allowed:,} allowed")  # fmt: skip


def main() -> int:
    if not DATA.is_dir():
        print(f"{DATA} is missing: set APL_REAL_DATA to the folder of the real data")
        return 1
    areas, target = moved_up(national()), guide()
    swaps: Mapping[str, list[Swap]] = explained(areas, target)
    print("Our national classes, sous dotée moved up, against the guide's tables")
    print(table(list(gap_rows(cells(areas), target))))
    for departement, found in swaps.items():
        print(f"\nDépartement {departement}: {len(found)} smallest set(s) to the person")
    if not all(len(found) == 1 for found in swaps.values()):
        return 6
    every = Swap(*(tuple(a for (s,) in swaps.values() for a in getattr(s, side)) for side in
                   ("to_middle", "to_rest")))  # fmt: skip
    print("\n" + table(list(swap_rows(every))))
    met = cells(applied(areas, [every])) == target
    met_by = "all" if met else "NOT all"
    print(f"\nWith these, {met_by} {len(target)} cells are the guide's, to the unit.")
    whole = sum(area.persons for area in areas)
    print(f"{PROSE} non prioritaire and table VI's share before adaptation, if:")
    for part in splits(areas, every):
        print(f"  {describe(part, every, whole)}")
    return 0 if met else 6


if __name__ == "__main__":
    sys.exit(main())
