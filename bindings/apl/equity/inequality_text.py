"""What `apl inequality` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from apl.compared.align import COMMUNE
from apl.compared.comparison import BY
from apl.equity.inequality import Figures, Inequality
from apl.lines import aligned, made_up, noticed_lines, region_name, wrapped
from apl.noticed import Notice
from apl_core.errors import SHOWN

HEAD = ["Inhabitants", "Mean APL", "Tenths 10/1", "Gini", "Palma", "Theil T", "Theil L"]
INDICES = ("gini", "palma", "theil_t", "theil_l")


def describe(found: Inequality) -> dict[str, Any]:
    """The figures as plain data; an index that is infinite (somebody has nothing) is None."""
    return {
        "key": found.key,
        **_plain(found),
        "rank": found.rank,
        "without_apl": list(found.without_apl),
        "without_rank": list(found.without_rank),
        "regions": {name: _plain(one) for name, one in found.regions.items()},
        "theil_t_split": None if found.split is None else asdict(found.split),
        "noticed": [notice.as_dict() for notice in _noticed(found)],
    }


def _plain(found: Figures) -> dict[str, Any]:
    values = {field.name: getattr(found, field.name) for field in fields(Figures)}
    values |= {"tenths": list(found.tenths), "under": [asdict(one) for one in found.under]}
    infinite = [name for name, value in values.items() if value == math.inf]
    return values | dict.fromkeys(infinite)


def _noticed(found: Inequality) -> list[Notice]:
    """Who has no APL, and is in no figure."""
    if not found.without_apl:
        return []
    some = ", ".join(found.without_apl[:SHOWN])
    more = f" and {len(found.without_apl) - SHOWN:,} more" * (len(found.without_apl) > SHOWN)
    text = f"{_count(len(found.without_apl), found.key)} without an APL, in no figure: "
    return [Notice("APL-C18", text + some + more)]


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    places = _count(found["places"], found["key"])
    lines = [*made_up(found), f"{places}, {found['persons']:,.0f} inhabitants"]
    means = " ".join(_number(one, 1) for one in found["tenths"])
    lines += [
        f"Mean APL {_number(found['mean'], 2)}, weighted by the standardised population",
        f"Tenths of the inhabitants, mean APL: {means} (ratio {_number(found['ratio'], 2)})",
        f"Gini {_number(found['gini'])}   Palma {_number(found['palma'], 2)}   Theil T "
        f"{_number(found['theil_t'])}   Theil L {_number(found['theil_l'])}",
    ]
    if found["theil_l"] is None and found["gini"] is not None:
        lines.append("  (Theil L is infinite: somebody has an APL of 0)")
    if found["rank"] is not None:
        lines.append(f"Concentration by {found['rank']}: {_number(found['concentration'])}")
        left = len(found["without_rank"])
        lines += [f"  {_count(left, found['key'])} without it: left out"] * bool(left)
    for one in found["under"]:
        words = (f"Under {one['threshold']:g}: {one['persons']:,.0f} inhabitants "
                 f"({_percent(one['share'])}); on the mean of all, {_percent(one['gap'])} of it is "
                 f"lacking (severity {_number(one['severity'])})")  # fmt: skip
        lines += wrapped("", words, "  ")
    lines += _regions(found) if found["regions"] else []
    return "\n".join([*lines, *noticed_lines(found)])


def _regions(found: Mapping[str, Any]) -> list[str]:
    thresholds = [one["threshold"] for one in found["under"]]
    head = ["Region", *HEAD, *(f"% under {line:g}" for line in thresholds)]
    rows = [[region_name(name) or "–", *_cells(one)] for name, one in found["regions"].items()]
    split = found["theil_t_split"]
    lines = ["", *aligned([head, *rows])]
    if split is not None:
        lines.append(f"Theil T between regions {_number(split['between'])}, within them "
                     f"{_number(split['within'])}")  # fmt: skip
    return lines


def _cells(one: Mapping[str, Any]) -> Sequence[str]:
    shares = (_number(under["share"] and 100 * under["share"], 1) for under in one["under"])
    numbers = (_number(one[name], digits)
               for name, digits in zip(("mean", "ratio", *INDICES), (2, 2, 3, 2, 3, 3), strict=True)
               )  # fmt: skip
    return [f"{one['persons']:,.0f}", *numbers, *shares]


def _count(places: int, key: str) -> str:
    plural = "s" * (key == COMMUNE and places != 1)
    return f"{places:,} {BY[key]}{plural}"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
