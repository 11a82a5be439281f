"""How far ours are from the published: counts, quantiles, correlations, regions, sizes, zones.

Sums are of whole numbers (`apl_core.exact`) and quantiles are values of the list itself, so that no
figure depends on the order of the rows. The published have been rounded: where their last digit is
known, a gap of half a unit of it is no gap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl_core.exact import F64, exact_sum

Mask = NDArray[np.bool_]
PERCENTS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)
MOST_DIGITS = 9
ENOUGH = 100  # values from which a last digit is read: a few may be whole by chance
SLACK = 1e-6  # of a bound: 12.35 is no float64, and 12.35 − 12.3 is not 0.05
BOUNDS = (500, 2_000, 5_000, 20_000, 50_000)  # inhabitants at which a class of communes begins


@dataclass(frozen=True)
class Figures:
    """What gaps come to; a gap is ours minus the published.

    Attributes
    ----------
    n : int
        Values in both tables.
    equal : int
        Those that are the same at the published precision.
    max_gap, mean_gap : float or None
        Of the gaps without their sign; None of no value.
    bias : float or None
        The mean of the gaps with their sign.
    correlation, correlation_weighted : float or None
        None where either side does not vary, or there is nothing to weigh by.
    """

    n: int
    equal: int
    max_gap: float | None
    mean_gap: float | None
    bias: float | None
    correlation: float | None
    correlation_weighted: float | None


def figures(ours: F64, published: F64, weights: F64 | None, half: float) -> Figures:
    """The figures of two lists of values without NaN.

    Parameters
    ----------
    ours, published : float64[n]
    weights : float64[n] or None
        Weights ≥ 0.
    half : float
        Half a unit of the last published digit; 0 where it is not known.

    Examples
    --------
    >>> found = figures(np.array([1.04, 2.0]), np.array([1.0, 3.0]), None, 0.05)
    >>> found.equal, found.max_gap, found.mean_gap, found.correlation
    (1, 1.0, 0.52, 1.0)
    """
    gaps = ours - published
    n = gaps.size
    if not n:
        return Figures(0, 0, None, None, None, None, None)
    away = np.abs(gaps)
    weighted = None if weights is None else correlation(ours, published, weights)
    return Figures(
        n,
        int(np.count_nonzero(~beyond(gaps, half))),
        float(away.max()),
        exact_sum(away) / n,
        exact_sum(gaps) / n,
        correlation(ours, published, np.ones(n)),
        weighted,
    )


def beyond(gaps: F64, bound: float) -> Mask:
    """Which gaps are larger than a bound."""
    found: Mask = np.abs(gaps) > bound * (1 + SLACK)
    return found


def correlation(x: F64, y: F64, weights: F64) -> float | None:
    """Pearson's correlation, weighted; None where a list does not vary.

    >>> correlation(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]), np.ones(3))
    1.0
    """
    heavy = weights > 0
    x, y, weights = x[heavy], y[heavy], weights[heavy]
    if x.size == 0 or x.min() == x.max() or y.min() == y.max():
        return None
    total = exact_sum(weights)
    dx = x - exact_sum(weights * x) / total
    dy = y - exact_sum(weights * y) / total
    spread = math.sqrt(exact_sum(weights * dx * dx) * exact_sum(weights * dy * dy))
    return min(1.0, max(-1.0, exact_sum(weights * dx * dy) / spread)) if spread > 0 else None


def digits_of(values: F64) -> int | None:
    """After how many digits behind the point published values end; None where that is not seen.

    >>> digits_of(np.arange(200) / 10), digits_of(np.arange(20) / 10), digits_of(np.ones(200) / 3)
    (1, None, None)
    """
    if values.size < ENOUGH:
        return None
    for digits in range(MOST_DIGITS + 1):
        unit = 10.0**digits  # exact; the quotient is then the float64 nearest to the decimal
        if np.array_equal(np.rint(values * unit) / unit, values):
            return digits
    return None


def half_unit(digits: int | None) -> float:
    """Half a unit of the last digit; 0 where it is not known."""
    return 0.0 if digits is None else 0.5 / 10**digits


def quantiles(values: F64) -> dict[str, float]:
    """Values of the list by the percentage of it that is not larger; 0: the least.

    >>> quantiles(np.array([3.0, 1.0, 2.0]))["50"]
    2.0
    """
    ascending = np.sort(values)
    n = ascending.size
    if not n:
        return {}
    return {str(p): float(ascending[max(-(-p * n // 100) - 1, 0)]) for p in PERCENTS}


def by_group(
    labels: Sequence[str], ours: F64, published: F64, weights: F64 | None, half: float
) -> dict[str, Figures]:
    """The figures of each group of values, in the order of their names."""
    names = np.array(labels, dtype=np.str_)
    found = {}
    for name in sorted(set(labels)):
        rows = names == name
        heavy = None if weights is None else weights[rows]
        found[name] = figures(ours[rows], published[rows], heavy, half)
    return found


def size_names() -> list[str]:
    """The classes of communes by their inhabitants, the smallest first.

    >>> size_names()[:2]
    ['under 500', '500 to 1,999']
    """
    between = (f"{low:,} to {high - 1:,}" for low, high in pairwise(BOUNDS))
    return [f"under {BOUNDS[0]:,}", *between, f"{BOUNDS[-1]:,} and more"]


def sizes(persons: F64) -> list[str]:
    """The class of each number of inhabitants; empty where it is not known."""
    names = [*size_names(), ""]
    at = np.searchsorted(np.array(BOUNDS), persons, side="right")
    return [names[k] for k in np.where(np.isnan(persons), len(names) - 1, at)]


def matrix(rows: Sequence[tuple[Any, Any, Any]], order: Sequence[str]) -> list[Mapping[str, Any]]:
    """Zones against zones: BVCV and persons of each pair of (zone, published zone, persons)."""
    count: dict[tuple[Any, Any], list[int]] = {}
    for zone, published, persons in rows:
        cell = count.setdefault((zone, published), [0, 0])
        cell[0] += 1
        cell[1] += persons or 0
    place = {zone: k for k, zone in enumerate(order)}

    def at(pair: tuple[Any, Any]) -> tuple[int, int]:
        left, right = (place.get(zone, len(place)) for zone in pair)
        return left, right

    return [
        {"zone": zone, "zone_publiee": published, "bvcv": bvcv, "population": persons}
        for (zone, published), (bvcv, persons) in sorted(count.items(), key=lambda i: at(i[0]))
    ]
