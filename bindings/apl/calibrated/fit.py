"""Weights by bands of minutes, fitted to a published APL.

    A_i = s · Σ_j w(t_ij) E_j / D_j,    D_j = Σ_k w(t_kj) P_k

with one weight a band, not rising: w_b = Σ_{c ≥ b} v_c, v ≥ 0, w_0 = 1 (weights that are all
multiplied by one number give the same A), and s, what one unit of supply counts for. Weights stand
in both steps, so that A is not linear in them: each step takes A as linear around the weights there
are (Gauss–Newton), finds the next ones by non-negative least squares, and goes half as far until
the squares do not grow.

To fit the second step while D_j is held, and turn by turn, was tried and left: it is at rest where
the squares are not least (Isère, nine bands: 1.06e6 against 0.97e6, and other weights).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apl.calibrated.ground import Ground
from apl_core.decay import Decay

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

STEPS, SMALLEST, SETTLED = 60, 1e-4, 1e-6  # of the search: how many, how short, how still


@dataclass(frozen=True, eq=False)
class Problem:
    """Pairs that lead to supply, each in its band; and what lies around each place by band.

    Attributes
    ----------
    origin, destination, band : int64[m]
        By origin.
    around : float64[n, b]
        Standardised inhabitants in each band around each place.
    supply, published : float64[n]
    """

    origin: I64
    destination: I64
    band: I64
    around: F64
    supply: F64
    published: F64

    @property
    def bands(self) -> int:
        """How many weights."""
        return int(self.around.shape[1])


@dataclass(frozen=True, eq=False)
class Fit:
    """Weights, what one unit of supply counts for, the values that they give, and their slopes.

    Attributes
    ----------
    weights : float64[b]
    scale : float
    values : float64[n]
        The APL that they give.
    slopes : float64[n, b]
        By how much each value rises with each weight.
    squares : float
        Sum of squared gaps, each as much as it counts.
    settled : bool
        The last step moved no weight any more.
    """

    weights: F64
    scale: float
    values: F64
    slopes: F64
    squares: float
    settled: bool


def closed(edges: tuple[float, ...], side: str) -> F64:
    """Bounds as the greatest float64 of their band: ``left`` leaves a bound to the farther one."""
    return np.array([edge if side == "right" else np.nextafter(edge, -np.inf) for edge in edges])


def problem(ground: Ground, edges: tuple[float, ...], side: str) -> Problem:
    """Pairs by band, those up to the last bound."""
    n, pairs = len(ground.pairs.land), ground.pairs
    origin = np.repeat(np.arange(n), np.diff(pairs.start))
    destination = pairs.destination.astype(np.int64)
    band = np.searchsorted(closed(edges, side), pairs.minutes, side="left")
    useful = (band < len(edges)) & (ground.supply > 0)[destination]
    origin, destination, band = origin[useful], destination[useful], band[useful]
    cell = destination * len(edges) + band
    size = n * len(edges)
    around = np.asarray(np.bincount(cell, ground.demand[origin], size), dtype=np.float64)
    return Problem(origin, destination, band, around.reshape(n, -1), ground.supply,
                   ground.published)  # fmt: skip


def values(ground: Ground, decay: Decay) -> F64:
    """The APL that given weights give, for a unit of supply that counts for 1."""
    weighted = ground.pairs.weigh(decay)
    return weighted.access(weighted.ratio(ground.supply, ground.demand))


def solved(problem: Problem, weights: F64, scale: float) -> tuple[F64, F64]:
    """The values under some weights, and their slopes."""
    from scipy.sparse import csr_matrix

    n, bands = problem.around.shape
    faced = problem.around @ weights
    ratio = scale * np.divide(problem.supply, faced, out=np.zeros(n), where=faced > 0)
    cell = problem.origin * bands + problem.band
    by_band = np.bincount(cell, ratio[problem.destination], n * bands)
    slopes = np.asarray(by_band, dtype=np.float64).reshape(n, bands)
    found = slopes @ weights
    lost = np.divide(ratio, faced, out=np.zeros(n), where=faced > 0)
    start = np.concatenate([[0], np.cumsum(np.bincount(problem.origin, minlength=n))])
    weighted = csr_matrix((weights[problem.band], problem.destination, start), (n, n))
    slopes -= weighted @ (lost[:, None] * problem.around)  # more weight, more competition
    return found, slopes


def fit(problem: Problem, counting: F64, start: Fit | None = None) -> Fit:
    """The weights of least squares.

    Parameters
    ----------
    problem : Problem
    counting : float64[n]
        How much the square of each commune's gap counts: 0 where it is left out or has no APL.
    start : Fit, optional
        Where to begin; else at weights that fall evenly.
    """
    rows = counting > 0
    target, root = problem.published[rows], np.sqrt(counting[rows])
    weights = 1 - np.arange(problem.bands) / problem.bands if start is None else start.weights
    scale = level(solved(problem, weights, 1.0)[0][rows], target, counting[rows])

    def at(weights: F64, scale: float) -> Fit:
        found, slopes = solved(problem, weights, scale)
        gap = root * (target - found[rows])
        return Fit(weights, scale, found, slopes, float(gap @ gap), False)

    here = at(weights, scale)
    for _ in range(STEPS):
        towards, other = stepped(system(here, problem, counting))
        last = bool(np.abs(towards - here.weights).max() < SETTLED)
        part, there = 1.0, here
        while part > SMALLEST:
            there = at(here.weights + part * (towards - here.weights),
                       here.scale + part * (other - here.scale))  # fmt: skip
            if there.squares <= here.squares:
                break
            part /= 2
        if part <= SMALLEST:  # nothing lies lower: rounding is all that is left
            return replace(here, settled=True)
        here = replace(there, settled=last)
        if last:
            break
    return here


def system(here: Fit, problem: Problem, counting: F64) -> F64:
    """The linear least squares around a fit, as the triangle of its factorisation.

    Columns: v by band, scale, what they are to give.
    """
    rows = counting > 0
    summed = np.cumsum(here.slopes[rows], axis=1)  # w_b = Σ_{c ≥ b} v_c
    # slopes times weights are 0: these columns give the gap and what the scale gives now
    table = np.column_stack([summed, here.values[rows] / here.scale, problem.published[rows]])
    return triangle(np.sqrt(counting[rows])[:, None] * table)


def triangle(table: F64) -> F64:
    """The triangle of a table's factorisation: the same least squares in fewer rows."""
    found: F64 = np.asarray(np.linalg.qr(table, mode="r"))
    return found


def stepped(posed: F64) -> tuple[F64, float]:
    """Weights and scale that solve a `system`, the first weight being 1."""
    from scipy.optimize import nnls

    held = np.zeros((1, posed.shape[1]))  # Σ v = 1, as heavy as all communes together
    held[0, :-2] = held[0, -1] = np.linalg.norm(posed[:, :-1])
    table = np.vstack([posed, held])
    found, _ = nnls(table[:, :-1], table[:, -1], maxiter=1000)
    weights = np.cumsum(found[-2::-1])[::-1]
    if weights[0] <= 0:  # nothing in any band: the nearest one alone
        return np.eye(weights.size)[0], float(found[-1])
    return weights / weights[0], float(found[-1])


def level(found: F64, target: F64, counting: F64) -> float:
    """The one number by which values come nearest to others."""
    own = float((counting * found) @ found)
    return float((counting * found) @ target) / own if own > 0 else 0.0
