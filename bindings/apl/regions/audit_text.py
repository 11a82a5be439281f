"""What `apl audit` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from apl.lines import aligned, made_up, noticed_lines, people_of, region_name, written_lines
from apl.regions.audit import Audit, points
from apl.regions.interval import Interval
from apl.regions.regime_text import describe_gauge, describe_regime, regime_lines
from apl.regions.totals import Total


def describe(found: Audit) -> dict[str, Any]:
    """The law, the regime, classes before and after, moves, gauges, verdicts, faults, remarks."""
    return {
        **describe_regime(found.rules, found.regime, found.region),
        "from": "lists" if found.lists else "totals",
        "accepted": found.accepted,
        "cannot_be_told": len(found.untold),
        "zones": list(_zones(found)),
        "moves": found.table().to_pylist() if found.lists else [],
        "gauges": [describe_gauge(gauge) for gauge in found.gauges],
        "verdicts": [
            {
                "rule": held.rule,
                "subject": held.subject,
                **_interval("", held.found),
                "limit": None if held.limit is None else float(held.limit),
                "verdict": held.verdict,
                "cite": held.cite,
            }
            for held in found.verdicts
        ],
        "faults": [fault.as_dict() for fault in found.faults],
        "noticed": [notice.as_dict() for notice in found.noticed],
    }


def text(found: Mapping[str, Any]) -> str:
    """The summary as a person reads it."""
    lines, people = made_up(found) + regime_lines(found), people_of(found)
    lines.append(f"Region {region_name(found['region'])}, from {found['from']}")
    lines += ["", *aligned(_zone_rows(found["zones"], people))]
    if found["from"] == "lists":
        lines += ["", *(aligned(_move_rows(found["moves"], people)) or ["No change of class."])]
        lines += ["", *aligned(_gauge_rows(found["gauges"]))] * bool(found["gauges"])
    else:
        lines += ["", *aligned(_verdict_rows(found["verdicts"]))]
    lines += ["", _conclusion(found)]
    return "\n".join([*lines, *noticed_lines(found), *written_lines(found)])


def _conclusion(found: Mapping[str, Any]) -> str:
    broken, untold = len(found["faults"]), found["cannot_be_told"]
    said = f"{broken} broken" if broken else "No rule is broken"
    if found["from"] == "totals":
        said += f", as far as totals show; {untold} cannot be told from rounded figures"
    return f"{said}."


def _zones(found: Audit) -> Iterator[dict[str, Any]]:
    for zone, before in found.before.items():
        after = found.after[zone]
        yield {
            "zone": zone,
            **_total("before", before),
            **_total("after", after),
            **_interval("change_", after.share - before.share),
        }


def _total(when: str, total: Total) -> dict[str, Any]:
    return {
        f"bvcv_{when}": total.bvcv,
        f"population_{when}": total.persons,
        **_interval(f"part_{when}_", total.share),
    }


def _interval(name: str, found: Interval) -> dict[str, Any]:
    """A range as plain numbers, and as the exact fractions that they are."""
    return {
        f"{name}low": float(found.low),
        f"{name}high": float(found.high),
        f"{name}exact": [str(found.low), str(found.high)],
    }


def between(low: float, high: float) -> str:
    """A range in points, as people write it; one figure where its bounds are one.

    >>> between(0.02486, 0.02587), between(0.01, 0.01)
    ('+2.49 to +2.59', '+1.00')
    """
    ends = points(low), points(high)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _share(zone: Mapping[str, Any], when: str) -> str:
    low, high = zone[f"part_{when}_low"], zone[f"part_{when}_high"]
    return between(low, high).replace("+", "")


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _zone_rows(zones: Sequence[Mapping[str, Any]], people: str) -> list[list[str]]:
    rows = [["Zone", "BVCV before", "after", f"{people.capitalize()} before", "after",
             "Share % before", "after", "Change, points"]]  # fmt: skip
    both = ("before", "after")
    rows += (
        [
            zone["zone"],
            *(_count(zone[f"bvcv_{when}"]) for when in both),
            *(_count(zone[f"population_{when}"]) for when in both),
            *(_share(zone, when) for when in both),
            between(zone["change_low"], zone["change_high"]),
        ]
        for zone in zones
    )
    return rows


def _move_rows(moves: Sequence[Mapping[str, Any]], people: str) -> list[list[str]]:
    rows = [["BVCV", "APL", people.capitalize(), "From", "To", "Verdict", "Article"]] * bool(moves)
    for move in moves:
        apl = "–" if move["apl"] is None else f"{move['apl']:.2f}"
        rows.append([move["code_bvcv"], apl, f"{move['population']:,}", move["avant"] or "–",
                     move["apres"], move["verdict"], move["article"] or "–"])  # fmt: skip
    return rows


def _gauge_rows(gauges: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["Rule", "Of", "Used", "Allowed", "Used, points", "Allowed", "Verdict", "Article"]]
    for gauge in gauges:
        inside = gauge["used"] == 0 or gauge["lowest"] <= gauge["persons"] <= gauge["highest"]
        rows.append([gauge["rule"], gauge["subject"], f"{gauge['used']:,}",
                     f"{gauge['allowed']:,}", f"{gauge['used_points']:.2f}",
                     f"{gauge['allowed_points']:.2f}", "within" if inside else "over",
                     gauge["cite"]])  # fmt: skip
    return rows


def _verdict_rows(verdicts: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["Rule", "Of", "Points", "Allowed", "Verdict", "Article"]]
    for held in verdicts:
        limit = "any" if held["limit"] is None else f"{100 * float(Fraction(held['limit'])):g}"
        rows.append([held["rule"], held["subject"], between(held["low"], held["high"]), limit,
                     held["verdict"], held["cite"]])  # fmt: skip
    return rows
