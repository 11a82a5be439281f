"""The job in PyArrow, NumPy and SciPy: dictionary codes, one CSR matrix, two products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_array

from . import CUTS, LEAST_FEES, OLDEST_AGE, PER, ZONES
from .arrays import F64, sums, type_2

Ranks = NDArray[np.int32]


def run(source: Path, out: Path) -> None:
    """The job."""
    communes = columns(
        source / "communes.parquet", "code_commune", "code_bvcv", "code_region", "population"
    )
    codes = communes["code_commune"].combine_chunks()
    etp = supply(source, codes)
    demand = standardised(source, codes)
    apl = access(source, codes, etp, demand)
    persons = communes["population"].to_numpy()
    unit, units = ranked(communes["code_bvcv"])
    region, regions = ranked(communes["code_region"])
    areas = zoning(unit, region, persons, demand, apl, units, regions)
    found = communes.append_column("population_standardisee", [demand])
    found = found.append_column("etp", [etp]).append_column("apl", [apl])
    results = {"apl_communes": found, "bvcv": areas, "parts_regionales": shares(areas)}
    out.mkdir(parents=True, exist_ok=True)
    for name, table in results.items():
        pq.write_table(table, out / f"{name}.parquet")


def columns(path: Path, *names: str, text: tuple[str, ...] = ()) -> pa.Table:
    """Some columns of a file; those of ``text`` as dictionaries."""
    return pq.ParquetFile(path, read_dictionary=list(text)).read(columns=list(names))


def positions(column: pa.ChunkedArray, codes: pa.Array) -> Ranks:
    """Where each value of a dictionary column stands in ``codes``; each dictionary entry once."""
    parts = []
    for chunk in column.chunks:
        table = pc.index_in(chunk.dictionary, value_set=codes).to_numpy()
        parts.append(table[chunk.indices.to_numpy()])
    return np.concatenate(parts)


def ranked(column: pa.ChunkedArray) -> tuple[Ranks, list[str]]:
    """The rank of each value among the sorted distinct ones, and these."""
    values = pc.unique(column).sort()
    return pc.index_in(column, value_set=values).to_numpy(), values.to_pylist()


def supply(source: Path, codes: pa.Array) -> F64:
    """FTE by commune."""
    wanted = ("code_commune", "identifiant", "age", "actes", "honoraires", "installe_dans_l_annee")
    table = columns(source / "professionnels.parquet", *wanted, text=("code_commune",))
    names = table["identifiant"].combine_chunks().dictionary_encode()
    who, size = names.indices.to_numpy(), len(names.dictionary)
    at = positions(table["code_commune"], codes)
    row_acts = table["actes"].to_numpy().astype(np.float64)
    acts = sums(who, row_acts, size)
    fees = sums(who, table["honoraires"].to_numpy(), size)
    new, old = np.zeros(size, bool), np.zeros(size, bool)
    new[who[table["installe_dans_l_annee"].to_numpy()]] = True
    old[who[table["age"].to_numpy() > OLDEST_AGE]] = True
    retained = ~old & (new | (fees >= LEAST_FEES))
    field = acts[retained & ~new]
    median, decile = (type_2(field, over, under) for over, under in ((1, 2), (9, 10)))
    fte = np.where(retained, np.where(new, 1.0, np.minimum(acts, decile) / median), 0.0)
    total = acts[who]
    share = 1 / np.bincount(who, minlength=size)[who]
    np.divide(row_acts, total, out=share, where=total > 0)
    return sums(at, fte[who] * share, len(codes))


def standardised(source: Path, codes: pa.Array) -> F64:
    """The standardised population by commune."""
    fees = columns(source / "consommation_par_age.parquet", "age", "honoraires_par_habitant")
    wanted = ("code_commune", "age", "population")
    table = columns(source / "population_par_age.parquet", *wanted, text=("code_commune",))
    ages = fees["age"].to_numpy()
    of_age = np.zeros(ages.max() + 1)
    of_age[ages] = fees["honoraires_par_habitant"].to_numpy()
    persons = table["population"].to_numpy()
    spent = persons * of_age[table["age"].to_numpy()]
    by_commune = sums(positions(table["code_commune"], codes), spent, len(codes))
    rescaled: F64 = by_commune * (persons.sum() / by_commune.sum())
    return rescaled


def access(source: Path, codes: pa.Array, etp: F64, demand: F64) -> F64:
    """The APL by commune."""
    ends = ("origine", "destination")
    table = columns(source / "temps_de_parcours.parquet", *ends, "minutes", text=ends)
    minutes = table["minutes"].to_numpy()
    origin, destination = (positions(table[end], codes) for end in ends)
    weight = (1.0 + (minutes < 10) + (minutes < 15)) * (minutes <= 20) / 3
    pairs = csr_array((weight, (origin, destination)), shape=(len(codes),) * 2)
    faced = pairs.T @ demand
    ratio = np.divide(etp, faced, out=np.zeros_like(etp), where=faced > 0)
    found: F64 = (pairs @ ratio) * PER
    return found


def zoning(
    unit: Ranks, region: Ranks, persons: Any, demand: F64, apl: F64, units: Any, regions: Any
) -> pa.Table:
    """The BVCV, ranked and cut."""
    shape = (len(units), len(regions))
    cells = sums(unit * shape[1] + region, persons, shape[0] * shape[1])
    of_region = cells.reshape(shape).argmax(axis=1)
    population = sums(unit, persons, shape[0]).astype(np.int64)
    standard = sums(unit, demand, shape[0])
    scored = sums(unit, demand * apl, shape[0])
    mean = np.divide(scored, standard, out=np.full(shape[0], -1.0), where=standard > 0)
    order = np.lexsort((np.arange(shape[0]), population, mean))
    after, place = np.empty_like(population), np.empty(shape[0], np.int64)
    after[order] = population[order].cumsum()
    none = standard == 0
    place[order] = np.arange(1, shape[0] + 1) - np.count_nonzero(none)
    total = int(population.sum())
    zone = np.sum([100 * after > cut * total for cut in CUTS], axis=0)
    return pa.table(
        {
            "code_bvcv": units,
            "code_region": pa.array(regions).take(pa.array(of_region)),
            "population": population,
            "population_standardisee": standard,
            "apl": pa.array(mean, mask=none),
            "rang": pa.array(place, mask=none),
            "part_cumulee": after / total,
            "zone": pa.array(ZONES).take(pa.array(zone)),
        }
    )


def shares(areas: pa.Table) -> pa.Table:
    """Persons and BVCV by region and zone."""
    region, regions = ranked(areas["code_region"])
    zone = pc.index_in(areas["zone"], value_set=pa.array(ZONES)).to_numpy()
    people, shape = areas["population"].to_numpy(), (len(regions), len(ZONES))
    cell, size = region * shape[1] + zone, shape[0] * shape[1]
    count = np.bincount(cell, minlength=size).reshape(shape)
    persons = sums(cell, people, size).reshape(shape)
    count, persons = (np.vstack([table, table.sum(axis=0)]) for table in (count, persons))
    return pa.table(
        {
            "code_region": np.repeat([*regions, "FR"], shape[1]).tolist(),
            "zone": [*ZONES] * (shape[0] + 1),
            "bvcv": count.ravel(),
            "population": persons.ravel().astype(np.int64),
            "part": (persons / persons.sum(axis=1, keepdims=True)).ravel(),
        }
    )
