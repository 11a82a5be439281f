"""Table VI of the arrêté: shares of the population by class and region, printed against ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from apl.certified.figures import Annex, Figures
from apl.certified.ground import MAYOTTE, TABLE_VI, Ground, parts_of
from apl.lines import REGIONS, region_name
from apl.regions.table_vi import shares_check
from apl.zoning import FRANCE, Ranking

Row = tuple[Fraction, ...]
Points = Mapping[str, tuple[float, ...]]  # shares by class in %, by region
CORSICA = "94"
HALF = Fraction(1, 20)  # of the last printed digit, in points
OVERSEAS = "0"  # codes of overseas regions begin so
CLOSE = 2  # APL: about 2 % of the mean
LIMIT = 16  # BVCV next to a cut among which a set that mends is sought


@dataclass(frozen=True)
class Mend:
    """BVCV whose move over a cut brings a region's share below it to what is printed.

    Attributes
    ----------
    low, high : int
        Inhabitants lacking below the cut (negative: too many), given the rounding.
    codes, persons : tuple
        The BVCV; none where no set of those at hand does.
    apl : float or None
        How far the furthest of them is from the cut, in APL.
    among : int
        BVCV at least as near to the cut, on their side of it.
    """

    region: str
    zone: str
    low: int
    high: int
    codes: tuple[str, ...]
    persons: int
    apl: float | None
    among: int


def printed_rows(ground: Ground) -> dict[str, Row]:
    """The table as printed, in points, by region."""
    zones = ground.law.zoning.zones[:-1]
    return {row["code_region"]: tuple(Fraction(row[zone]) for zone in zones)
            for row in ground.rows(TABLE_VI, "code_region", *zones)}  # fmt: skip


def our_rows(ranking: Ranking, zones: Sequence[str]) -> Points:
    """Ours, in points, by region."""
    return {region: tuple(100 * cells[zone]["part"] for zone in zones)
            for region, cells in parts_of(ranking).items()}  # fmt: skip


def mainland(regions: Mapping[str, Row]) -> list[str]:
    """The twelve regions that gaps are averaged over: no overseas, and not Corsica."""
    return [r for r in regions if r not in (CORSICA, FRANCE) and not r.startswith(OVERSEAS)]


def gap_of(ours: Points, printed: Mapping[str, Row]) -> tuple[float, float]:
    """The mean and the largest gap over the mainland, in points."""
    gaps = [abs(a - float(b)) for region in mainland(printed)
            for a, b in zip(ours[region], printed[region], strict=True)]  # fmt: skip
    return sum(gaps) / len(gaps), max(gaps)


def turned(printed: Mapping[str, Row]) -> Row:
    """Corsica's row as it would stand had it not been shifted by one class."""
    row = printed[CORSICA]
    return (*row[-1:], *row[:-1])


def figures(ground: Ground) -> Figures:
    """Region by region, the table in itself, and what would mend each gap."""
    law, zones = ground.law, ground.law.zoning.zones[:-1]
    printed, ours = printed_rows(ground), our_rows(ground.ranking, zones)
    mean, most = gap_of(ours, printed)
    left = law.reading({"zoning.without_apl": "left_out"})
    without, _ = gap_of(our_rows(ground.ranked(ground.units.communes, left, outside={}), zones),
                        printed)  # fmt: skip
    check = shares_check(law)
    values = {
        "mean": mean,
        "largest": most,
        "mean_without_mayotte": without,
        "page": sum(
            tuple(100 * share for share in law.shares.regions.get(region, ())) == row
            for region, row in printed.items()
        ) if law.shares else 0,
        "france": ours[FRANCE],
        "corsica_turned": ours[CORSICA],
        **{f"region_{region}": ours[region] for region in printed if region != FRANCE},
    }  # fmt: skip
    if check is not None:
        values["weighted"] = tuple(float(100 * share) for share in check.sums)
        if check.likely is not None:
            values["weighted_turned"] = tuple(float(100 * part) for part in check.likely.sums)
            values["likely"] = check.likely.region
    annexes = (_beside(ours, printed, zones), *_mends(ground, printed))
    return Figures(values, annexes)


