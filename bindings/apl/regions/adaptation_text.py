"""What `apl adapt` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from apl.lines import aligned, made_up, noticed_lines, people_of, region_name, written_lines
from apl.provenance import described, synthetic, versions
from apl.regions.adaptation import Adapted
from apl.regions.regime_text import describe_gauge, describe_regime, regime_lines
from apl.regions.regimes import printed_shares


def describe(done: Adapted) -> dict[str, Any]:
    """The law, the regime, the gauges, the changes, the classes and the remarks."""
    return {
        **describe_regime(done.rules, done.regime, done.units.region),
        "population": done.units.population,
        "bvcv": len(done.units.bvcv),
        "gauges": [describe_gauge(gauge) for gauge in done.held.gauges],
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
    }


def manifest(
    done: Adapted, inputs: Mapping[str, tuple[pa.Table, Path]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """What a reader needs to know where an adapted zoning comes from."""
    told = describe(done)
    return {
        "software": versions(),
        "synthetic": synthetic(*(table for table, _ in inputs.values())),
        "inputs": [described(name, *given) for name, given in inputs.items()],
        "rules": done.rules.as_dict(),
        "options": dict(options),
        **{name: told[name] for name in ("region", "regime", "population", "gauges", "zones")},
        "decisions": done.decisions.to_pylist(),
        "noticed": told["noticed"],
    }


def _zones(done: Adapted) -> Iterator[dict[str, Any]]:
    """Each class of the region: before, after, and as the text prints it."""
    printed = printed_shares(done.rules, done.units.region) or {}
    national = done.units.national
    whole = done.units.population or 1
    for part in done.parts.to_pylist():
        zone = part["zone"]
        before = done.units.persons(national, zone)
        yield {
            "zone": zone,
            "bvcv_before": sum(found == zone for found in national.values()),
            "population_before": before,
            "part_before": before / whole,
            "part_printed": float(printed[zone].middle) if zone in printed else None,
            "bvcv": part["bvcv"],
            "population": part["population"],
            "part": part["part"],
        }


def text(found: Mapping[str, Any]) -> str:
    """The summary as a person reads it."""
    lines, people = made_up(found) + regime_lines(found), people_of(found)
    counts = f"{found['population']:,} {people} · {found['bvcv']:,} BVCV"
    lines.append(f"Region {region_name(found['region'])}: {counts}")
    lines += ["", *aligned(_gauge_rows(found["gauges"]))]
    lines += ["", *aligned(_zone_rows(found["zones"], people))]
    lines += ["", *(aligned(_move_rows(found["moves"], people)) or ["No change of class."])]
    return "\n".join([*lines, *noticed_lines(found), *written_lines(found)])


def _gauge_rows(gauges: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["Rule", "Of", "Used", "Allowed", "Left", "Used, points", "Allowed", "Left", "Article"]]
    for gauge in gauges:
        persons = [f"{gauge[name]:,}" for name in ("used", "allowed", "left")]
        points = [f"{gauge[f'{name}_points']:.2f}" for name in ("used", "allowed", "left")]
        article = gauge["cite"].split(": ")[0]  # what follows is its reading: see --json
        rows.append([gauge["rule"], gauge["subject"], *persons, *points, article])
    return rows


def _zone_rows(zones: Sequence[Mapping[str, Any]], people: str) -> list[list[str]]:
    rows = [["Zone", "BVCV before", "after", f"{people.capitalize()} before", "after",
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


def _move_rows(moves: Sequence[Mapping[str, Any]], people: str) -> list[list[str]]:
    rows = [["BVCV", "APL", people.capitalize(), "National class", "Class"]] * bool(moves)
    for move in moves:
        apl = "–" if move["apl"] is None else f"{move['apl']:.2f}"
        rows.append([move["code_bvcv"], apl, f"{move['population']:,}",
                     move["zone_nationale"], move["zone"]])  # fmt: skip
    return rows
