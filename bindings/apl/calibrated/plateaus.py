"""Weights read off the published values themselves.

A commune that reaches one supplying commune alone has APL = w · R. Communes that reach the same one
have the same R: their ratios are ratios of weights, to the digits that are published, whatever the
supply, the population and the times were. Where weights are steps, ratios pile up on a few values;
where they are not, or where communes reach more than was thought, they scatter.

Ratios do not fix weights: those of 1, 2/3, 1/3 are those of 1, 1/2, 1/3 too (`mirrored`). Places
with all three levels tell the two apart, by which level stands in the middle (`middles`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from apl.calibrated.ground import Ground
from apl_core import Steps

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

WIDE = 1e-3  # of a window of ratios
AROUND = 50  # windows on each side, whose mean is what chance gives
LEAST, CLEAR = 5, 6.0  # places in a pile; standard deviations (Poisson) above chance
MOST = 300  # communes of one place: more of them would be most of all pairs


@dataclass(frozen=True, eq=False)
class Ratios:
    """Two communes that reach the same supplying commune alone, the lower APL over the higher.

    Attributes
    ----------
    ratio : float64[k]
    near, far : float64[k]
        Minutes of the higher and of the lower one.
    place : int64[k]
        The supplying commune.
    communes, places : int
        How many there are of each.
    """

    ratio: F64
    near: F64
    far: F64
    place: I64
    communes: int
    places: int


@dataclass(frozen=True)
class Pile:
    """Ratios that stand together.

    Attributes
    ----------
    ratio : float
        Their median.
    places : int
        Supplying communes that have it: one place with many communes counts once.
    chance : float
        How many would have it if ratios were scattered, as they are beside it.
    """

    ratio: float
    places: int
    chance: float


@dataclass(frozen=True)
class Bound:
    """Where one weight ends, by the minutes at hand.

    Attributes
    ----------
    until : float
        As it is named.
    minutes : float
        Which best parts the communes of the two weights.
    wrong : float
        The share that stands on the other side.
    nearer, farther : int
        Communes of the two weights.
    """

    until: float
    minutes: float
    wrong: float
    nearer: int
    farther: int


def ratios(ground: Ground, horizon: float) -> Ratios:
    """Ratios of communes that reach one supplying commune alone within ``horizon`` minutes."""
    n, pairs = len(ground.pairs.land), ground.pairs
    origin = np.repeat(np.arange(n), np.diff(pairs.start))
    reached = (ground.supply[pairs.destination] > 0) & (pairs.minutes <= horizon)
    origin, place = origin[reached], pairs.destination[reached]
    minutes = pairs.minutes[reached]
    alone = np.bincount(origin, minlength=n)[origin] == 1
    with np.errstate(invalid="ignore"):
        alone &= ground.published[origin] > 0  # NaN is not
    origin, place, minutes = origin[alone], place[alone], minutes[alone]
    order = np.lexsort((origin, -ground.published[origin], place))
    origin, place, minutes = origin[order], place[order], minutes[order]
    ends = [*np.unique(place, return_index=True)[1].tolist(), place.size]
    found: list[tuple[F64, ...]] = []
    for a, b in pairwise(ends):
        if b - a > MOST:
            continue
        high, low = np.triu_indices(b - a, k=1)
        apl, time = ground.published[origin[a:b]], minutes[a:b]
        where = np.full(high.size, place[a])
        found.append((apl[low] / apl[high], time[high], time[low], where))
    ratio, near, far, of = (np.concatenate([one[k] for one in found] or [np.empty(0)])
                            for k in range(4))  # fmt: skip
    return Ratios(ratio, near, far, of.astype(np.int64), origin.size, len(ends) - 1)


def piles(found: Ratios) -> tuple[Pile, ...]:
    """Where ratios pile up, the highest ratio first."""
    window = np.rint(found.ratio / WIDE).astype(np.int64)
    once = np.unique(np.column_stack([window, found.place]), axis=0)[:, 0]
    count = np.bincount(once, minlength=round(1 / WIDE) + 1)
    last, piled = count.size - 1, []
    for k in np.flatnonzero(count >= LEAST).tolist():
        beside = np.r_[count[max(k - AROUND, 0) : max(k - 1, 0)], count[k + 2 : k + 2 + AROUND]]
        chance = float(beside.mean())
        if count[k] < chance + CLEAR * max(chance, 1.0) ** 0.5:
            continue
        if count[k] < count[[max(k - 1, 0), min(k + 1, last)]].max():
            continue  # the foot of the pile beside it
        here = window == k
        piled.append(Pile(float(np.median(found.ratio[here])), int(count[k]), chance))
    return tuple(reversed(piled))


def of_weights(weights: Sequence[Fraction]) -> list[Fraction]:
    """All ratios of some weights, 1 included, the highest first.

    >>> [str(one) for one in of_weights([Fraction(1), Fraction(2, 3), Fraction(1, 3)])]
    ['1', '2/3', '1/2', '1/3']
    """
    return sorted({low / high for high in weights for low in weights if low <= high}, reverse=True)


def mirrored(weights: Sequence[Fraction]) -> list[Fraction]:
    """Weights that fall by the same steps, the last one first: they have the same ratios.

    >>> [str(one) for one in mirrored([Fraction(1), Fraction(2, 3), Fraction(1, 3)])]
    ['1', '1/2', '1/3']
    """
    return [weights[0] * weights[-1] / one for one in reversed(weights)]


def standing(found: Ratios, ratio: Fraction | float) -> NDArray[np.intp]:
    """Which ratios are this one, to half a window."""
    return np.flatnonzero(np.abs(found.ratio - float(ratio)) <= WIDE / 2)


def middles(found: Ratios, weights: Sequence[Fraction]) -> set[int]:
    """Places with communes of all three of some weights, the highest first.

    A commune is known by its minutes; another one of as many minutes has the same level, since all
    three ratios must be there.

    >>> found = Ratios(np.array([2 / 3, 1 / 3, 1 / 2]), np.array([4.0, 4.0, 12.0]),
    ...                np.array([12.0, 17.0, 17.0]), np.array([7, 7, 7]), 3, 1)
    >>> law = [Fraction(1), Fraction(2, 3), Fraction(1, 3)]
    >>> middles(found, law), middles(found, mirrored(law))
    ({7}, set())
    """

    def rows(ratio: Fraction) -> Iterator[tuple[int, float, float]]:
        for k in standing(found, ratio).tolist():
            yield int(found.place[k]), float(found.near[k]), float(found.far[k])

    highest, middle, lowest = weights
    whole = set(rows(lowest / highest))
    lower: dict[tuple[int, float], list[float]] = {}
    for place, near, far in rows(lowest / middle):
        lower.setdefault((place, near), []).append(far)
    return {
        place
        for place, near, far in rows(middle / highest)
        for low in lower.get((place, far), ())
        if (place, near, low) in whole
    }


def bounds(found: Ratios, decay: Steps) -> tuple[Bound, ...]:
    """Where each weight ends, by communes whose ratio says which two weights they have.

    A ratio that two pairs of weights have says nothing and is left out.
    """
    weights = [band.weight for band in decay.bands]
    pairs = [(i, k) for i in range(len(weights)) for k in range(i + 1, len(weights))]
    ratio_of = {pair: weights[pair[1]] / weights[pair[0]] for pair in pairs}
    times: list[list[F64]] = [[] for _ in weights]
    for (i, k), ratio in ratio_of.items():
        if list(ratio_of.values()).count(ratio) == 1:
            here = standing(found, ratio)
            times[i].append(found.near[here])
            times[k].append(found.far[here])
    minutes = [np.sort(np.concatenate(one)) if one else np.empty(0) for one in times]
    return tuple(
        _parted(decay.bands[k].until, minutes[k], minutes[k + 1])
        for k in range(len(weights) - 1)
        if minutes[k].size and minutes[k + 1].size
    )


def _parted(until: float, near: F64, far: F64) -> Bound:
    """The time that leaves the fewest on the other side."""
    at = np.unique(np.concatenate([near, far]))
    wrong = near.size - np.searchsorted(near, at, side="right") + np.searchsorted(
        far, at, side="right"
    )  # fmt: skip
    best = np.flatnonzero(wrong == wrong.min())
    middle = int(best[best.size // 2])
    return Bound(until, float(at[middle]), float(wrong[middle] / (near.size + far.size)),
                 near.size, far.size)  # fmt: skip