def _beside(ours: Points, printed: Mapping[str, Row], zones: Sequence[str]) -> Annex:
    rows = []
    for region, row in printed.items():
        pairs = list(zip(ours[region], row, strict=True))
        cells = [f"{a:.1f} ({float(b):.1f})" for a, b in pairs]
        rows.append([region_name(region), *cells,
                     f"{max(abs(a - float(b)) for a, b in pairs):.2f}"])  # fmt: skip
    said = "Ours, and in brackets what is printed, in % of the population attributed to the region."
    return Annex("Table VI region by region", ["Region", *zones, "Largest gap"], rows, said)


def _mends(ground: Ground, printed: Mapping[str, Row]) -> tuple[Annex, ...]:
    found = list(mends(ground, {**printed, CORSICA: turned(printed)}))
    rows = [
        [region_name(one.region), one.zone, f"{one.low:+,} to {one.high:+,}",
         ", ".join(one.codes) or "none", f"{one.persons:,}" if one.codes else "–",
         *(("–", "–") if one.apl is None else (f"{one.apl:.2f}", str(one.among)))]
        for one in found
    ]  # fmt: skip
    before = (
        "At each cut, the inhabitants that a region lacks below it (−: has too many) to print as "
        "the table does, and the BVCV nearest to the cut whose move over it gives just that: of "
        f"all sets among the {LIMIT} next to the cut, the one whose furthest member is nearest. "
        "Corsica is held against its row turned by one class."
    )
    after = (
        "That a set exists proves nothing about it: n BVCV make 2ⁿ − 1 sets, n being the last "
        "column, and among many some sum falls into the interval by chance. What is shown is how "
        "small a change of APL would do. Where there is no set, the units themselves differ "
        "(Guyane: see the readings below), or the gap is more than the BVCV at the cut hold. "
        f"{sum(one.apl is not None and one.apl <= CLOSE for one in found)} of these {len(found)} "
        f"gaps close within {CLOSE} APL of a cut."
    )
    head = ["Region", "Up to class", "Inhabitants lacking", "BVCV", "Their inhabitants",
            "Furthest from the cut, APL", "BVCV so near"]  # fmt: skip
    return (Annex("What would mend each gap", head, rows, before, after),)


def mends(ground: Ground, printed: Mapping[str, Row]) -> list[Mend]:
    """For each region and cut whose gap rounding does not explain, the set that mends it."""
    zones, ranking = ground.law.zoning.zones, ground.ranking
    found = []
    areas = ranking.bvcv.to_pylist()
    rank_of = {zone: k for k, zone in enumerate(zones)}
    for region, row in printed.items():
        here = [(rank_of[a["zone"]], a["apl"], a["population"], a["code_bvcv"])
                for a in areas if a["code_region"] == region and a["apl"] is not None]  # fmt: skip
        if not here or region not in REGIONS or region == MAYOTTE:
            continue
        whole = sum(persons for _, _, persons, _ in here)
        for k, cut in enumerate(ranking.cuts):
            share, slack = sum(row[: k + 1]), HALF * (k + 1)
            reached = sum(persons for zone, _, persons, _ in here if zone <= k)
            low = ceil((share - slack) * whole / 100) - reached
            high = floor((share + slack) * whole / 100) - reached
            if low <= 0 <= high or cut.apl is None:
                continue
            level, down = cut.apl, low > 0
            there = [(abs(apl - level), persons, code) for zone, apl, persons, code in here
                     if (zone > k) == down]  # fmt: skip
            bounds = (low, high) if down else (-high, -low)
            there.sort()
            some = nearest(there[:LIMIT], *bounds)
            found.append(Mend(region, zones[k], low, high, tuple(code for _, _, code in some),
                              sum(n for _, n, _ in some), some[-1][0] if some else None,
                              there.index(some[-1]) + 1 if some else 0))  # fmt: skip
    return found


Near = tuple[float, int, str]  # distance to the cut, inhabitants, code


def nearest(candidates: Sequence[Near], low: int, high: int) -> tuple[Near, ...]:
    """Of all sets whose inhabitants sum to low … high, the one whose furthest member is nearest.

    >>> nearest([(0.1, 5, "a"), (0.2, 7, "b"), (0.9, 4, "c")], 11, 12)
    ((0.1, 5, 'a'), (0.2, 7, 'b'))
    """
    sums: dict[int, tuple[Near, ...]] = {0: ()}
    for one in candidates:
        more = {total + one[1]: (*some, one) for total, some in sums.items()
                if total + one[1] <= high}  # fmt: skip
        fits = [some for total, some in more.items() if total >= low]
        if fits:
            return min(fits, key=len)
        sums = {**more, **sums}
    return ()
