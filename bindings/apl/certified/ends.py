"""End to end, from heads and minutes to an APL, held against the published one of 2021.

METRIC's minutes and the activity of professionals are not open: heads of 2024, scaled to the FTE of
2021, stand in for supply, and OSRM's or estimated minutes for METRIC's. The published APL is
approached, not met; conservation and the same bits in any order are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl.aggregation import aggregate
from apl.certified.figures import Figures
from apl.certified.ground import F64, MK, WORKBOOKS, Ground
from apl.indicator import two_steps
from apl.travel import travel_times
from apl.zoning import classify
from apl_core import Catchment, Territory
from apl_core.territory import column_values

ISERE = "travel/isere_osrm.csv.gz"
PLACES, HEADS = "geography/coordonnees.csv", "supply/bpe_2024_effectifs.csv"
WITHIN = 20  # minutes: beyond, the weights of the law are 0
FARTHER = 25  # minutes: a fit looks one band beyond


@dataclass(frozen=True)
class Scene:
    """A territory, the heads there scaled to FTE, and what was published (NaN: nothing)."""

    land: Territory
    supply: F64
    apl: F64
    standard: F64
    persons: F64

    @property
    def demand(self) -> F64:
        """Standardised population, 0 where none was published."""
        return np.nan_to_num(self.standard)


@dataclass(frozen=True)
class Outcome:
    """An APL and how it stands to the published one."""

    scene: Scene
    apl: F64
    pairs: int
    conserved: float
    same_bits: bool

    @property
    def mean_gap(self) -> float:
        """Gap of the mean weighted by standardised population, in %."""
        known = ~np.isnan(self.scene.apl)
        ours = (self.scene.demand * self.apl).sum() / self.scene.demand.sum()
        theirs = (self.scene.apl * self.scene.standard)[known].sum() / self.scene.demand.sum()
        return float(100 * abs(ours / theirs - 1))


def isere(ground: Ground) -> Figures:
    """The 512 communes of a département, on the minutes of a router."""
    times = ground.table(ISERE, "temps_de_parcours")
    land = Territory.from_codes(pc.unique(times.column("origine").cast(pa.string())))
    return Figures(_told(_solved(ground, _scene(ground, MK, land), _pairs(times, land))))


def france(ground: Ground) -> Figures:
    """The whole country with estimated minutes; then the same as BVCV and zones."""
    found = _solved(ground, *_national(ground, MK))
    return Figures({**_told(found), **_areas(ground, found)})


def five(ground: Ground) -> Figures:
    """The whole country, the other professions: the physiotherapists' bands are lent to them."""
    values: dict[str, float] = {}
    for profession in WORKBOOKS:
        if profession != MK:
            scene, pairs = _national(ground, profession)
            apl = two_steps(pairs[0], scene.supply, scene.demand, ground.law).apl
            plain, weighted = correlations(scene, apl)
            values |= {f"r_{profession}": plain, f"r_weighted_{profession}": weighted}
    return Figures(values)


Pairs = tuple[Catchment, Catchment]  # as they are, and from rows in another order


def _national(ground: Ground, profession: str) -> tuple[Scene, Pairs]:
    """All communes that have coordinates, and the estimated minutes between them."""

    def made() -> tuple[Territory, Pairs]:
        land = Territory.from_table(_places(ground))
        return land, _pairs(estimated(ground), land)

    land, pairs = ground.once("pairs of estimated times", made)
    return _scene(ground, profession, land), pairs


def _places(ground: Ground) -> pa.Table:
    """Communes that have coordinates and a place in the workbooks."""
    places = ground.table(PLACES, "coordonnees")
    codes = pc.unique(ground.workbook(MK).column("code_commune").cast(pa.string()))
    return places.filter(pc.is_in(places.column("code_commune").cast(pa.string()), codes))


def estimated(ground: Ground) -> pa.Table:
    """Estimated minutes between these communes, the table ``temps_de_parcours``."""
    return ground.once("estimated times", lambda: travel_times(_places(ground), within=FARTHER))


