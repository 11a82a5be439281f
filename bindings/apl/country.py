"""The embedded demonstration country: France in outline, made up inside, for tries and tests.

Real: the 101 départements with their region, number of communes, population (2020), centre and
area (``departements.csv``); codes and inhabitants of Paris, Lyon and Marseille, and the codes of
their arrondissements.
Everything else is **synthetic**: where communes stand, their names, sizes, zones, roads, ages and
professionals. No commune of it is the real one of that code, and no result says anything of it.
Only the orders of magnitude are those of the year 2021: the mean APL of physiotherapists, its
spread, and a south and coasts better supplied than the centre.

Mayotte has ages and a few professionals like the rest, although no APL is published for it.
"""

from __future__ import annotations

import csv
import functools
import importlib.resources
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.country_people import (
    Places,
    abundance,
    apportion,
    consumption,
    people_by_age,
    professionals,
    travel_times,
)
from apl.travel import EARTH_KM, on_sphere

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

KM_PER_DEGREE = 111.32  # at the equator; places are only drawn by it, distances are the sphere's
OVERSEAS = 3  # characters in the code of an overseas département
POLE_AMONG = 21  # one commune in 21 is the pole of a living area: 1,707 of 34,945
POLE_AMONG_OVERSEAS = 5
INHABITANTS_PER_CANTON = 30_000
URBAN_UNIT = 2_000  # inhabitants, INSEE's floor
EMPTY = {"55": 6}  # villages without inhabitants (the Meuse has six)
ISLANDS = {"17": 3, "22": 1, "29": 4, "56": 6, "85": 2, "971": 5}  # communes without a bridge


@dataclass(frozen=True)
class City:
    """A city of arrondissements: its number in the département, theirs, its people in 2020."""

    name: str
    departement: str
    number: int
    first_arrondissement: int
    arrondissements: int
    population: int
    radius_km: float


CITIES = (
    City("Marseille", "13", 55, 13201, 16, 870_321, 8.0),
    City("Lyon", "69", 123, 69381, 9, 522_228, 4.0),
    City("Paris", "75", 56, 75101, 20, 2_145_906, 5.0),
)


@dataclass(frozen=True, eq=False)
class Departements:
    """The facts, one array a column, in the order of codes."""

    codes: tuple[str, ...]
    regions: tuple[str, ...]
    communes: I64
    population: I64
    longitude: F64
    latitude: F64
    radius_km: F64

    @property
    def overseas(self) -> NDArray[np.bool_]:
        """Whether each is overseas."""
        return np.array([len(code) == OVERSEAS for code in self.codes])


@dataclass(frozen=True, eq=False)
class Land:
    """Where the communes stand: département, degrees and kilometres from the Earth's centre.

    ``chief`` holds the position of each département's chief town.
    """

    owner: I64
    chief: I64
    longitude: F64
    latitude: F64
    xyz: F64


