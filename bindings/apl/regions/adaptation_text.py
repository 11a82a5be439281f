"""What `apl adapt` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl.outputs import SYNTHETIC_COLUMN, SYNTHETIC_KEY
from apl.provenance import described, versions
from apl.regions.adaptation import Adapted
from apl.regions.regimes import Gauge, printed_shares
from apl.summary import REGIONS, aligned
from apl_core.tables import notes_of


def describe(done: Adapted) -> dict[str, Any]:
    """The law, the regime, the gauges, the changes, the classes and the remarks."""
    rules, regime = done.rules, done.regime
    return {
        "profession": rules.profession,
        "law": {"text": rules.text, "nor": rules.nor, "since": rules.since.isoformat()},
        "supplied_by_the_caller_not_law": list(rules.supplied),
        "region": done.units.region,
        "regime": {"name": regime.name, "title": regime.title, "cite": regime.cite,
                   "reported": regime.reported},
        "population": done.units.population,
        "bvcv": len(done.units.bvcv),
        "gauges": [gauge_dict(gauge) for gauge in done.held.gauges],
        "moves": [
            {
                "code_bvcv": change.unit.code,
                "apl": change.unit.apl,
                "population": change.unit.persons,
                "zone_nationale": change.unit.zone,
                "zone": change.target,
            }
            for change in done.held.changes
        ],
        "zones": list(_zones(done)),
        "noticed": [notice.as_dict() for notice in done.noticed],
    }  # fmt: skip


def manifest(
    done: Adapted, inputs: Mapping[str, tuple[pa.Table, Path]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """What a reader needs to know where an adapted zoning comes from."""
    told = describe(done)
    return {
        "software": versions(),
        "synthetic": any(synthetic(table) for table, _ in inputs.values()),
        "inputs": [described(name, *given) for name, given in inputs.items()],
        "rules": done.rules.as_dict(),
        "options": dict(options),
        **{name: told[name] for name in ("region", "regime", "population", "gauges", "zones")},
        "decisions": done.decisions.to_pylist(),
        "noticed": told["noticed"],
    }


def synthetic(zones: pa.Table) -> bool:
    """Whether a table that was read says that it describes no real place."""
    ignored = any(SYNTHETIC_COLUMN in note for note in notes_of(zones))
    return ignored or SYNTHETIC_KEY in (zones.schema.metadata or {})


def gauge_dict(gauge: Gauge) -> dict[str, Any]:
    """A gauge as plain data: persons, and points of the region's population."""
    persons = {"used": gauge.used, "allowed": gauge.allowed, "left": gauge.left}
    return {
        "rule": gauge.rule,
        "subject": gauge.subject,
        **persons,
        **{f"{name}_points": gauge.points(value) for name, value in persons.items()},
        "persons": gauge.persons,
        "lowest": gauge.lowest,
        "highest": gauge.highest,
        "cite": gauge.cite,
    }


def _zones(done: Adapted) -> Iterator[dict[str, Any]]:
    """Each class of the region: before, after, and as the text prints it."""
    printed = printed_shares(done.rules, done.units.region) or {}
    national = {unit.code: unit.zone for unit in done.units.bvcv}
    whole = done.units.population or 1
    for part in done.parts.to_pylist():
        zone = part["zone"]
        before = done.units.persons(national, zone)
        low, high = printed.get(zone, (None, None))
        yield {
            "zone": zone,
            "bvcv_before": sum(found == zone for found in national.values()),
            "population_before": before,
            "part_before": before / whole,
            "part_printed": None if low is None or high is None else float((low + high) / 2),
            "bvcv": part["bvcv"],
            "population": part["population"],
            "part": part["part"],
        }


def text(found: Mapping[str, Any]) -> str:
    """The summary as a person reads it."""
    law, regime, region = found["law"], found["regime"], found["region"]
    lines = ["SYNTHETIC COUNTRY: no figure below describes a real place."] * found["synthetic"]
    lines.append(f"{found['profession']} · {law['text'].split(' relatif')[0]} (NOR {law['nor']})")
    lines += [
        f"supplied by the caller, not law: {c}" for c in found["supplied_by_the_caller_not_law"]
    ]
    lines.append(f"Regime {regime['name']}: {regime['title']} ({regime['cite']})")
    if regime["reported"]:
        lines.append(f"  reported by: {regime['reported']}")
    name = f"{region} {REGIONS.get(region, '')}"
    lines.append(f"Region {name}: {found['population']:,} inhabitants · {found['bvcv']:,} BVCV")
    lines += ["", *aligned(_gauge_rows(found["gauges"])), "", *aligned(_zone_rows(found["zones"]))]
    lines += ["", *(aligned(_move_rows(found["moves"])) or ["No change of class."])]
    if found["noticed"]:
        lines += ["", "Noticed"]
        lines += [f"  {note['fault']}  {note['text']}" for note in found["noticed"]]
    return "\n".join([*lines, "", f"Written: {found['out']}"])


def _gauge_rows(gauges: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["Rule", "Of", "Used", "Allowed", "Left", "Used, points", "Allowed", "Left", "Article"]]
    for gauge in gauges:
        persons = [f"{gauge[name]:,}" for name in ("used", "allowed", "left")]
        points = [f"{gauge[f'{name}_points']:.2f}" for name in ("used", "allowed", "left")]
        article = gauge["cite"].split(": ")[0]  # what follows is its reading: see --json
        rows.append([gauge["rule"], gauge["subject"], *persons, *points, article])
    return rows


def _zone_rows(zones: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["Zone", "BVCV before", "after", "Inhabitants before", "after",
             "Share % before", "printed", "after"]]  # fmt: skip
    for zone in zones:
        printed = zone["part_printed"]
        rows.append(
            [
                zone["zone"],
                *(f"{zone[name]:,}" for name in ("bvcv_before", "bvcv")),
                *(f"{zone[name]:,}" for name in ("population_before", "population")),
                f"{100 * zone['part_before']:.2f}",
                "–" if printed is None else f"{100 * printed:.1f}",
                f"{100 * zone['part']:.2f}",
            ]
        )
    return rows


def _move_rows(moves: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["BVCV", "APL", "Inhabitants", "National class", "Class"]] * bool(moves)
    for move in moves:
        apl = "–" if move["apl"] is None else f"{move['apl']:.2f}"
        rows.append([move["code_bvcv"], apl, f"{move['population']:,}",
                     move["zone_nationale"], move["zone"]])  # fmt: skip
    return rows
