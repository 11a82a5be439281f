"""The job in pandas: text read as categories, large groups counted by NumPy on their codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import CUTS, LEAST_FEES, OLDEST_AGE, PER, ZONES
from .arrays import F64, sums, type_2


def run(source: Path, out: Path) -> None:
    """The job."""
    names = ["code_commune", "code_bvcv", "code_region", "population"]
    communes = pd.read_parquet(
        source / "communes.parquet", columns=names, read_dictionary=names[1:3]
    )
    codes = pd.Index(communes["code_commune"])
    etp = supply(source, codes)
    demand = standardised(source, codes)
    communes["population_standardisee"] = demand
    communes["etp"] = etp
    communes["apl"] = access(source, codes, etp, demand)
    areas = zoning(communes)
    found = communes.astype({"code_bvcv": "str", "code_region": "str"})
    results = {"apl_communes": found, "bvcv": areas, "parts_regionales": shares(areas)}
    out.mkdir(parents=True, exist_ok=True)
    for name, table in results.items():
        table.to_parquet(out / f"{name}.parquet", index=False)


def positions(column: Any, codes: pd.Index) -> NDArray[np.int64]:
    """Where each value of a category column stands in ``codes``; each category once."""
    found: NDArray[np.int64] = codes.get_indexer(column.cat.categories)[column.cat.codes]
    return found


def supply(source: Path, codes: pd.Index) -> F64:
    """FTE by commune."""
    names = ["code_commune", "identifiant", "age", "actes", "honoraires", "installe_dans_l_annee"]
    rows = pd.read_parquet(
        source / "professionnels.parquet", columns=names, read_dictionary=["code_commune"]
    )
    rows = rows[rows["age"] <= OLDEST_AGE]
    who, names = pd.factorize(rows["identifiant"])
    row_acts = rows["actes"].to_numpy()
    acts = sums(who, row_acts, len(names))
    fees = sums(who, rows["honoraires"], len(names))
    new = sums(who, rows["installe_dans_l_annee"], len(names)) > 0
    retained = new | (fees >= LEAST_FEES)
    field = acts[retained & ~new]
    median, decile = (type_2(field, over, under) for over, under in ((1, 2), (9, 10)))
    fte = np.where(retained, np.where(new, 1.0, np.minimum(acts, decile) / median), 0.0)
    total = acts[who]
    share = 1 / np.bincount(who)[who]
    np.divide(row_acts, total, out=share, where=total > 0)
    at = positions(rows["code_commune"], codes)
    return sums(at, fte[who] * share, len(codes))


def standardised(source: Path, codes: pd.Index) -> F64:
    """The standardised population by commune."""
    fees = pd.read_parquet(source / "consommation_par_age.parquet").set_index("age")
    rows = pd.read_parquet(
        source / "population_par_age.parquet",
        columns=["code_commune", "age", "population"],
        read_dictionary=["code_commune"],
    )
    of_age = fees["honoraires_par_habitant"].reindex(range(fees.index.max() + 1)).to_numpy()
    persons = rows["population"].to_numpy()
    at = positions(rows["code_commune"], codes)
    spent = sums(at, persons * of_age[rows["age"]], len(codes))
    rescaled: F64 = spent * (persons.sum() / spent.sum())
    return rescaled


def access(source: Path, codes: pd.Index, etp: F64, demand: F64) -> F64:
    """The APL by commune."""
    ends = ["origine", "destination"]
    pairs = pd.read_parquet(
        source / "temps_de_parcours.parquet", columns=[*ends, "minutes"], read_dictionary=ends
    )
    minutes = pairs["minutes"].to_numpy()
    origin, destination = (positions(pairs[end], codes) for end in ends)
    weight = (1.0 + (minutes < 10) + (minutes < 15)) * (minutes <= 20) / 3
    faced = sums(destination, weight * demand[origin], len(codes))
    ratio = np.divide(etp, faced, out=np.zeros_like(etp), where=faced > 0)
    reached = sums(origin, weight * ratio[destination], len(codes))
    return reached * PER


def zoning(communes: pd.DataFrame) -> pd.DataFrame:
    """The BVCV, ranked and cut."""
    scored = communes.assign(score=communes["apl"] * communes["population_standardisee"])
    sums = ["population", "population_standardisee", "score"]
    keys = ["code_bvcv", "code_region"]
    pieces = scored.groupby(keys, observed=True)[sums].sum().reset_index()
    pieces = pieces.astype(dict.fromkeys(keys, "str")).sort_values("population", ascending=False)
    grouped = pieces.groupby("code_bvcv")
    areas = grouped[sums].sum().join(grouped["code_region"].first()).reset_index()
    areas["apl"] = areas["score"] / areas["population_standardisee"]
    areas = areas.sort_values(["apl", "population", "code_bvcv"], na_position="first")
    after, total = areas["population"].cumsum(), areas["population"].sum()
    areas["rang"] = areas["apl"].notna().cumsum().where(areas["apl"].notna())
    areas["part_cumulee"] = after / total
    places = np.sum([100 * after > cut * total for cut in CUTS], axis=0)
    areas["zone"] = np.array(ZONES)[places]
    return areas.drop(columns="score")


def shares(areas: pd.DataFrame) -> pd.DataFrame:
    """Persons and BVCV by region and zone."""
    both = pd.concat([areas, areas.assign(code_region="FR")])
    regions = sorted(both["code_region"].unique())
    cells = pd.MultiIndex.from_product([regions, ZONES], names=["code_region", "zone"])
    counts = both.groupby(["code_region", "zone"])["population"].agg(bvcv="size", population="sum")
    counts = counts.reindex(cells, fill_value=0)
    whole = counts.groupby("code_region")["population"].transform("sum")
    return counts.assign(part=counts["population"] / whole).reset_index()
