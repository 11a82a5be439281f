"""The figures of this project on published ground, recomputed and printed as tables.

Needs the real data (``APL_REAL_DATA``, else ``../shared/data``); says so and leaves with 1 if it is
not there. Every target is the one that the data or the method can prove; a figure that misses its
target is marked, and the script leaves with 6.

    python benchmarks/published.py
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

import apl
from apl import indicator, summary
from apl.bvcv import Built, attributed
from apl.regions import table_vi
from apl_core.territory import column_values

DATA = Path(
    os.environ.get("APL_REAL_DATA")
    or Path(__file__).resolve().parents[1].parent / "shared" / "data"
)
LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
MAYOTTE = {"06": 279_471}
FTE_PER_HEAD = 0.829  # 74,748 FTE of 2021 for 90,186 heads of 2024: heads stand in for FTE
MAINLAND = ("84", "27", "53", "24", "44", "32", "11", "28", "75", "76", "52", "93")
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One figure: what, ours, the target, and whether it is met."""

    what: str
    ours: str
    target: str
    met: bool


def exactly(what: str, ours: object, target: object) -> Line:
    """Equal, to the unit."""
    return Line(what, _cell(ours), _cell(target), ours == target)


def at_least(what: str, ours: float, target: float) -> Line:
    return Line(what, f"{ours:.4f}", f"≥ {target:g}", ours >= target)


def at_most(what: str, ours: float, target: float) -> Line:
    return Line(what, f"{ours:.3g}", f"≤ {target:g}", ours <= target)


def shown(what: str, ours: str) -> Line:
    """A figure without a target."""
    return Line(what, ours, "–", True)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return " / ".join(map(_cell, value))
    return str(value)


# --- BVCV and zoning -----------------------------------------------------------------------------


def built() -> Built:
    """Communes in their BVCV: geography 2023, population 2020."""
    geography = apl.read_table(DATA / "geography/communes_geographie_2023.csv", "geographie")
    population = apl.read_table(
        DATA / "population/population_municipale_geographie_2023.csv",
        "population_municipale",
        choose={"population": "2020"},
    )
    return apl.build_bvcv(geography, population, LAW)


def bvcv_lines(communes: pa.Table, left_out: Sequence[str]) -> Iterator[Line]:
    """The units of the law, against the guide of the agency of region 93."""
    yield exactly("BVCV, national", len(pc.unique(communes.column("code_bvcv"))), 2878)
    mayotte = sum(code.startswith("976") for code in left_out)
    yield exactly("communes without population, of Mayotte", (len(left_out), mayotte), (17, 17))
    areas = attributed(communes, LAW).to_pylist()
    inside = [area for area in areas if area["code_region"] == "93"]
    yield exactly(
        "region 93: BVCV, inhabitants",
        (len(inside), sum(area["population"] for area in inside)),
        (167, 5_118_636),
    )
    for prefix, count, persons in (
        ("04", 17, 167_932), ("05", 14, 145_444), ("06", 23, 1_098_744),
        ("13", 49, 2_057_783), ("83", 41, 1_074_344), ("84", 23, 574_389),
    ):  # fmt: skip
        named = [area for area in inside if area["code_bvcv"].startswith(prefix)]
        ours = (len(named), sum(area["population"] for area in named))
        yield exactly(f"  code {prefix}…: BVCV, inhabitants", ours, (count, persons))


def zone_lines(communes: pa.Table) -> Iterator[Line]:
    """The cut of the published APL 2022, against table VI of the arrêté."""
    published = apl.read_table(DATA / "published/apl_mk_2022.csv", "apl_publie")
    areas = apl.aggregate(published, communes, LAW)
    printed = {row["code_region"]: row for row in _rows("official/table_vi_arrete_2024.csv")}
    left = LAW.reading({"zoning.without_apl": "left_out"})
    for name, rules, outside, target in (
        ("Mayotte left out", left, {}, 0.75),
        ("Mayotte in the lowest class", LAW, MAYOTTE, 0.55),
    ):
        parts = parts_of(apl.rank(areas, rules, territories_without_apl=outside).parts)
        gaps = [
            abs(100 * parts[region][zone]["part"] - float(printed[region][zone]))
            for region in MAINLAND
            for zone, _ in rules.zoning.classes
        ]
        yield at_most(
            f"table VI, 12 regions, mean gap in points: {name}", sum(gaps) / len(gaps), target
        )
        yield shown(f"  largest gap in points: {name}", f"{max(gaps):.2f}")
        low = [parts["93"][zone] for zone in rules.zoning.zones[:2]]
        yield exactly(
            f"  region 93, two lowest classes, BVCV and inhabitants: {name}",
            (*(c["bvcv"] for c in low), *(c["population"] for c in low)),
            (5, 5, 19_447, 51_440),
        )
        corsica = tuple(f"{100 * parts['94'][zone]['part']:.1f}" for zone in rules.zoning.zones)
        yield exactly(f"  Corsica, %: {name}", corsica, ("0.0", "4.1", "23.8", "72.0"))
    row = tuple(printed["94"][zone] for zone in LAW.zoning.zones[:3])
    yield shown("  Corsica as printed (its row is shifted by one class)", " / ".join(row))


