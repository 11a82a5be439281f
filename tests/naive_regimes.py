"""The regimes of adaptation as the texts state them, in fractions and dicts: the oracle.

Written from the texts alone; imports nothing of the project. Each function tells which of its
sentences the changes of a region break.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

LEAST, LOW, MIDDLE, REST = "tres_sous_dotee", "sous_dotee", "intermediaire", "non_prioritaire"
MARGIN = Fraction(25, 1000)


@dataclass(frozen=True)
class Area:
    """A BVCV: region of attribution, APL (None: none), persons, national class."""

    region: str
    apl: Fraction | None
    persons: int
    zone: str


Country = Mapping[str, Area]
Classes = Mapping[str, str]


def article_v(
    country: Country,
    region: str,
    after: Classes,
    *,
    overtaking: bool = False,
    printed: Fraction | None = None,
    half_unit: Fraction = Fraction(0),
) -> set[str]:
    """Annexe, V, of the text of 2024: what the classes of a region break.

    ``overtaking``: a BVCV that would alone pass the limit may stay behind. ``printed``: the share
    of the most under-served class that the table gives the region, to half a unit.
    """
    inside = {code: area for code, area in country.items() if area.region == region}
    people = sum(area.persons for area in inside.values())
    added = {c for c, a in inside.items() if (a.zone, after[c]) == (LOW, LEAST)}
    taken = {c for c, a in inside.items() if (a.zone, after[c]) == (LEAST, LOW)}
    changed = {c for c, a in inside.items() if a.zone != after[c]}
    broken = set()
    if changed - added - taken:
        broken.add("not provided")
    if persons(inside, added) > MARGIN * people:
        broken.add("limit up")
    if persons(inside, taken) > MARGIN * people:
        broken.add("limit down")
    if not in_turn(inside, added, MARGIN * people if overtaking else None):
        broken.add("order")
    before = persons(inside, {c for c, a in inside.items() if a.zone == LEAST})
    final = persons(inside, {c for c in inside if after[c] == LEAST})
    share = Fraction(before, people or 1) if printed is None else printed
    gap = abs(final - share * people) - half_unit * people
    if final != before and gap > MARGIN * people:
        broken.add("margin")
    return broken


def guide(country: Country, region: str, after: Classes) -> set[str]:
    """The guide of the agency of region 93: each class within the margin, neighbours compensate."""
    inside = {code: area for code, area in country.items() if area.region == region}
    people = sum(area.persons for area in inside.values())
    provided = [{LEAST, LOW}, {MIDDLE, REST}]
    broken = set()
    for code, area in inside.items():
        if area.zone != after[code] and {area.zone, after[code]} not in provided:
            broken.add("not provided")
    for zone in (LEAST, LOW, MIDDLE, REST):
        before = sum(a.persons for a in inside.values() if a.zone == zone)
        final = sum(a.persons for c, a in inside.items() if after[c] == zone)
        if abs(final - before) > MARGIN * people:
            broken.add(f"margin {zone}")
    return broken


def exchange(
    country: Country, region: str, after: Classes, *, lowest: Fraction, highest: Fraction
) -> set[str]:
    """The frames of 2018 to 2020 in small: a class that aid opens in changes places with the one
    above it inside the lowest share of the country's people, the last two inside the highest; the
    population of the former does not grow."""
    inside = {code: area for code, area in country.items() if area.region == region}
    ranks = sorted(country, key=lambda c: (level(country[c]), country[c].persons, c))
    people = sum(area.persons for area in country.values())
    below, above, sofar = set(), set(), 0
    for code in ranks:
        if sofar >= (1 - highest) * people:
            above.add(code)
        sofar += country[code].persons
        if sofar <= lowest * people:
            below.add(code)
    broken = set()
    for code, area in inside.items():
        pair = {area.zone, after[code]}
        if len(pair) == 1:
            continue
        if pair not in ({LOW, MIDDLE}, {MIDDLE, REST}):
            broken.add("not provided")
        elif code not in (below if pair == {LOW, MIDDLE} else above):
            broken.add("exchange")
    before = persons(inside, {c for c, a in inside.items() if a.zone == LOW})
    final = persons(inside, {c for c in inside if after[c] == LOW})
    if final > before:
        broken.add("stable")
    return broken


def persons(areas: Country, codes: set[str]) -> int:
    return sum(areas[code].persons for code in codes)


def level(area: Area) -> tuple[int, Fraction]:
    """No APL comes first."""
    return (0, Fraction(0)) if area.apl is None else (1, area.apl)


def in_turn(inside: Country, added: set[str], limit: Fraction | None) -> bool:
    """Whether some order by APL takes exactly these: each in its turn, or too many to fit."""
    waiting = [code for code, area in inside.items() if area.zone == LOW]
    return any(_taken_so(inside, order, added, limit) for order in _orders(inside, waiting))


def _orders(inside: Country, codes: list[str]) -> Iterator[tuple[str, ...]]:
    """Every order by ascending APL."""
    for order in permutations(codes):
        levels = [level(inside[code]) for code in order]
        if levels == sorted(levels):
            yield order


def _taken_so(
    inside: Country, order: tuple[str, ...], added: set[str], limit: Fraction | None
) -> bool:
    sofar, left = 0, len(added)
    for code in order:
        if not left:
            return True
        if code in added:
            sofar, left = sofar + inside[code].persons, left - 1
        elif limit is None or sofar + inside[code].persons <= limit:
            return False
    return True


def nothing_more_fits(country: Country, region: str, after: Classes, *, overtaking: bool) -> bool:
    """No further BVCV of the second class can join the first."""
    waiting = [c for c, a in country.items() if (a.region, a.zone, after[c]) == (region, LOW, LOW)]
    return all(
        article_v(country, region, {**after, code: LEAST}, overtaking=overtaking)
        for code in waiting
    )
