"""A small country on a grid, with names that would be programs, and the pages made of it."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WIDE, HIGH, SIDE = 12, 10, 0.06  # squares, and degrees of one
REACH, STEP = 3, 6.5  # squares, and minutes for one
HOSTILE = [
    "</script><script>window.run = 1</script>", "=cmd|'/c calc'!A0", "\u202eedisrever", "@SUM(1+1)",
    "<img src=x onerror='window.run = 2'>", "L'Île & \"Cie\"", "{{ 7 * 7 }}${7 * 7}",
]  # fmt: skip
ASKED = ("--profession", "masseur_kinesitherapeute", "--on", "2025-06-06")


@dataclass(frozen=True)
class Square:
    """A commune: where it stands on the grid, its BVCV, region and inhabitants."""

    code: str
    name: str
    x: int
    y: int
    unit: str
    region: str
    people: int


def squares() -> list[Square]:
    """Left half: region 84; right half: 93. Two squares make a BVCV; one pair lies astride."""
    rng = random.Random(3)
    found: list[Square] = []
    for y in range(HIGH):
        for x in range(WIDE):
            dep, region = ("01", "84") if x < WIDE // 2 else ("04", "93")
            code = f"{dep}{1 + y * WIDE + x:03d}"
            first = found[-1].code if x % 2 else code
            if (x, y) == (WIDE // 2, 0):
                first = found[-1].unit  # astride
            elif (x, y) == (WIDE // 2 + 1, 0):
                first = code
            at = len(found)
            name = HOSTILE[at] if at < len(HOSTILE) else f"Commune {code}"
            people = rng.choice([300, 400, 600, 900, 2_000, 9_000])
            found.append(Square(code, name, x, y, first, region, people))
    return found


def tables() -> dict[str, list[Sequence[Any]]]:
    """The input of `apl run`, a header and rows by table."""
    rng = random.Random(5)
    land = squares()
    staff = [
        (f"P{k:05d}", one.code, 40 + k % 20, 2_000 + 37 * (k % 80), 60_000 + 900 * (k % 80), "non")
        for k, one in enumerate(
            one for one in land
            for _ in range(round(one.people / 900 * (0.3 + one.x / WIDE) + rng.random()))
        )
    ]  # fmt: skip
    times = [
        (a.code, b.code, STEP * (abs(a.x - b.x) + abs(a.y - b.y)))
        for a in land for b in land if abs(a.x - b.x) + abs(a.y - b.y) <= REACH
    ]  # fmt: skip
    head = ("code_commune", "libelle", "code_departement", "code_region", "population", "code_bvcv")
    rows = [(one.code, one.name, one.code[:2], one.region, one.people, one.unit) for one in land]
    work = ("identifiant", "code_commune", "age", "actes", "honoraires", "installe_dans_l_annee")
    return {
        "communes": [head, *rows],
        "temps_de_parcours": [("origine", "destination", "minutes"), *times],
        "population_standardisee": [("code_commune", "population_standardisee"),
                                    *((one.code, one.people * 1.02) for one in land)],
        "professionnels": [work, *staff],
    }  # fmt: skip


def outlines() -> dict[str, Any]:
    """The squares as GeoJSON."""

    def square(one: Square) -> list[list[float]]:
        x, y = 4.0 + SIDE * one.x, 46.0 - SIDE * one.y
        return [[x, y], [x + SIDE, y], [x + SIDE, y - SIDE], [x, y - SIDE], [x, y]]

    features = [
        {"type": "Feature", "properties": {"code": one.code, "nom": one.name},
         "geometry": {"type": "Polygon", "coordinates": [square(one)]}}
        for one in squares()
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def write(folder: Path) -> None:
    """The input folder of `apl run`, and the outlines."""
    source = folder / "input"
    source.mkdir(parents=True)
    for name, rows in tables().items():
        (source / f"{name}.csv").write_text(_csv(rows), encoding="utf-8")
    (folder / "outlines.geojson").write_text(json.dumps(outlines()), encoding="utf-8")


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    cell = (",".join('"' + str(value).replace('"', '""') + '"' for value in row) for row in rows)
    return "\n".join(cell) + "\n"


def apl(*arguments: object) -> int:
    """A command of the line; its exit code."""
    from apl.__main__ import main

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["apl", *map(str, arguments)])
        try:
            main()
        except SystemExit as left:
            return int(left.code or 0)
    return 0


def pages(folder: Path) -> Path:
    """The run of the small country and its pages; where the latter stand."""
    write(folder)
    source, run, out = folder / "input", folder / "run", folder / "pages"
    assert apl("run", source, *ASKED, "--out", run) == 0
    drawn = ("--outlines", folder / "outlines.geojson")
    assert apl("report", run, "--input", source, *drawn, "--out", out) == 0
    return out
