"""What more supply does, by computing everything again in fractions: oracle of the scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations_with_replacement

import naive


def means(
    times: Mapping[naive.Pair, naive.Number],
    fte: Mapping[str, naive.Number],
    demand: Mapping[str, naive.Number],
    unit: Mapping[str, str],
) -> dict[str, Fraction]:
    """The mean APL of each unit, per 100,000."""
    apl = naive.two_steps(times, fte, demand)
    every = naive.zone_means(apl, demand, unit)
    return {name: naive.PER_INHABITANTS * value for name, value in every.items()}


def with_more(
    fte: Mapping[str, naive.Number], more: Mapping[str, naive.Number]
) -> dict[str, Fraction]:
    """The supply with some added."""
    codes = fte.keys() | more.keys()
    return {c: Fraction(fte.get(c, 0)) + Fraction(more.get(c, 0)) for c in codes}


def choices(codes: Sequence[str], n: int) -> Iterator[dict[str, int]]:
    """Every way to put n FTE, or fewer, into communes."""
    for count in range(n + 1):
        for chosen in combinations_with_replacement(codes, count):
            yield {code: chosen.count(code) for code in set(chosen)}


def lifted(
    before: Mapping[str, Fraction],
    after: Mapping[str, Fraction],
    persons: Mapping[str, int],
    threshold: naive.Number,
) -> int:
    """Persons of units that were under the threshold and are not any more."""
    level = Fraction(threshold)
    return sum(persons[u] for u in persons if before[u] < level <= after[u])


def shortfall(
    apl: Mapping[str, Fraction], weight: Mapping[str, naive.Number], threshold: naive.Number
) -> Fraction:
    """FTE that are missing for all units to stand at the threshold."""
    lack = (max(Fraction(threshold) - apl[u], Fraction(0)) * Fraction(weight[u]) for u in weight)
    return sum(lack, Fraction(0)) / naive.PER_INHABITANTS
