"""The people of the demonstration country: their roads, their ages, their professionals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

REACH_KM = 19.5  # nobody drives farther as the crow flies in 20 minutes
MINUTES = 20
AGES = np.arange(0, 100, 5)
EUROS_PER_ACT = 18.38
PROFESSIONALS = 88_000

# Inhabitants per thousand by band of five years: old villages, large towns, overseas.
VILLAGES = (38, 46, 52, 50, 34, 36, 44, 52, 55, 66, 74, 82, 87, 87, 80, 54, 41, 25, 10, 3)
TOWNS = (66, 67, 66, 70, 82, 80, 75, 71, 66, 64, 60, 56, 49, 43, 38, 24, 19, 11, 4, 1)
YOUNG = (88, 90, 90, 84, 64, 62, 66, 66, 62, 60, 60, 58, 47, 37, 27, 16, 11, 6, 3, 1)
WOMEN = (49, 49, 49, 48, 49, 50, 51, 51, 51, 51, 51, 51, 52, 53, 54, 57, 61, 66, 73, 80)  # %

# Quantiles between which a uniform draw is interpolated: exact arithmetic on any machine.
FEW_ACTS = 544  # about 10,000 euros
ACTS = ((0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0), (544, 2300, 3830, 5150, 6906, 8800, 14_000))
PRACTITIONER_AGES = ((0.0, 0.3, 0.6, 0.85, 0.94, 1.0), (23, 31, 41, 55, 66, 76))
HARDLY_ACTIVE = 0.06
NEWCOMERS = 0.06
NEWCOMERS_UNDER = 45
TWO_PLACES = 0.02


# Professionals per inhabitant against the national mean: the order of the regions, not a measure.
ABUNDANCE = {
    "01": 1.5, "02": 1.4, "03": 0.5, "04": 1.6, "06": 0.4, "11": 0.75, "24": 0.65, "27": 0.7,
    "28": 0.7, "32": 1.1, "44": 0.9, "52": 0.85, "53": 0.95, "75": 1.05, "76": 1.4, "84": 1.0,
    "93": 1.4, "94": 1.5,
}  # fmt: skip
COAST = (
    "06", "11", "13", "14", "17", "22", "29", "30", "33", "34", "35", "40", "44", "50", "56", "59",
    "62", "64", "66", "76", "80", "83", "85",
)  # fmt: skip
COAST_BONUS = 1.1
TOWN_BONUS = 1.2
LOCAL = (0.6, 0.8)  # least abundance of a living area against its region's, and its span


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

    def populations(self) -> pa.Table:
        """The table ``population_municipale``."""
        return pa.table({"code_commune": self.codes, "population": column(self.population)})

    def coordinates(self) -> pa.Table:
        """The table ``coordonnees``, degrees."""
        degrees = {"longitude": column(self.longitude), "latitude": column(self.latitude)}
        return pa.table({"code_commune": self.codes, **degrees})


def column(values: NDArray[np.generic]) -> pa.Array:
    """An Arrow column over numpy's memory, without a copy."""
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
    edges = np.floor(up_to / up_to[-1] * total + 0.5)
    parts: I64 = np.diff(edges, prepend=0.0).astype(np.int64)
    return parts


