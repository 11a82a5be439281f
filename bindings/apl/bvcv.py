"""The BVCV (bassin de vie ou canton-ou-ville), built by the rule.

A commune takes its living area; where the urban unit of the living area's pole has more than
30 000 inhabitants, it takes its canton-ou-ville, marked by an underscore (``0405_``: three overseas
canton codes equal a living area's). Arrondissements of Paris, Lyon and Marseille stand alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl.blocks import UnitRules
from apl.law import Rules
from apl.mergers import located, merge, moved_poles
from apl_core import Fault, refuse_if
from apl_core.convert import mask
from apl_core.errors import at_rows, listed

# The three cities whose arrondissements have codes of their own (INSEE, COG): first and last.
CITIES = {"75056": (75101, 75120), "69123": (69381, 69389), "13055": (13201, 13216)}
OVERSEAS = r"^97[0-9]{3}$"
NO_AREA = "ZZZZZ"  # INSEE's code where a vintage drew no living area
CITY_OF = {str(a): city for city, (low, high) in CITIES.items() for a in range(low, high + 1)}


@dataclass(frozen=True)
class Place:
    """One commune (or arrondissement) of the geography."""

    libelle: str
    departement: str
    region: str
    living_area: str
    canton: str
    urban_unit: str


@dataclass(frozen=True, eq=False)
class Built:
    """The ``communes`` table with its BVCV, and what was noticed.

    ``without_population``: communes of the geography that the population table does not have;
    they are left out. ``merged``: communes that have gone into another one, and which.
    ``merged_areas``: BVCV that merged with another one, since their poles did. ``poles``: living
    areas whose pole had merged before the date of the geography, and the commune that it is now.
    """

    communes: pa.Table
    without_population: tuple[str, ...]
    merged: Mapping[str, str]
    merged_areas: Mapping[str, str]
    poles: Mapping[str, str]


def build(
    geographie: pa.Table,
    population_municipale: pa.Table,
    rules: Rules,
    *,
    movements: pa.Table | None = None,
    between: tuple[date, date] | None = None,
) -> Built:
    """The ``communes`` table, each commune in its BVCV (arrêté of 2024, annexe, II).

    Parameters
    ----------
    geographie : pyarrow.Table
        Commune, département, region, living area, canton-ou-ville, urban unit; the three cities
        as one commune each, as INSEE publishes it.
    population_municipale : pyarrow.Table
        Persons by commune, arrondissements in place of the three cities.
    rules : Rules
    movements : pyarrow.Table, optional
        INSEE's movements of communes; those after ``between[0]`` and up to ``between[1]`` are
        applied to the result: a commune nouvelle takes the BVCV of the commune whose code it keeps,
        and BVCV whose poles merge become one. Those up to ``between[0]`` say which commune is the
        pole of a living area older than the geography, if the commune whose code it bears is gone;
        one that has left the living area is none.
    between : (date, date), optional
        Date of the geography, and date wanted.

    Raises
    ------
    TableError
        A population for an unknown commune or one of no living area, a city given beside its
        arrondissements, a living area whose pole is not in the geography, a commune that was split,
        or that moved to a département that the geography does not have.
    """
    places = _places(geographie)
    given = (population_municipale.column(name) for name in ("code_commune", "population"))
    persons: dict[str, int] = dict(zip(*(column.to_pylist() for column in given), strict=True))
    poles: dict[str, str] = {}
    if movements is not None:
        if between is None:
            raise ValueError("movements need `between`: the date of the geography, and the wanted")
        area_of = {code: place.living_area for code, place in places.items()}
        poles = moved_poles(area_of, movements, between[0])
    refuse_if(_population_faults(places, persons, poles))
    of_city: Counter[str] = Counter()
    for code, count in persons.items():
        of_city[CITY_OF.get(code, code)] += count
    units = _assign(places, of_city, poles, rules.territory)
    places, units = _with_arrondissements(places, units, persons)
    merged: dict[str, str] = {}
    merged_areas: dict[str, str] = {}
    if movements is not None and between is not None:
        units, merged, merged_areas = merge(units, persons, movements, between, rules.territory)
        stood = {code: (place.departement, place.region) for code, place in places.items()}
        for old, (new, departement, region) in located(merged, stood).items():
            there = replace(places[old], departement=departement, region=region)
            places.setdefault(new, there)
            if old in persons:
                persons[new] = persons.get(new, 0) + persons.pop(old)
    codes = sorted(code for code in units if code in persons)
    left_out = tuple(sorted(code for code in units if code not in persons))
    table = pa.table(
        {
            "code_commune": codes,
            "libelle": [places[code].libelle for code in codes],
            "code_departement": [places[code].departement for code in codes],
            "code_region": [places[code].region for code in codes],
            "population": pa.array([persons[code] for code in codes], pa.int64()),
            "code_bvcv": [units[code] for code in codes],
        }
    )
    return Built(table, left_out, merged, merged_areas, poles)


def _places(geographie: pa.Table) -> dict[str, Place]:
    columns = [geographie.column("code_commune").to_pylist()]
    if "libelle" in geographie.column_names:
        columns.append(geographie.column("libelle").to_pylist())
    else:
        columns.append([""] * geographie.num_rows)
    names = ("departement", "region", "bassin_de_vie", "canton_ville", "unite_urbaine")
    columns += [geographie.column(f"code_{name}").to_pylist() for name in names]
    rows = zip(*columns, strict=True)
    return {row[0]: Place(row[1] or "", *row[2:]) for row in rows}


def _population_faults(
    places: Mapping[str, Place], persons: Mapping[str, int], poles: Mapping[str, str]
) -> list[Fault]:
    both = {CITY_OF[c] for c in persons if c in CITY_OF and CITY_OF[c] in persons}
    unknown = {c for c in persons if CITY_OF.get(c, c) not in places and c not in places}
    lost = f"{sum(persons[c] for c in unknown):,} inhabitants would be in no zone"
    absent = {place.living_area for place in places.values()} - {*places, *poles, NO_AREA}
    homeless = {c for c, p in places.items() if p.living_area == NO_AREA and persons.get(c)}
    people = ("population_municipale", "code_commune")
    areas = ("geographie", "code_bassin_de_vie")
    kinds = (
        (both, "APL-C07", "a city given beside its arrondissements", people,
         "their inhabitants would count twice", "keep the arrondissements alone"),
        (unknown, "APL-C02", "communes with a population that the geography does not have", people,
         lost, "use one vintage of codes in both tables"),
        (absent, "APL-C14", "living areas whose pole commune is not in the geography", areas,
         "the rule looks at the urban unit of the commune whose code the living area bears",
         "use living areas and communes of one vintage, or say where the poles went: --movements"),
        (homeless, "APL-C11", "communes with inhabitants and no living area", areas,
         "their vintage of living areas drew none there", "use a vintage that has them (2022)"),
    )  # fmt: skip
    return [
        Fault(fault, title, why, mend, *where, **listed(sorted(codes)))
        for codes, fault, title, where, why, mend in kinds
        if codes
    ]


def _assign(
    places: Mapping[str, Place],
    persons: Mapping[str, int],
    poles: Mapping[str, str],
    law: UnitRules,
) -> dict[str, str]:
    """The BVCV of each commune: its living area, or its canton where the pole is a large town."""
    size: Counter[str] = Counter()
    for code, place in places.items():
        size[place.urban_unit] += persons.get(code, 0)
    units = {}
    for code, place in places.items():
        if place.living_area == NO_AREA:  # without inhabitants, as was checked: it is left out
            units[code] = NO_AREA
            continue
        town = places[poles.get(place.living_area, place.living_area)].urban_unit
        if town.endswith("000") or size[town] <= law.urban_unit_above:  # 000: in no urban unit
            units[code] = place.living_area
        elif place.canton.endswith("ZZ") and law.canton_without_number == "by_commune":
            units[code] = code
        else:
            units[code] = f"{place.canton}_"
    return units


def _with_arrondissements(
    places: dict[str, Place], units: dict[str, str], persons: Mapping[str, int]
) -> tuple[dict[str, Place], dict[str, str]]:
    """The three cities replaced by their arrondissements, each its own unit."""
    places, units = dict(places), dict(units)
    given = {CITY_OF[code] for code in persons if code in CITY_OF}
    for code, city in CITY_OF.items():
        if city not in given:
            continue
        if city in places and code not in places:
            number = int(code) - CITIES[city][0] + 1
            name = f"{places[city].libelle} {number}{'er' if number == 1 else 'e'} Arrondissement"
            places[code] = replace(places[city], libelle=name)
        if code in places:  # one without population is named and left out, as communes are
            units[code] = code
            units.pop(city, None)
    return places, units


def bare_overseas(communes: pa.Table) -> list[Fault]:
    """Overseas codes of BVCV that could be a living area's or a canton's without its mark.

    97106 is both. It is the living area where the commune of that code, its pole, belongs to it;
    else it is refused (``APL-C13``).

    Parameters
    ----------
    communes : pyarrow.Table
        ``code_commune``, ``code_bvcv``.

    Examples
    --------
    >>> codes = {"code_commune": ["97105", "97106"], "code_bvcv": ["97106", "97106_"]}
    >>> [fault.values for fault in bare_overseas(pa.table(codes))]
    [('97106',)]
    """
    units = communes.column("code_bvcv").cast(pa.string())
    known = pc.unique(units)
    bare = pc.is_in(units, value_set=known.filter(pc.match_substring_regex(known, OVERSEAS)))
    rows = np.flatnonzero(mask(bare))  # few: only they are looked at
    units, codes = (column.take(pa.array(rows)) for column in (units, communes["code_commune"]))
    own = pc.equal(codes.cast(pa.string()), units)
    rows = rows[~mask(pc.is_in(units, value_set=pc.unique(units.filter(own))))]
    if not rows.size:
        return []
    return [
        Fault(
            "APL-C13",
            "overseas codes that may be a canton's or a living area's",
            "no commune of that code belongs to the BVCV, as the pole of a living area would",
            "mark cantons with _ (97106_); a living area bears the code of a commune in it",
            "communes",
            "code_bvcv",
            **at_rows(rows, communes["code_bvcv"]),
        )
    ]
