"""The people of the demonstration country: their roads, their ages, their professionals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

REACH_KM = 21.0  # nobody drives farther as the crow flies in 20 minutes
MINUTES = 20
AGES = np.arange(0, 100, 5)
EUROS_PER_ACT = 18.38
PROFESSIONALS = 88_000

# Inhabitants per thousand by band of five years: old villages, large towns, overseas.
VILLAGES = (42, 52, 58, 56, 40, 42, 50, 56, 58, 67, 72, 76, 76, 74, 68, 46, 35, 22, 8, 2)
TOWNS = (58, 60, 60, 66, 76, 74, 70, 67, 63, 63, 61, 59, 54, 50, 45, 30, 24, 14, 5, 1)
YOUNG = (74, 78, 80, 78, 62, 60, 64, 66, 64, 66, 68, 66, 54, 44, 32, 20, 13, 7, 3, 1)
WOMEN = (49, 49, 49, 48, 49, 50, 51, 51, 51, 51, 51, 51, 52, 53, 54, 57, 61, 66, 73, 80)  # %

# Quantiles between which a uniform draw is interpolated: exact arithmetic on any machine.
ACTS = ((0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0), (544, 2300, 3783, 5150, 6906, 8800, 14_000))
PRACTITIONER_AGES = ((0.0, 0.3, 0.6, 0.85, 0.94, 1.0), (23, 31, 41, 55, 66, 76))
HARDLY_ACTIVE = 0.05
NEWCOMERS = 0.04
TWO_PLACES = 0.02


@dataclass(frozen=True, eq=False)
class Places:
    """Communes and arrondissements in order of code: where people live and work.

    ``commune`` is the position in the geography, ``xyz`` float64[n, 3] in km.
    """

    codes: pa.StringArray
    commune: I64
    longitude: F64
    latitude: F64
    xyz: F64
    population: I64


def column(values: NDArray[np.generic]) -> pa.Array:
    """An Arrow column over numpy's memory (``pa.array`` of numpy would import pandas)."""
    data = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(data.dtype)
    return pa.Array.from_buffers(kind, data.size, [None, pa.py_buffer(data)])


def apportion(weight: F64, total: int) -> I64:
    """Whole numbers that sum to ``total``, as the weights; float64[n] to int64[n].

    Examples
    --------
    >>> apportion(np.array([1.0, 1.0, 2.0]), 10).tolist()
    [3, 2, 5]
    """
    up_to = np.cumsum(weight)
    edges = np.floor(up_to / up_to[-1] * total + 0.5).astype(np.int64)
    return np.diff(edges, prepend=0)


def travel_times(
    rng: np.random.Generator, codes: pa.StringArray, xyz: F64, *, town: F64, island: I64
) -> pa.Table:
    """Minutes by road up to 20, in tenths, from the distance: slow in towns, none across the sea.

    ``town`` is the decimal logarithm of the urban unit's inhabitants; there and back differ.
    """
    from scipy.spatial import cKDTree

    n = len(codes)
    one, other = cKDTree(xyz).query_pairs(REACH_KM, output_type="ndarray").T
    by_road = island[one] == island[other]
    one, other = one[by_road], other[by_road]
    itself = np.arange(n) * (n + 1)
    origin, destination = np.divmod(
        np.sort(np.concatenate([one * n + other, other * n + one, itself])), n
    )
    km = np.sqrt(((xyz[origin] - xyz[destination]) ** 2).sum(axis=1))
    pace = 0.8 + 0.1 * (town[origin] + town[destination] - 6.0)  # minutes a kilometre
    spread = 0.95 + 0.1 * rng.random(km.size)
    tenths = np.floor(10.0 * (2.0 + km * pace) * spread + 0.5)
    tenths[origin == destination] = 0.0
    near = tenths <= 10 * MINUTES
    return pa.table(
        {
            "origine": _coded(origin[near], codes),
            "destination": _coded(destination[near], codes),
            "minutes": column(tenths[near] / 10.0),
        }
    )


def _coded(positions: I64, codes: pa.StringArray) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(column(positions.astype(np.int32)), codes)