def travel_times(
    rng: np.random.Generator, codes: pa.StringArray, xyz: F64, *, town: F64, island: I64
) -> pa.Table:
    """Minutes by road up to 20, in tenths, from the distance: slow in towns, none across the sea.

    ``xyz`` is float64[n, 3] in km; ``town`` the decimal logarithm of the urban unit's inhabitants,
    3 outside any; ``island`` a number by island. There and back differ.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> line = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    >>> rural, mainland = np.full(3, 3.0), np.zeros(3, dtype=np.int64)
    >>> codes = pa.array(["01001", "01002", "01003"])
    >>> table = travel_times(rng, codes, line, town=rural, island=mainland)
    >>> table["minutes"].to_pylist()
    [0.0, 12.5, 11.6, 0.0, 0.0]
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
    pace = 1.0 + 0.1 * (town[origin] + town[destination] - 6.0)  # minutes a kilometre
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
    """Inhabitants by sex and band of five years, exact by commune: old villages, young towns.

    ``population`` is int64[n], ``town`` as in `travel_times`, ``young`` whether overseas.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> one = {"town": np.array([3.0]), "young": np.array([False])}
    >>> table = people_by_age(rng, pa.array(["01001"]), np.array([806]), **one)
    >>> table.num_rows, sum(table["population"].to_pylist())
    (40, 806)
    """
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
    """Euros of care per inhabitant and year by band of age; invented, increasing.

    Examples
    --------
    >>> consumption()["honoraires_par_habitant"].to_pylist()[::8]
    [20.0, 63.0, 220.0]
    """
    euros = np.interp(AGES, [0, 20, 45, 65, 85], [20, 35, 70, 130, 250])
    return pa.table({"age": column(AGES), "honoraires_par_habitant": column(np.round(euros, 2))})


def abundance(
    rng: np.random.Generator,
    departements: Sequence[str],
    regions: Sequence[str],
    owner: I64,
    *,
    areas: I64,
    urban: I64,
) -> F64:
    """Professionals per inhabitant against the mean: by region, coast, living area and town.

    ``owner`` and ``areas`` are positions of each commune's département and pole, ``urban`` the
    inhabitants of its urban unit.
    """
    region = np.array([ABUNDANCE[code] for code in regions])
    coast = np.where([code in COAST for code in departements], COAST_BONUS, 1.0)
    local = (LOCAL[0] + LOCAL[1] * rng.random(owner.size))[areas]
    town = np.where(urban >= 10_000, TOWN_BONUS, 1.0)
    supply: F64 = (region * coast)[owner] * local * town
    return supply


def professionals(
    rng: np.random.Generator,
    places: Places,
    *,
    supply: F64,
    always: Bool,
    persons: int = PROFESSIONALS,
) -> pa.Table:
    """Physiotherapists by place of practice: more where people are many and ``supply`` is high.

    A small commune has none more often than not, unless it is the pole of a living area
    (``always``). One person in fifty works in two places, the second the nearest to the first.
    """
    where = _practices(rng, places.population, supply, always, persons)
    age = np.floor(np.interp(rng.random(persons), *PRACTITIONER_AGES)).astype(np.int64)
    new = (rng.random(persons) < NEWCOMERS) & (age < NEWCOMERS_UNDER)
    acts = _acts(rng, new)
    fees = acts * EUROS_PER_ACT * (0.97 + 0.06 * rng.random(persons))
    person, place, done = _split(rng, acts, where, _nearest(places.xyz))
    euros = np.round(fees[person] * done / np.maximum(acts[person], 1), 2)
    return pa.table(
        {
            "identifiant": [f"P{i:06d}" for i in (person + 1).tolist()],
            "code_commune": places.codes.take(column(place)),
            "age": column(age[person]),
            "actes": column(done),
            "honoraires": column(euros),
            "installe_dans_l_annee": pa.array(new[person].tolist()),
        }
    )


def _practices(
    rng: np.random.Generator, population: I64, supply: F64, always: Bool, persons: int
) -> I64:
    """Each person's place, in order; a commune has practices the likelier the larger it is."""
    chance = population / (population + 1_000.0)
    here = always | (rng.random(population.size) < chance)
    up_to = np.cumsum(np.floor(1_000.0 * population * supply * here))
    draws = np.sort(np.floor(rng.random(persons) * up_to[-1]))
    return np.searchsorted(up_to, draws, side="right")


def _acts(rng: np.random.Generator, new: Bool) -> I64:
    """Acts of the year: a few persons hardly work, newcomers a part of the year."""
    acts = np.interp(rng.random(new.size), *ACTS)
    hardly = rng.random(new.size) < HARDLY_ACTIVE
    acts = np.where(hardly, FEW_ACTS * rng.random(new.size), acts)
    acts = np.where(new, acts * rng.random(new.size), acts)
    return np.floor(acts).astype(np.int64)


def _nearest(xyz: F64) -> I64:
    from scipy.spatial import cKDTree

    _, around = cKDTree(xyz).query(xyz, k=2)
    nearest: I64 = around[:, 1]
    return nearest


def _split(rng: np.random.Generator, acts: I64, where: I64, nearest: I64) -> tuple[I64, I64, I64]:
    """Rows (person, place, acts there): a few persons do up to half of theirs next door."""
    both = np.flatnonzero(rng.random(acts.size) < TWO_PLACES)
    next_door = np.floor(acts[both] * rng.random(both.size) * 0.5).astype(np.int64)
    at_home = acts.copy()
    at_home[both] -= next_door
    person = np.concatenate([np.arange(acts.size), both])
    place = np.concatenate([where, nearest[where[both]]])
    done = np.concatenate([at_home, next_door])
    order = np.argsort(person, kind="stable")
    return person[order], place[order], done[order]
