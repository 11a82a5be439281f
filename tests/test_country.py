"""The embedded country: real facts kept, invented parts plausible, the same bytes for a seed.

Its figures are computed here with numpy alone, so that the engine is not judged by itself.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from apl_schemas import ROOT
from numpy.typing import NDArray

from apl.country import CITIES, EMPTY, country, departements

I64 = NDArray[np.int64]
Tables = dict[str, pa.Table]

PARENT = {
    str(city.first_arrondissement + k): f"{city.departement}{city.number:03d}"
    for city in CITIES
    for k in range(city.arrondissements)
}


@pytest.fixture(scope="module")
def tables() -> Tables:
    return country()


@pytest.fixture(scope="module")
def places(tables: Tables) -> list[str]:
    return texts(tables["population_municipale"], "code_commune")


@pytest.fixture(scope="module")
def population(tables: Tables) -> I64:
    return numbers(tables["population_municipale"], "population")


def texts(table: pa.Table, name: str) -> list[str]:
    values: list[str] = table[name].to_pylist()
    return values


def numbers(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].combine_chunks().to_numpy(zero_copy_only=False)
    return values


def positions(table: pa.Table, name: str, places: list[str]) -> I64:
    """Positions in ``places`` of a column of codes, dictionary-encoded or not."""
    codes = table[name].combine_chunks()
    if not pa.types.is_dictionary(codes.type):
        codes = codes.dictionary_encode()
    at = {code: i for i, code in enumerate(places)}
    where = np.array([at[code] for code in codes.dictionary.to_pylist()])
    found: I64 = where[codes.indices.to_numpy()]
    return found


def departement(code: str) -> str:
    return code[:3] if code.startswith("97") else code[:2]


def as_bytes(tables: Tables) -> dict[str, bytes]:
    written = {}
    for name, table in tables.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        written[name] = sink.getvalue().to_pybytes()
    return written


def test_same_seed_gives_the_same_bytes(tables: Tables) -> None:
    assert as_bytes(country()) == as_bytes(tables)


def test_another_seed_gives_another_country_of_the_same_facts(tables: Tables) -> None:
    other = country(7)
    assert not other["temps_de_parcours"].equals(tables["temps_de_parcours"])
    same = "code_commune"
    assert other["geographie"][same].equals(tables["geographie"][same])


def test_departements_have_their_communes_and_inhabitants(
    tables: Tables, places: list[str], population: I64
) -> None:
    facts = departements()
    communes = Counter(texts(tables["geographie"], "code_departement"))
    assert communes == dict(zip(facts.codes, facts.communes.tolist(), strict=True))
    people: Counter[str] = Counter()
    for code, inhabitants in zip(places, population.tolist(), strict=True):
        people[departement(code)] += inhabitants
    assert people == dict(zip(facts.codes, facts.population.tolist(), strict=True))
    assert len(set(texts(tables["geographie"], "code_region"))) == 18


def test_codes_have_the_form_of_the_real_files(tables: Tables, places: list[str]) -> None:
    geography = tables["geographie"]
    codes = texts(geography, "code_commune")
    assert codes == sorted(set(codes))
    assert places == sorted(set(places))
    assert set(places) - set(codes) == set(PARENT)
    assert set(codes) - set(places) == {"13055", "69123", "75056"}
    units = texts(geography, "code_unite_urbaine")
    assert {len(code) for code in [*codes, *places, *units]} == {5}
    assert all(
        canton.startswith(own) and len(canton) == len(own) + 2
        for canton, own in zip(
            texts(geography, "code_canton_ville"),
            texts(geography, "code_departement"),
            strict=True,
        )
    )


def test_columns_and_codes_are_those_of_the_schemas(tables: Tables) -> None:
    for name, table in tables.items():
        schema = json.loads((ROOT / f"{name}.schema.json").read_text(encoding="utf-8"))
        fields = {field["name"]: field for field in schema["fields"]}
        assert set(table.column_names) <= set(fields)
        assert {k for k, f in fields.items() if not f.get("optional")} <= set(table.column_names)
        assert not any(table[column].null_count for column in table.column_names)
        for column in set(table.column_names) & {k for k in fields if k.startswith("code_")}:
            pattern = re.compile(fields[column]["constraints"]["pattern"])
            assert all(map(pattern.search, table[column].unique().to_pylist()))


def test_every_table_of_places_has_arrondissements(tables: Tables, places: list[str]) -> None:
    assert texts(tables["coordonnees"], "code_commune") == places
    roads = tables["temps_de_parcours"]
    assert roads["origine"].combine_chunks().dictionary.to_pylist() == places
    ages = tables["population_par_age"]["code_commune"].combine_chunks()
    assert ages.dictionary.to_pylist() == places
    assert set(texts(tables["professionnels"], "code_commune")) <= set(places)


def test_sizes_are_those_of_a_country(places: list[str], population: I64) -> None:
    assert 400 <= np.median(population) <= 520
    assert 30 <= (population > 100_000).sum() <= 70
    assert Counter(departement(places[i]) for i in np.flatnonzero(population == 0)) == EMPTY


def test_living_areas_hold_their_pole_and_cross_borders(tables: Tables) -> None:
    geography = tables["geographie"]
    codes = texts(geography, "code_commune")
    area = dict(zip(codes, texts(geography, "code_bassin_de_vie"), strict=True))
    region = dict(zip(codes, texts(geography, "code_region"), strict=True))
    assert all(area[pole] == pole for pole in set(area.values()))
    assert 1_550 <= len(set(area.values())) <= 1_850
    assert len({pole for code, pole in area.items() if region[code] != region[pole]}) > 50


def test_bvcv_by_the_legal_rule(tables: Tables, places: list[str], population: I64) -> None:
    geography = tables["geographie"]
    people: Counter[str] = Counter()
    for code, inhabitants in zip(places, population.tolist(), strict=True):
        people[PARENT.get(code, code)] += inhabitants
    columns = ("code_commune", "code_bassin_de_vie", "code_canton_ville", "code_unite_urbaine")
    rows = list(zip(*(texts(geography, name) for name in columns), strict=True))
    unit_of = {code: unit for code, _, _, unit in rows}
    urban: Counter[str] = Counter()
    for code, unit in unit_of.items():
        urban[unit] += 0 if unit.endswith("000") else people[code]
    divided = {pole for _, pole, _, _ in rows if urban[unit_of[pole]] > 30_000}
    bvcv = {
        f"{canton}_" if pole in divided else pole
        for code, pole, canton, _ in rows
        if code not in PARENT.values()
    }
    assert 200 <= len(divided) <= 400
    assert 2_500 <= len(bvcv) + len(PARENT) <= 3_200
    poles = {pole for _, pole, _, _ in rows}
    assert poles & {canton for _, _, canton, _ in rows}  # overseas, hence the `_`


def test_urban_units_across_departements_start_with_00(tables: Tables) -> None:
    owners = defaultdict(set)
    geography = tables["geographie"]
    units = texts(geography, "code_unite_urbaine")
    for unit, own in zip(units, texts(geography, "code_departement"), strict=True):
        owners[unit].add(own)
    assert all((len(own) > 1) == unit.startswith("00") for unit, own in owners.items())
    assert sum(unit.startswith("00") for unit in owners) > 10


def test_travel_times(tables: Tables, places: list[str]) -> None:
    roads = tables["temps_de_parcours"]
    origin, destination = (positions(roads, name, places) for name in ("origine", "destination"))
    minutes = numbers(roads, "minutes")
    pair = origin * len(places) + destination
    assert 2_000_000 <= pair.size <= 3_000_000
    assert (np.diff(pair) > 0).all()  # sorted, none twice
    assert (minutes[origin == destination] == 0.0).all()
    assert (origin == destination).sum() == len(places)
    assert ((minutes[origin != destination] > 0.0) & (minutes[origin != destination] <= 20)).all()
    assert all((minutes == bound).sum() > 1_000 for bound in (10.0, 15.0, 20.0))
    own = np.unique([departement(code) for code in places], return_inverse=True)[1]
    assert (own[origin] != own[destination]).sum() > 50_000
    assert 5 < (np.bincount(origin) == 1).sum() < 200  # islands
    back = np.searchsorted(pair, destination * len(places) + origin)
    both_ways = pair[np.minimum(back, pair.size - 1)] == destination * len(places) + origin
    assert not both_ways.all()  # there within 20 minutes, back not
    assert (minutes[both_ways] != minutes[back[both_ways]]).mean() > 0.5


def test_ages_sum_to_the_population(tables: Tables, population: I64) -> None:
    ages = tables["population_par_age"]
    by_age = numbers(ages, "population").reshape(-1, 2, 20)
    assert (by_age >= 0).all()
    assert (by_age.sum(axis=(1, 2)) == population).all()
    assert texts(ages[:40], "sexe") == ["F"] * 20 + ["M"] * 20
    assert texts(ages[:40], "age") == [*range(0, 100, 5)] * 2
    assert (np.diff(numbers(tables["consommation_par_age"], "honoraires_par_habitant")) >= 0).all()


def supply(tables: Tables, places: list[str]) -> tuple[NDArray[Any], float, float]:
    """FTE by place with the legal rules, the median and the ninth decile of acts."""
    table = tables["professionnels"]
    person = np.unique(texts(table, "identifiant"), return_inverse=True)[1]
    first = np.unique(person, return_index=True)[1]
    done = numbers(table, "actes")
    acts, fees = np.bincount(person, done), np.bincount(person, numbers(table, "honoraires"))
    of_age = numbers(table, "age")[first] <= 65
    new = numbers(table, "installe_dans_l_annee")[first]
    counted = of_age & (fees >= 10_000)
    median, ninth = np.quantile(acts[counted], [0.5, 0.9])
    fte = np.where(new, 1.0, np.minimum(acts, ninth) / median) * (of_age & (new | counted))
    share = np.where(acts[person] > 0, done / np.maximum(acts, 1)[person], 1.0)
    where = positions(table, "code_commune", places)
    return np.bincount(where, fte[person] * share, len(places)), float(median), float(ninth)


def test_professionals(tables: Tables, places: list[str]) -> None:
    table = tables["professionnels"]
    rows = list(zip(texts(table, "identifiant"), texts(table, "code_commune"), strict=True))
    assert len(set(rows)) == len(rows)
    persons = Counter(identifier for identifier, _ in rows)
    assert 85_000 <= len(persons) <= 95_000
    assert 0.01 < np.mean([places_ > 1 for places_ in persons.values()]) < 0.03
    assert 9_000 <= len({code for _, code in rows}) <= 10_500
    age = numbers(table, "age")
    assert (age.min(), age.max()) == (23, 75)
    assert 0.02 < (age > 65).mean() < 0.1
    assert 0.03 < numbers(table, "installe_dans_l_annee").mean() < 0.05
    _, median, ninth = supply(tables, places)
    assert median == pytest.approx(3_783, rel=0.01)
    assert ninth == pytest.approx(6_906, rel=0.01)


def test_apl_has_the_published_mean_and_spread(
    tables: Tables, places: list[str], population: I64
) -> None:
    fte, _, _ = supply(tables, places)
    by_age = numbers(tables["population_par_age"], "population").reshape(-1, 2, 20).sum(axis=1)
    need = by_age @ numbers(tables["consommation_par_age"], "honoraires_par_habitant")
    people = need * population.sum() / need.sum()
    roads = tables["temps_de_parcours"]
    origin, destination = (positions(roads, name, places) for name in ("origine", "destination"))
    minutes = numbers(roads, "minutes")
    weight = np.where(minutes < 10, 1.0, np.where(minutes < 15, 2 / 3, 1 / 3))
    demand = np.bincount(destination, weight * people[origin], len(places))
    ratio = np.divide(fte, demand, out=np.zeros_like(fte), where=demand > 0)
    apl = 1e5 * np.bincount(origin, weight * ratio[destination], len(places))
    assert 112 <= 1e5 * fte.sum() / population.sum() <= 120
    assert (people * apl).sum() / 1e5 == pytest.approx(fte.sum())

    order = np.argsort(apl, kind="stable")
    share = np.cumsum(population[order]) / population.sum()
    low, high = order[share <= 0.1], order[share > 0.9]
    means = [np.average(apl[tenth], weights=people[tenth]) for tenth in (low, high)]
    assert 6.2 <= means[1] / means[0] <= 7.2  # 6.7 in 2021
