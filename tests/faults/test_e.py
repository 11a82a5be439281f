"""Family E: travel times and the two steps. One test a fault, named after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from faults.faulty import OFFRE, SOUND, TIMES, Scene

import apl
from apl import indicator
from apl.noticed import pair_notices
from apl_core import AplError, RuleError, TableError

LAW = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
CODES = [f"01{k:03}" for k in range(1, 13)]


def ring(minutes: Callable[[int, int], float | None]) -> apl.Catchment:
    """Twelve communes; the minutes between two of them, None: no pair."""
    pairs = [(i, j, 0.0 if i == j else minutes(i, j)) for i in range(12) for j in range(12)]
    rows = [(CODES[i], CODES[j], m) for i, j, m in pairs if m is not None]
    names = ("origine", "destination", "minutes")
    table = pa.table({name: [row[k] for row in rows] for k, name in enumerate(names)})
    return apl.Catchment.build(table, apl.Territory.from_codes(CODES))


def said(pairs: apl.Catchment) -> dict[str, str]:
    communes = pa.table({"code_commune": pairs.land.codes, "population": [10] * len(pairs.land)})
    return {note.fault: note.text for note in pair_notices(pairs, communes, LAW)}


def test_apl_e01_pair_given_twice(scene: Scene) -> None:
    scene.edit(TIMES, "01004,01001,14", "01001,01002,14")
    values = ["01001 → 01002: 12.5 then 14.0 min"]
    scene.refused("APL-E01", table=TIMES, column="origine, destination", rows=[2, 6], values=values)
    scene.run()
    rows = [(row["row"], row["value"]) for row in scene.listed()]
    assert rows == [("2", "01001 → 01002: 12.5 min"), ("6", "01001 → 01002: 14.0 min")]


def test_apl_e02_missing_self_pairs(scene: Scene) -> None:
    scene.edit(TIMES, "01002,01002,0\n", "")
    told = scene.refused("APL-E02", table=TIMES, values=["01002"])
    assert "--self-pair 0" in told["mend"]
    assert scene.noticed("APL-E02", "--self-pair", "0") == "self pairs added at 0 minutes: 1"


def test_apl_e03_times_that_differ_there_and_back() -> None:
    alike = ring(lambda i, j: 7.5 + abs(i - j))
    assert "APL-E03" not in said(alike)
    assert "APL-E03" not in said(ring(lambda i, j: 7.5 + abs(i - j) + 0.9 * (i < j)))
    text = said(ring(lambda i, j: 7.5 + 4 * (i < j)))["APL-E03"]
    assert text.startswith("100.0 % of 132 pairs")


def test_apl_e04_half_a_matrix() -> None:
    from apl import plausible

    pairs = ring(lambda i, j: 7.5 if i < j else None)
    with pytest.raises(TableError) as caught:
        plausible.times(pairs)
    assert (caught.value.fault, caught.value.table) == ("APL-E04", TIMES)
    plausible.times(ring(lambda i, j: 7.5 if i < j or i == j + 1 else None))


def test_apl_e04_is_asked_by_a_run(scene: Scene) -> None:
    head = "code_commune,code_departement,code_region,population,code_bvcv\n"
    rows = [f"{a},01,84,100,{a}" for a in CODES]
    (scene.source / "communes.csv").write_text(head + "\n".join(rows) + "\n")
    scene.table(TIMES).write_text("origine,destination,minutes\n" + "\n".join(
        f"{a},{b},{7.5 * (a < b)}" for a in CODES for b in CODES if a <= b) + "\n")  # fmt: skip
    for name, column in ((OFFRE, "etp"), ("population_standardisee", "population_standardisee")):
        text = "\n".join(f"{a},100" for a in CODES)
        scene.table(name).write_text(f"code_commune,{column}\n{text}\n")
    scene.refused("APL-E04", table=TIMES, column="origine, destination")


def test_apl_e05_times_on_a_bound(scene: Scene) -> None:
    scene.table(TIMES).write_text(SOUND[TIMES].replace("12.5", "10"))
    assert "2 on 10, 0 on 15, 0 on 20 min" in scene.noticed("APL-E05")


def test_apl_e06_rounded_times() -> None:
    assert "APL-E06" not in said(ring(lambda i, j: 7.5 + abs(i - j)))
    text = said(ring(lambda i, j: 10.0 + abs(i - j) % 3))["APL-E06"]
    assert text.startswith("all 132 times looked at are whole minutes")


def test_apl_e07_matrix_cut_below_the_last_bound() -> None:
    pairs = ring(lambda i, j: 7.5)
    short = apl.Catchment.build(
        pa.table({"origine": CODES, "destination": CODES, "minutes": [0.0] * 12}),
        pairs.land, within=15,
    )  # fmt: skip
    with pytest.raises(AplError) as caught:
        short.weigh(LAW.decay)
    assert caught.value.fault == "APL-E07"
    codes = [f"01{k:03}" for k in range(1, 121)]
    table = pa.table({"origine": codes * 2, "destination": codes + codes[1:] + codes[:1],
                      "minutes": [0.0] * 120 + [12.5] * 120})  # fmt: skip
    cut = apl.Catchment.build(table, apl.Territory.from_codes(codes))
    assert "no time is over 12.5" in said(cut)["APL-E07"]


def test_apl_e08_communes_that_reach_no_other(scene: Scene) -> None:
    scene.edit(TIMES, "01004,01001,14\n", "01001,01004,14\n")
    assert scene.noticed("APL-E08").endswith("reach no other commune: 01004")


def test_apl_e09_two_kinds_of_hours(scene: Scene) -> None:
    text = SOUND[TIMES].replace("minutes", "HC,HP").replace(".5", "")
    lines = text.splitlines()
    rows = [f"{line},{line.rpartition(',')[2]}" for line in lines[1:]]
    scene.table(TIMES).write_text("\n".join([lines[0], *rows]) + "\n")
    told = scene.refused("APL-E09", column="minutes", values=["HC", "HP"])
    assert "--time HC" in told["mend"]
    assert scene.run("--time", "HP").code == 0


def test_apl_e10_supply_that_nobody_reaches(scene: Scene) -> None:
    scene.edit("communes", "84,700", "84,0").edit("population_standardisee", "01004,700", "01004,0")
    scene.edit("communes", "0,01004", "0,01001")
    assert scene.noticed("APL-E10") == "2.00 FTE in 1 communes that nobody can reach"


def test_apl_e11_supply_that_is_not_conserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours: what the second step gives is held against what the first one took."""
    access = apl.Catchment.weigh

    class Lossy:
        def __init__(self, real: object) -> None:
            self.real = real

        def __getattr__(self, name: str) -> object:
            found = getattr(self.real, name)
            return (lambda *a, **k: found(*a, **k) * 0.9) if name == "access" else found

    monkeypatch.setattr(apl.Catchment, "weigh", lambda *a, **k: Lossy(access(*a, **k)))
    pairs = ring(lambda i, j: 7.5)
    with pytest.raises(AplError) as caught:
        indicator.access(pairs, np.ones(12), np.full(12, 100.0), LAW)
    assert (caught.value.fault, caught.value.exit_code) == ("APL-E11", 1)
    assert not isinstance(caught.value, RuleError)
