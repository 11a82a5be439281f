"""What `apl compare` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from apl.compared.comparison import BY, Comparison, Zones
from apl.compared.gaps import Figures
from apl.lines import aligned, made_up, noticed_lines, region_name, wrapped, written_lines
from apl_core import Fault
from apl_core.errors import SHOWN

FIRST = 10  # codes of a list, and largest gaps, that people read; --json has all
HEAD = ["n", "Equal", "Mean gap", "Bias", "Largest", "r", "r weighted"]
NAMES = tuple(field.name for field in fields(Figures))
UNKNOWN = "not decomposable"


def describe(
    found: Comparison, *, tolerance: float | None = None, faults: Sequence[Fault] = ()
) -> dict[str, Any]:
    """A comparison as plain data; ``accepted`` is None where no tolerance was given."""
    return {
        "key": found.key,
        **{name: getattr(found, name) for name in NAMES},
        "digits": found.digits,
        "weights": found.weights,
        "left_only": list(found.left_only),
        "right_only": list(found.right_only),
        "uncomputed": list(found.uncomputed),
        "unpublished": list(found.unpublished),
        "quantiles": {name: dict(values) for name, values in found.quantiles.items()},
        "regions": {name: asdict(one) for name, one in found.regions.items()},
        "sizes": {name: asdict(one) for name, one in found.sizes.items()},
        "zones": None if found.zones is None else _zones(found.zones),
        "worst": [asdict(one) for one in found.worst],
        "tolerance": tolerance,
        "accepted": None if tolerance is None else not faults,
        "faults": [fault.as_dict() for fault in faults],
        "noticed": [notice.as_dict() for notice in found.noticed],
    }


def _zones(zones: Zones) -> dict[str, Any]:
    same = [row for row in zones.matrix if row["zone"] == row["zone_publiee"]]
    return {
        "bvcv": sum(row["bvcv"] for row in zones.matrix),
        "population": sum(row["population"] for row in zones.matrix),
        "bvcv_same": sum(row["bvcv"] for row in same),
        "population_same": sum(row["population"] for row in same),
        "matrix": [dict(row) for row in zones.matrix],
        "left_only": list(zones.left_only),
        "right_only": list(zones.right_only),
    }


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    unit = BY[found["key"]]
    weighed = f"; weighted by {found['weights']}" if found["weights"] else ""
    lines = [*made_up(found), f"Ours minus the published, by {unit}{weighed}.", ""]
    lines += aligned([["", *HEAD], ["all", *_cells(found)]])
    lines += ["", *_quantiles(found["quantiles"])]
    regions = [[region_name(c) or "–", *_cells(one)] for c, one in found["regions"].items()]
    lines += ["", *aligned([["Region", *HEAD], *regions])]
    sizes = [[name or "–", *_cells(one)] for name, one in found["sizes"].items()]
    lines += ["", *aligned([["Inhabitants", *HEAD], *sizes])] if sizes else []
    lines += _matrix(found["zones"]) if found["zones"] else []
    lines += _worst(found["worst"], unit)
    for name, words in (("left_only", "in ours alone"), ("right_only", "in the published alone"),
                        ("uncomputed", "without an APL of ours"),
                        ("unpublished", "without a published APL")):  # fmt: skip
        lines += _codes(found[name], words)
    lines += noticed_lines(found)
    lines += _verdict(found)
    return "\n".join([*lines, *written_lines(found)])


def _cells(one: Mapping[str, Any]) -> list[str]:
    means = (_number(one[name]) for name in ("mean_gap", "bias", "max_gap"))
    alike = (_number(one[name], 4) for name in ("correlation", "correlation_weighted"))
    return [f"{one['n']:,}", f"{one['equal']:,}", *means, *alike]


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _quantiles(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Signed and absolute gaps in two rows."""
    percents = list(found["signed"])
    rows = [[f"{name} gap", *(_number(found[name][p]) for p in percents)]
            for name in ("signed", "absolute")]  # fmt: skip
    return aligned([["", *(f"{p} %" for p in percents)], *rows])


def _matrix(zones: Mapping[str, Any]) -> list[str]:
    rows = [
        [row["zone"] or "–", row["zone_publiee"] or "–"]
        + [f"{row[name]:,}" for name in ("bvcv", "population")]
        for row in zones["matrix"]
    ]
    said = (
        f"Same zone: {zones['bvcv_same']:,} of {zones['bvcv']:,} BVCV, "
        f"{zones['population_same']:,} of {zones['population']:,} inhabitants"
    )
    lines = ["", *aligned([["Zone", "Published", "BVCV", "Inhabitants"], *rows]), said]
    for name, words in (("left_only", "in ours alone"), ("right_only", "in the published alone")):
        lines += _codes(zones[name], f"{words}, of the zones")
    return lines


def _worst(worst: Sequence[Mapping[str, Any]], unit: str) -> list[str]:
    if not worst:
        return []
    rows = [
        [one["code"], f"{one['ours']:,.3f}", f"{one['published']:,.3f}", f"{one['gap']:+,.3f}",
         ", then ".join(map(_cause, one["causes"])) or UNKNOWN]
        for one in worst[:FIRST]
    ]  # fmt: skip
    head = [
        unit.capitalize() if unit.islower() else unit,
        "Ours",
        "Published",
        "Gap",
        "Likely cause",
    ]
    more = [f"… the {len(worst)} largest: --json"] * (len(worst) > FIRST)
    return ["", *aligned([head, *rows]), *more]


def _cause(one: Mapping[str, Any]) -> str:
    share = one["difference"]
    return str(one["cause"]) if share is None else f"{one['cause']} ({share:+.1%})"


def _codes(codes: Sequence[str], words: str) -> list[str]:
    if not codes:
        return []
    more = f" and {len(codes) - SHOWN:,} more" * (len(codes) > SHOWN)
    return ["", *wrapped(f"{len(codes):,} {words}: ", ", ".join(codes[:SHOWN]) + more, "  ")]


def _verdict(found: Mapping[str, Any]) -> list[str]:
    if found["tolerance"] is None:
        return []
    said = "passed" if found["accepted"] else "NOT PASSED"
    return ["", f"Tolerance {found['tolerance']:g}: {said}"]
