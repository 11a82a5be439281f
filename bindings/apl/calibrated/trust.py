"""How far a fit can be trusted: left-out folds, and blocks drawn again.

Communes near one another share their supply and their errors: leaving out or drawing single ones
would say that much more is known than is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apl.calibrated.fit import Fit, Problem, fit, level, stepped, system, triangle
from apl.calibrated.ground import Ground

F64 = NDArray[np.float64]

LOW, HIGH = 5, 95  # percent: the interval of 90 %
ALIKE = 1e-6  # weights nearer to each other are one, fitted twice
CLEAR = 2.0  # standard errors between two ways of predicting that are told apart


@dataclass(frozen=True, eq=False)
class Left:
    """Predictions of communes whose fold was not fitted.

    Attributes
    ----------
    fitted, named : float64[folds]
        Mean square of the gaps in each fold, each as much as it counts, by fitted weights and by
        named ones (only what a unit of supply counts for is fitted of these).
    weights : float64[folds, bands]
        Fitted without each fold.
    communes : float64[folds]
        How many there are, or how much they count.
    """

    fitted: F64
    named: F64 | None
    weights: F64
    communes: F64

    def root_mean(self, squares: F64) -> float:
        """The root of the mean square over all communes."""
        return float(np.sqrt((squares * self.communes).sum() / self.communes.sum()))

    @property
    def better(self) -> tuple[float, float] | None:
        """By how much fitted weights predict better than named ones: mean square and its error.

        Over folds, each weighing as its communes do; None without named weights.
        """
        if self.named is None:
            return None
        share = self.communes / self.communes.mean()
        gain = (self.named - self.fitted) * share
        return float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(gain.size))

    @property
    def verdict(self) -> str:
        """``"fitted"``, ``"named"``, or ``"untold"``: which weights predict better."""
        if self.better is None:
            return "untold"
        gain, error = self.better
        if abs(gain) <= CLEAR * error:
            return "untold"
        return "fitted" if gain > 0 else "named"


def left_out(
    problem: Problem,
    ground: Ground,
    whole: Fit,
    counting: F64,
    named: F64 | None,
) -> Left:
    """Fit without each fold in turn, and predict it.

    ``counting`` is as in `fit`; ``named`` has the values (float64[n]) that named weights give where
    a unit of supply counts for 1.
    """
    fitted, other, weights, counts = [], [], [], []
    found = ground.published
    for k in range(int(ground.folds.max()) + 1):
        outside = np.where(ground.folds == k, 0.0, counting)
        out = (counting > 0) & (ground.folds == k)
        if not out.any() or not outside.any():
            continue
        share, rows = counting[out], outside > 0
        one = fit(problem, outside, start=whole)
        fitted.append(float(np.average((found[out] - one.values[out]) ** 2, weights=share)))
        weights.append(one.weights)
        counts.append(float(share.sum()))
        if named is not None:
            scale = level(named[rows], found[rows], outside[rows])
            gap = (found[out] - scale * named[out]) ** 2
            other.append(float(np.average(gap, weights=share)))
    return Left(np.array(fitted), None if named is None else np.array(other),
                np.array(weights), np.array(counts))  # fmt: skip


def drawn_again(
    problem: Problem, ground: Ground, whole: Fit, counting: F64, *, draws: int, seed: int
) -> F64:
    """Weights of blocks drawn with replacement, float64[draws, bands].

    Each draw takes one step from the fit, with the slopes there: the triangles of the blocks are
    made once, and a draw is the least squares of those drawn. Draw k has a stream of its own
    (Philox, `SeedSequence.spawn`): it is the same however many there are.
    """
    triangles = []
    for k in range(int(ground.blocks.max()) + 1):
        inside = np.where(ground.blocks == k, counting, 0.0)
        if inside.any():
            triangles.append(system(whole, problem, inside))
    found = np.empty((draws, whole.weights.size))
    for k, stream in enumerate(np.random.SeedSequence(seed).spawn(draws)):
        rng = np.random.Generator(np.random.Philox(stream))
        times = np.bincount(rng.integers(len(triangles), size=len(triangles)))
        stacked = [np.sqrt(n) * triangles[b] for b, n in enumerate(times) if n]
        found[k] = stepped(triangle(np.vstack(stacked)))[0]
    return found


def told(weights: F64, low: F64, high: F64) -> list[bool]:
    """Whether a weight is told from both its neighbours: none of them lies in its interval.

    >>> told(np.array([1.0, 0.6, 0.5]), np.array([1.0, 0.55, 0.1]), np.array([1.0, 0.7, 0.9]))
    [True, True, False]
    """
    found = []
    for k in range(weights.size):
        beside = [weights[j] for j in (k - 1, k + 1) if 0 <= j < weights.size]
        found.append(not any(low[k] - ALIKE <= one <= high[k] + ALIKE for one in beside))
    return found
