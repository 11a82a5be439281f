"""The weights that published values imply, how far they can be told, and what plateaus say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.calibrated.fit import Fit, Problem, closed, fit, level, problem, values
from apl.calibrated.ground import Ground, ground
from apl.calibrated.plateaus import (
    WIDE,
    Bound,
    Pile,
    Ratios,
    bounds,
    middles,
    mirrored,
    of_weights,
    piles,
    ratios,
)
from apl.calibrated.trust import HIGH, LOW, Left, drawn_again, left_out, told
from apl.compared.gaps import correlation
from apl_core import Fault, Steps, TableError

F64 = NDArray[np.float64]

EDGES = tuple(k * 5 / 2 for k in range(2, 11))  # minutes; finer than any text
SAME = 1e-3  # weights no farther apart are the same to the digits that are shown
COUNTING = ("communes", "inhabitants")
LEVELS = 3  # of weights that places with all of them tell from their mirror


@dataclass(frozen=True)
class Likeness:
    """Correlation of values with the published ones, plain and by standardised inhabitants.

    None where one of the two does not vary.
    """

    plain: float | None
    weighted: float | None


@dataclass(frozen=True, eq=False)
class Calibration:
    """Weights by band and what is known of them.

    Attributes
    ----------
    ground : Ground
    edges : tuple of float
        Where each band ends, minutes.
    fit : Fit
    low, high : float64[b]
        Interval of 90 % of each weight.
    told : list of bool
        Whether each weight is told from both its neighbours.
    pairs : int64[b]
        Pairs of the travel times in each band.
    left : Left
    like : Likeness
        Of the fit.
    named : Steps or None
        Weights that the fit is held against.
    named_weights : float64[b] or None
        Their mean over the pairs of each band.
    named_like : Likeness or None
    named_scale : float or None
        What one unit of supply counts for under them.
    ratios : Ratios
    piles : tuple of Pile
    bounds : tuple of Bound
    """

    ground: Ground
    edges: tuple[float, ...]
    fit: Fit
    low: F64
    high: F64
    told: list[bool]
    pairs: NDArray[np.int64]
    left: Left
    like: Likeness
    named: Steps | None
    named_weights: F64 | None
    named_like: Likeness | None
    named_scale: float | None
    ratios: Ratios
    piles: tuple[Pile, ...]
    bounds: tuple[Bound, ...]

    @property
    def plateaus_agree(self) -> bool | None:
        """Whether ratios pile up on those of the named weights, on all and on no others.

        None where nothing piles up, or no weights are named.
        """
        found = [pile.ratio for pile in self.piles]
        if self.named is None or not found:
            return None
        expected = list(map(float, of_weights(self._named_levels)))
        return len(found) == len(expected) and all(
            abs(a - b) <= WIDE / 2 for a, b in zip(found, expected, strict=True)
        )

    @property
    def mirrored(self) -> list[Fraction] | None:
        """Other weights with the ratios of the named ones; None where there are none."""
        weights = self._named_levels
        other = mirrored(weights) if weights else []
        return None if other == weights else other

    @property
    def middles(self) -> tuple[int, int] | None:
        """Places with all three levels of the named weights, and with all three of `mirrored`.

        None where these are not told apart: other weights than three, or none that are mirrored.
        """
        if self.mirrored is None or len(self.mirrored) != LEVELS:
            return None
        return (len(middles(self.ratios, self._named_levels)),
                len(middles(self.ratios, self.mirrored)))  # fmt: skip

    @property
    def _named_levels(self) -> list[Fraction]:
        return [] if self.named is None else [band.weight for band in self.named.bands]

    @property
    def verdict(self) -> str | None:
        """``"same"``, or as `Left.verdict`; None without named weights."""
        if self.named_weights is None:
            return None
        away = np.nanmax(np.abs(self.fit.weights - self.named_weights))
        return "same" if away < SAME else self.left.verdict

    @property
    def table(self) -> pa.Table:
        """The table ``calibrage``, one row a band."""
        size = len(self.edges)
        return pa.table(
            {
                "minutes_de": [0.0, *self.edges[:-1]],
                "minutes_a": list(self.edges),
                "couples": self.pairs,
                "poids": self.fit.weights,
                "poids_bas": self.low,
                "poids_haut": self.high,
                "distingue": self.told,
                "poids_nomme": pa.array(
                    [None] * size if self.named_weights is None else self.named_weights,
                    pa.float64(),
                    from_pandas=True,
                ),
            }
        )


def calibrate(
    travel_times: pa.Table,
    published: pa.Table,
    offre: pa.Table,
    *,
    seed: int,
    edges: tuple[float, ...] = EDGES,
    side: str = "left",
    named: Steps | None = None,
    counting: str = "communes",
    horizon: float | None = None,
    self_pair: str = "error",
    draws: int = 1000,
    progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Fit the weights behind a published APL, and say what of them can be told.

    Parameters
    ----------
    travel_times, published, offre : pyarrow.Table
        The tables ``temps_de_parcours``, ``apl_publie`` (with its standardised population) and
        ``offre``; heads do for FTE, what one counts for is fitted.
    seed : int
        Of the draws.
    edges : tuple of float
        Where bands end, minutes, ascending. Those beyond the longest time are left out.
    side : {"left", "right"}
        ``left`` leaves a bound to the farther band.
    named : Steps, optional
        Weights to hold the fit against, as the law has them.
    counting : {"communes", "inhabitants"}
        Whether gaps count by commune or by standardised inhabitant.
    horizon : float, optional
        Minutes within which a commune of a plateau reaches one supplying commune alone; else where
        the named weights, or the bands, end.
    self_pair
        As `Catchment.build`.
    draws : int
        Of blocks, for the intervals.

    Raises
    ------
    TableError
        No commune in common; nothing to fit.
    ValueError
        Bounds that do not ascend, an unknown ``counting``.

    Examples
    --------
    >>> codes = [f"01{k:03}" for k in range(1, 9)]
    >>> times = pa.table({"origine": [a for a in codes for b in codes],
    ...     "destination": codes * 8,
    ...     "minutes": [4.0 * abs(i - k) for i in range(8) for k in range(8)]})
    >>> published = pa.table({"code_commune": codes, "apl": [10.0, 30, 20, 10, 30, 20, 15, 40],
    ...     "population_standardisee": [100.0, 200, 300, 100, 200, 300, 100, 200]})
    >>> offre = pa.table({"code_commune": codes[::3], "etp": [1.0, 2.0, 1.0]})
    >>> found = calibrate(times, published, offre, seed=1, edges=(5.0, 10.0), draws=10)
    >>> float(found.fit.weights[0]), found.left.verdict
    (1.0, 'untold')
    """
    if not edges or any(b <= a for a, b in pairwise((0.0, *edges))):
        raise ValueError(f"bounds must ascend: {edges}")
    if counting not in COUNTING:
        raise ValueError(f"counting is one of: {', '.join(COUNTING)}")
    reach = edges[-1] if named is None else named.limit
    horizon = reach if horizon is None else horizon
    progress("indexing")
    here = ground(travel_times, published, offre, within=max(edges[-1], reach, horizon),
                  self_pair=self_pair)  # fmt: skip
    edges = tuple(b for a, b in pairwise((0.0, *edges)) if a < here.pairs.longest)
    share = np.where(here.known, 1.0 if counting == "communes" else here.demand, 0.0)
    posed = problem(here, edges, side)
    _refuse_nothing(posed, share)
    progress("fitting")
    best = fit(posed, share)
    rough = None if named is None else values(here, named)
    progress(f"leaving out {here.of_folds}")
    left = left_out(posed, here, best, share, rough)
    progress(f"drawing {here.of_blocks} again")
    drawn = drawn_again(posed, here, best, share, draws=draws, seed=seed)
    low, high = np.percentile(drawn, [LOW, HIGH], axis=0)
    progress("plateaus")
    found = ratios(here, horizon)
    band = np.searchsorted(closed(edges, side), here.pairs.times, side="left")
    pairs = _by_band(band, here.pairs.counts, len(edges))
    return Calibration(
        here, edges, best, low, high, told(best.weights, low, high), pairs.astype(np.int64), left,
        _likeness(here, best.values), named, _mean_weights(here, named, band, pairs),
        None if rough is None else _likeness(here, rough),
        None if rough is None else level(rough[here.known], here.published[here.known],
                                         share[here.known]),
        found, piles(found), () if named is None else bounds(found, named),
    )  # fmt: skip


