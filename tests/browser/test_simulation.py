"""What-if in the page against the engine: the same country, the same edits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from browser.chrome import needs_browser
from numpy.random import Generator
from regions import LAW

from apl.explained.secrecy import LEAST, Secrecy, secrecy_of
from apl.report.pairs_data import pairs_data
from apl.scenarios.simulate import simulate
from apl.scenarios.situation import Outcome, Situation, outcome, situation

pytestmark = needs_browser
COMMUNES, UNITS, HERE = 240, 30, 20  # the last BVCV are another region's
EDITS = 300
WITHIN = 1e-9
OPEN = "(data) => { window.paires = ouvrirPaires(data); return paires.cibles.length; }"
EDIT = "(edits) => edits.map((e) => [...simuler(paires, new Map(e)).bvcv])"


@dataclass(frozen=True, eq=False)
class Scene:
    """A country, what its page carries, and how it stands."""

    place: Situation
    secrecy: Secrecy
    before: Outcome
    data: dict[str, Any]

    def of_page(self, found: Outcome) -> Any:
        """The APL of the BVCV of the page."""
        table = found.ranking.bvcv
        by = dict(zip(*(table.column(n).to_pylist() for n in ("code_bvcv", "apl")), strict=True))
        return np.array([by[code] for code in self.data["bvcv"]])


@pytest.fixture(scope="module")
def scene() -> Scene:
    rng = np.random.default_rng(7)
    codes = [f"01{k:03d}" for k in range(1, COMMUNES + 1)]
    unit = np.sort(rng.integers(0, UNITS, COMMUNES))
    people = rng.integers(0, 4000, COMMUNES) * (rng.random(COMMUNES) > 0.03)
    persons = rng.integers(0, 9, COMMUNES) * (rng.random(COMMUNES) < 0.6)
    communes = pa.table({
        "code_commune": codes,
        "code_bvcv": [f"{1000 + k:05d}" for k in unit],
        "code_region": ["84" if k < HERE else "93" for k in unit],
        "population": people,
        "population_standardisee": people * rng.uniform(0.8, 1.3, COMMUNES),
        "etp": persons * rng.uniform(0.3, 1.2, COMMUNES),
    })  # fmt: skip
    place = situation(communes, times(codes, rng), LAW, self_pair="0")
    kept = secrecy_of(place, LAW, persons.astype(np.int64))
    before = outcome(place, LAW)
    units = [f"{1000 + k:05d}" for k in range(HERE)][::-1]  # in any order
    cuts = before.ranking.cuts
    return Scene(place, kept, before, pairs_data(place, LAW, kept, cuts, units=units))


def times(codes: list[str], rng: Generator) -> pa.Table:
    """Both ways apart, over 20 minutes too; the last commune is nobody's destination."""
    n = len(codes)
    a, b = (rng.integers(0, n, 12 * n) for _ in range(2))
    keep = (a != b) & (b != n - 1)
    a, b = np.divmod(np.unique(a[keep] * n + b[keep]), n)
    return pa.table({"origine": [codes[k] for k in a], "destination": [codes[k] for k in b],
                     "minutes": rng.integers(0, 250, a.size) / 10})  # fmt: skip


def edits(scene: Scene, rng: Generator, count: int) -> list[list[tuple[str, float]]]:
    """FTE added, and taken away where the page knows how many there are."""
    known = dict(zip(scene.data["communes"], scene.data["etp"], strict=True))
    open_to = sorted(known.keys() - set(scene.data["sans_trajet"]))
    found = []
    for _ in range(count):
        chosen = rng.choice(open_to, size=int(rng.integers(1, 5)), replace=False).tolist()
        found.append([
            (code, -known[code] * float(rng.random()) if known[code] and rng.random() < 0.5
             else float(np.round(rng.uniform(0, 12), 2))) for code in chosen
        ])  # fmt: skip
    return found


