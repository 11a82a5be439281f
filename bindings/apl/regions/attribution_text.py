"""What `apl attribution` and `apl annexes` tell: plain data (``--json``), and text for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from apl.law import Rules
from apl.lines import (
    aligned,
    law_line,
    made_up,
    region_name,
    supplied_lines,
    written_lines,
)
from apl.regions.attribution import ANNEXES
from apl.regions.zonage import rows_of


def describe(found: pa.Table, rules: Rules) -> dict[str, Any]:
    """The table ``attribution`` in short: how many BVCV, and who lives where in those that differ.

    >>> from datetime import date
    >>> from apl.law import rules
    >>> from apl.regions.attribution import astride
    >>> communes = pa.table({"code_commune": ["01001"], "code_region": ["84"],
    ...     "population": [300], "code_bvcv": ["01001"]})
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> describe(astride(communes, law), law)["astride"]
    0
    """
    units: dict[str, dict[str, Any]] = {}
    for row in found.to_pylist():
        unit = units.setdefault(
            row["code_bvcv"],
            {**{key: row[key] for key in ("code_bvcv", "region_majorite", "region_prefixe",
                                          "differe")}, "population": {}},
        )  # fmt: skip
        unit["population"][row["code_region"]] = row["population"]
    return {
        "law": {"text": rules.text, "nor": rules.nor},
        "cite": rules.citations["attribution"].cite,
        "astride": sum(len(unit["population"]) > 1 for unit in units.values()),
        "differ": [unit for unit in units.values() if unit["differe"]],
    }


def text(found: Mapping[str, Any]) -> str:
    """`describe` as a person reads it."""
    lines = [
        *made_up(found),
        f"{found['astride']:,} BVCV lie in several regions",
        f"Rule: {law_line(found['law'])}, {found['cite']}: "
        "the region with most inhabitants decides for the whole BVCV",
    ]
    rows = [["BVCV", "Decides (the text)", "By the code", "Inhabitants by region"]]
    for unit in found["differ"]:
        held = sorted(unit["population"].items(), key=lambda pair: (-pair[1], pair[0]))
        rows.append([unit["code_bvcv"], region_name(unit["region_majorite"]),
                     region_name(unit["region_prefixe"]),
                     ", ".join(f"{region}: {count:,}" for region, count in held)])  # fmt: skip
    if found["differ"]:
        lines += ["", f"In {len(found['differ']):,} of them the code says another region:", ""]
        lines += aligned(rows)
    else:
        lines += ["", "In none of them the code says another region."]
    return "\n".join([*lines, *written_lines(found)])


def describe_annexes(
    found: pa.Table, communes: pa.Table, rules: Rules, region: str
) -> dict[str, Any]:
    """The table ``annexes`` in short: communes and inhabitants by list and class."""
    persons = dict(rows_of(communes, "code_commune", "population"))
    names = ("annexe", "zone", "provisoire", "code_commune")
    counts: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for annexe, zone, provisional, code in rows_of(found, *names):
        cell = counts[annexe, zone, provisional]
        cell[0] += 1
        cell[1] += persons[code]
    return {
        "law": {"text": rules.text, "nor": rules.nor},
        "supplied_by_the_caller_not_law": list(rules.supplied),
        "region": region,
        "annexes": [
            {"annexe": annexe, "title": ANNEXES[annexe], "zone": zone, "provisoire": provisional,
             "communes": count, "population": people}
            for (annexe, zone, provisional), (count, people) in sorted(
                counts.items(), key=lambda item: (item[0][0], str(item[0][1]), item[0][2])
            )
        ],
    }  # fmt: skip


def annexes_text(found: Mapping[str, Any]) -> str:
    """`describe_annexes` as a person reads it."""
    rows = [["Annexe", "Communes", "Class", "Communes ", "Inhabitants"]]
    for part in found["annexes"]:
        zone = part["zone"] or "waits for the region that decides"
        rows.append([str(part["annexe"]), part["title"],
                     zone + " (provisional)" * (part["provisoire"] and part["zone"] is not None),
                     f"{part['communes']:,}", f"{part['population']:,}"])  # fmt: skip
    head = [*made_up(found),
            f"Region {region_name(found['region'])}: the lists of communes of its arrêté",
            law_line(found["law"]), *supplied_lines(found)]  # fmt: skip
    return "\n".join([*head, "", *aligned(rows), *written_lines(found)])