def parts_of(parts: pa.Table) -> dict[str, dict[str, dict[str, float]]]:
    """``parts_regionales`` by region and zone."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in parts.to_pylist():
        found.setdefault(row["code_region"], {})[row["zone"]] = row
    return found


# --- what the law says of them -------------------------------------------------------------------


def region_lines(communes: pa.Table) -> Iterator[Line]:
    """Region 93 adapted under article V, audited from totals; who decides; table VI in itself."""
    published = apl.read_table(DATA / "published/apl_mk_2022.csv", "apl_publie")
    areas = apl.aggregate(published, communes, LAW)
    zones = apl.classify(areas, LAW, territories_without_apl=MAYOTTE)
    moved = apl.adapted(zones, apl.suggest(zones, LAW, region="93"), LAW, region="93")
    lowest = {row["zone"]: row for row in moved.parts.to_pylist()}["tres_sous_dotee"]
    yield exactly(
        "region 93, all of sous dotée moved up: BVCV, inhabitants",
        (lowest["bvcv"], lowest["population"]),
        (10, 70_887),
    )
    gauge = moved.held.gauges[0]
    yield exactly(
        "  persons used, allowed (article V)", (gauge.used, gauge.allowed), (51_440, 127_965)
    )
    yield from audit_lines()
    check = table_vi.shares_check(LAW)
    assert check is not None
    assert check.likely is not None
    for name, sums, target in (
        ("as printed", check.sums, "15.02 / 15.09 / 39.88"),
        (f"row {check.likely.region} shifted", check.likely.sums, "15.00 / 14.99 / 40.00"),
    ):
        ours = " / ".join(f"{float(100 * share):.2f}" for share in sums)
        yield exactly(f"table VI weighted by population, {name}", ours, target)
    who = apl.astride(communes, LAW)
    differ = who.filter(who.column("differe"))
    yield exactly("BVCV astride regions", len(pc.unique(who.column("code_bvcv"))), 155)
    codes = tuple(sorted(set(differ.column("code_bvcv").to_pylist())))
    yield exactly("  code and majority differ", codes, ("19028", "28007", "32096", "76035"))


def audit_lines() -> Iterator[Line]:
    """The zoning of PACA, known by its totals alone: table VI before, the guide's tables after."""
    zones = LAW.zoning.zones
    printed = next(
        r for r in _rows("official/table_vi_arrete_2024.csv") if r["code_region"] == "93"
    )
    shares = [float(printed[zone]) / 100 for zone in zones[:-1]]
    persons = dict.fromkeys(zones, 0)
    for row in _rows("official/paca_2025.csv"):
        persons[row["zone"]] += int(row["population"])
    before = pa.table({"zone": zones[:-1], "part": shares, "precision": [0.001] * len(shares)})
    after = pa.table({"zone": list(persons), "population": list(persons.values())})
    for regime in LAW.adaptation.regimes:
        found = apl.audit(before, after, LAW, region="93", regime=regime.name)
        for said in found.verdicts:
            if said.rule in ("margin", "balance"):
                points = (
                    f"{float(100 * said.found.low):+.2f} to {float(100 * said.found.high):+.2f}"
                )
                name = " + ".join(said.zones)
                yield shown(f"  audit, {regime.name}: {name}, {points} points", said.verdict)


def frame_lines() -> Iterator[Line]:
    """The frame of 2018 on the APL 2021: geography 2022, living areas 2012, population 2019."""
    law = apl.rules("masseur_kinesitherapeute", on=date(2019, 6, 1))
    published = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie")
    people = published.select(["code_commune", "population"])
    found = apl.build_bvcv(
        apl.read_table(DATA / "geography/communes_geographie_2022.csv", "geographie"),
        people.filter(pc.is_valid(people.column("population"))),
        law,
        movements=apl.read_table(DATA / "geography/mvtcommune_2024.csv.gz", "mouvements"),
        between=(date(2022, 1, 1), date(2022, 1, 1)),
    )
    ranking = apl.rank(apl.aggregate(published, found.communes, law), law)
    for cut in ranking.cuts:
        printed = "" if cut.printed is None else f" (printed: {float(cut.printed):g})"
        yield shown(f"2018, {cut.zone}: APL up to{printed}", f"{cut.apl or 0:.2f}")


