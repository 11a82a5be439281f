"""The APL of a commune, split by the communes where professionals work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apl.explained.secrecy import Secrecy
from apl.indicator import CONSERVATION
from apl.law import Rules
from apl.scenarios.situation import Outcome, Situation
from apl_core import AplError, Catchment, Fault, Steps
from apl_core.exact import F64


@dataclass(frozen=True)
class Part:
    """What one commune of supply brings; what several bring together, without their codes.

    Attributes
    ----------
    code_commune : str or None
        None: the communes that are gathered, of which all but ``apl`` and ``part`` is None.
    etp : float or None
    minutes : float or None
    bande : str or None
        Of the decay, in minutes.
    poids : Fraction or None
    demande : float or None
        Standardised inhabitants that compete for it (D_j).
    apl : float
    part : float
        Of the whole, 0..1.
    """

    code_commune: str | None
    etp: float | None
    minutes: float | None
    bande: str | None
    poids: Fraction | None
    demande: float | None
    apl: float
    part: float


@dataclass(frozen=True)
class BandPart:
    """What the communes of one band bring that are listed."""

    bande: str
    poids: Fraction
    communes: int
    apl: float
    part: float


@dataclass(frozen=True)
class Gathered:
    """The line without code: its communes, and how many of them joined so that none is alone."""

    communes: int = 0
    added: int = 0


@dataclass(frozen=True, eq=False)
class CommuneExplained:
    """Why a commune has its APL.

    Attributes
    ----------
    code_commune : str
    population_standardisee, apl : float
    parts : tuple of Part
        The largest first, the gathered line last; they sum to the APL.
    bands : tuple of BandPart
        Nearest first; with the gathered line, they sum to the APL too.
    gathered : Gathered
    area : mapping
        The row of its BVCV in the ranking.
    """

    code_commune: str
    population: int
    population_standardisee: float
    apl: float
    parts: tuple[Part, ...]
    bands: tuple[BandPart, ...]
    gathered: Gathered
    area: dict[str, Any]


def explain_commune(
    place: Situation, rules: Rules, found: Outcome, code: str, secrecy: Secrecy
) -> CommuneExplained:
    """The APL of a commune by commune of supply, and by band of the decay.

    A_i = Σ_j w(t_ij) · E_j / D_j: a part is one term of it, per ``rules.per`` inhabitants.

    Parameters
    ----------
    place : Situation
    rules : Rules
    found : Outcome
        Of both.
    code : str
        A commune of the territory.
    secrecy : Secrecy

    Raises
    ------
    AplError
        A defect of ours: the parts do not sum to the APL.
    """
    here = int(place.pairs.land.positions([code])[0])
    row = found.communes.slice(here, 1).to_pylist()[0]
    near = _near(place, rules.decay)
    mine = slice(*near.pairs.start[here : here + 2].tolist())
    at, minutes, weight = near.at[mine], near.minutes[mine], near.weight[mine]
    around, apl = near.demand, rules.per * weight * near.ratio[at]
    refuse_another_sum(apl, row["apl"], code)
    brings = np.flatnonzero(apl > 0)
    at, minutes, apl = at[brings], minutes[brings], apl[brings]
    hidden = secrecy.gathered(at)
    parts = []
    for k in in_order(at, apl, ~hidden):
        band = band_of(rules.decay, float(minutes[k]))
        j, name = int(at[k]), band_names(rules.decay)[band]
        parts.append(
            Part(place.pairs.land.codes[j].as_py(), float(place.supply[j]), float(minutes[k]), name,
                 rules.decay.bands[band].weight, float(around[j]), float(apl[k]),
                 share(apl[k], row["apl"]))
        )  # fmt: skip
    bands = _bands(rules.decay, parts, row["apl"])
    rest, line = gathered_line(apl, hidden, secrecy.secret[at], row["apl"])
    areas = found.ranking.bvcv
    area = areas.slice(areas.column("code_bvcv").to_pylist().index(row["code_bvcv"]), 1)
    return CommuneExplained(
        code, row["population"], row["population_standardisee"], row["apl"], (*parts, *line),
        bands, rest, area.to_pylist()[0],
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Near:
    """What all explanations of a situation look up: pairs with their weights, both sums."""

    pairs: Catchment
    at: NDArray[np.integer]
    minutes: F64
    weight: F64
    demand: F64
    ratio: F64


@lru_cache(1)
def _near(place: Situation, decay: Steps) -> _Near:
    pairs = place.pairs.towards(place.supply > 0)
    weighted = pairs.weigh(decay)
    sums = weighted.demand(place.demand), weighted.ratio(place.supply, place.demand)
    return _Near(pairs, pairs.destination, pairs.minutes, weighted.weight, *sums)


def band_names(decay: Steps) -> list[str]:
    """The bands of a decay, in minutes.

    >>> band_names(Steps.of([5, 12.5], ["1", "1/2"], closed="right"))
    ['0–5', '5–12.5']
    """
    ends = [0.0, *(band.until for band in decay.bands)]
    return [f"{low:g}–{high:g}" for low, high in pairwise(ends)]


def band_of(decay: Steps, minutes: float) -> int:
    """The number of the band that a time falls into."""
    return int(np.searchsorted(np.array(decay.closed_limits), minutes, side="left"))


def share(part: float, whole: float) -> float:
    """A part of a whole, 0 where there is nothing."""
    return float(part / whole) if whole else 0.0


def in_order(at: NDArray[np.integer], apl: F64, kept: NDArray[np.bool_]) -> list[int]:
    """The parts that are kept, the largest first, then by code."""
    order = np.lexsort((at, -apl))
    found: list[int] = order[kept[order]].tolist()
    return found


def gathered_line(
    apl: F64, hidden: NDArray[np.bool_], secret: NDArray[np.bool_], whole: float
) -> tuple[Gathered, list[Part]]:
    """The one line of the communes that are gathered, if there are any."""
    if not hidden.any():
        return Gathered(), []
    total = math.fsum(apl[hidden].tolist())
    count = Gathered(int(hidden.sum()), int((hidden & ~secret).sum()))
    return count, [Part(None, None, None, None, None, None, total, share(total, whole))]


def refuse_another_sum(parts: F64, whole: float, code: str) -> None:
    """Verified on the way out: the parts sum to the value."""
    total = math.fsum(parts.tolist())
    if not abs(total - whole) <= CONSERVATION * whole:
        why = f"{code}: its parts sum to {total:.12g}, it is {whole:.12g}: a defect of this program"
        mend = "please report it, with the input"
        raise AplError([Fault("APL-E11", "parts that do not sum to the APL", why, mend)])


def _bands(decay: Steps, parts: Sequence[Part], whole: float) -> tuple[BandPart, ...]:
    found = []
    for name, band in zip(band_names(decay), decay.bands, strict=True):
        apl = [part.apl for part in parts if part.bande == name]
        total = math.fsum(apl)
        found.append(BandPart(name, band.weight, len(apl), total, share(total, whole)))
    return tuple(found)
