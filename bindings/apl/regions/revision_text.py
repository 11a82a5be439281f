"""What `apl revision` tells: plain data first (``--json``), and the same as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from apl.law import Rules
from apl.law_schema import zone_order
from apl.lines import aligned, law_line, made_up, noticed_lines, supplied_lines, written_lines
from apl.noticed import Notice
from apl.regions.causes import STEPS
from apl.regions.revision import WITHOUT, Revision
from apl_core.errors import SHOWN

WORDS = {
    "decision_anterieure": "a decision of the region came to its end",
    "geographie": "the BVCV themselves: the later geography",
    "apl_propre": "its own APL",
    "apl_autres": "the APL of the others, and the cuts with them",
    "population": "the inhabitants",
    "loi": "the classes and shares of the text",
    "non_expliquee": "not explained by these texts and APL",
    "decision": "a decision of the region",
}


def describe(
    found: Revision, rules: Sequence[Rules] = (), noticed: Sequence[Notice] = ()
) -> dict[str, Any]:
    """A revision in short: the texts, the matrix, the causes, the communes that moved."""
    bvcv: Counter[str] = Counter()
    persons: Counter[str] = Counter()
    changed = []
    for row in found.bvcv.to_pylist():
        if row["zone_avant"] == row["zone_apres"]:
            continue
        names = ("code_bvcv", "code_region", "population", "zone_avant", "zone_apres", "cause")
        changed.append({name: row[name] for name in names})
        if row["cause"]:
            bvcv[row["cause"]] += 1
            persons[row["cause"]] += row["population"]
    return {
        "laws": [{"text": law.text, "nor": law.nor, "since": law.since.isoformat(),
                  "supplied_by_the_caller_not_law": list(law.supplied)} for law in rules],
        "bvcv": found.bvcv.num_rows,
        "population": sum(found.matrix.column("population").to_pylist()),
        "transitions": found.matrix.to_pylist(),
        "changed": changed,
        "causes": [
            {"cause": cause, "bvcv": bvcv[cause], "population": persons[cause]}
            for cause in STEPS
            if bvcv[cause]
        ],
        "communes": {code: list(to) for code, to in found.changed.items()},
        "noticed": [notice.as_dict() for notice in (*noticed, *found.noticed)],
    }  # fmt: skip


def text(found: Mapping[str, Any]) -> str:
    """`describe` as a person reads it."""
    moved = found["changed"]
    lines = made_up(found)
    for which, law in zip(("Earlier", "Later"), found["laws"], strict=False):
        lines.append(f"{which}: {law_line(law)}")
        lines += [f"  {line}" for line in supplied_lines(law)]
    lines += [
        f"{found['bvcv']:,} BVCV of the later geography · {found['population']:,} inhabitants",
        f"{len(moved):,} BVCV changed class; "
        f"{len(found['communes']):,} earlier communes merged, were split or bear another code",
        "",
        "BVCV by earlier class (rows) and later class (columns)",
        *aligned(_matrix_rows(found["transitions"], "bvcv")),
        "",
        "Inhabitants by the same, each commune by its own earlier class",
        *aligned(_matrix_rows(found["transitions"], "population")),
    ]
    if found["causes"]:
        rows = [["Why", "BVCV", "Inhabitants"]]
        rows += [[WORDS[one["cause"]], f"{one['bvcv']:,}", f"{one['population']:,}"]
                 for one in found["causes"]]  # fmt: skip
        lines += ["", "The first step, in this order, at which the class is the new one",
                  *aligned(rows)]  # fmt: skip
    if 0 < len(moved) <= SHOWN:
        rows = [["BVCV", "Region", "From", "To", "Cause"]]
        rows += [[one["code_bvcv"], one["code_region"], one["zone_avant"] or WITHOUT,
                  one["zone_apres"] or WITHOUT, one["cause"] or ""] for one in moved]  # fmt: skip
        lines += ["", *aligned(rows)]
    return "\n".join([*lines, *noticed_lines(found), *written_lines(found)])


def _matrix_rows(transitions: Sequence[Mapping[str, Any]], what: str) -> list[list[str]]:
    order = [*zone_order(), WITHOUT]
    rows, columns = (
        sorted({one[end] for one in transitions}, key=order.index)
        for end in ("zone_avant", "zone_apres")
    )
    cells = {(one["zone_avant"], one["zone_apres"]): one[what] for one in transitions}
    lines = [["", *columns, "all"]]
    for row in rows:
        counts = [cells.get((row, column), 0) for column in columns]
        lines.append([row, *(f"{count:,}" for count in [*counts, sum(counts)])])
    totals = [sum(cells.get((row, column), 0) for row in rows) for column in columns]
    return [*lines, ["all", *(f"{count:,}" for count in [*totals, sum(totals)])]]