# --- the published APL 2021 ----------------------------------------------------------------------


def published_lines() -> Iterator[Line]:
    """What the published workbooks of 2021 say of themselves, read by our reader."""
    for name, ratio, mean in (
        ("mk", 6.68, 111.6), ("inf", 6.11, 156.1), ("sf", 5.42, 19.7), ("mg", 3.71, 3.37),
    ):  # fmt: skip
        table = apl.read_table(DATA / f"published/APL_{name}_2021.xlsx", "apl_publie")
        full = table.filter(pc.is_valid(table.column("apl")))
        values, standard, persons = (
            column_values(full.column(c), np.float64)
            for c in ("apl", "population_standardisee", "population")
        )
        if name == "mk":
            sums = (round(float(standard.sum())), round(float(persons.sum())))
            yield exactly("mk 2021: Σ standardised, Σ total", sums, (66_988_403, 66_988_403))
            fte = round(float((values * standard).sum() / 1e5))
            yield exactly("mk 2021: Σ APL · standardised / 100,000, FTE", fte, 74_748)
        means = summary.tenths(values, persons.astype(np.int64), standard)
        ours = round((means[-1] or 0) / (means[0] or 1), 2)
        yield exactly(f"{name} 2021: top over bottom tenth", ours, ratio)
        average = float((values * standard).sum() / standard.sum())
        digits = 2 if mean < 10 else 1
        yield exactly(f"{name} 2021: mean", round(average, digits), mean)


# --- end to end ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """The published APL 2021 of communes, aligned with a territory."""

    apl: F64
    standard: F64
    persons: F64


def published_2021(land: apl.Territory) -> Published:
    table = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie")
    at = land.positions(table.column("code_commune"))
    keep = at >= 0
    columns = []
    for name in ("apl", "population_standardisee", "population"):
        values = np.full(len(land), np.nan)
        values[at[keep]] = column_values(table.column(name), np.float64, fill=np.nan)[keep]
        columns.append(values)
    return Published(*columns)


def heads(land: apl.Territory) -> F64:
    """FTE of each commune: heads of 2024 times the national FTE per head; none in silence."""
    table = pa_csv.read_csv(
        DATA / "supply/bpe_2024_effectifs.csv",
        convert_options=pa_csv.ConvertOptions(column_types={"code_commune": pa.string()}),
    )
    at = land.positions(table.column("code_commune"))
    etp = np.zeros(len(land))
    values = column_values(table.column("masseur_kinesitherapeute"), np.float64)
    etp[at[at >= 0]] = values[at >= 0] * FTE_PER_HEAD
    return etp


def correlations(ours: F64, theirs: Published) -> tuple[float, float]:
    """Correlation over communes, plain and weighted by total population."""
    known = ~np.isnan(theirs.apl)
    a, b, w = ours[known], theirs.apl[known], theirs.persons[known]
    plain = float(np.corrcoef(a, b)[0, 1])
    cov = np.cov(np.vstack([a, b]), aweights=w)
    return plain, float(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))


def end_to_end(
    times: pa.Table, land: apl.Territory, name: str, plain: float, weighted: float
) -> tuple[list[Line], F64, Published]:
    """The APL of a territory against the published one; conservation and fixed bits on the way."""
    theirs = published_2021(land)
    supply, demand = heads(land), np.nan_to_num(theirs.standard)
    pairs = apl.Catchment.build(times, land, within=20, self_pair="0")
    found = indicator.two_steps(pairs, supply, demand, LAW)
    order = np.random.default_rng(1).permutation(times.num_rows)
    other = apl.Catchment.build(times.take(pa.array(order)), land, within=20, self_pair="0")
    again = indicator.two_steps(other, supply, demand, LAW, threads=2)
    reached = float(supply.sum() - supply[found.unreached].sum())
    received = float((demand * found.apl).sum() / LAW.per)
    mean = received / demand.sum() * LAW.per
    published = float(np.nansum(theirs.apl * theirs.standard) / np.nansum(theirs.standard))
    r = correlations(found.apl, theirs)
    lines = [
        shown(f"{name}: communes, pairs within 20 min", f"{len(land):,}, {pairs.minutes.size:,}"),
        at_least(f"{name}: correlation with the published APL 2021", r[0], plain),
        at_least(f"{name}: the same weighted by population", r[1], weighted),
        at_most(f"{name}: gap of the weighted mean, %", 100 * abs(mean / published - 1), 1.0),
        at_most(f"{name}: supply not conserved, relative", abs(received / reached - 1), 1e-9),
        exactly(f"{name}: same bits, rows shuffled, 2 threads",
                found.apl.tobytes() == again.apl.tobytes(), True),
    ]  # fmt: skip
    return lines, found.apl, theirs


