"""What `apl change` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apl.equity.change import COLUMNS, Change, Effects
from apl.equity.effects import FACTORS
from apl.lines import aligned, headed, made_up, region_name, wrapped, written_lines
from apl.scenarios.opened import Opened
from apl_core.errors import SHOWN

FIRST = 10  # lines of a list that people read; --json has all
SHAPLEY = "the mean over all orders of the four factors (Shapley)"
HEAD = ["before", "after", "change", *FACTORS]


def describe(before: Opened, after: Opened, found: Change) -> dict[str, Any]:
    """The means, their parts, and every BVCV."""
    supplied = dict.fromkeys((*before.rules.supplied, *after.rules.supplied))
    return {
        **after.told,
        "synthetic": any(run.told["synthetic"] for run in (before, after)),
        "supplied_by_the_caller_not_law": list(supplied),
        "order": None if found.order is None else list(found.order),
        "national": None if found.national is None else _plain(found.national),
        "regions": {name: _plain(one) for name, one in found.regions.items()},
        "bvcv": found.bvcv.to_pylist(),
        "before_only": list(found.before_only),
        "after_only": list(found.after_only),
        "undefined": list(found.undefined),
    }


def _plain(one: Effects) -> dict[str, Any]:
    return {"before": one.before, "after": one.after, "change": one.change, **one.parts}


def text(found: Mapping[str, Any]) -> str:
    """The same as a person reads it."""
    order = (
        SHAPLEY if found["order"] is None else f"in this order: {', then '.join(found['order'])}"
    )
    lines = [*made_up(found), *headed(found)]
    lines += wrapped("", f"Change of the APL ({found['unit']}); effects: {order}", "  ")
    regions = [[region_name(name), *_cells(one)] for name, one in found["regions"].items()]
    whole = [["France", *_cells(found["national"])]] if found["national"] else []
    lines += ["", *aligned([["Mean", *HEAD], *whole, *regions])]
    moved = sorted(found["bvcv"], key=lambda row: (-abs(row["changement"]), row["code_bvcv"]))
    names = ("apl_avant", "apl_apres", "changement", *COLUMNS)
    rows = [[row["code_bvcv"], *_numbers([row[name] for name in names])] for row in moved[:FIRST]]
    if rows:
        lines += ["", f"{len(moved):,} BVCV, those that changed most:"]
        lines += aligned([["BVCV", *HEAD], *rows])
    for name, words in (("before_only", "of the year before alone"),
                        ("after_only", "of the year after alone"),
                        ("undefined", "without inhabitants in some state between")):  # fmt: skip
        codes = found[name]
        more = f" and {len(codes) - SHOWN:,} more" * (len(codes) > SHOWN)
        some = ", ".join(codes[:SHOWN]) + more
        lines += wrapped(f"{len(codes):,} BVCV {words}: ", some, "  ") if codes else []
    return "\n".join([*lines, *written_lines(found)])


def _cells(one: Mapping[str, float]) -> list[str]:
    return _numbers([one[name] for name in HEAD])


def _numbers(values: Sequence[float]) -> list[str]:
    """Two values, and by how much."""
    return [*(f"{one:,.2f}" for one in values[:2]), *(f"{one:+,.2f}" for one in values[2:])]
