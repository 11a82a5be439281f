"""A law page as a readable sheet: each figure beside the article that made it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from apl.law import Rules

BLOCKS = (
    ("indicator", "Indicator"),
    ("territory", "Units of zoning"),
    ("supply", "Supply in full-time equivalents"),
    ("demand", "Demand"),
    ("decay", "Distance"),
    ("aggregation", "Mean over a BVCV"),
    ("attribution", "BVCV in several regions"),
    ("zoning", "Ranking and zones"),
)


def in_force(rules: Rules) -> dict[str, Any]:
    """What holds, as plain data: identity, every value by block, why each, what is not law."""
    return {
        "profession": rules.profession,
        "text": rules.text,
        "nor": rules.nor,
        "signed": rules.signed.isoformat(),
        "published": rules.published,
        "in_force": rules.in_force,
        "dates": rules.dates,
        "selected_from": rules.since.isoformat(),
        "values": _values(rules),
        "readings": _reasons(rules),
        "supplied_by_the_caller_not_law": list(rules.supplied),
    }


def page(rules: Rules) -> dict[str, Any]:
    """One version as plain data: identity, then for each block its values, article and readings."""
    identity = in_force(rules)
    values, reasons = identity.pop("values"), identity.pop("readings")
    return identity | {
        "blocks": [
            {
                "block": name,
                "title": title,
                "values": _banded(values[name]),
                "cite": rules.citations[name].cite,
                "quote": rules.citations[name].quote,
                "readings": {
                    key: reasons[f"{name}.{key}"] for key in rules.citations[name].readings
                },
            }
            for name, title in BLOCKS
        ],
    }


def _values(rules: Rules) -> dict[str, dict[str, Any]]:
    """Every value in force by block of the page, the fixed ones last; fractions as text."""
    found: dict[str, dict[str, Any]] = {
        "indicator": {"per": rules.per, "unit": rules.unit},
        "territory": asdict(rules.territory),
        "supply": asdict(rules.supply),
        "demand": asdict(rules.demand),
        "decay": asdict(rules.decay),
        "aggregation": {"weight": rules.weight},
        "attribution": {},
        "zoning": asdict(rules.zoning),
    }
    return {
        block: _plain({**values, **rules.citations[block].fixed}) for block, values in found.items()
    }


def _reasons(rules: Rules) -> dict[str, str]:
    """Why each open value is what it is, by ``block.key``: the page's reading, or the caller."""
    reasons = {
        f"{block}.{key}": reading
        for block, citation in rules.citations.items()
        for key, reading in citation.readings.items()
    }
    for note in rules.supplied:
        name, _, value = note.partition(" = ")
        reasons[name] = f"{value}: supplied by the caller, not law; the page has {reasons[name]}"
    return reasons


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Fraction) else value


def _banded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with each band of the decay under words of its own."""
    bands = {
        f"{'up to' if band['includes_until'] else 'below'} {band['until']:g} minutes": band[
            "weight"
        ]
        for band in values.get("bands", ())
    }
    return bands | {key: value for key, value in values.items() if key != "bands"}


def text(found: Mapping[str, Any]) -> str:
    """Versions as a person reads them."""
    return "\n\n".join(_version(version) for version in found["versions"])


def _version(version: Mapping[str, Any]) -> str:
    lines = [
        *textwrap.wrap(version["text"], 96),
        f"NOR {version['nor']} · signed {version['signed']} · published {version['published']} · "
        f"in force {version['in_force']} · selected from {version['selected_from']}",
        *textwrap.wrap(version["dates"], 96, initial_indent="reading: ", subsequent_indent="  "),
        *(f"supplied by the caller, not law: {c}" for c in
          version["supplied_by_the_caller_not_law"]),
    ]  # fmt: skip
    for block in version["blocks"]:
        lines += ["", f"{block['title']} ({block['cite']})"]
        for key, value in block["values"].items():
            shown = ", ".join(map(_cell, value)) if isinstance(value, list) else value
            lines.append(f"  {key.replace('_', ' '):<24} {shown}")
        lines += textwrap.wrap(
            f"« {block['quote']} »", 96, initial_indent="  ", subsequent_indent="  "
        )
        for key, reading in block["readings"].items():
            lines += textwrap.wrap(
                f"{key} — {reading}", 96, initial_indent="  reading: ", subsequent_indent="    "
            )
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def index(pages: Mapping[str, list[str]]) -> str:
    """Which professions have a law page, and from when."""
    width = max(map(len, pages))
    return "\n".join(f"{name:<{width}}  from {', '.join(since)}" for name, since in pages.items())