def isere_lines() -> Iterator[Line]:
    times = apl.read_table(DATA / "travel/isere_osrm.csv.gz", "temps_de_parcours")
    land = apl.Territory.from_codes(pc.unique(times.column("origine").cast(pa.string())))
    yield from end_to_end(times, land, "Isère, OSRM", 0.62, 0.81)[0]


def nation_lines(communes: pa.Table) -> Iterator[Line]:
    """The whole country with estimated times; then the same as BVCV and zones."""
    places = apl.read_table(DATA / "geography/coordonnees.csv", "coordonnees")
    codes = apl.read_table(DATA / "published/APL_mk_2021.xlsx", "apl_publie").column("code_commune")
    both = places.filter(pc.is_in(places.column("code_commune").cast(pa.string()),
                                  pc.unique(codes.cast(pa.string()))))  # fmt: skip
    land = apl.Territory.from_table(both)
    lines, ours, theirs = end_to_end(
        apl.travel_times(both, within=20), land, "France, estimated times", 0.72, 0.83
    )
    yield from lines
    yield from agreement(land, ours, theirs, communes)


def agreement(
    land: apl.Territory, ours: F64, theirs: Published, communes: pa.Table
) -> Iterator[Line]:
    """BVCV means and zones of two APL on the same communes."""
    inside = communes.filter(pa.array(land.positions(communes.column("code_commune")) >= 0))
    at = land.positions(inside.column("code_commune"))
    areas = []
    for values in (np.where(np.isnan(theirs.apl), np.nan, ours), theirs.apl):
        table = pa.table(
            {
                "code_commune": inside.column("code_commune"),
                "apl": pa.array(values[at], from_pandas=True),
                "population_standardisee": np.nan_to_num(theirs.standard)[at],
            }
        )
        areas.append(apl.classify(apl.aggregate(table, inside, LAW), LAW))
    a, b = (column_values(table.column("apl"), np.float64, fill=np.nan) for table in areas)
    known = ~(np.isnan(a) | np.isnan(b))
    persons = column_values(areas[0].column("population"), np.float64)
    r = correlations(a[known], Published(b[known], b[known], persons[known]))
    yield shown("  BVCV means: correlation, plain and weighted", f"{r[0]:.3f}, {r[1]:.3f}")
    same = np.array(areas[0].column("zone").to_pylist()) == areas[1].column("zone").to_pylist()
    share = persons[same].sum() / persons.sum()
    yield shown("  same zone: BVCV, share of inhabitants",
                f"{same.sum():,} of {same.size:,}, {100 * share:.1f} %")  # fmt: skip


# --- printing ------------------------------------------------------------------------------------


def _rows(name: str) -> list[Mapping[str, str]]:
    text = pa_csv.read_csv(
        DATA / name,
        convert_options=pa_csv.ConvertOptions(
            column_types={
                k: pa.string()
                for k in ("code_region", "tres_sous_dotee", "sous_dotee", "intermediaire")
            }
        ),
    )
    found: list[Mapping[str, str]] = text.to_pylist()
    return found


def print_table(title: str, lines: Sequence[Line]) -> None:
    rows = [("", "ours", "target", ""), *((x.what, x.ours, x.target, "ok" if x.met else "MISSED")
                                          for x in lines)]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"\n{title}")
    for what, ours, target, met in rows:
        print(f"  {what:<{widths[0]}}  {ours:>{widths[1]}}  {target:>{widths[2]}}  {met}".rstrip())


def main() -> int:
    if not DATA.is_dir():
        print(f"{DATA} is missing: set APL_REAL_DATA to the folder of the real data")
        return 1
    units = built()
    sections = {
        "BVCV by the legal rule": list(bvcv_lines(units.communes, units.without_population)),
        "Zones of the published APL 2022": list(zone_lines(units.communes)),
        "What the law says of them": list(region_lines(units.communes)),
        "The frame of 2018 on the APL 2021": list(frame_lines()),
        "The published APL 2021": list(published_lines()),
        "End to end on real road times": list(isere_lines()),
        "End to end, the whole country": list(nation_lines(units.communes)),
    }
    for title, lines in sections.items():
        print_table(title, lines)
    missed = [line.what for lines in sections.values() for line in lines if not line.met]
    print(f"\n{len(missed)} figures missed" if missed else "\nEvery target met")
    return 6 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
