"""Where n more FTE would do most in a region: greedily, and the proved optimum.

Two objectives, both on the mean APL of the BVCV attributed to the region, held against a level T:

* ``persons``: inhabitants (whom the cuts count) of BVCV that rise from under T to it or above;
* ``shortfall``: Σ max(T - APL, 0) · weight of the mean, as FTE: what is missing for all to stand
  at T, and by how much it diminishes.

FTE are whole and go to communes of the region; who gains outside of it is not counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl import density
from apl.law import Rules
from apl.scenarios.marginal import effects, no_level
from apl.scenarios.situation import Situation, outcome
from apl_core import Fault, UsageError, refuse_if
from apl_core.exact import F64
from apl_core.territory import column_values

OBJECTIVES = ("persons", "shortfall")
MOST_FTE = 1_000
MOST_CELLS = 1_000_000  # BVCV under the level × communes: the solver gets no further in minutes
CLOSE = 1e-6  # the solver's own tolerance: FTE, or a part of a person


@dataclass(frozen=True)
class Choice:
    """FTE by commune, and what they reach.

    Attributes
    ----------
    places : mapping of commune → FTE
        By code.
    value : float
        Persons, or FTE of the shortfall, by a full recomputation with these FTE.
    order : tuple of str
        One FTE after the other, where they were chosen so.
    """

    places: Mapping[str, int]
    value: float
    order: tuple[str, ...] = ()


@dataclass(frozen=True)
class Places:
    """The best places that were found.

    Attributes
    ----------
    region, objective : str
    threshold : float
    fte : int
    most : float
        The objective if nobody stayed under the threshold.
    greedy : Choice
        Each FTE where it does most at once. For ``persons``, where no single FTE lifts anybody (or
        several lift as many), the one that most diminishes the shortfall; then the lower code.
    optimum : Choice or None
        The best of all choices; None where it was not asked for.
    bound : float or None
        No choice reaches more, as the solver proved.
    proved : bool
        The optimum reaches the bound (to 1e-6).
    """

    region: str
    objective: str
    threshold: float
    fte: int
    most: float
    greedy: Choice
    optimum: Choice | None = None
    bound: float | None = None
    proved: bool = False

    @property
    def gap(self) -> float | None:
        """By how much the optimum does better than the greedy choice."""
        return None if self.optimum is None else self.optimum.value - self.greedy.value


@dataclass(frozen=True, eq=False)
class _Problem:
    """BVCV of the region under the threshold, communes that can lift them, and by how much."""

    objective: str
    threshold: float
    codes: list[str]
    at: NDArray[np.int64]  # positions of the communes
    row: NDArray[np.int64]  # of the BVCV
    effect: F64  # [BVCV, communes]: points for one FTE
    apl: F64
    persons: F64
    weight: F64  # FTE for one point

    def gains(self, apl: F64) -> tuple[F64, F64]:
        """Persons and FTE of the shortfall gained with these APL (float64[BVCV, …])."""
        shape = (-1,) + (1,) * (apl.ndim - 1)
        lifted = np.where(apl >= self.threshold, self.persons.reshape(shape), 0.0)
        gained = np.minimum(apl, self.threshold) - self.apl.reshape(shape)
        return lifted.sum(axis=0), (gained * self.weight.reshape(shape)).sum(axis=0)


def best_places(
    place: Situation,
    rules: Rules,
    n: int,
    *,
    region: str,
    objective: str,
    threshold: float,
    exact: bool = True,
    seconds: float = 60.0,
) -> Places:
    """The best places of a region for n more FTE.

    Parameters
    ----------
    place : Situation
    rules : Rules
    n : int
        Whole FTE, 1 to 1,000.
    region : str
    objective : {"persons", "shortfall"}
    threshold : float
        A mean APL by BVCV: where a class ends, for example.
    exact : bool
        Also search for the optimum, by integer programming (scipy's HiGHS).
    seconds : float
        How long; after it the best found is given with its bound, and is not called proved.

    Raises
    ------
    UsageError
        No such region or objective, no level, a number of FTE or a size that cannot be solved.
    """
    density.refuse_apl(rules)
    refuse_if(_asked(n, objective, threshold, place, region), UsageError)
    problem = _problem(place, rules, region, objective, threshold)
    if problem.effect.size > MOST_CELLS:
        raise UsageError([_too_large(problem)])

    def told(x: NDArray[np.int64], order: tuple[str, ...] = ()) -> Choice:
        chosen = {problem.codes[k]: int(x[k]) for k in np.flatnonzero(x)}
        return Choice(chosen, _value(place, rules, problem, x), order)

    picked = _greedy(problem, n)
    count = Counter(picked)
    first = np.array([count[k] for k in range(len(problem.codes))], dtype=np.int64)
    most = problem.gains(np.full(problem.apl.size, threshold))[objective == "shortfall"]
    found = Places(region, objective, threshold, n, float(most),
                   told(first, tuple(problem.codes[k] for k in picked)))  # fmt: skip
    if not exact:
        return found
    x, bound = _optimum(problem, n, seconds)
    best = max((told(x), replace(found.greedy, order=())), key=lambda choice: choice.value)
    proved = bound - best.value <= CLOSE * max(1.0, bound)
    return replace(found, optimum=best, bound=max(bound, best.value), proved=proved)


def _problem(
    place: Situation, rules: Rules, region: str, objective: str, threshold: float
) -> _Problem:
    _, weight, links = effects(place, rules)
    areas = outcome(place, rules).ranking.bvcv
    apl = column_values(areas.column("apl"), np.float64, fill=np.inf)
    inside = _is(areas, region)
    low = np.flatnonzero(inside & (apl < threshold))
    row = np.full(apl.size, -1)
    row[low] = np.arange(low.size)
    here = _is(place.communes, region)
    useful = np.flatnonzero((row[links.group] >= 0) & here[links.place])
    at, column = np.unique(links.place[useful], return_inverse=True)
    effect = np.zeros((low.size, at.size))
    effect[row[links.group[useful]], column] = links.total[useful]
    codes = place.pairs.land.codes.take(pa.array(at, pa.int64())).to_pylist()
    persons = column_values(areas.column("population"), np.float64)[low]
    return _Problem(objective, threshold, codes, at.astype(np.int64), low, effect, apl[low],
                    persons, weight[low] / rules.per)  # fmt: skip


def _is(table: pa.Table, region: str) -> NDArray[np.bool_]:
    return column_values(pc.equal(table.column("code_region").cast(pa.string()), region), np.bool_)


def _greedy(problem: _Problem, n: int) -> list[int]:
    """The communes of n FTE, one after the other; fewer where no FTE changes anything more."""
    count = np.zeros(len(problem.codes))
    picked: list[int] = []
    for _ in range(n if count.size else 0):
        now = problem.apl + problem.effect @ count
        persons, shortfall = problem.gains(now[:, None] + problem.effect)
        if shortfall.max() <= problem.gains(now)[1]:  # nobody is left under the level
            break
        keys = (-shortfall, -persons) if problem.objective == "persons" else (-shortfall,)
        best = int(np.lexsort((np.arange(count.size), *keys))[0])
        picked.append(best)
        count[best] += 1
    return picked


def _optimum(problem: _Problem, n: int, seconds: float) -> tuple[NDArray[np.int64], float]:
    """The best whole numbers of FTE by commune, and what no choice passes."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix, hstack, identity

    areas, communes = problem.effect.shape
    if not communes:
        return np.zeros(0, dtype=np.int64), 0.0
    lack = problem.threshold - problem.apl
    # of each BVCV, the part of its lack that is filled: Σ effect · x / lack ≥ filled, filled ≤ 1.
    # FTE are whole: one that fills more than all fills all, which the solver finds sooner
    part = csr_matrix(np.minimum(problem.effect / lack[:, None], 1.0))
    filled = hstack([part, -identity(areas)], format="csr")
    everywhere = csr_matrix(np.concatenate([np.ones(communes), np.zeros(areas)]))
    whole = problem.objective == "persons"  # lifted or not; the shortfall counts parts
    worth = problem.persons if whole else problem.weight * lack
    found = milp(
        np.concatenate([np.zeros(communes), -worth]),
        constraints=[LinearConstraint(filled, 0, np.inf), LinearConstraint(everywhere, 0, n)],
        bounds=Bounds(0, np.concatenate([np.full(communes, n), np.ones(areas)])),
        integrality=np.concatenate([np.ones(communes), np.full(areas, float(whole))]),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    bound = float(worth.sum())
    if found.mip_dual_bound is not None and math.isfinite(found.mip_dual_bound):
        bound = min(bound, -float(found.mip_dual_bound))
    if found.x is None:  # not one choice within the time
        return np.zeros(communes, dtype=np.int64), bound
    return np.rint(found.x[:communes]).astype(np.int64), bound


def _value(place: Situation, rules: Rules, problem: _Problem, x: NDArray[np.int64]) -> float:
    """What a choice reaches, by a full recomputation with it."""
    supply = place.supply.copy()
    supply[problem.at] += x
    areas = outcome(place, rules, supply=supply).ranking.bvcv
    apl = column_values(areas.column("apl"), np.float64, fill=np.inf)[problem.row]
    return float(problem.gains(apl)[problem.objective == "shortfall"])


def _asked(n: int, objective: str, threshold: float, place: Situation, region: str) -> list[Fault]:
    faults = no_level(threshold)
    if objective not in OBJECTIVES:
        why, mend = f"{objective!r} is none that is known", f"one of: {', '.join(OBJECTIVES)}"
        faults.append(Fault("APL-U02", "no such objective", why, mend, "simulate", "objective"))
    if not 1 <= n <= MOST_FTE:
        why = f"{n:,} whole FTE cannot be placed"
        mend = f"1 to {MOST_FTE:,} of them"
        faults.append(Fault("APL-J05", "a number of FTE that is not solved", why, mend))
    if not _is(place.communes, region).any():
        known = sorted(set(place.communes.column("code_region").to_pylist()))
        title, why = f"no region {region!r}", "no commune of the run is in it"
        faults.append(Fault("APL-U03", title, why, f"one of: {', '.join(known)}", "communes"))
    return faults


def _too_large(problem: _Problem) -> Fault:
    areas, communes = problem.effect.shape
    return Fault(
        "APL-J05",
        "a size that is not solved",
        f"{areas:,} BVCV under the level × {communes:,} communes: {areas * communes:,} effects, "
        f"{MOST_CELLS:,} at most",
        "a lower threshold",
        "simulate",
    )