def people_by_age(
    rng: np.random.Generator, codes: pa.StringArray, population: I64, *, town: F64, young: Bool
) -> pa.Table:
    """Inhabitants by sex and band of five years, exact by commune: old villages, young towns."""
    n = len(codes)
    women = np.array(WOMEN) / 100.0
    pyramids = np.array([VILLAGES, TOWNS, YOUNG]) / 1_000.0
    pyramids /= pyramids.sum(axis=1, keepdims=True)
    both = np.concatenate([pyramids * women, pyramids * (1.0 - women)], axis=1)
    urban = np.clip(np.interp(town, [3.0, 6.0], [0.0, 1.0]) + rng.random(n) * 0.5 - 0.25, 0.0, 1.0)
    villages, towns, overseas = np.round(np.cumsum(both, axis=1), 9)
    up_to = villages + urban[:, None] * (towns - villages)
    up_to[young] = overseas
    edges = np.floor(up_to * population[:, None] + rng.random((n, 1)))
    edges[:, -1] = population
    people = np.diff(edges, axis=1, prepend=0.0).astype(np.int64)
    sexes = np.tile(np.repeat([0, 1], AGES.size), n)
    return pa.table(
        {
            "code_commune": _coded(np.repeat(np.arange(n), 2 * AGES.size), codes),
            "age": column(np.tile(AGES, 2 * n)),
            "sexe": _coded(sexes, pa.array(["F", "M"])),
            "population": column(people.ravel()),
        }
    )


def consumption() -> pa.Table:
    """Euros of care per inhabitant and year by band of age; invented, increasing."""
    euros = np.interp(AGES, [0, 20, 45, 65, 85], [20, 35, 70, 130, 250])
    return pa.table({"age": column(AGES), "honoraires_par_habitant": column(np.round(euros, 2))})


def professionals(
    rng: np.random.Generator, places: Places, *, abundance: F64, always: Bool
) -> pa.Table:
    """Physiotherapists by place of practice: more where people are many and supply abundant.

    Small communes mostly have none, poles (``always``) can have some; one person in fifty works
    in two places.
    """
    from scipy.spatial import cKDTree

    here = always | (rng.random(places.population.size) < _chance(places.population))
    weight = np.floor(1_000.0 * places.population * abundance * here).astype(np.int64)
    up_to = np.cumsum(weight)
    draws = np.sort(np.floor(rng.random(PROFESSIONALS) * up_to[-1]).astype(np.int64))
    first = np.searchsorted(up_to, draws, side="right")
    _, around = cKDTree(places.xyz).query(places.xyz, k=2)
    age = np.floor(np.interp(rng.random(PROFESSIONALS), *PRACTITIONER_AGES)).astype(np.int64)
    new = (rng.random(PROFESSIONALS) < NEWCOMERS) & (age < 45)
    acts = _acts(rng, new)
    fees = acts * EUROS_PER_ACT * (0.97 + 0.06 * rng.random(PROFESSIONALS))
    both = np.flatnonzero(rng.random(PROFESSIONALS) < TWO_PLACES)
    there = np.floor(acts[both] * rng.random(both.size) * 0.5).astype(np.int64)
    person = np.concatenate([np.arange(PROFESSIONALS), both])
    place = np.concatenate([first, around[first[both], 1]])
    share = np.concatenate([acts, there])
    share[both] -= there
    order = np.argsort(person, kind="stable")
    person, place, share = person[order], place[order], share[order]
    euros = np.round(fees[person] * share / np.maximum(acts[person], 1), 2)
    return pa.table(
        {
            "identifiant": [f"P{i + 1:06d}" for i in person],
            "code_commune": places.codes.take(column(place)),
            "age": column(age[person]),
            "actes": column(share),
            "honoraires": column(euros),
            "installe_dans_l_annee": pa.array(new[person].tolist()),
        }
    )


def _chance(population: I64) -> F64:
    """Chance that a commune has a practice at all."""
    return population / (population + 1_500.0)


def _acts(rng: np.random.Generator, new: Bool) -> I64:
    """Acts of the year: a few persons hardly work, newcomers a part of the year."""
    acts = np.interp(rng.random(new.size), *ACTS)
    hardly = rng.random(new.size) < HARDLY_ACTIVE
    acts[hardly] = 544.0 * rng.random(new.size)[hardly]
    acts[new] *= rng.random(new.size)[new]
    return np.floor(acts).astype(np.int64)
