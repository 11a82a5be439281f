"""What each commune of supply brings, in fractions: oracle of the explanations."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import naive

Parts = dict[str, Fraction]


def per_fte(
    times: Mapping[naive.Pair, naive.Number], demand: Mapping[str, naive.Number]
) -> dict[naive.Pair, Fraction]:
    """What one FTE in a commune (the second) brings to each inhabitant of another, per 100,000."""
    weights = naive.weigh(times)
    seen = naive.demand_seen(weights, demand)
    return {
        (i, j): naive.PER_INHABITANTS * weight / seen[j]
        for (i, j), weight in weights.items()
        if seen[j]
    }


def parts(
    times: Mapping[naive.Pair, naive.Number],
    fte: Mapping[str, naive.Number],
    demand: Mapping[str, naive.Number],
    home: str,
) -> Parts:
    """What each commune of supply brings to one commune."""
    one = per_fte(times, demand)
    return {j: value * Fraction(fte[j]) for (i, j), value in one.items() if i == home and fte[j]}


def effects(
    times: Mapping[naive.Pair, naive.Number],
    demand: Mapping[str, naive.Number],
    unit: Mapping[str, str],
    name: str,
) -> Parts:
    """What one FTE in each commune brings to the mean of a unit."""
    weight = {code: Fraction(demand[code]) for code in unit if unit[code] == name}
    whole = sum(weight.values(), Fraction(0))
    found: Parts = {}
    for (i, j), value in per_fte(times, demand).items():
        if weight.get(i):
            found[j] = found.get(j, Fraction(0)) + value * weight[i] / whole
    return found


def kept(
    reach: Mapping[str, set[str]], counts: Mapping[str, int], least: int
) -> tuple[set[str], set[str]]:
    """The communes of few professionals, and with them those that join so that none is alone.

    ``reach`` has the communes of supply that bring something to each commune.
    """
    few = {code for code, count in counts.items() if 0 < count < least}
    every = set(few)
    while True:
        more: set[str] = set()
        for there in reach.values():
            if len(there & every) == 1 and there - every:
                more.add(min(there - every, key=lambda code: (counts[code], code)))
        if not more:
            return few, every
        every |= more


def shown(there: set[str], every: set[str], counts: Mapping[str, int]) -> set[str]:
    """The communes that an explanation may list, of those that bring something to it."""
    others = there - every
    if len(there & every) == 1 and others:
        others.remove(min(others, key=lambda code: (counts[code], code)))
    return others