def test_edits_are_those_of_the_engine(bare: Any, scene: Scene) -> None:
    assert bare.evaluate(OPEN, scene.data) > 1000
    asked = edits(scene, np.random.default_rng(11), EDITS)
    told = np.array(bare.evaluate(EDIT, asked))
    at, was = scene.place.pairs.land.positions, scene.of_page(scene.before)
    worst = 0.0
    for edit, delta in zip(asked, told, strict=True):
        supply = scene.place.supply.copy()
        supply[at([code for code, _ in edit])] += [fte for _, fte in edit]
        now = scene.of_page(outcome(scene.place, LAW, supply=supply))
        worst = max(worst, float(np.abs(was + delta - now).max()))
    assert worst < WITHIN, worst


def test_communes_and_classes_are_those_of_a_simulation_with_held_cuts(
    bare: Any, scene: Scene
) -> None:
    bare.evaluate(OPEN, scene.data)
    table = scene.before.ranking.bvcv.select(["code_bvcv", "apl", "zone"]).to_pylist()
    ranked = {row["code_bvcv"]: row for row in table}
    bvcv = [{"code": code, "apl": ranked[code]["apl"], "zone_nationale": ranked[code]["zone"]}
            for code in scene.data["bvcv"]]  # fmt: skip
    moved = 0
    for edit in edits(scene, np.random.default_rng(13), 25):
        told = bare.evaluate(
            "([zones, bvcv, edit]) => [[...bvcvSimules(paires, zones, bvcv, new Map(edit))],"
            " [...simuler(paires, new Map(edit)).communes]]",
            [list(LAW.zoning.zones), bvcv, edit],
        )
        found = simulate(scene.place, LAW, dict(edit), hold_cuts=True)
        theirs = {r["code_bvcv"]: r for r in found.bvcv.to_pylist()
                  if r["code_bvcv"] in scene.data["bvcv"]}  # fmt: skip
        ours = dict(told[0])
        noise = theirs.keys() - ours.keys()  # a last bit may move where no edit reaches
        assert ours.keys() <= theirs.keys()
        for code in noise:
            assert theirs[code]["apl_apres"] == pytest.approx(theirs[code]["apl_avant"], abs=1e-12)
        for code, row in ((code, theirs[code]) for code in ours):
            assert ours[code]["zone"] == row["zone_apres"]
            assert ours[code]["apl"] == pytest.approx(row["apl_apres"], abs=WITHIN)
            moved += row["zone_avant"] != row["zone_apres"]
        changed = {r["code_commune"]: r["apl_apres"] - r["apl_avant"]
                   for r in found.communes.to_pylist()}  # fmt: skip
        for code, delta in zip(scene.data["communes"], told[1], strict=True):
            assert delta == pytest.approx(changed.get(code, 0.0), abs=1e-8)
    assert moved > 0


def test_what_is_refused(bare: Any, scene: Scene) -> None:
    """Removing more than there is, or where secrecy hides what there is; a place nobody reaches."""
    bare.evaluate(OPEN, scene.data)
    data = scene.data
    known = dict(zip(data["communes"], data["etp"], strict=True))
    secret = next(code for code, fte in known.items() if fte is None)
    open_code = next(code for code, fte in known.items() if fte)

    def said(code: str, fte: float | None) -> str:
        return str(bare.evaluate("([c, e]) => refusAjout(paires, c, e ?? NaN)", [code, fte]))

    assert said(secret, -0.5).startswith("Secret statistique")
    assert said(secret, 0.5) == said(open_code, -known[open_code]) == said(open_code, 0) == ""
    assert "plus que l’offre en place" in said(open_code, -known[open_code] - 0.01)
    assert "nombre d’ETP" in said(open_code, None)
    assert "nombre d’ETP" in said(open_code, 1e9)
    assert "pas une commune" in said("99999", 1)


def test_secret_supply_is_not_in_the_page(scene: Scene) -> None:
    """Nor that of a commune whose line it shares, whose FTE would tell it."""
    at = scene.place.pairs.land.positions(scene.data["communes"])
    secret = scene.secrecy.secret[at]
    hidden = np.array([fte is None for fte in scene.data["etp"]])
    assert scene.secrecy.least == LEAST
    assert secret.any()
    assert hidden[secret].all()
    assert not hidden.all()
    assert hidden.sum() > secret.sum()
