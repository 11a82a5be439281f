"""The pairs of a region as its page carries them, to work out "what if" without the engine.

One FTE at j gives w(t_ij) / D_j to each inhabitant of i, whatever stands elsewhere: D_j, the
weights and the pairs are enough, and supply itself, which may be secret, is not needed. Targets of
each place are ascending, in one or two bytes each (the difference to the one before, seven bits a
byte): of the largest region of the embedded country (Grand Est, 5,119 communes) 508 kB of 476,000
pairs. zlib on top (a third less) was rejected: a script opens it by asynchronous streams alone.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.explained.secrecy import Secrecy
from apl.law import Rules
from apl.scenarios.situation import Situation
from apl.zoning import Cut
from apl_core import exact_sums
from apl_core.territory import column_values
from apl_core.weighted import Weighted

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


def pairs_data(
    place: Situation,
    rules: Rules,
    secrecy: Secrecy,
    cuts: Sequence[Cut],
    *,
    units: Sequence[str],
) -> dict[str, Any]:
    """What the page of a region needs to add and remove FTE in it.

    Parameters
    ----------
    place : Situation
    rules : Rules
    secrecy : Secrecy
        FTE of a commune that it keeps are not written, nor can any be removed there: what may be
        would tell them.
    cuts : sequence of Cut
        Of the national ranking; they are held.
    units : sequence of str
        The BVCV of the page, in its order: FTE may be added in their communes, and who gains is
        told for these alone.

    Returns
    -------
    dict
        ``par`` (inhabitants of which the APL is), ``poids_trajets`` (the weights w, highest first),
        ``seuils`` (the highest APL of each class; None: it is empty), ``bvcv``, ``communes``;
        ``etp`` (of each commune; None: not shown), ``sans_trajet`` (communes to which no time
        leads); and in base64, little-endian, by commune: ``unite`` (uint16, its BVCV), ``poids``
        (float64, its weight in the mean; ``poids_bvcv``, their sums), ``demande`` (float64, D_j),
        ``trajets`` (as a place of supply: for each weight how many communes, then their positions:
        the first, then differences).

    Examples
    --------
    >>> from datetime import date
    >>> import apl
    >>> from apl.explained.secrecy import secrecy_of
    >>> law = apl.rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> communes = pa.table({"code_commune": ["01001", "01002", "01003"],
    ...     "code_bvcv": ["01001", "01001", "01003"], "code_region": ["84"] * 3,
    ...     "population": [400] * 3, "etp": [4.0, 1.0, 9.0],
    ...     "population_standardisee": [400.0] * 3})
    >>> times = pa.table({"origine": ["01001", "01003"], "destination": ["01002", "01001"],
    ...                   "minutes": [5.0, 12.0]})
    >>> here = apl.situation(communes, times, law, self_pair="0")
    >>> found = pairs_data(here, law, secrecy_of(here, law, np.array([4, 3, 9])), [],
    ...                    units=["01001"])
    >>> found["communes"], found["etp"], base64.b64decode(found["trajets"]).hex(" ")
    (['01001', '01002'], [4.0, 1.0], '01 00 00 02 00 01 00')
    """
    where = place.communes.column("code_bvcv").cast(pa.string())
    number = pc.index_in(where, value_set=pa.array(units, pa.string()))
    unit = column_values(number, np.int64, fill=-1)
    here = unit >= 0
    people = place.demand
    if rules.weight != "population_standardisee":
        people = column_values(place.communes.column("population"), np.float64)
    weighted = place.pairs.weigh(rules.decay)
    weights = np.unique(weighted.by_time[weighted.by_time > 0])[::-1]
    codes = place.pairs.land.codes
    total = exact_sums(unit[here], people[here], len(units))
    return {
        "par": rules.per,
        "poids_trajets": weights.tolist(),
        "seuils": _levels(rules, cuts),
        "bvcv": list(units),
        "communes": codes.filter(pa.array(here)).to_pylist(),
        "etp": [None if kept else fte for fte, kept in
                zip(place.supply[here].tolist(), secrecy.kept[here].tolist(), strict=True)],
        "sans_trajet": codes.filter(pa.array(here & ~place.pairs.paired)).to_pylist(),
        "unite": _packed(unit[here].astype("<u2")),
        "poids": _packed(people[here].astype("<f8")),
        "poids_bvcv": _packed(total.astype("<f8")),
        "demande": _packed(weighted.demand(place.demand)[here].astype("<f8")),
        "trajets": _packed(_trips(weighted, weights, here)),
    }  # fmt: skip


def _levels(rules: Rules, cuts: Sequence[Cut]) -> list[float | None]:
    """Where each class but the last ends; an empty one ends where that before it did."""
    if rules.zoning.method == "thresholds":
        return [float(level) for _, level in rules.zoning.classes]
    ends = np.array([-math.inf if cut.apl is None else cut.apl for cut in cuts])
    return [None if level == -math.inf else level for level in np.maximum.accumulate(ends).tolist()]


def _trips(weighted: Weighted, weights: Any, here: Mask) -> NDArray[np.uint8]:
    """The pairs between communes of the page, by destination, weight and origin."""
    pairs = weighted.pairs
    origin = np.repeat(np.arange(here.size), np.diff(pairs.start))
    kept = here[origin] & here[pairs.destination] & (weighted.weight > 0)
    number = np.cumsum(here) - 1
    target, source = number[origin[kept]], number[pairs.destination[kept]]
    level = np.searchsorted(-weights, -weighted.weight[kept])
    group = source * len(weights) + level
    order = np.lexsort((target, group))
    target, group = target[order], group[order]
    count = np.bincount(group, minlength=int(here.sum()) * len(weights))
    first = np.cumsum(count) - count  # where each group begins
    step = np.diff(target, prepend=0)
    step[first[count > 0]] = target[first[count > 0]]
    return _varint(np.insert(step, first, count))


def _varint(numbers: I64) -> NDArray[np.uint8]:
    """Whole numbers below 2**21 in seven bits a byte, the lowest first; the eighth: more follow."""
    parts = numbers[:, None] >> np.array([0, 7, 14])
    more = parts[:, 1:] > 0
    octets = (parts & 127) | np.pad(more, ((0, 0), (0, 1))) * 128
    found: NDArray[np.uint8] = octets[np.pad(more, ((0, 0), (1, 0)), constant_values=True)]
    return found.astype(np.uint8)


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
