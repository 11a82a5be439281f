"""The two steps read backwards: what supply at a place gives to whom.

A_i = Σ_j w(t_ij) · E_j / D_j is linear in E, and D does not depend on E: one more unit of supply at
j gives w(t_ij) / D_j to i, whatever stands elsewhere. Of groups of places the effect is a mean, and
there are some ten groups within reach of a place where there are a hundred pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apl_core.exact import F64, exact_sums
from apl_core.territory import I32
from apl_core.weighted import Weighted, vector


@dataclass(frozen=True, eq=False)
class Links:
    """Sums over the pairs between places of practice and groups of places of residence.

    Attributes
    ----------
    place, group : int32[k]
        By place, then group; each couple once, where there is a pair of positive weight.
    total : float64[k]
    """

    place: I32
    group: I32
    total: F64


def by_group(weighted: Weighted, group: I32, groups: int, x: F64) -> Links:
    """Σ_{i in g} w(t_ij) · x_i for each place of practice j and group g that reaches it.

    Parameters
    ----------
    weighted : Weighted
    group : int32[n]
        The group of each place, 0 ≤ group < groups.
    groups : int
    x : float64[n]
        Finite, ≥ 0.

    Returns
    -------
    Links
        Sums over all groups of a place are ``weighted.demand(x)``, to the last rounding; their bits
        depend on no order.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl_core import Catchment, Steps, Territory
    >>> land = Territory.from_codes(["A", "B"])
    >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
    ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
    >>> weighted = Catchment.build(times, land).weigh(Steps.of([10, 20], ["1", "1/2"],
    ...                                                       closed="left"))
    >>> links = by_group(weighted, np.array([0, 1], dtype=np.int32), 2, np.array([400.0, 900.0]))
    >>> links.place.tolist(), links.group.tolist(), links.total.tolist()
    ([0, 0, 1, 1], [0, 1, 0, 1], [400.0, 450.0, 200.0, 900.0])
    """
    pairs = weighted.pairs
    value = vector(x, "x", len(pairs.land))
    by_time, denominator = weighted.by_time, 1
    if weighted.level is not None:
        by_time, denominator = weighted.level.astype(np.float64), weighted.denominator
    weight = by_time[pairs.words.mark]
    origin = np.repeat(np.arange(len(pairs.land), dtype=np.int32), np.diff(pairs.start))
    linked = np.flatnonzero((weight > 0) & (value[origin] > 0))
    origin = origin[linked]
    key = pairs.destination[linked].astype(np.int64) * groups + group[origin]
    # a sort of the keys; sums by counting over places × groups would take 800 MB for the nation
    couples, at = np.unique(key, return_inverse=True)
    total = exact_sums(at, weight[linked] * value[origin], couples.size) / denominator
    place, of = np.divmod(couples, max(groups, 1))
    return Links(place.astype(np.int32), of.astype(np.int32), total)
