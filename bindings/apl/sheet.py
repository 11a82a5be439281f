"""A law page as a readable sheet: each figure beside the article that made it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
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


def page(rules: Rules) -> dict[str, Any]:
    """One version as plain data: identity, then for each block its values, article and readings."""
    return {
        "profession": rules.profession,
        "text": rules.text,
        "nor": rules.nor,
        "signed": rules.signed.isoformat(),
        "published": rules.published,
        "in_force": rules.in_force,
        "selected_from": rules.since.isoformat(),
        "blocks": [
            {
                "block": name,
                "title": title,
                "values": _values(rules, name),
                "cite": rules.citations[name].cite,
                "quote": rules.citations[name].quote,
                "readings": dict(rules.citations[name].readings),
            }
            for name, title in BLOCKS
        ],
    }


def _values(rules: Rules, block: str) -> dict[str, Any]:
    if block == "indicator":
        return {"unit": rules.unit}
    if block == "decay":
        return {
            f"{'up to' if band.includes_until else 'below'} {band.until:g} minutes": str(
                band.weight
            )
            for band in rules.decay.bands
        }
    if block == "aggregation":
        return {"weight": rules.weight}
    found = getattr(rules, block, None)
    if not is_dataclass(found) or isinstance(found, type):
        return {}
    return {key: _plain(value) for key, value in asdict(found).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value


def text(found: Mapping[str, Any]) -> str:
    """Versions as a person reads them."""
    return "\n\n".join(_version(version) for version in found["versions"])


def _version(version: Mapping[str, Any]) -> str:
    lines = [
        *textwrap.wrap(version["text"], 96),
        f"NOR {version['nor']} · signed {version['signed']} · published {version['published']} · "
        f"in force {version['in_force']} · selected from {version['selected_from']}",
    ]
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