def _pairs(times: pa.Table, land: Territory) -> Pairs:
    order = pa.array(np.random.default_rng(1).permutation(times.num_rows))
    one, other = (Catchment.build(rows, land, within=WITHIN, self_pair="0")
                  for rows in (times, times.take(order)))  # fmt: skip
    return one, other


def _solved(ground: Ground, scene: Scene, pairs: Pairs) -> Outcome:
    """Both steps, and again on shuffled rows and two threads."""
    found = two_steps(pairs[0], scene.supply, scene.demand, ground.law)
    again = two_steps(pairs[1], scene.supply, scene.demand, ground.law, threads=2)
    reached = float(scene.supply.sum() - scene.supply[found.unreached].sum())
    received = float((scene.demand * found.apl).sum() / ground.law.per)
    same = found.apl.tobytes() == again.apl.tobytes()
    size = pairs[0].minutes.size
    return Outcome(scene, found.apl, size, abs(received / reached - 1), same)


def _scene(ground: Ground, profession: str, land: Territory) -> Scene:
    table = ground.workbook(profession)
    at = land.positions(table.column("code_commune"))
    keep = at >= 0
    columns = []
    for name in ("apl", "population_standardisee", "population"):
        values = np.full(len(land), np.nan)
        values[at[keep]] = column_values(table.column(name), np.float64, fill=np.nan)[keep]
        columns.append(values)
    rows = ground.rows(HEADS, "code_commune", profession)
    heads = np.array([float(row[profession] or 0) for row in rows])
    national = ground.published(profession)
    fte = float((national.apl * national.standard).sum() / ground.law.per)
    at = land.positions([row["code_commune"] for row in rows])
    supply = np.zeros(len(land))
    supply[at[at >= 0]] = heads[at >= 0] * (fte / heads.sum())
    return Scene(land, supply, *columns)


def correlations(scene: Scene, apl: F64) -> tuple[float, float]:
    """Over communes that have a published APL, plain and weighted by total population."""
    known = ~np.isnan(scene.apl)
    return correlated(apl[known], scene.apl[known], scene.persons[known])


def correlated(a: F64, b: F64, weights: F64) -> tuple[float, float]:
    """Correlation, plain and weighted."""
    cov = np.cov(np.vstack([a, b]), aweights=weights)
    return float(np.corrcoef(a, b)[0, 1]), float(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))


def _told(found: Outcome) -> dict[str, object]:
    plain, weighted = correlations(found.scene, found.apl)
    return {
        "communes": len(found.scene.land),
        "pairs": found.pairs,
        "r": plain,
        "r_weighted": weighted,
        "mean_gap": found.mean_gap,
        "conserved": found.conserved,
        "bits": found.same_bits,
    }


def _areas(ground: Ground, found: Outcome) -> dict[str, object]:
    """BVCV means and zones of the two APL on the same communes."""
    land, scene, communes = found.scene.land, found.scene, ground.units.communes
    inside = communes.filter(pa.array(land.positions(communes.column("code_commune")) >= 0))
    at = land.positions(inside.column("code_commune"))
    areas = []
    for values in (np.where(np.isnan(scene.apl), np.nan, found.apl), scene.apl):
        table = pa.table({"code_commune": inside.column("code_commune"),
                          "apl": pa.array(values[at], from_pandas=True),
                          "population_standardisee": scene.demand[at]})  # fmt: skip
        areas.append(classify(aggregate(table, inside, ground.law), ground.law))
    a, b = (column_values(table.column("apl"), np.float64, fill=np.nan) for table in areas)
    known = ~(np.isnan(a) | np.isnan(b))
    persons = column_values(areas[0].column("population"), np.float64)
    plain, weighted = correlated(a[known], b[known], persons[known])
    same = np.array(areas[0].column("zone").to_pylist()) == areas[1].column("zone").to_pylist()
    return {
        "bvcv_r": plain,
        "bvcv_r_weighted": weighted,
        "zones_same": int(same.sum()),
        "zones_same_persons": float(100 * persons[same].sum() / persons.sum()),
    }
