"""The method as the text states it, slow and exact: the oracle of the suite.

Everything is a `Fraction` in a dict. Nothing is imported from the packages under test, nor from
numpy or scipy, so that the oracle shares no line with the accused. "Article" means the annex of the
arrêté of 20 March 2024 (NOR TSSH2408601A). What the text leaves open is a parameter with a name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

Number = int | float | Fraction
Pair = tuple[str, str]  # (where people live, where the professional works)
Band = tuple[Number, bool, Fraction]  # until how many minutes, that bound included?, weight

PER_INHABITANTS = 100_000
LAW_BANDS: tuple[Band, ...] = (
    (10, False, Fraction(1)),
    (15, False, Fraction(2, 3)),
    (20, True, Fraction(1, 3)),
)
LAW_SHARES = (
    ("tres_sous_dotee", Fraction(15, 100)),
    ("sous_dotee", Fraction(15, 100)),
    ("intermediaire", Fraction(40, 100)),
)
LAST_ZONE = "non_prioritaire"
FRANCE = "FR"


# 4.1.1 The supply in full-time equivalents


@dataclass(frozen=True)
class Place:
    """What one professional does in one commune in the year."""

    identifiant: str
    code_commune: str
    age: int
    actes: Number
    honoraires: Number
    installe_dans_l_annee: bool = False
    part_activite: Number | None = None


def quantile(values: Iterable[Number], rank: Fraction, kind: str = "type_7") -> Fraction:
    """The value at `rank` (1/2: median, 9/10: ninth decile), by Hyndman and Fan's types.

    The article (4.1.1) does not say which. Type 2 is the least value that at least `rank` of them
    do not exceed, or the middle of two such; type 7 is linear between neighbours.

    >>> quantile([4, 1, 2, 3], Fraction(1, 2)), quantile(range(11), Fraction(9, 10))
    (Fraction(5, 2), Fraction(9, 1))
    >>> [str(quantile(values, Fraction(1, 2), "type_2")) for values in ([1, 2, 4, 8, 9], [1, 3])]
    ['4', '2']
    """
    ordered = sorted(Fraction(value) for value in values)
    if kind == "type_2":
        share = {v: Fraction(sum(w <= v for w in ordered), len(ordered)) for v in ordered}
        enough = [value for value in ordered if share[value] >= rank]
        more = [value for value in ordered if share[value] > rank] or enough
        return (enough[0] + more[0]) / 2
    place = rank * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def person_fte(
    *,
    age: int,
    acts: Number,
    fees: Number,
    new: bool,
    median: Number,
    ninth_decile: Number,
    floor_fees: Number = 10_000,
    floor_acts: Number | None = None,
    last_age: int = 65,
    order: Sequence[str] = ("age", "installed", "floor"),
) -> Fraction:
    """FTE of one person (4.1.1), in the order age, newly installed, floor, cap.

    A newly installed person counts for one whatever his fees, so the floor comes after; nobody
    counts past 65, so age comes first. The floor may be read as the acts that correspond to it.

    >>> def fte(age, acts, fees, new=False):
    ...     return str(person_fte(age=age, acts=acts, fees=fees, new=new, median=3783,
    ...                           ninth_decile=6906))
    >>> fte(65, 3783, 70_000), fte(66, 3783, 70_000), fte(66, 3783, 70_000, new=True)
    ('1', '0', '0')
    >>> fte(30, 300, 5_500), fte(30, 300, 5_500, new=True), fte(30, 544, 10_000)
    ('0', '1', '544/3783')
    """
    low = fees < floor_fees if floor_acts is None else acts < floor_acts
    concerned = {"age": age > last_age, "installed": new, "floor": low}
    for rule in order:
        if concerned[rule]:
            return Fraction(rule == "installed")
    return min(Fraction(acts), Fraction(ninth_decile)) / Fraction(median)


def places_of(places: Iterable[Place]) -> dict[str, list[Place]]:
    """The places of each person: the article counts persons, not practices."""
    people: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        people[place.identifiant].append(place)
    return people


def split(places: Sequence[Place], by: str = "by_acts") -> list[Fraction]:
    """The share of a person's FTE in each of his places: stated, else by acts, else equal.

    >>> def share(acts, parts=(None, None)):
    ...     return [str(part) for part in split([
    ...         Place("1", "A", 40, acts[0], 0, part_activite=parts[0]),
    ...         Place("1", "B", 40, acts[1], 0, part_activite=parts[1])])]
    >>> share((300, 100)), share((300, 100), (0.5, 0.5)), share((0, 0))
    (['3/4', '1/4'], ['1/2', '1/2'], ['1/2', '1/2'])
    """
    stated = [place.part_activite for place in places]
    weights = [Fraction(0 if part is None else part) for part in stated]
    if None in stated:
        weights = [Fraction(place.actes if by == "by_acts" else 1) for place in places]
    if not sum(weights):
        weights = [Fraction(1)] * len(places)
    return [weight / sum(weights) for weight in weights]


def supply(places: Iterable[Place], *, by: str = "by_acts", **law: Any) -> dict[str, Fraction]:
    """FTE of each commune (4.1.1): the rules apply to the person, then his FTE is split.

    `law` is what `person_fte` is told beside the person.
    """
    total: dict[str, Fraction] = defaultdict(Fraction)
    for theirs in places_of(places).values():
        fte = person_fte(
            age=theirs[0].age,
            acts=sum(Fraction(place.actes) for place in theirs),
            fees=sum(Fraction(place.honoraires) for place in theirs),
            new=any(place.installe_dans_l_annee for place in theirs),
            **law,
        )
        for place, share in zip(theirs, split(theirs, by), strict=True):
            total[place.code_commune] += share * fte
    return dict(total)


# 4.1.2 The demand, standardised by age


def standardise(
    structure: Mapping[tuple[str, int], Number], fees: Mapping[int, Number]
) -> dict[str, Fraction]:
    """Standardised population of each commune (4.1.2), of the same sum as the population.

    `structure` counts the inhabitants of (commune, age band), `fees` the mean fees per inhabitant
    of a band. The equal sums are DREES's (Études et résultats 1206).
    """
    need: dict[str, Fraction] = defaultdict(Fraction)
    for (code, age), inhabitants in structure.items():
        need[code] += Fraction(inhabitants) * Fraction(fees[age])
    everybody = sum((Fraction(count) for count in structure.values()), Fraction(0))
    whole = sum(need.values(), Fraction(0))
    return {code: value * everybody / whole for code, value in need.items()}


# 4.1.3 and 4.1: distances, the two steps, the mean


def weight(minutes: Number, bands: Sequence[Band] = LAW_BANDS) -> Fraction:
    """Coefficient of one travel time (4.1.3): 1, 2/3, 1/3, then nothing past 20 minutes.

    "Moins de 10" opens the first band at 10, "plus de 20" closes the last at 20. Two bands name
    15; the nearer one ends before it, as the first does at 10.
    """
    exact = Fraction(minutes)
    for until, included, value in bands:
        if exact < Fraction(until) or (included and exact == Fraction(until)):
            return value
    return Fraction(0)


def weigh(times: Mapping[Pair, Number], bands: Sequence[Band] = LAW_BANDS) -> dict[Pair, Fraction]:
    """Coefficient of each pair in reach (4.1.3). A pair that is not listed is out of reach."""
    found = {pair: weight(minutes, bands) for pair, minutes in times.items()}
    return {pair: value for pair, value in found.items() if value}


def demand_seen(
    weights: Mapping[Pair, Fraction], demand: Mapping[str, Number]
) -> dict[str, Fraction]:
    """D_j = sum over i of w_ij P_i: the people who reach each place of practice."""
    seen: dict[str, Fraction] = defaultdict(Fraction)
    for (origin, destination), value in weights.items():
        seen[destination] += value * Fraction(demand.get(origin, 0))
    return seen


def ratios(
    weights: Mapping[Pair, Fraction], fte: Mapping[str, Number], demand: Mapping[str, Number]
) -> dict[str, Fraction]:
    """Step 1: R_j = E_j / D_j, and 0 where nobody reaches j."""
    seen = demand_seen(weights, demand)
    return {code: Fraction(fte.get(code, 0)) / people for code, people in seen.items() if people}


def access(
    weights: Mapping[Pair, Fraction], ratio: Mapping[str, Fraction], codes: Iterable[str]
) -> dict[str, Fraction]:
    """Step 2: A_i = sum over j of w_ij R_j, per inhabitant."""
    total = dict.fromkeys(codes, Fraction(0))
    for (origin, destination), value in weights.items():
        total[origin] += value * ratio.get(destination, Fraction(0))
    return total


def two_steps(
    times: Mapping[Pair, Number],
    fte: Mapping[str, Number],
    demand: Mapping[str, Number],
    bands: Sequence[Band] = LAW_BANDS,
) -> dict[str, Fraction]:
    """APL of each commune of `demand`, per inhabitant (4.1: multiply by 100,000 for the unit)."""
    weights = weigh(times, bands)
    return access(weights, ratios(weights, fte, demand), demand)


def reachable_supply(
    times: Mapping[Pair, Number],
    fte: Mapping[str, Number],
    demand: Mapping[str, Number],
    bands: Sequence[Band] = LAW_BANDS,
) -> Fraction:
    """The FTE that somebody can reach: what sum over i of P_i A_i must give back."""
    seen = demand_seen(weigh(times, bands), demand)
    return sum((Fraction(fte.get(code, 0)) for code, people in seen.items() if people), Fraction(0))


def zone_means(
    apl: Mapping[str, Number], population: Mapping[str, Number], zone: Mapping[str, str]
) -> dict[str, Fraction]:
    """APL of each BVCV (4.1): the mean of its communes, weighted by standardised population."""
    above: dict[str, Fraction] = defaultdict(Fraction)
    below: dict[str, Fraction] = defaultdict(Fraction)
    for code, value in apl.items():
        above[zone[code]] += Fraction(population[code]) * Fraction(value)
        below[zone[code]] += Fraction(population[code])
    return {name: above[name] / below[name] for name in above}


# II. The grid of zones


@dataclass(frozen=True)
class Commune:
    """Where INSEE puts one commune."""

    bassin_de_vie: str
    canton_ville: str
    unite_urbaine: str  # ends in 000 outside of any


CITIES = {"751": "75056", "6938": "69123", "132": "13055"}  # first characters of arrondissements


def city(code: str) -> str:
    """The commune of an arrondissement of Paris, Lyon or Marseille; of any other code, itself."""
    return next((whole for start, whole in CITIES.items() if code.startswith(start)), code)


def urban_populations(
    communes: Mapping[str, Commune], population: Mapping[str, Number]
) -> dict[str, Fraction]:
    """Population of each urban unit: of all its communes, arrondissements included."""
    total: dict[str, Fraction] = defaultdict(Fraction)
    for code, people in population.items():
        unit = communes[city(code)].unite_urbaine
        if not unit.endswith("000"):
            total[unit] += Fraction(people)
    return total


def bvcv(
    communes: Mapping[str, Commune],
    population: Mapping[str, Number],
    *,
    threshold: int = 30_000,
    without_number: str = "one_unit",
) -> dict[str, str]:
    """Code of the BVCV of each commune of `population` (article II).

    A living area is cut into cantons where the urban unit of its pole, the commune whose code it
    bears, has more than `threshold` inhabitants. A canton's code takes a `_`, since overseas some
    equal a living area's; ZZ in it means no canton. Arrondissements stand alone: II says "communes
    entières", the agencies' counts have them so.

    >>> communes = {
    ...     "01001": Commune("01001", "0101", "00101"), "01002": Commune("01001", "0102", "00101"),
    ...     "01003": Commune("01003", "0102", "01000"), "01004": Commune("01001", "0102", "01000"),
    ...     "75056": Commune("75056", "75ZZ", "00851"),
    ... }
    >>> people = {"01001": 20_000, "01002": 10_001, "01003": 5, "01004": 7, "75101": 9}
    >>> list(bvcv(communes, people).values())
    ['0101_', '0102_', '01003', '0102_', '75101']
    >>> list(bvcv(communes, people | {"01002": 10_000}).values())
    ['01001', '01001', '01003', '01001', '75101']
    """
    urban = urban_populations(communes, population)
    zone = {}
    for code in population:
        home = communes[city(code)]
        pole = communes[home.bassin_de_vie]
        if code != city(code):
            zone[code] = code
        elif urban.get(pole.unite_urbaine, 0) > threshold:
            alone = home.canton_ville.endswith("ZZ") and without_number == "by_commune"
            zone[code] = code if alone else f"{home.canton_ville}_"
        else:
            zone[code] = home.bassin_de_vie
    return zone


# 4.2 The national ranking and its cuts


@dataclass(frozen=True)
class Area:
    """One BVCV: its APL, if it has one, and its total population."""

    apl: Fraction | None
    population: int


Straddling = Literal["exclude", "include", "closest"]
Start = Literal["nominal", "effective"]


def ranking(areas: Mapping[str, Area], *, ties: str = "smaller_population_then_code") -> list[str]:
    """BVCV from the lowest APL up (4.2); equal APL: the smaller population, then the code.

    Those without APL come first: table VI puts Mayotte whole into the first class.
    """

    def place(code: str) -> tuple[bool, Fraction, int, str]:
        area = areas[code]
        smaller = area.population if ties == "smaller_population_then_code" else 0
        return area.apl is not None, area.apl or Fraction(0), smaller, code

    return sorted(areas, key=place)


def prefix(sums: Sequence[int], limit: Fraction, straddling: Straddling) -> int:
    """How many BVCV come before a cut at `limit` persons; `sums[n]` are the persons of the first n.

    `exclude`: as many as fit. `include`: the one that crosses the cut comes too. `closest`:
    whichever of the two ends nearer to the cut, `exclude` if they tie.
    """
    within = max(count for count, persons in enumerate(sums) if persons <= limit)
    if straddling == "exclude" or sums[within] == limit or within == len(sums) - 1:
        return within
    nearer = sums[within + 1] - limit < limit - sums[within]
    return within + 1 if straddling == "include" or nearer else within


def cut(
    areas: Mapping[str, Area],
    shares: Sequence[tuple[str, Fraction]] = LAW_SHARES,
    *,
    straddling: Straddling = "exclude",
    start: Start = "nominal",
    ties: str = "smaller_population_then_code",
    last: str = LAST_ZONE,
) -> dict[str, str]:
    """Zone of each BVCV (4.2): classes from the lowest APL up, by share of the total population.

    The text says neither what becomes of the BVCV astride a cut (`straddling`), nor whether the
    next share starts at the nominal cut or where the class before it ended (`start`).

    >>> areas = {code: Area(Fraction(apl), people) for code, apl, people in [
    ...     ("A", 10, 10), ("B", 20, 7), ("C", 30, 13), ("D", 40, 45), ("E", 50, 25)]}
    >>> def classes(**how):
    ...     zone = cut(areas, **how)
    ...     return [" ".join(code for code in zone if zone[code] == name)
    ...             for name in (*dict(LAW_SHARES), LAST_ZONE)]
    >>> classes(), classes(straddling="include")  # cuts at 15, 30 and 70 of 100 persons
    (['A', 'B C', '', 'D E'], ['A B', 'C', 'D', 'E'])
    >>> classes(straddling="closest"), classes(start="effective")  # at 15, 10 + 15, 17 + 40
    (['A B', 'C', 'D', 'E'], ['A', 'B', 'C', 'D E'])
    """
    order = ranking(areas, ties=ties)
    sums = [0]
    for code in order:
        sums.append(sums[-1] + areas[code].population)
    zone = dict.fromkeys(order, last)
    done, limit = 0, Fraction(0)
    for name, share in shares:
        origin = Fraction(sums[done]) if start == "effective" else limit
        limit = origin + share * sums[-1]
        end = max(done, prefix(sums, limit, straddling))
        zone.update(dict.fromkeys(order[done:end], name))
        done = end
    return zone


# 4.3 The region in charge, and its shares


def attribute(
    zone: Mapping[str, str], region: Mapping[str, str], population: Mapping[str, Number]
) -> dict[str, str]:
    """The region of each BVCV (4.3): the one with the most of its population.

    Raises ValueError where two regions have as many: the text does not say.

    >>> zone = dict.fromkeys("abc", "Z")
    >>> attribute(zone, {"a": "84", "b": "93", "c": "93"}, {"a": 500, "b": 300, "c": 201})
    {'Z': '93'}
    """
    people: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for code, name in zone.items():
        people[name][region[code]] += Fraction(population[code])
    chosen = {}
    for name, by_region in people.items():
        most = max(by_region.values())
        first, *others = [code for code, persons in by_region.items() if persons == most]
        if others:
            raise ValueError(f"{name}: as many inhabitants in {first} as in {others}")
        chosen[name] = first
    return chosen


def regional_shares(
    zones: Mapping[str, str], region: Mapping[str, str], areas: Mapping[str, Area]
) -> dict[tuple[str, str], Fraction]:
    """Share of (region, zone) in the population attributed to the region (4.3), and for France."""
    persons: dict[tuple[str, str], int] = defaultdict(int)
    whole: dict[str, int] = defaultdict(int)
    for code, zone in zones.items():
        for part in (region[code], FRANCE):
            persons[part, zone] += areas[code].population
            whole[part] += areas[code].population
    return {(part, zone): Fraction(n, whole[part]) for (part, zone), n in persons.items()}
