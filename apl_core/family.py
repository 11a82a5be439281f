"""The family of floating catchments, by the names of their papers; the APL is its E2SFCA.

Every member is made of the two sums of `apl_core.weighted` and of quotients by place, so that none
has a kernel of its own, and step decays are summed exactly in all of them (but in a 3SFCA with a
``choice`` of its own). Notation: w_ij is the weight of the time from residence i to place of
practice j, S_j the supply (FTE), P_i the demand (inhabitants). A sum over nobody is 0, a quotient
by 0 is 0.

Where a paper sums over facilities, these are the places with supply; where it sums over population
centres, the places with demand. Peers take every place of the matrix, so that there a commune
without professionals draws people away (3SFCA, BFCA); here an empty one changes nothing for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

import numpy as np

from apl_core.catchment import Catchment
from apl_core.decay import Decay, Steps
from apl_core.errors import Fault, RuleError
from apl_core.exact import F64, frozen
from apl_core.weighted import Weighted, vector

TINY = float(np.finfo(np.float64).tiny)  # 2e-308: below it, float64 has fewer digits


class Member(Protocol):
    """What the members have in common.

    Parameters
    ----------
    pairs : Catchment
    supply, demand : float64[n]
        In the order of ``pairs.land.codes``; finite, ≥ 0. FTE; inhabitants.
    decay : Steps, or what the member says
    threads : int
        The result has the same bits for any number.

    Returns
    -------
    float64[n]
        FTE per inhabitant by place of residence (i2SFCA: inhabitants per FTE by place of practice);
        finite, 0 where nothing is within reach.

    Raises
    ------
    ValueError
        A decay that is not of this member, a vector of another length.
    RuleError
        As `Catchment.weigh`; weights so small or large that a quotient leaves float64.
    TableError
        Supply or demand that is missing, infinite or negative.
    """

    def __call__(
        self, pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1
    ) -> F64: ...


def two_sfca(pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1) -> F64:
    """2SFCA: R_j = S_j / Σ_i P_i, A_i = Σ_j R_j, over the pairs within one travel time.

    The decay is one band of `Steps`, which says whether its bound belongs to it (in the paper it
    does). Σ_i P_i A_i is the supply that somebody reaches. See `Member` for arguments and units.

    References
    ----------
    Luo, W., Wang, F. (2003), Measures of spatial accessibility to health care in a GIS environment:
    synthesis and a case study in the Chicago region, Environment and Planning B 30(6), 865–884,
    doi:10.1068/b29120.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl_core import Territory
    >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
    ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
    >>> pairs = Catchment.build(times, Territory.from_codes(["A", "B"]))
    >>> two_sfca(pairs, np.array([1.0, 0.0]), np.array([400.0, 600.0]),
    ...          Steps.of([15], ["1"], closed="right")).tolist()
    [0.001, 0.001]
    """
    if not isinstance(decay, Steps) or len(decay.bands) != 1:
        raise ValueError("2SFCA has one travel time: Steps.of([minutes], ['1'], closed='right')")
    return kd2sfca(pairs, supply, demand, decay, threads=threads)


def e2sfca(pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1) -> F64:
    """E2SFCA: R_j = S_j / Σ_i w_ij P_i, A_i = Σ_j w_ij R_j, with weights by travel-time zone.

    The decay is `Steps`, of any closure; the APL is this, with the steps of the law. Σ_i P_i A_i
    is the supply that somebody reaches. See `Member` for arguments and units.

    References
    ----------
    Luo, W., Qi, Y. (2009), An enhanced two-step floating catchment area (E2SFCA) method for
    measuring spatial accessibility to primary care physicians, Health & Place 15(4), 1100–1107,
    doi:10.1016/j.healthplace.2009.06.002.
    """
    if not isinstance(decay, Steps):
        raise ValueError("E2SFCA has Steps; with a smooth decay it is KD2SFCA")
    return kd2sfca(pairs, supply, demand, decay, threads=threads)


def kd2sfca(pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1) -> F64:
    """KD2SFCA: R_j = S_j / Σ_i w_ij P_i, A_i = Σ_j w_ij R_j, with a continuous decay.

    Any decay; in the papers ``Gaussian(t, limit=t, to_zero=True)`` (2010) and ``Epanechnikov(t)``
    (2011). Multiplying the weights by a number changes nothing. Σ_i P_i A_i is the supply that
    somebody reaches. See `Member` for arguments and units.

    References
    ----------
    Dai, D. (2010), Black residential segregation, disparities in spatial access to health care
    facilities, and late-stage breast cancer diagnosis in metropolitan Detroit, Health & Place
    16(5), 1038–1052, doi:10.1016/j.healthplace.2010.06.012.
    Dai, D., Wang, F. (2011), Geographic disparities in accessibility to food stores in southwest
    Mississippi, Environment and Planning B 38(4), 659–677, doi:10.1068/b36149.
    """
    weighted = pairs.weigh(decay)
    s, p = _vectors(pairs, supply, demand)
    ratio = _over(s, weighted.demand(p, threads=threads))
    return _finite(weighted.access(ratio, threads=threads))


def three_sfca(
    pairs: Catchment,
    supply: F64,
    demand: F64,
    decay: Decay,
    *,
    choice: Decay | None = None,
    threads: int = 1,
) -> F64:
    """3SFCA: each place of residence first divides its demand between the facilities it reaches.

    G_ij = v_ij / Σ_k v_ik over the facilities k, R_j = S_j / Σ_i G_ij w_ij P_i,
    A_i = Σ_j G_ij w_ij R_j. Any decay; v is ``choice``, and w where none is given, so that nobody
    chooses beyond the catchment, as in the paper (a ``choice`` without limit is PySAL's reading).
    Σ_i P_i A_i is the supply that somebody reaches. A product w_ij v_ij below 1e-308 counts for 0.
    See `Member` for arguments and units.

    References
    ----------
    Wan, N., Zou, B., Sternberg, T. (2012), A three-step floating catchment area method for
    analyzing spatial access to health services, International Journal of Geographical Information
    Science 26(6), 1073–1089, doi:10.1080/13658816.2011.624987.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl_core import Territory
    >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
    ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
    >>> pairs = Catchment.build(times, Territory.from_codes(["A", "B"]))
    >>> three_sfca(pairs, np.array([1.0, 1.0]), np.array([400.0, 800.0]),
    ...            Steps.of([10, 15], ["1", "1/2"], closed="right")).round(6).tolist()
    [0.001944, 0.001528]
    """
    weighted = pairs.weigh(decay)
    s, p = _vectors(pairs, supply, demand)
    chosen = weighted if choice is None else pairs.weigh(choice)
    # G_ij w_ij is w_ij v_ij over a number of i: the sums over pairs are those of two steps
    among = chosen.access(_there(s), threads=threads)
    both = _product(weighted, chosen)
    ratio = _over(s, both.demand(_over(p, among), threads=threads))
    return _over(both.access(ratio, threads=threads), among)


def m2sfca(pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1) -> F64:
    """M2SFCA: A_i = Σ_j w_ij² S_j / Σ_k w_kj P_k: supply that stands far from all is lost in part.

    Any decay, in absolute terms (1 = no loss). Nothing is conserved: with weights up to 1,
    Σ_i P_i A_i is at most the supply that somebody reaches, and is that only where everyone is at
    weight 1. A square below 1e-308 counts for 0. See `Member` for arguments and units.

    References
    ----------
    Delamater, P. L. (2013), Spatial accessibility in suboptimally configured health care systems: a
    modified two-step floating catchment area (M2SFCA) metric, Health & Place 24, 30–43,
    doi:10.1016/j.healthplace.2013.07.012.
    """
    weighted = pairs.weigh(decay)
    s, p = _vectors(pairs, supply, demand)
    ratio = _over(s, weighted.demand(p, threads=threads))
    return _finite(_product(weighted, weighted).access(ratio, threads=threads))


def bfca(pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1) -> F64:
    """BFCA: demand and level of service are divided between places, neither is counted twice.

    L_j = S_j / Σ_i P_i w_ij / Σ_k w_ik over the facilities k, A_i = Σ_j L_j w_ij / Σ_k w_kj over
    the population centres k. Any decay; multiplying the weights by a number changes nothing. What
    is conserved: Σ_j S_j / L_j is the demand that reaches a facility, and Σ_i A_i over the
    population centres is Σ_j L_j; Σ_i P_i A_i is no supply. Centres count one each, whatever their
    population: how residences are cut changes the access of all. See `Member` for arguments.

    References
    ----------
    Páez, A., Higgins, C. D., Vivona, S. F. (2019), Demand and level of service inflation in
    floating catchment area (FCA) methods, PLoS ONE 14(6), doi:10.1371/journal.pone.0218773.
    """
    weighted = pairs.weigh(decay)
    s, p = _vectors(pairs, supply, demand)
    among = weighted.access(_there(s), threads=threads)
    level = _over(s, weighted.demand(_over(p, among), threads=threads))
    shared = weighted.demand(_there(p), threads=threads)
    return _finite(weighted.access(_over(level, shared), threads=threads))


def i2sfca(pairs: Catchment, supply: F64, demand: F64, decay: Decay, *, threads: int = 1) -> F64:
    """i2SFCA: crowding at each place of practice, C_j = Σ_i w_ij P_i / Σ_k w_ik S_k.

    2SFCA with residences and practices exchanged: inhabitants per FTE. Any decay; multiplying the
    weights by a number changes nothing. Σ_j S_j C_j is the demand that reaches some supply. At a
    place without supply it is what the first one to settle there would meet.
    See `Member` for arguments.

    References
    ----------
    Wang, F. (2018), Inverted two-step floating catchment area method for measuring facility
    crowdedness, The Professional Geographer 70(2); derived beside 2SFCA in Wang, F. (2021), From
    2SFCA to i2SFCA: integration, derivation and validation, International Journal of Geographical
    Information Science 35(3), 628–638, doi:10.1080/13658816.2020.1811868.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from apl_core import Territory
    >>> times = pa.table({"origine": ["A", "A", "B", "B"], "destination": ["A", "B", "A", "B"],
    ...                   "minutes": [0.0, 12.0, 12.0, 0.0]})
    >>> pairs = Catchment.build(times, Territory.from_codes(["A", "B"]))
    >>> i2sfca(pairs, np.array([1.0, 1.0]), np.array([300.0, 900.0]),
    ...        Steps.of([10, 15], ["1", "1/2"], closed="right")).tolist()
    [500.0, 700.0]
    """
    weighted = pairs.weigh(decay)
    s, p = _vectors(pairs, supply, demand)
    per_fte = _over(p, weighted.access(s, threads=threads))
    return _finite(weighted.demand(per_fte, threads=threads))


FAMILY: Mapping[str, Member] = MappingProxyType(
    {
        "2SFCA": two_sfca,
        "E2SFCA": e2sfca,
        "KD2SFCA": kd2sfca,
        "3SFCA": three_sfca,
        "M2SFCA": m2sfca,
        "BFCA": bfca,
        "i2SFCA": i2sfca,
    }
)


def _vectors(pairs: Catchment, supply: F64, demand: F64) -> tuple[F64, F64]:
    """Both vectors, checked."""
    n = len(pairs.land)
    return vector(supply, "supply", n), vector(demand, "demand", n)


def _there(x: F64) -> F64:
    """1 where there is some of it, else 0."""
    return (x > 0).astype(np.float64)


def _product(one: Weighted, other: Weighted) -> Weighted:
    """The same pairs with the products of both weights; squares of steps stay exact."""
    if one is other and one.level is not None:  # up to 2**40; `split` proves that sums fit, or not
        return replace(one, level=frozen(one.level**2), denominator=one.denominator**2, runs=None)
    with np.errstate(over="ignore"):  # an infinite product is refused
        weight = _finite(one.by_time * other.by_time)
    weight[weight < TINY] = 0.0
    return replace(one, level=None, denominator=1, time_weight=frozen(weight), runs=None)


def _over(above: F64, below: F64) -> F64:
    """``above / below``, and 0 where either is 0."""
    both = (above > 0) & (below > 0)
    with np.errstate(over="ignore"):  # an infinite quotient is refused
        return _finite(np.divide(above, _finite(below), out=np.zeros_like(below), where=both))


def _finite(values: F64) -> F64:
    """The same, unless one has left the range of float64: that is refused, never returned."""
    if not np.isfinite(values).all():
        raise RuleError(
            [
                Fault(
                    "APL-F03",
                    "weights too small or too large to divide by",
                    "a sum or quotient of these weights is beyond 1e308, which float64 cannot hold",
                    "give the decay a limit, or cut the catchment with within=",
                )
            ]
        )
    return values
