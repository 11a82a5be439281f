"""How far a BVCV stands from the two ends of its class, in APL, in persons and in FTE.

Cuts are held: a class ends at the highest APL that it has, that APL included, as
``apl simulate --hold-cuts`` has it. The FTE are then exact, the APL being linear in supply.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np

from apl.law import Rules
from apl.zoning import Ranking

RISE, FALL = "rise", "fall"


@dataclass(frozen=True)
class Where:
    """A commune where FTE would move a BVCV to the end of its class, and how many.

    Attributes
    ----------
    code_commune : str
    apl_par_etp : float
        Points of the mean APL of the BVCV, for one FTE there.
    etp : float
        To add in order to rise, more than so many; to remove in order to fall, at least so many.
    """

    code_commune: str
    apl_par_etp: float
    etp: float


@dataclass(frozen=True)
class Distance:
    """From a BVCV to one end of its class.

    Attributes
    ----------
    direction : str
        ``rise`` or ``fall``.
    zone : str
        The class on the other side.
    coupure_apl : float
        The APL that is the highest of the lower one of both classes.
    ecart_apl : float
        Points of APL, ≥ 0: to pass by more than, rising; to lose, falling.
    ecart_habitants : int or None
        Persons of the ranking between it and the end; None where levels of APL cut.
    voisin_apl : float or None
        The nearest APL of the other class. (The BVCV at which a class ends stands at the cut: any
        more passes it.) None where that class is empty.
    places : tuple of Where
        The fewest FTE first.
    """

    direction: str
    zone: str
    coupure_apl: float
    ecart_apl: float
    ecart_habitants: int | None
    voisin_apl: float | None
    places: tuple[Where, ...]


def levels(ranking: Ranking, rules: Rules) -> list[float]:
    """The highest APL of each class but the last; -inf where there is none to stand above."""
    if rules.zoning.method == "thresholds":
        return [float(level) for _, level in rules.zoning.classes]
    ends = [-math.inf if cut.apl is None else cut.apl for cut in ranking.cuts]
    found: list[float] = np.maximum.accumulate(np.array(ends)).tolist()
    return found


def distances(
    area: Mapping[str, Any],
    ranking: Ranking,
    rules: Rules,
    effect: Mapping[str, float],
    removable: Mapping[str, float],
) -> tuple[Distance, ...]:
    """The ends of the class of a BVCV: the one above, then the one below.

    Parameters
    ----------
    area : mapping
        Its row of ``ranking.bvcv``.
    ranking : Ranking
    rules : Rules
    effect : mapping of commune → points of APL
        Of one FTE there, > 0.
    removable : mapping of commune → FTE
        That may be shown; nobody can be removed where fewer work.

    Returns
    -------
    tuple of Distance
        Empty where it has no APL or no class.
    """
    if area["apl"] is None or area["zone"] is None:
        return ()
    return tuple(_both(area, ranking, rules, effect, removable))


def _both(
    area: Mapping[str, Any],
    ranking: Ranking,
    rules: Rules,
    effect: Mapping[str, float],
    removable: Mapping[str, float],
) -> Iterator[Distance]:
    zones, ends = rules.zoning.zones, levels(ranking, rules)
    k, apl, after = zones.index(area["zone"]), area["apl"], area["population_cumulee"]
    targets = [cut.target for cut in ranking.cuts]
    by_share = rules.zoning.method != "thresholds"
    if k < len(ends):
        gap = max(ends[k] - apl, 0.0)
        zone = zones[int(np.searchsorted(ends, math.nextafter(ends[k], math.inf)))]
        persons = max(floor(targets[k]) - after, 0) if by_share else None
        near = _of_class(ranking, zone, min)
        yield Distance(RISE, zone, ends[k], gap, persons, near, _places(gap, effect))
    if k and ends[k - 1] > -math.inf:
        gap = max(apl - ends[k - 1], 0.0)
        zone = zones[int(np.searchsorted(ends, ends[k - 1]))]
        before = after - area["population"]
        persons = max(before - ceil(targets[k - 1]), 0) if by_share else None
        there = tuple(
            at for at in _places(gap, effect) if removable.get(at.code_commune, -1.0) >= at.etp
        )
        near = _of_class(ranking, zone, max)
        yield Distance(FALL, zone, ends[k - 1], gap, persons, near, there)


def _of_class(ranking: Ranking, zone: str, which: Callable[[list[float]], float]) -> float | None:
    """The lowest or highest APL of a class."""
    rows = zip(*(ranking.bvcv.column(n).to_pylist() for n in ("zone", "apl")), strict=True)
    found = [apl for name, apl in rows if name == zone and apl is not None]
    return which(found) if found else None


def _places(gap: float, effect: Mapping[str, float]) -> tuple[Where, ...]:
    found = (Where(code, points, gap / points) for code, points in effect.items())
    return tuple(sorted(found, key=lambda at: (-at.apl_par_etp, at.code_commune)))
