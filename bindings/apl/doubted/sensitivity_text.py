"""What `apl sensitivity` tells: plain data (``--json``), its manifest, and a text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from apl.counted import WOMEN, column_of
from apl.doubted.sensitivity import BEYOND, Effect, Sensitivity
from apl.lines import aligned, law_line, made_up, people_of, supplied_lines, wrapped, written_lines
from apl.provenance import described, versions

SAID = ("subject", "base", "value")


def describe(found: Sensitivity) -> dict[str, Any]:
    """The rows as plain data, after the run that they are held against."""
    scene, ranking = found.scene, found.base.ranking
    law = scene.rules
    return {
        "synthetic": scene.synthetic,
        "law": {"text": law.text, "nor": law.nor},
        "supplied_by_the_caller_not_law": list(law.supplied),
        "counted": "women" if column_of(law) == WOMEN else "population",
        "communes": found.base.communes.num_rows,
        "bvcv": ranking.bvcv.num_rows,
        "population": ranking.total,
        "cuts": [{"zone": cut.zone, "apl": cut.apl} for cut in ranking.cuts],
        "readings": [
            {
                **{name: getattr(row.reading, name) for name in SAID},
                "asked": row.effect is not None,
                **_figures(row.effect),
                "remark": row.remark,
            }
            for row in found.rows
        ],
    }


def _figures(effect: Effect | None) -> dict[str, Any]:
    """What changes; nothing where the reading cannot be asked."""
    if effect is None:
        return {}
    found = asdict(effect)
    beyond = dict(zip(map(str, BEYOND), found.pop("beyond"), strict=True))
    return {**found, "beyond": beyond, "cuts": list(effect.cuts)}


def manifest(found: Sensitivity) -> dict[str, Any]:
    """Where the table ``sensibilite`` comes from."""
    scene = found.scene
    return {
        "software": versions(),
        "synthetic": scene.synthetic,
        "inputs": [described(name, table, scene.files.get(name))
                   for name, table in scene.tables.items()],
        "rules": scene.rules.as_dict(),
        "options": {"self_pair": scene.self_pair, "time": scene.time,
                    "parameters": asdict(scene.parameters)},
        "noticed": [],
    }  # fmt: skip


def text(found: Mapping[str, Any]) -> str:
    """`describe` as a person reads it."""
    cuts = ", ".join(f"{cut['zone']} up to {_level(cut['apl'])}" for cut in found["cuts"])
    people = people_of(found)
    lines = [
        *made_up(found),
        law_line(found["law"]),
        *supplied_lines(found),
        f"{found['communes']:,} communes, {found['bvcv']:,} BVCV, {found['population']:,} {people}"
        f"; {cuts}",
        "",
    ]
    shares = [f"> {100 * share:g} %" for share in BEYOND]
    rows = [["What each other reading changes", "Communes", *shares, "Mean", "BVCV",
             people.capitalize(), "Cuts"]]  # fmt: skip
    rows += [_cells(one) for one in found["readings"] if one["asked"]]
    lines += aligned(rows)
    remarks, refusals = (_by_remark(found["readings"], asked) for asked in (True, False))
    lines += ["", "Remarks", *remarks] if remarks else []
    lines += ["", "Not to be asked of this input", *refusals] if refusals else []
    lines += ["", *wrapped("", NOTE, "")]
    return "\n".join([*lines, *written_lines(found)])


NOTE = (
    "Communes whose APL changes, at all and by more than these shares of it; the mean absolute "
    "change over all communes; BVCV that change class, and the persons there; the APL at which "
    "each class but the last ends."
)


def _by_remark(rows: Sequence[Mapping[str, Any]], asked: bool) -> list[str]:
    """Each remark once, after what it is of: the reading, or the subject of all its readings."""
    said: dict[str, dict[str, None]] = {}
    for one in rows:
        if one["asked"] is asked and one["remark"]:
            whole = sum(other["subject"] == one["subject"] for other in rows)
            same = sum(other["subject"] == one["subject"] and other["remark"] == one["remark"]
                       for other in rows)  # fmt: skip
            name = one["subject"] if whole == same else _named(one)
            said.setdefault(one["remark"], {})[name] = None
    return [
        line
        for remark, names in said.items()
        for line in wrapped("  ", f"{'; '.join(names)}: {remark}", "    ")
    ]


def _named(one: Mapping[str, Any]) -> str:
    subject, base, value = (one[name] for name in SAID)
    return f"{subject}: {base} → {value}"


def _cells(one: Mapping[str, Any]) -> list[str]:
    counts = (one["communes"], *one["beyond"].values())
    return [
        _named(one),
        *(f"{count:,}" for count in counts),
        f"{one['mean']:,.3f}",
        f"{one['bvcv']:,}",
        f"{one['persons']:,}",
        " · ".join(map(_level, one["cuts"])),
    ]


def _level(apl: float | None) -> str:
    return "–" if apl is None else f"{apl:,.2f}"
