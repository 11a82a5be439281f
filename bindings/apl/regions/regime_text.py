"""What `apl adapt` and `apl audit` both tell: the law, the regime, the region and the gauges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apl.blocks import Regime
from apl.law import Rules
from apl.lines import headed
from apl.regions.gauges import Gauge


def describe_regime(rules: Rules, regime: Regime, region: str) -> dict[str, Any]:
    """Which rules a region was held against."""
    return {
        "profession": rules.profession,
        "law": {"text": rules.text, "nor": rules.nor, "since": rules.since.isoformat()},
        "supplied_by_the_caller_not_law": list(rules.supplied),
        "region": region,
        "counted": rules.zoning.population,
        "regime": {"name": regime.name, "title": regime.title, "cite": regime.cite,
                   "reported": regime.reported},
    }  # fmt: skip


def regime_lines(found: Mapping[str, Any]) -> list[str]:
    """`describe_regime` as a person reads it."""
    regime = found["regime"]
    lines = headed(found)
    lines.append(f"Regime {regime['name']}: {regime['title']} ({regime['cite']})")
    return [*lines, *([f"  reported by: {regime['reported']}"] if regime["reported"] else [])]


def describe_gauge(gauge: Gauge) -> dict[str, Any]:
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
