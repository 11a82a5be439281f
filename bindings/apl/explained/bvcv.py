"""The mean APL of a BVCV: its communes, what its own and its neighbours' FTE bring, its class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.blocks import Move, Regime, Unknown
from apl.explained.commune import Gathered, gathered_line, in_order, refuse_another_sum, share
from apl.explained.cuts import Distance, distances
from apl.explained.secrecy import Secrecy
from apl.law import Rules
from apl.regions.gauges import Held
from apl.regions.regimes import hold, regime_of
from apl.regions.zonage import units_of
from apl.scenarios.situation import Outcome, Situation
from apl_core.adjoint import by_group
from apl_core.exact import F64
from apl_core.territory import column_values


@dataclass(frozen=True)
class Member:
    """A commune of the BVCV: ``poids`` is its part in the mean, 0..1, ``apporte`` poids · apl."""

    code_commune: str
    population: int
    population_standardisee: float
    poids: float
    apl: float
    apporte: float


@dataclass(frozen=True)
class AreaPart:
    """What the FTE of one commune bring to the mean; None, as in `apl.explained.commune.Part`.

    ``code_bvcv`` is the BVCV of that commune: its own, or a neighbour.
    """

    code_commune: str | None
    code_bvcv: str | None
    etp: float | None
    apl_par_etp: float | None
    apl: float
    part: float


@dataclass(frozen=True)
class Split:
    """The mean APL by who brings it; the last, by communes that are gathered, on either side."""

    own: float
    neighbours: float
    gathered: float


@dataclass(frozen=True, eq=False)
class AreaExplained:
    """Why a BVCV has its APL and its class.

    Attributes
    ----------
    area : mapping
        Its row in the ranking.
    ranked : int
        How many BVCV have a rank.
    communes : tuple of Member
        Places of residence, by code; nothing of who works there.
    parts : tuple of AreaPart
        The largest first, the gathered line last; they sum to the APL.
    split : Split
    gathered : Gathered
    distances : tuple of Distance
    regime : Regime or None
        The text's own; None where no public source at hand states it.
    adaptation : tuple of (Move, Held)
        Each of its moves that could change the class, made alone.
    """

    area: dict[str, Any]
    ranked: int
    communes: tuple[Member, ...]
    parts: tuple[AreaPart, ...]
    split: Split
    gathered: Gathered
    distances: tuple[Distance, ...]
    regime: Regime | None
    adaptation: tuple[tuple[Move, Held], ...]


def explain_bvcv(
    place: Situation, rules: Rules, found: Outcome, code: str, secrecy: Secrecy
) -> AreaExplained:
    """The mean APL of a BVCV by its communes, and by the communes of supply.

    Parameters
    ----------
    place : Situation
    rules : Rules
    found : Outcome
        Of both.
    code : str
        A BVCV of the ranking.
    secrecy : Secrecy

    Raises
    ------
    AplError
        A defect of ours: the parts do not sum to the APL.
    """
    areas = found.ranking.bvcv
    area = areas.filter(pc.equal(areas.column("code_bvcv"), code)).to_pylist()[0]
    units = place.communes.column("code_bvcv").cast(pa.string())
    inside = pc.fill_null(pc.equal(units, code), False).to_numpy()
    people = place.demand
    if rules.weight != "population_standardisee":
        people = column_values(place.communes.column("population"), np.float64)
    weight = np.where(inside, people, 0.0)
    at, effect = _effects(place, rules, weight)
    apl = effect * place.supply[at]
    refuse_another_sum(apl, area["apl"], code)
    brings = np.flatnonzero(apl > 0)
    hidden = np.zeros(at.size, dtype=np.bool_)
    hidden[brings] = secrecy.gathered(at[brings])
    codes = place.pairs.land.codes.take(at).to_pylist()
    unit = units.take(pa.array(at)).to_pylist()
    parts = [
        AreaPart(codes[k], unit[k], float(place.supply[at[k]]), float(effect[k]),
                 float(apl[k]), share(apl[k], area["apl"]))
        for k in in_order(at, apl, ~hidden & (apl > 0))
    ]  # fmt: skip
    rest, line = gathered_line(apl, hidden, secrecy.secret[at], area["apl"])
    listed = {str(part.code_commune): float(part.etp or 0) for part in parts}
    unknown = isinstance(rules.blocks.get("adaptation", Unknown({})), Unknown)
    regime = None if unknown else regime_of(rules)
    each = dict(zip(codes, effect.tolist(), strict=True))
    return AreaExplained(
        area, pc.max(areas.column("rang")).as_py(),
        tuple(_members(place, found, weight, inside)),
        (*parts, *(AreaPart(None, None, None, None, one.apl, one.part) for one in line)),
        _split(parts, code, sum(one.apl for one in line)), rest,
        distances(area, found.ranking, rules, each, listed),
        regime, tuple(_adaptation(area, found, rules, regime)),
    )  # fmt: skip


def _effects(place: Situation, rules: Rules, weight: F64) -> tuple[NDArray[np.int32], F64]:
    """Places that the BVCV reaches, and what one FTE there does to its mean APL.

    That of `apl.scenarios.marginal.effects` for one BVCV alone, without the pairs of all others.
    """
    weighted = place.pairs.weigh(rules.decay)
    links = by_group(weighted, np.zeros(weight.size, dtype=np.int32), 1, weight)
    around = weighted.demand(place.demand)[links.place]
    reached = np.flatnonzero(around > 0)
    over = around[reached] * math.fsum(weight.tolist())
    return links.place[reached], rules.per * links.total[reached] / over


def _members(
    place: Situation, found: Outcome, weight: F64, inside: NDArray[np.bool_]
) -> Iterator[Member]:
    whole = math.fsum(weight.tolist())
    for k in np.flatnonzero(inside).tolist():
        row = found.communes.slice(k, 1).to_pylist()[0]
        part = share(weight[k], whole)
        yield Member(row["code_commune"], row["population"], row["population_standardisee"], part,
                     row["apl"], part * row["apl"])  # fmt: skip


def _split(parts: list[AreaPart], code: str, gathered: float) -> Split:
    own, others = ([part.apl for part in parts if (part.code_bvcv == code) is is_own]
                   for is_own in (True, False))  # fmt: skip
    return Split(math.fsum(own), math.fsum(others), gathered)


def _adaptation(
    area: Mapping[str, Any], found: Outcome, rules: Rules, regime: Regime | None
) -> Iterator[tuple[Move, Held]]:
    """The moves out of its class, each held as the only change of the region."""
    if regime is None or area["zone"] is None:
        return
    units = units_of(found.ranking.bvcv, area["code_region"])
    for move in regime.moves:
        if move.origin == area["zone"]:
            yield move, hold(units, {area["code_bvcv"]: move.target}, rules, regime)
