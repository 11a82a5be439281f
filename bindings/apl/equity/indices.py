"""The indices of inequality, of values that persons have: one definition each, with its paper.

Values are those of places, weights the persons there. Places of one value are first made one, so
that no bit depends on the order of the rows, nor of places that are equal. An index of nobody, or
of values that are all 0, is 0 / 0: None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apl_core.exact import F64, exact_sum, exact_sums

POOREST, RICHEST, PARTS = 4, 9, 10  # Palma's: up to four tenths, beyond nine


@dataclass(frozen=True, eq=False)
class Ranked:
    """Persons by ascending rank, those of one rank together.

    Attributes
    ----------
    rank : float64[k]
        Distinct, ascending.
    weight, held : float64[k]
        Their persons, and what these have of the value: Σ weight · value.
    """

    rank: F64
    weight: F64
    held: F64

    @property
    def middle(self) -> F64:
        """The fractional rank of each, 0 to 1: persons of one rank share the middle of theirs."""
        after = np.cumsum(self.weight)
        middle: F64 = (after - self.weight / 2) / exact_sum(self.weight)
        return middle


def ranked(values: F64, weights: F64, by: F64 | None = None) -> Ranked:
    """Persons by ascending value, or by another variable.

    Parameters
    ----------
    values, weights : float64[n]
        Finite; ≥ 0. Places without weight count for nothing.
    by : float64[n], optional
        Finite. Default: the values.
    """
    rank = values if by is None else by
    given = [np.asarray(x, dtype=np.float64) for x in (values, weights, rank)]
    if any(x.shape != given[0].shape or not np.isfinite(x).all() for x in given):
        raise ValueError("values, weights and ranks are finite, and as many")
    if min(x.min(initial=0.0) for x in given[:2]) < 0:
        raise ValueError("values and weights are not negative")
    heavy = given[1] > 0
    value, weight, place = (x[heavy] for x in given)
    distinct, at = np.unique(place, return_inverse=True)
    sums = (exact_sums(at, x, distinct.size) for x in (weight, weight * value))
    return Ranked(distinct, *sums)


def mean(values: F64, weights: F64) -> float | None:
    """Σ weight · value / Σ weight; None of nobody.

    >>> mean(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    2.0
    """
    total = exact_sum(weights)
    return exact_sum(weights * values) / total if total > 0 else None


def concentration(
    values: F64, weights: F64, by: F64 | None, *, corrected: bool = False
) -> float | None:
    """The concentration index: 2 cov(value, fractional rank) / mean, between -1 and 1.

    Kakwani, Wagstaff and van Doorslaer (1997), Socioeconomic inequalities in health: measurement,
    computation, and statistical inference; weights as van Doorslaer and Koolman (2004), Explaining
    the differences in income-related health inequalities across European countries, eq. 4. Equal
    ranks share the middle of theirs. Ranked by the value itself, it is the Gini index.

    Parameters
    ----------
    values, weights : float64[n]
    by : float64[n] or None
        What ranks persons, the worst off first. None: the value.
    corrected : bool
        Erreygers (2009), Correcting the concentration index: times 4 · mean / (largest - least).

    Examples
    --------
    >>> concentration(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([20.0, 10.0]))
    -0.25
    """
    found = ranked(values, weights, by)
    average = mean(values, weights)
    if not average:
        return None
    lean = exact_sum((found.held - found.weight * average) * (found.middle - 0.5))
    index = 2 * lean / exact_sum(found.weight)
    if not corrected:
        return index / average
    there = values[weights > 0]
    spread = float(there.max() - there.min())
    return 4 * index / spread if spread else None


def gini(values: F64, weights: F64) -> float | None:
    """The Gini index: twice the area between the curve of Lorenz and equality; 0 to 1.

    Gini (1912), Variabilità e mutabilità; Lorenz (1905), Methods of measuring the concentration of
    wealth.

    >>> gini(np.array([0.0, 1.0]), np.array([3.0, 1.0]))
    0.75
    """
    return concentration(values, weights, None)


def curve(values: F64, weights: F64, by: F64 | None = None) -> tuple[F64, F64]:
    """The concentration curve, or (ranked by the value) that of Lorenz.

    Returns
    -------
    float64[k + 1], float64[k + 1]
        Cumulated shares of persons, and of what they have, from 0 to 1.

    >>> [axis.tolist() for axis in curve(np.array([0.0, 1.0]), np.array([3.0, 1.0]))]
    [[0.0, 0.75, 1.0], [0.0, 0.0, 1.0]]
    """
    found = ranked(values, weights, by)
    shares = []
    for x in (found.weight, found.held):
        after = np.concatenate([[0.0], np.cumsum(x)])
        shares.append(after / after[-1] if after[-1] > 0 else after)
    return shares[0], shares[1]


def theil_t(values: F64, weights: F64) -> float | None:
    """Theil's T: the mean of (x / mean) ln (x / mean), where 0 ln 0 is 0; 0 to ln n.

    Theil (1967), Economics and information theory.

    >>> theil_t(np.array([0.0, 1.0]), np.array([1.0, 1.0])) == math.log(2)
    True
    """
    average = mean(values, weights)
    if not average:
        return None
    some = (values > 0) & (weights > 0)
    share = values[some] / average
    return exact_sum(weights[some] * share * np.log(share)) / exact_sum(weights)


def theil_l(values: F64, weights: F64) -> float | None:
    """Theil's L, the mean logarithmic deviation: the mean of ln (mean / x).

    Infinite where somebody has 0. Theil (1967); Shorrocks (1980), The class of additively
    decomposable inequality measures.

    >>> theil_l(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    inf
    """
    average = mean(values, weights)
    if not average:
        return None
    some = weights > 0
    if (values[some] == 0).any():
        return math.inf
    lack = math.log(average) - np.log(values[some])  # their quotient may overflow
    return exact_sum(weights[some] * lack) / exact_sum(weights)


@dataclass(frozen=True)
class Split:
    """Theil's T in two parts that sum to it.

    Attributes
    ----------
    between : float
        Of the means of the groups.
    within : float
        Of the values inside the groups, each group by its share of what there is.
    """

    between: float
    within: float


def theil_split(values: F64, weights: F64, groups: Sequence[str]) -> Split | None:
    """Theil's T between groups and within them (Theil, 1967; Shorrocks, 1980).

    >>> theil_split(np.array([1.0, 3.0]), np.array([1.0, 1.0]), ["a", "b"]).within
    0.0
    """
    average = mean(values, weights)
    if not average:
        return None
    _, at = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    n = int(at.max(initial=-1)) + 1
    persons, held = exact_sums(at, weights, n), exact_sums(at, weights * values, n)
    means = np.divide(held, persons, out=np.zeros(n), where=persons > 0)
    inside = [theil_t(values[at == k], weights[at == k]) or 0.0 for k in range(n)]
    within = exact_sum(held * np.array(inside)) / exact_sum(held)
    return Split(theil_t(means, persons) or 0.0, within)


def quantile(
    values: F64, weights: F64, over: int, under: int, *, passed: bool = True
) -> float | None:
    """The least value that ``over / under`` of the persons do not exceed.

    Type 1 of Hyndman and Fan (1996), Sample quantiles in statistical packages; persons that are
    whole numbers are compared as such. With ``passed`` False, the largest value that at most this
    share do not exceed (traccess's): None below the first.

    >>> values, persons = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 1.0])
    >>> quantile(values, persons, 1, 2), quantile(values, persons, 1, 2, passed=False)
    (2.0, 1.0)
    """
    found = ranked(values, weights)
    after = np.cumsum(found.weight)
    if not after.size:
        return None
    at = int(np.searchsorted(under * after, over * after[-1], "left" if passed else "right"))
    at -= not passed
    return float(found.rank[min(at, after.size - 1)]) if at >= 0 else None


def palma(values: F64, weights: F64, by: F64 | None = None) -> float | None:
    """The mean of the best-off tenth of persons over that of the worst-off four tenths.

    Palma (2011), Homogeneous middles vs. heterogeneous tails, whose shares of income are here means
    of access, as in transport planning. Places are whole: the worst off are those up to the
    quantile of four tenths of what ranks them, the best off those beyond that of nine; None where
    these are nobody, or the others have nothing.

    >>> palma(np.arange(1.0, 11.0), np.ones(10))
    4.0
    """
    rank = values if by is None else by
    low, high = (quantile(rank, weights, tenth, PARTS) for tenth in (POOREST, RICHEST))
    if low is None or high is None:
        return None
    worst, best = rank <= low, rank > high
    most, least = (mean(values[one], weights[one]) for one in (best, worst))
    return most / least if most is not None and least else None


@dataclass(frozen=True)
class Under:
    """Who has less than a threshold: the family of Foster, Greer and Thorbecke.

    Attributes
    ----------
    threshold : float
    persons : float
        With strictly less.
    share, gap, severity : float or None
        The mean of ((threshold - x) / threshold) ** α over all persons, 0 from the threshold on,
        for α = 0, 1, 2; None of nobody.
    """

    threshold: float
    persons: float
    share: float | None
    gap: float | None
    severity: float | None


def under(values: F64, weights: F64, threshold: float) -> Under:
    """The measures of those under a threshold, > 0.

    Foster, Greer and Thorbecke (1984), A class of decomposable poverty measures.

    >>> under(np.array([1.0, 3.0, 4.0]), np.array([2.0, 1.0, 1.0]), 4.0)
    Under(threshold=4.0, persons=3.0, share=0.75, gap=0.4375, severity=0.296875)
    """
    if not (math.isfinite(threshold) and threshold > 0):
        raise ValueError(f"a threshold is over 0, not {threshold}")
    poor = values < threshold
    lack = (threshold - values[poor]) / threshold
    total, persons = exact_sum(weights), weights[poor]
    means = (exact_sum(persons * lack**alpha) / total if total > 0 else None for alpha in range(3))
    return Under(threshold, exact_sum(persons), *means)