def country(seed: int = 2020) -> dict[str, pa.Table]:
    """The input tables of a whole country, synthetic; the same seed gives the same bytes.

    Parameters
    ----------
    seed : int
        Of the generator (PCG64, uniforms only, whose stream numpy keeps).

    Returns
    -------
    dict of str to pyarrow.Table
        ``geographie`` (Paris, Lyon, Marseille as one commune each), and, with their
        arrondissements instead, ``population_municipale``, ``coordonnees``,
        ``temps_de_parcours`` (minutes ≤ 20, self pairs at 0, sorted, codes
        dictionary-encoded), ``population_par_age`` and ``professionnels``; and
        ``consommation_par_age`` (euros).

    Examples
    --------
    >>> tables = country()
    >>> tables["geographie"].num_rows, tables["professionnels"].num_rows
    (34945, 89694)
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    facts = departements()
    land = _scatter(rng, facts)
    priority, poles = _poles(rng, facts, land)
    population = _sizes(rng, facts, land, priority, poles)
    areas = _living_areas(land, population, poles)
    urban, units = _urban_units(facts, land, population)
    codes = _codes(facts)
    supply = abundance(rng, facts.codes, facts.regions, land.owner, areas=areas, urban=urban)
    places = _places(rng, facts, land, codes, population)
    of = places.commune
    town = _town(urban)[of]
    return {
        "geographie": _geography(facts, land, codes, population, areas, units),
        "population_municipale": places.populations(),
        "coordonnees": places.coordinates(),
        "temps_de_parcours": travel_times(
            rng, places.codes, places.xyz, town=town, island=_islands(facts, land)[of]
        ),
        "population_par_age": people_by_age(
            rng, places.codes, places.population, town=town, young=facts.overseas[land.owner[of]]
        ),
        "consommation_par_age": consumption(),
        "professionnels": professionals(rng, places, supply=supply[of], always=np.isin(of, poles)),
    }


@functools.cache
def departements() -> Departements:
    """The facts of ``departements.csv``.

    Examples
    --------
    >>> len(departements().codes), int(departements().population.sum())
    (101, 67441058)
    """
    file = importlib.resources.files("apl_schemas") / "departements.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    area = np.array([float(row["superficie_km2"]) for row in rows])
    return Departements(
        codes=tuple(row["code_departement"] for row in rows),
        regions=tuple(row["code_region"] for row in rows),
        communes=np.array([int(row["communes"]) for row in rows]),
        population=np.array([int(row["population"]) for row in rows]),
        longitude=np.array([float(row["longitude"]) for row in rows]),
        latitude=np.array([float(row["latitude"]) for row in rows]),
        radius_km=np.sqrt(area / 3.1416),
    )


def _codes(facts: Departements) -> list[str]:
    """Codes of the communes: département and number, in order."""
    codes = [
        f"{code}{number:0{5 - len(code)}d}"
        for code, communes in zip(facts.codes, facts.communes, strict=True)
        for number in range(1, communes + 1)
    ]
    return ["75056" if code == "75001" else code for code in codes]


def _labels(codes: list[str], population: I64) -> list[str]:
    """Names that nobody bears, but for the three cities."""
    kinds = ("Village", "Bourg", "Ville")
    kind = np.searchsorted([2_000, 20_000], population, side="right")
    cities = {f"{city.departement}{city.number:03d}": city.name for city in CITIES}
    return [cities.get(c, f"{kinds[k]} {c}") for k, c in zip(kind, codes, strict=True)]


def _scatter(rng: np.random.Generator, facts: Departements) -> Land:
    """Communes at random in their département, each département the cell of its circle.

    Cells (a power diagram) touch without overlapping, so roads cross their borders; a point that
    falls out of its cell, or too far at sea, is drawn again.
    """
    owner = np.repeat(np.arange(len(facts.codes)), facts.communes)
    km_per_longitude = np.round(KM_PER_DEGREE * np.cos(np.radians(facts.latitude)), 2)
    reach = 1.15 * facts.radius_km  # cells have corners
    longitude, latitude = np.empty(owner.size), np.empty(owner.size)
    pending = np.arange(owner.size)
    while pending.size:
        own = owner[pending]
        east, north = reach[own] * (2.0 * rng.random((2, pending.size)) - 1.0)
        x = np.round(facts.longitude[own] + east / km_per_longitude[own], 4)
        y = np.round(facts.latitude[own] + north / KM_PER_DEGREE, 4)
        power = (
            ((x[:, None] - facts.longitude) * km_per_longitude) ** 2
            + ((y[:, None] - facts.latitude) * KM_PER_DEGREE) ** 2
            - facts.radius_km**2
        )
        longitude[pending], latitude[pending] = x, y
        inside = (power.argmin(axis=1) == own) & (east**2 + north**2 <= reach[own] ** 2)
        pending = pending[~inside]
    number = np.ones_like(facts.communes)
    for city in CITIES:
        number[facts.codes.index(city.departement)] = city.number
    chief = np.cumsum(facts.communes) - facts.communes + np.minimum(number, facts.communes) - 1
    longitude[chief], latitude[chief] = facts.longitude, facts.latitude
    return Land(owner, chief, longitude, latitude, kilometres(longitude, latitude))


def kilometres(longitude: F64, latitude: F64) -> F64:
    """Points of the sphere, float64[n, 3] in km, rounded so that no libm shows.

    Examples
    --------
    >>> kilometres(np.array([0.0]), np.array([90.0])).tolist()
    [[0.0, 0.0, 6371.0]]
    """
    return np.round(EARTH_KM * on_sphere(longitude, latitude), 6)


def _poles(rng: np.random.Generator, facts: Departements, land: Land) -> tuple[F64, I64]:
    """Priorities, and the communes whose priority is the highest around: poles, well spread."""
    from scipy.spatial import cKDTree

    priority = rng.random(land.owner.size)
    priority[land.chief] += 1.0
    for city in CITIES:
        priority[land.chief[facts.codes.index(city.departement)]] += 1.0
    _, around = cKDTree(land.xyz).query(land.xyz, k=POLE_AMONG)
    rivals = priority[around]
    rivals[facts.overseas[land.owner], POLE_AMONG_OVERSEAS:] = 0.0
    return priority, np.flatnonzero(priority >= rivals.max(axis=1))


def _rank_within(group: I64, key: F64) -> I64:
    """Rank from 0 of each row within its group, by increasing key; groups are contiguous."""
    order = np.lexsort((key, group))
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size) - np.searchsorted(group, group[order])
    return rank


def _sizes(
    rng: np.random.Generator, facts: Departements, land: Land, priority: F64, poles: I64
) -> I64:
    """Inhabitants: a rank-size law in each département, larger near larger poles.

    ``sqrt(1 - q) / q**a`` of the rank q follows the real sizes from 30 to 30,000 inhabitants with
    a = 0.8; crowded départements are more even.
    """
    from scipy.spatial import cKDTree

    among_poles = _rank_within(land.owner[poles], -priority[poles])
    mass = facts.population[land.owner[poles]] / (1.0 + among_poles)
    distance, near = cKDTree(land.xyz[poles]).query(land.xyz, k=8)
    pull = (mass[near] / (1.0 + (np.round(distance, 3) / 4.0) ** 2)).sum(axis=1)
    pull *= (0.2 + rng.random(pull.size)) ** 2
    pull[poles] *= 4.0
    pull[land.chief] = np.inf
    rank = _rank_within(land.owner, -pull)
    share = (rank + 0.5) / facts.communes[land.owner]
    evenness = np.interp(facts.population / facts.communes, [2e3, 4e4], [0.8, 0.35])
    weight = np.sqrt(1.0 - share) / share ** evenness[land.owner]
    weight = np.round(weight * (0.8 + 0.4 * rng.random(weight.size)), 6)
    return _apportion_sizes(facts, land, rank, weight)


def _apportion_sizes(facts: Departements, land: Land, rank: I64, weight: F64) -> I64:
    """Whole inhabitants by commune, exact by département; cities as counted."""
    population = np.zeros(land.owner.size, dtype=np.int64)
    cities = {city.departement: city.population for city in CITIES}
    ends = np.cumsum(facts.communes)
    for i, code in enumerate(facts.codes):
        here = np.arange(ends[i] - facts.communes[i], ends[i])
        people = facts.population[i]
        if code in cities:
            population[land.chief[i]] = cities[code]
            people -= cities[code]
            here = here[here != land.chief[i]]
        here = here[rank[here] < facts.communes[i] - EMPTY.get(code, 0)]
        if here.size:
            population[here] = 1 + apportion(weight[here], people - here.size)
    return population


def _living_areas(land: Land, population: I64, poles: I64) -> I64:
    """The pole that each commune looks to: the nearest, a larger one from farther."""
    from scipy.spatial import cKDTree

    distance, near = cKDTree(land.xyz[poles]).query(land.xyz, k=8)
    attraction = np.sqrt(np.sqrt(np.maximum(population[poles], 1)))
    chosen = (np.round(distance, 3) / attraction[near]).argmin(axis=1)
    areas: I64 = poles[near[np.arange(near.shape[0]), chosen]]
    return areas


def _urban_units(facts: Departements, land: Land, population: I64) -> tuple[I64, list[str]]:
    """Inhabitants of the urban unit of each commune (0 outside any), and its code.

    Communes whose built-up circles touch are one unit, if they count 2,000 inhabitants together.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    built = np.flatnonzero(population >= 500)
    radius = 0.3 + 0.012 * np.sqrt(population[built])
    a, b = cKDTree(land.xyz[built]).query_pairs(15.0, output_type="ndarray").T
    gap = np.sqrt(((land.xyz[built[a]] - land.xyz[built[b]]) ** 2).sum(axis=1))
    touch = np.round(gap, 3) <= np.round(radius[a] + radius[b], 3)
    links = coo_matrix((np.ones(touch.sum()), (a[touch], b[touch])), (built.size, built.size))
    _, unit = connected_components(links, directed=False)
    people = np.bincount(unit, population[built]).astype(np.int64)
    size = np.zeros(population.size, dtype=np.int64)
    size[built] = np.where(people[unit] >= URBAN_UNIT, people[unit], 0)
    return size, _codes_of_units(facts, land, built, unit, size)