def _by_band(band: NDArray[np.int64], amount: NDArray[np.int64] | F64, bands: int) -> F64:
    """Sums by band; what is beyond the last one is left out."""
    return np.asarray(np.bincount(band, amount, bands)[:bands], dtype=np.float64)


def _mean_weights(
    here: Ground, named: Steps | None, band: NDArray[np.int64], pairs: F64
) -> F64 | None:
    """The mean of named weights over the pairs of each band; NaN where it has none."""
    if named is None:
        return None
    amount = named(here.pairs.times) * here.pairs.counts
    total = _by_band(band, amount, pairs.size)
    found: F64 = np.divide(total, pairs, out=np.full(pairs.size, np.nan), where=pairs > 0)
    return found


def _likeness(here: Ground, found: F64) -> Likeness:
    known = here.known
    both, weight = (found[known], here.published[known]), here.demand[known]
    return Likeness(correlation(*both, np.ones(weight.size)), correlation(*both, weight))


def _refuse_nothing(posed: Problem, share: F64) -> None:
    values, reaching = int((share > 0).sum()), np.unique(posed.origin[share[posed.origin] > 0])
    if min(values, reaching.size) <= posed.bands + 1:
        title = "nothing to fit weights to"
        why = f"{values} published values, {reaching.size} of communes that reach supply"
        raise TableError([Fault("APL-C18", title, why, "give more communes, or fewer bands")])
