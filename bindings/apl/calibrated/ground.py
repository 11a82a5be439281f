"""What a calibration stands on: travel times, the published APL, supply; by commune and by block.

A block is what is left out or drawn as a whole, since neighbours resemble each other: a département
where there are several, else the communes nearest to one of some places that lie far apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl_core import Catchment, Fault, TableError, Territory
from apl_core.errors import refuse_lacking
from apl_core.exact import exact_sums
from apl_core.territory import column_values

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

ENOUGH = 5  # départements, regions: fewer say nothing of how far values scatter
PLACES = 10  # of blocks drawn from the travel times
MOST_FOLDS = 20


@dataclass(frozen=True, eq=False)
class Ground:
    """Communes that have travel times and a place in the published table, by code.

    Attributes
    ----------
    pairs : Catchment
        Up to the last bound.
    published, demand, supply : float64[n]
        The published APL (NaN: none), standardised inhabitants, and supply in any unit.
    blocks, folds : int64[n]
        Drawn, and left out, as a whole.
    of_blocks, of_folds : str
        What they are, in words.
    without_times, without_apl : int
        Communes of the published table without travel times, and the other way round.
    supply_left_out : float
        Supply of communes that are not there.
    """

    pairs: Catchment
    published: F64
    demand: F64
    supply: F64
    blocks: I64
    folds: I64
    of_blocks: str
    of_folds: str
    without_times: int
    without_apl: int
    supply_left_out: float

    @property
    def known(self) -> NDArray[np.bool_]:
        """bool[n]: an APL is published."""
        return ~np.isnan(self.published)


def ground(
    travel_times: pa.Table,
    published: pa.Table,
    offre: pa.Table,
    *,
    within: float,
    self_pair: str = "error",
) -> Ground:
    """Bring the three tables to the communes that the first two share.

    Parameters
    ----------
    travel_times, published, offre : pyarrow.Table
        The tables ``temps_de_parcours``, ``apl_publie`` and ``offre``.
    within : float
        Minutes up to which pairs are kept.
    self_pair
        As `Catchment.build`.

    Raises
    ------
    TableError
        No commune in both; no standardised population; as `Catchment.build`.
    """
    refuse_lacking(published, "apl_publie", "code_commune", "apl", "population_standardisee")
    ends = [travel_times.column(name).cast(pa.string()) for name in ("origine", "destination")]
    known = pc.unique(published.column("code_commune").cast(pa.string()))
    there = pc.unique(ends[0])
    codes = there.filter(pc.is_in(there, known)).to_pylist()
    if not codes:
        raise TableError([_apart()])
    land = Territory.from_codes(codes)
    inside = pa.array((land.positions(ends[0]) >= 0) & (land.positions(ends[1]) >= 0))
    pairs = Catchment.build(travel_times.filter(inside), land, within=within, self_pair=self_pair)
    apl, demand = np.full(len(land), np.nan), np.zeros(len(land))
    at = land.positions(published.column("code_commune"))
    for into, name, none in ((apl, "apl", np.nan), (demand, "population_standardisee", 0.0)):
        into[at[at >= 0]] = column_values(published.column(name), np.float64, fill=none)[at >= 0]
    place = land.positions(offre.column("code_commune"))
    amount = column_values(offre.column("etp"), np.float64)
    supply = exact_sums(place[place >= 0], amount[place >= 0], len(land))
    blocks, folds, names = _divided(pairs)
    return Ground(pairs, apl, demand, supply, blocks, folds, *names, len(known) - len(codes),
                  len(there) - len(codes), float(amount[place < 0].sum()))  # fmt: skip


def _divided(pairs: Catchment) -> tuple[I64, I64, tuple[str, str]]:
    """Blocks and folds of the communes, and what they are."""
    codes = pairs.land.codes.to_pylist()
    departement = [code[: 3 if code.startswith("97") else 2] for code in codes]
    if len(set(departement)) < ENOUGH:
        drawn = scattered(pairs, min(PLACES, len(codes)))
        name = f"{drawn.max() + 1} parts, each of the communes nearest to one place"
        return drawn, drawn, (name, name)
    from apl.country import departements

    facts = departements()
    region_of = dict(zip(facts.codes, facts.regions, strict=True))
    region = [region_of.get(one, one) for one in departement]
    blocks, folds = ranked(departement), ranked(region)
    few = folds.max() + 1 < ENOUGH or blocks.max() < MOST_FOLDS
    return blocks, blocks if few else folds, ("départements", "départements" if few else "regions")


def ranked(names: Sequence[str]) -> I64:
    """The rank of each name among the distinct ones.

    >>> ranked(["b", "a", "b"]).tolist()
    [1, 0, 1]
    """
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def scattered(pairs: Catchment, count: int) -> I64:
    """The communes by which of some places is nearest; places are chosen farthest first.

    The first place is the first code; of equally near places the earlier one, of equally far ones
    the smaller code: no row order and no seed is in it.
    """
    n = len(pairs.land)
    start, place, minutes = pairs.start, pairs.destination, pairs.minutes
    nearest, of = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    chosen = 0
    for k in range(count):
        row = slice(start[chosen], start[chosen + 1])
        time = np.full(n, np.inf)
        time[place[row]] = minutes[row]
        time[chosen] = -1.0  # nearest to itself, whatever the table says
        closer = time < nearest
        nearest[closer], of[closer] = time[closer], k
        chosen = int(nearest.argmax())
    return of


def _apart() -> Fault:
    why = "no origin of the travel times is a commune of the published table"
    return Fault("APL-C14", "two tables without a common commune", why, "use one vintage of codes")