def _town(urban: I64) -> F64:
    """How large a town: decimal logarithm of its inhabitants, 3 outside any."""
    size = np.empty(urban.size)
    np.log10(np.maximum(urban, 1_000), out=size)
    return np.round(size, 3)


def _codes_of_units(facts: Departements, land: Land, built: I64, unit: I64, size: I64) -> list[str]:
    """``01101`` within a département, ``00101`` across, ``01000`` outside, ``9A`` for 971."""
    prefix = [c if len(c) < OVERSEAS else f"9{'ABCDEF'[int(c[2]) - 1]}" for c in facts.codes]
    codes = [f"{prefix[i]}000" for i in land.owner]
    counts = dict.fromkeys(["00", *prefix], 100)
    members: dict[int, list[int]] = {}
    for commune, one in zip(built.tolist(), unit.tolist(), strict=True):
        if size[commune]:
            members.setdefault(one, []).append(commune)
    for communes in members.values():
        owners = {prefix[land.owner[c]] for c in communes}
        head = owners.pop() if len(owners) == 1 else "00"
        counts[head] += 1
        for commune in communes:
            codes[commune] = f"{head}{counts[head]}"
    return codes


def _cantons(facts: Departements, land: Land, population: I64) -> list[str]:
    """Each commune's canton: that of the nearest of its département's largest communes."""
    from scipy.spatial import cKDTree

    rank = _rank_within(land.owner, -population.astype(np.float64))
    wanted = np.clip(facts.population // INHABITANTS_PER_CANTON, 4, 45)
    wanted = np.minimum(wanted, (facts.communes + 1) // 2)
    seats = np.flatnonzero(rank < wanted[land.owner])
    apart = np.column_stack([land.xyz, 1e5 * land.owner])  # départements never mix
    _, nearest = cKDTree(apart[seats]).query(apart)
    return [
        f"{facts.codes[owner]}{rank[seat] + 1:02d}"
        for owner, seat in zip(land.owner, seats[nearest], strict=True)
    ]


def _geography(
    facts: Departements,
    land: Land,
    codes: list[str],
    population: I64,
    areas: I64,
    units: list[str],
) -> pa.Table:
    return pa.table(
        {
            "code_commune": codes,
            "libelle": _labels(codes, population),
            "code_departement": [facts.codes[i] for i in land.owner],
            "code_region": [facts.regions[i] for i in land.owner],
            "code_bassin_de_vie": [codes[i] for i in areas],
            "code_canton_ville": _cantons(facts, land, population),
            "code_unite_urbaine": units,
        }
    )


def _places(
    rng: np.random.Generator, facts: Departements, land: Land, codes: list[str], population: I64
) -> Places:
    """The communes, with the arrondissements of the three cities in their stead, by code."""
    at = {land.chief[facts.codes.index(city.departement)]: city for city in CITIES}
    rows = [(codes[i], i, 0.0, 0.0, population[i]) for i in range(len(codes)) if i not in at]
    for i, city in at.items():
        east, north = city.radius_km * (2.0 * rng.random((2, city.arrondissements)) - 1.0)
        people = apportion(0.5 + rng.random(city.arrondissements), city.population)
        for k in range(city.arrondissements):
            code = str(city.first_arrondissement + k)
            rows.append((code, i, east[k] / 75.0, north[k] / KM_PER_DEGREE, people[k]))
    rows.sort()
    names, commune, easts, norths, counts = zip(*rows, strict=True)
    of = np.array(commune)
    longitude = np.round(land.longitude[of] + np.array(easts), 4)
    latitude = np.round(land.latitude[of] + np.array(norths), 4)
    xyz = kilometres(longitude, latitude)
    return Places(pa.array(names), of, longitude, latitude, xyz, np.array(counts))


def _islands(facts: Departements, land: Land) -> I64:
    """The island of each commune, by twos from the south-west of a coast; 0 is the mainland."""
    island = np.zeros(land.owner.size, dtype=np.int64)
    rank = _rank_within(land.owner, land.longitude + land.latitude)
    for code, communes in ISLANDS.items():
        i = facts.codes.index(code)
        off = (land.owner == i) & (rank < communes)
        island[off] = 100 * i + 1 + rank[off] // 2
    return island
