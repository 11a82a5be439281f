"""What `apl simulate` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from apl.lines import aligned, headed, made_up, region_name, written_lines
from apl.provenance import stamped
from apl.scenarios.opened import Opened
from apl.scenarios.places import Choice, Places
from apl.scenarios.simulate import Simulation
from apl.zoning import FRANCE

FIRST = 10  # lines of a list that people read; --json has all

REFRESHED, HELD = "refreshed", "held"
CUTS = {
    REFRESHED: "made anew for the whole country: a zone may change far from where FTE do",
    HELD: "those of the run: a class ends at the highest APL that it had there",
}


def describe(run: Opened, done: Simulation) -> dict[str, Any]:
    """What was added, how the cuts were made, and all that changed."""
    areas = done.bvcv.to_pylist()
    ends = zip(done.before.ranking.cuts, done.after.ranking.cuts, strict=True)
    return {
        **run.told,
        "added": dict(done.added),
        "etp": sum(done.added.values()),
        "etp_unreached": {"before": done.before.unreached, "after": done.after.unreached},
        "cuts": HELD if done.hold_cuts else REFRESHED,
        "levels": [
            {"zone": old.zone, "apl_avant": old.apl, "apl_apres": new.apl} for old, new in ends
        ],
        "communes": done.communes.to_pylist(),
        "bvcv": areas,
        "zones_changed": [a["code_bvcv"] for a in areas if a["zone_avant"] != a["zone_apres"]],
        "regions": done.parts.to_pylist(),
    }


def manifest(run: Opened, done: Simulation, told: Mapping[str, Any]) -> dict[str, Any]:
    """Where the results of a simulation come from: the run's manifest, and what was added."""
    earlier = run.manifest.get("simulation")
    return {
        **run.origin("synthetic", "inputs", "rules", "options", "activity",
                     "travel_times_estimate", "counts", "arithmetic", "noticed"),
        "simulation": {
            "run_sha256": run.sha256,
            "added": dict(done.added),
            "hold_cuts": done.hold_cuts,
            "places": told.get("places"),
            **({} if earlier is None else {"of": earlier}),
        },
    }  # fmt: skip


def results(run: Opened, done: Simulation) -> dict[str, pa.Table]:
    """The tables of a run, which say of themselves that they are a simulation's."""
    supplied = f"simulation: {sum(done.added.values()):+g} FTE in {len(done.added):,} communes"
    more = (supplied, "simulation: the cuts of the run before, held")[: 1 + done.hold_cuts]
    rules = dataclasses.replace(run.rules, supplied=(*run.rules.supplied, *more))
    after = done.after
    tables = {"apl_communes": after.communes, "bvcv": after.ranking.bvcv,
              "parts_regionales": after.ranking.parts}  # fmt: skip
    return {name: stamped(table, rules) for name, table in tables.items()}


def describe_places(found: Places) -> dict[str, Any]:
    """The choices, their values, and what is proved of them."""

    def one(choice: Choice | None) -> dict[str, Any] | None:
        if choice is None:
            return None
        return {"places": dict(choice.places), "value": choice.value, "order": list(choice.order)}

    return {
        "region": found.region,
        "objective": found.objective,
        "threshold": found.threshold,
        "etp": found.fte,
        "most": found.most,
        "greedy": one(found.greedy),
        "optimum": one(found.optimum),
        "bound": found.bound,
        "proved": found.proved,
        "gap": found.gap,
    }


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    lines = [*made_up(found), *headed(found)]
    lines += _places(found["places"]) if found.get("places") else []
    added = ", ".join(f"{code} {fte:+g}" for code, fte in found["added"].items())
    lines += [f"FTE: {added or 'none'}", f"Cuts: {CUTS[found['cuts']]}"]
    lost = found["etp_unreached"]["after"] - found["etp_unreached"]["before"]
    lines += [f"{lost:+g} FTE where nobody can reach them"] if lost else []
    flips = set(found["zones_changed"])
    lines.append(f"Changed: {len(found['communes']):,} communes, {len(found['bvcv']):,} BVCV, of "
                 f"which {len(flips):,} in another class")  # fmt: skip
    lines += _levels(found)
    shown = sorted(found["bvcv"], key=lambda a: (a["code_bvcv"] not in flips, -_moved(a)))
    lines += _table(["BVCV", "Inhabitants", "APL", "then", "Zone", "then"], map(_area, shown))
    regions = [row for row in found["regions"] if row["code_region"] != FRANCE]
    lines += _table(["Region", "Zone", "BVCV", "then", "Inhabitants", "then"],
                    map(_region, regions))  # fmt: skip
    return "\n".join([*lines, *written_lines(found)])


def _table(head: list[str], rows: Iterator[list[str]]) -> list[str]:
    every = list(rows)
    if not every:
        return []
    more = [f"… and {len(every) - FIRST:,} more (--json has all)"] * (len(every) > FIRST)
    return ["", *aligned([head, *every[:FIRST]]), *more]


def _moved(area: Mapping[str, Any]) -> float:
    return abs(float(area["apl_apres"] or 0) - float(area["apl_avant"] or 0))


def _area(row: Mapping[str, Any]) -> list[str]:
    apl = [f"{row[name]:.2f}" for name in ("apl_avant", "apl_apres")]
    same = row["zone_avant"] == row["zone_apres"]
    zones = [row["zone_avant"] or "", "" if same else row["zone_apres"] or ""]
    return [row["code_bvcv"], f"{row['population']:,}", *apl, *zones]


def _region(row: Mapping[str, Any]) -> list[str]:
    counts = [f"{row[f'{name}_{when}']:,}" for name in ("bvcv", "population")
              for when in ("avant", "apres")]  # fmt: skip
    return [region_name(row["code_region"]), row["zone"], *counts]


def _levels(found: Mapping[str, Any]) -> list[str]:
    moved = [f"{row['zone']} {row['apl_avant']:.4f} → {row['apl_apres']:.4f}"
             for row in found["levels"] if row["apl_avant"] != row["apl_apres"]
             and None not in (row["apl_avant"], row["apl_apres"])]  # fmt: skip
    return [f"Classes end at another APL: {', '.join(moved)}"] if moved else []


def _places(found: Mapping[str, Any]) -> list[str]:
    what = "inhabitants of BVCV that rise to it" if found["objective"] == "persons" else (
        "FTE less missing for all BVCV to stand at it")  # fmt: skip
    lines = [
        f"Best places for {found['etp']} FTE in region {found['region']}, against an APL of "
        f"{found['threshold']:g}: {what}",
        f"  greedy   {_number(found['greedy']['value'])}  {_listed(found['greedy']['places'])}",
    ]
    left = found["etp"] - sum(found["greedy"]["places"].values())
    if left > 0:
        lines.append(f"  the greedy choice leaves {left} FTE: one more changes nothing there")
    if found["optimum"] is not None:
        best = found["optimum"]
        lines.append(f"  optimum  {_number(best['value'])}  {_listed(best['places'])}")
        unproved = f"NOT proved in the time given: no choice passes {_number(found['bound'])}"
        proof = "proved" if found["proved"] else unproved
        lines.append(f"  {proof}; it gains {_number(found['gap'])} over the greedy choice")
    return lines


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


def _listed(places: Mapping[str, int]) -> str:
    listed: Sequence[str] = [f"{code} {fte:+d}" for code, fte in places.items()]
    return ", ".join(listed) or "nowhere: nobody is under it"
