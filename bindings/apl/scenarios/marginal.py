"""What one more FTE in a commune does to everybody: exact, since the APL is linear in supply."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl.law import Rules
from apl.scenarios.situation import Situation, outcome
from apl_core import Fault, UsageError, exact_sums, refuse_if
from apl_core.adjoint import Links, by_group
from apl_core.exact import F64
from apl_core.territory import I32, column_values


def marginal(place: Situation, rules: Rules) -> pa.Table:
    """What one more FTE in each commune does to the mean APL of each BVCV.

    Parameters
    ----------
    place : Situation
    rules : Rules

    Returns
    -------
    pyarrow.Table
        ``code_commune`` (where the FTE would work), ``code_bvcv``, ``apl_par_etp`` (points of its
        mean APL, for one FTE), ordered by both; a couple that is absent has no effect. A commune
        that nobody reaches is absent. Times FTE, it is exact for any number of them, removed too.

    Notes
    -----
    w(t_ij) / D_j to each inhabitant of i, averaged over the BVCV. With means weighted by the
    standardised population, Σ over BVCV of that population times the effect is ``rules.per``
    wherever somebody can come: one FTE is one FTE everywhere, for other people.

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> from apl.scenarios.situation import situation
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> communes = pa.table({"code_commune": ["01001", "01002"], "code_bvcv": ["01001", "01002"],
    ...     "code_region": ["84"] * 2, "population": [400, 900], "etp": [1.0, 0.0],
    ...     "population_standardisee": [400.0, 900.0]})
    >>> times = pa.table({"origine": ["01001", "01002"], "destination": ["01002", "01001"],
    ...                   "minutes": [12.0, 12.0]})
    >>> here = situation(communes, times, law, self_pair="0")
    >>> [round(value, 3) for value in marginal(here, law).column("apl_par_etp").to_pylist()]
    [100.0, 66.667, 57.143, 85.714]
    """
    units, _, links = effects(place, rules)
    return pa.table(
        {
            "code_commune": place.pairs.land.codes.take(pa.array(links.place)),
            "code_bvcv": units.take(pa.array(links.group)),
            "apl_par_etp": links.total,
        }
    )


def lifted(place: Situation, rules: Rules, *, threshold: float, fte: float = 1.0) -> pa.Table:
    """What ``fte`` more in each commune do to those below a threshold.

    Parameters
    ----------
    place : Situation
    rules : Rules
    threshold : float
        A mean APL by BVCV, in the unit of ``rules``.
    fte : float
        How many FTE are added, > 0.

    Returns
    -------
    pyarrow.Table
        ``code_commune``; ``habitants`` (of BVCV that rise from under the threshold to it or above,
        whom the cuts count); ``manque_comble`` (by how much the FTE that are missing for all BVCV
        to stand at the threshold diminish). A row a commune, by code.
    """
    refuse_if(no_level(threshold), UsageError)
    if not 0 < fte < math.inf:
        raise ValueError(f"fte is a positive number, not {fte!r}")
    _, weight, links = effects(place, rules)
    areas = outcome(place, rules).ranking.bvcv
    apl = column_values(areas.column("apl"), np.float64, fill=np.inf)[links.group]
    persons = column_values(areas.column("population"), np.float64)[links.group]
    after = apl + fte * links.total
    rises = (apl < threshold) & (after >= threshold)
    gain = np.minimum(after, threshold) - np.minimum(apl, threshold)
    n = len(place.pairs.land)
    return pa.table(
        {
            "code_commune": place.pairs.land.codes,
            "habitants": exact_sums(links.place, np.where(rises, persons, 0.0), n).astype(np.int64),
            "manque_comble": exact_sums(links.place, weight[links.group] * gain, n) / rules.per,
        }
    )


def effects(place: Situation, rules: Rules) -> tuple[pa.Array, F64, Links]:
    """The BVCV, the weights of their means, and what one FTE at each place gives to each of them.

    Returns
    -------
    pyarrow string array [b], float64[b], Links
        BVCV by code; ``links.total`` in points of APL.
    """
    units, unit = _units(place.communes)
    weighted = place.pairs.weigh(rules.decay)
    people = place.demand
    if rules.weight != "population_standardisee":
        people = column_values(place.communes.column("population"), np.float64)
    weight = exact_sums(unit, people, len(units))
    around = weighted.demand(place.demand)
    links = by_group(weighted, unit, len(units), people)
    reached = np.flatnonzero(around[links.place] > 0)
    at, of = links.place[reached], links.group[reached]
    return (
        units,
        weight,
        Links(at, of, rules.per * links.total[reached] / (around[at] * weight[of])),
    )


def _units(communes: pa.Table) -> tuple[pa.Array, I32]:
    codes = communes.column("code_bvcv").cast(pa.string())
    units = pc.unique(codes)
    units = units.take(pc.array_sort_indices(units))
    return units, column_values(pc.index_in(codes, value_set=units), np.int32)


def no_level(threshold: float) -> list[Fault]:
    if 0 < threshold < math.inf:
        return []
    title, why = "no threshold", f"{threshold!r} is not a level of APL"
    return [Fault("APL-U04", title, why, "a positive number", "simulate", "threshold")]
