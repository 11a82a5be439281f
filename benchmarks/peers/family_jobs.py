"""Members of the floating-catchment family by the packages that know them.

A job is ``run(source, out, member)``: from the Parquet files of ``source`` to one Parquet file of
``code_commune, acces``. What a package lacks is not written for it; what it defines otherwise is
said here, and asked of it in the way that agrees:

* rings close on the right in all of them (10 minutes are in the nearer one); the law's close left;
* pysal's 3SFCA divides people between all destinations of the matrix, ours between facilities, as
  in Wan et al. (2012): it is given the pairs that lead to supply;
* pysal divides by zero where nobody reaches a facility; nobody is out of reach here;
* aceso's 3SFCA chooses by 1/d, not by the decay of Wan et al.: not asked for. It is dense, n × n.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

RINGS = {10: 1.0, 15: 2 / 3, 20: 1 / 3}  # minutes, right-closed: weight
WITHIN = 20
SIGMA = 8.0  # minutes, of the gaussian


def _tables(source: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Demand and supply by commune, and pairs; codes are text, as in the files."""
    demand = pd.read_parquet(source / "population_standardisee.parquet")
    supply = pd.read_parquet(source / "offre.parquet")
    pairs = pd.read_parquet(source / "temps_de_parcours.parquet")
    demand, supply = (table.set_index("code_commune") for table in (demand, supply))
    return demand, supply.groupby(level=0).sum(), pairs


def _write(out: Path, codes: pd.Index, values: object) -> None:
    pd.DataFrame({"code_commune": codes, "acces": values}).to_parquet(out, index=False)


def _tuned(source: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The same, made light by hand: codes as categories of one list (a third faster than text; of
    the pairs alone, slower), and no pair that leads to no supply (three times faster)."""
    demand, supply, pairs = _tables(source)
    codes = demand.index
    same = pd.CategoricalDtype(codes)
    pairs = _to_supply(pairs, supply).astype({"origine": same, "destination": same})
    supply = supply.reindex(codes, fill_value=0.0)
    demand.index = supply.index = pd.CategoricalIndex(codes, dtype=same, name="code_commune")
    return demand, supply, pairs


def _to_supply(pairs: pd.DataFrame, supply: pd.DataFrame) -> pd.DataFrame:
    return pairs[pairs["destination"].isin(supply.index[supply["etp"] > 0])]


def pysal(source: Path, out: Path, member: str, *, tuned: bool = False) -> None:
    """pysal's `access`: its functions, which its class calls after checks of columns."""
    from access import fca, weights

    demand, supply, pairs = _tuned(source) if tuned else _tables(source)
    known = {
        "2SFCA": None,
        "E2SFCA": weights.step_fn(RINGS),
        "KD2SFCA": weights.gaussian(SIGMA),
        "3SFCA": weights.step_fn(RINGS),
    }
    solve = fca.three_stage_fca if member == "3SFCA" else fca.two_stage_fca
    if member == "3SFCA" and not tuned:
        pairs = _to_supply(pairs, supply)
    found = solve(
        demand,
        supply,
        pairs,
        max_cost=WITHIN,
        demand_index=True,
        demand_name="population_standardisee",
        supply_index=True,
        supply_name="etp",
        cost_origin="origine",
        cost_dest="destination",
        cost_name="minutes",
        weight_fn=known[member],
    )
    found = found.reindex(demand.index, fill_value=0.0)  # who reaches no facility has no row
    _write(out, found.index.astype(str), found.to_numpy())


def traccess(source: Path, out: Path, member: str) -> None:
    """traccess has no floating catchment: its cumulative sums, once each way."""
    from traccess import AccessComputer, Cost, Supply

    demand, supply, pairs = _tables(source)
    back = {"origine": "destination", "destination": "origine"}

    def sums(of: pd.DataFrame, minutes: pd.DataFrame) -> pd.DataFrame:
        places = Supply(of.reset_index(), id_column="code_commune")
        cost = Cost(minutes, from_id="origine", to_id="destination")
        computer = AccessComputer(places, cost)
        if member == "2SFCA":
            return computer.cumulative_cutoff(["minutes"], [WITHIN]).data
        return computer.cumulative_decay(["minutes"], _rings).data

    reached = sums(demand, pairs.rename(columns=back))["population_standardisee"]
    ratio = (supply["etp"] / reached).fillna(0.0).rename("ratio").to_frame()
    ratio.index.name = "code_commune"
    found = sums(ratio, pairs)["ratio"]
    _write(out, found.index, found.to_numpy())


def _rings(minutes: float) -> float:
    return next((weight for until, weight in RINGS.items() if minutes <= until), 0.0)


def aceso(source: Path, out: Path, member: str) -> None:
    """aceso on a matrix that is dense, infinite where there is no pair."""
    from aceso import GravityModel

    demand, supply, pairs = _tables(source)
    codes = demand.index
    matrix = np.full((codes.size, codes.size), np.inf)
    at = codes.get_indexer(pairs["origine"]), codes.get_indexer(pairs["destination"])
    matrix[at] = pairs["minutes"]
    decay = {
        "2SFCA": lambda t: (t <= WITHIN).astype(float),
        "E2SFCA": lambda t: np.select([t <= until for until in RINGS], list(RINGS.values()), 0.0),
        "M2SFCA": lambda t: np.select([t <= until for until in RINGS], list(RINGS.values()), 0.0),
    }
    exponent = 2.0 if member == "M2SFCA" else 1.0
    model = GravityModel(decay[member], suboptimality_exponent=exponent)
    etp = supply["etp"].reindex(codes, fill_value=0.0).to_numpy()
    with np.errstate(divide="ignore"):
        found = model.calculate_accessibility_scores(
            matrix, demand["population_standardisee"].to_numpy(), etp
        )
    _write(out, codes, found)


def pysal_tuned(source: Path, out: Path, member: str) -> None:
    """The same on tables made light by hand: see `_tuned`."""
    pysal(source, out, member, tuned=True)


JOBS = {
    "pysal access": pysal,
    "pysal access, tables tuned by hand": pysal_tuned,
    "traccess": traccess,
    "aceso": aceso,
}
MEMBERS = {
    "pysal access": ("2SFCA", "E2SFCA", "KD2SFCA", "3SFCA"),
    "pysal access, tables tuned by hand": ("2SFCA", "E2SFCA", "KD2SFCA", "3SFCA"),
    "traccess": ("2SFCA", "E2SFCA"),
    "aceso": ("2SFCA", "E2SFCA", "M2SFCA"),  # dense: a region alone
}
