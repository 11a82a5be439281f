"""What a run tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.law import Rules
from apl.lines import (
    aligned,
    headed,
    law_line,
    made_up,
    noticed_lines,
    people_of,
    region_name,
    written_lines,
)
from apl.noticed import Notice
from apl.zoning import FRANCE, Ranking
from apl_core import Fault, TableError
from apl_core.errors import SHOWN, listed
from apl_core.territory import column_values

F64 = NDArray[np.float64]


def tenths(apl: F64, persons: NDArray[np.int64], standard: F64) -> list[float | None]:
    """The mean APL of each tenth of the population, from the least to the best served.

    Communes by ascending APL are cut at tenths of the *total* population; the mean inside each is
    weighted by the *standardised* one (DREES's rule).

    >>> tenths(np.arange(10.0), np.full(10, 5), np.ones(10))[:3]
    [0.0, 1.0, 2.0]
    """
    order = np.lexsort((persons, apl))
    after = np.cumsum(persons[order])
    total = int(after[-1]) if after.size else 0
    if not total:
        return []
    # the tenth in which a commune's last inhabitant stands, by whole numbers
    tenth = np.minimum((10 * after - 1) // total, 9).clip(0)
    weight = np.bincount(tenth, weights=standard[order], minlength=10)
    scored = np.bincount(tenth, weights=standard[order] * apl[order], minlength=10)
    return [float(s / w) if w > 0 else None for s, w in zip(scored, weight, strict=True)]


def describe(rules: Rules, ranking: Ranking, noticed: Iterable[Notice]) -> dict[str, Any]:
    """The law, the zones, the regions and the remarks, as plain data."""
    parts = ranking.parts.to_pylist()
    ends = _ends(rules, ranking)
    zones = [
        {**{key: part[key] for key in ("zone", "bvcv", "population", "part")}, **ends[part["zone"]]}
        for part in parts
        if part["code_region"] == FRANCE
    ]
    regions: dict[str, dict[str, Any]] = {}
    for part in parts:
        entry = regions.setdefault(
            part["code_region"],
            {"code_region": part["code_region"], "bvcv": 0, "population": 0, "parts": {}},
        )
        entry["bvcv"] += part["bvcv"]
        entry["population"] += part["population"]
        entry["parts"][part["zone"]] = part["part"]
    return {
        "profession": rules.profession,
        "law": {"text": rules.text, "nor": rules.nor, "since": rules.since.isoformat()},
        "supplied_by_the_caller_not_law": list(rules.supplied),
        "indicator": rules.indicator.kind,
        "unit": rules.unit,
        "measure": _measure(rules),
        "counted": rules.zoning.population,
        "population": ranking.total,
        "bvcv": ranking.bvcv.num_rows,
        "zones": zones,
        "regions": list(regions.values()),
        "noticed": [notice.as_dict() for notice in noticed],
    }


def _ends(rules: Rules, ranking: Ranking) -> dict[str, dict[str, Any]]:
    """Where each class ends, and where the text prints that it does; the last has no cut."""
    ends: dict[str, dict[str, Any]] = {
        cut.zone: {
            "apl_max": cut.apl,
            "printed": None if cut.printed is None else float(cut.printed),
            "astride": cut.astride,
        }
        for cut in ranking.cuts
    }
    rest = rules.zoning.rest
    ends[rest] = {"apl_max": None, "printed": None, "astride": None}
    if rest in rules.zoning.printed:
        there = pc.equal(ranking.bvcv.column("zone"), rest)
        highest = pc.max(ranking.bvcv.column("apl").filter(there)).as_py()
        ends[rest] |= {"apl_max": highest, "printed": float(rules.zoning.printed[rest])}
    return ends


def _measure(rules: Rules) -> str:
    """The unit of the indicator in the words of the summary."""
    if not rules.unit.startswith("ETP"):
        return rules.unit
    people = "women" if rules.zoning.population == "women" else "inhabitants"
    return f"FTE per {rules.per:,} standardised {people}"


def national(communes: pa.Table) -> dict[str, Any]:
    """Mean, tenths and totals of a table ``apl_communes``; no mean where no commune has an APL."""
    if communes.column("apl").null_count:
        etp = float(column_values(communes.column("etp"), np.float64).sum())
        return {"communes": communes.num_rows, "etp": etp, "mean_apl": None, "tenths": [],
                "tenth_ratio": None}  # fmt: skip
    apl = column_values(communes.column("apl"), np.float64)
    standard = column_values(communes.column("population_standardisee"), np.float64)
    persons = column_values(communes.column("population"), np.int64)
    means = tenths(apl, persons, standard)
    ratio = means[-1] / means[0] if means and means[0] and means[-1] is not None else None
    return {
        "communes": communes.num_rows,
        "etp": float(column_values(communes.column("etp"), np.float64).sum()),
        "mean_apl": float((apl * standard).sum() / standard.sum()) if standard.any() else None,
        "tenths": means,
        "tenth_ratio": ratio,
    }


def text(found: Mapping[str, Any]) -> str:
    """The summary as a person reads it."""
    lines = [*made_up(found), *headed(found)]
    people = people_of(found)
    counts = f"{found['population']:,} {people} · {found['bvcv']:,} BVCV"
    if "etp" in found:
        counts += f" · {found['communes']:,} communes · {found['etp']:,.1f} FTE"
    lines.append(counts)
    if found.get("mean_apl") is not None:
        lines.append(f"Mean APL {found['mean_apl']:.1f} {found['measure']}")
        means = " ".join("–" if m is None else f"{m:.1f}" for m in found["tenths"])
        ratio = f" (ratio {found['tenth_ratio']:.2f})" if found["tenth_ratio"] else ""
        lines.append(f"Tenths of the population, mean APL: {means}{ratio}")
    if found["indicator"] != "apl":
        lines.append(f"Density: {found['measure']}, in the column apl")
    people = people.capitalize()
    lines += ["", *aligned(_zone_rows(found["zones"], people))]
    lines += ["", *aligned(_region_rows(found["regions"], people))]
    return "\n".join([*lines, *noticed_lines(found), *written_lines(found)])


def _zone_rows(zones: Sequence[Mapping[str, Any]], people: str) -> list[list[str]]:
    """Columns that have nothing to say for this text are left out."""
    some = {key: any(zone[key] is not None for zone in zones) for key in ("printed", "astride")}
    rows = [["Zone", "BVCV", people, "Share %", "APL up to", *(["printed"] * some["printed"]),
             *(["BVCV astride the cut"] * some["astride"])]]  # fmt: skip
    for zone in zones:
        level = "" if zone["apl_max"] is None else f"{zone['apl_max']:.2f}"
        printed = "" if zone["printed"] is None else f"{zone['printed']:g}"
        rows.append([zone["zone"], f"{zone['bvcv']:,}", f"{zone['population']:,}",
                     f"{100 * zone['part']:.2f}", level, *([printed] * some["printed"]),
                     *([zone["astride"] or ""] * some["astride"])])  # fmt: skip
    return rows


def _region_rows(regions: Sequence[Mapping[str, Any]], people: str) -> list[list[str]]:
    zones = list(regions[0]["parts"])
    rows = [["Region", "BVCV", people, *(f"{zone} %" for zone in zones)]]
    for region in regions:
        shares = [f"{100 * region['parts'][zone]:.1f}" for zone in zones]
        name = region_name(region["code_region"])
        rows.append([name, f"{region['bvcv']:,}", f"{region['population']:,}", *shares])
    return rows


def of_communes(built: Any, rules: Rules, noticed: Iterable[Notice] = ()) -> dict[str, Any]:
    """What `apl.bvcv.build` made: counts by region of attribution and by prefix of the code."""
    from apl.aggregation import attributed

    communes = built.communes
    areas = attributed(communes, rules).to_pylist()
    regions: dict[str, dict[str, Any]] = {}
    for area in areas:
        for code in (area["code_region"], FRANCE):
            entry = regions.setdefault(code, {"code_region": code, "bvcv": 0, "population": 0})
            entry["bvcv"] += 1
            entry["population"] += area["population"]
    return {
        "law": {"text": rules.text, "nor": rules.nor, "cite": rules.citations["territory"].cite},
        "communes": communes.num_rows,
        "bvcv": len(areas),
        "regions": [regions[code] for code in sorted(regions)],
        "without_population": list(built.without_population),
        "merged": dict(built.merged),
        "merged_bvcv": dict(built.merged_areas),
        "poles": dict(built.poles),
        "noticed": [notice.as_dict() for notice in noticed],
    }


def communes_text(found: Mapping[str, Any]) -> str:
    """`of_communes` as a person reads it."""
    rows = [["Region of attribution", "BVCV", "Inhabitants"]]
    for region in found["regions"]:
        name = region_name(region["code_region"])
        rows.append([name, f"{region['bvcv']:,}", f"{region['population']:,}"])
    lines = [
        f"{found['communes']:,} communes in {found['bvcv']:,} BVCV",
        f"Rule: {law_line(found['law'])}, {found['law']['cite']}",
        "",
        *aligned(rows),
    ]
    left = found["without_population"]
    if left:
        lines += ["", f"Left out, no population given: {len(left)} communes ({', '.join(left)})"]
    if found["merged"]:
        lines.append(f"{len(found['merged']):,} communes merged into another one")
    for old, new in found["merged_bvcv"].items():
        lines.append(f"BVCV {old} merged into {new}: their poles did")
    for area, pole in found["poles"].items():
        lines.append(f"Living area {area}: its pole is now {pole}, into which {area} merged")
    return "\n".join([*lines, *noticed_lines(found), *written_lines(found)])


def places_of(coordinates: pa.Table, communes: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
    """The coordinates of the places of a table ``communes``, and what the two do not share.

    Raises
    ------
    TableError
        They share nothing.
    """
    places, codes = (
        table.column("code_commune").cast(pa.string()).combine_chunks()
        for table in (coordinates, communes)
    )
    known = pc.is_in(places, codes)
    dropped = places.filter(pc.invert(known)).sort()
    missing = codes.filter(pc.invert(pc.is_in(codes, places))).sort()
    if not pc.any(known).as_py():
        fault = Fault(
            "APL-C02",
            "no place is in the table of communes",
            f"it has {len(codes):,} communes and none of the {len(places):,} places",
            "use one vintage of codes in both tables",
            "coordonnees",
            "code_commune",
            **listed(dropped.to_pylist()),
        )
        raise TableError([fault])
    told = {"dropped": dropped, "without_coordinates": missing}
    return coordinates.filter(known), {
        name: {"count": len(some), "first": some[:SHOWN].to_pylist()} for name, some in told.items()
    }


def estimate_text(found: Mapping[str, Any]) -> str:
    """What `apl travel-times` made, as a person reads it."""
    lines = [f"{found['pairs']:,} pairs between {found['places']:,} places: AN ESTIMATE."]
    lines += [f"  {key}: {value}" for key, value in found["estimate"].items()]
    if "dropped" in found:
        beyond = "that the table of communes does not have"
        lines.append(_some(found["dropped"], "place", beyond))
        lines.append(_some(found["without_coordinates"], "commune", "without coordinates"))
    return "\n".join([*lines, f"Written: {found['out']}"])


def _some(told: Mapping[str, Any], thing: str, which: str) -> str:
    """A count, and the first of them by name."""
    count, first = told["count"], told["first"]
    names = f": {', '.join(first)}" if first else ""
    return f"{count:,} {thing}{'s' * (count != 1)} {which}{names}{', …' * (count > len(first))}"
