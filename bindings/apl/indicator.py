"""The APL by commune: the two steps in the words of the law, verified on the way out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from apl.law import Rules
from apl_core import AplError, Catchment, Fault, TableError, Territory, Weighted
from apl_core.blockwise import Summed
from apl_core.errors import listed
from apl_core.exact import exact_sum
from apl_core.weighted import vector

F64 = NDArray[np.float64]

CONSERVATION = 1e-9  # relative; the sums are exact, what is left is the last rounding of each term


@dataclass(frozen=True, eq=False)
class Indicator:
    """The APL of a territory, in the order of its codes.

    Attributes
    ----------
    supply, demand : float64[n]
        FTE, standardised inhabitants.
    apl : float64[n]
        FTE per ``rules.per`` standardised inhabitants.
    unreached : int64[k]
        Positions of supply that nobody can reach.
    arithmetic : str
        ``exact`` or ``float64``: how the sums were carried.
    """

    supply: F64
    demand: F64
    apl: F64
    unreached: NDArray[np.int64]
    arithmetic: str


def two_steps(
    pairs: Catchment, supply: F64, demand: F64, rules: Rules, *, threads: int = 1
) -> Indicator:
    """The APL of every commune (annexe, 4.1.3), with the conservation of supply verified.

    Parameters
    ----------
    pairs : Catchment
    supply, demand : float64[n]
        FTE and standardised inhabitants, in the order of ``pairs.land.codes``.
    rules : Rules
    threads : int
        The bits do not depend on it.

    Raises
    ------
    TableError
        Supply in a commune that no pair of the table reaches; vectors of another length, or of no
        quantities.
    AplError
        A defect of ours: Σ demand · access is not the supply that somebody can reach.
    """
    supply, demand = (
        vector(x, name, len(pairs.land)) for x, name in ((supply, "supply"), (demand, "demand"))
    )
    return solved(weighed(pairs, supply, rules), supply, demand, rules, threads=threads)


def weighed(pairs: Catchment, supply: F64, rules: Rules) -> Weighted:
    """The pairs that lead to supply, with the weights of the law: what `solved` takes.

    Raises
    ------
    TableError
        Supply in a commune that no pair of the table reaches.
    """
    supply = vector(supply, "supply", len(pairs.land))
    lost = pairs.unreached_supply(supply)
    if lost.size:
        raise TableError([_no_pair(pairs, supply, lost)])
    return pairs.towards(supply > 0).weigh(rules.decay)


def solved(
    weighted: Weighted | Summed, supply: F64, demand: F64, rules: Rules, *, threads: int = 1
) -> Indicator:
    """The two steps over pairs that are `weighed`, or over blocks; see `two_steps`."""
    ratio = weighted.ratio(supply, demand, threads=threads)
    access = weighted.access(ratio, threads=threads)
    unreached = np.flatnonzero((supply > 0) & (ratio == 0))
    conserved(supply, demand, ratio, access)
    return Indicator(
        supply, demand, access * rules.per, unreached, weighted.arithmetic(demand, ratio)
    )


def access(
    pairs: Catchment,
    supply: F64,
    demand: F64,
    rules: Rules,
    *,
    communes: pa.Table | None = None,
    threads: int = 1,
) -> pa.Table:
    """The table ``apl_communes``; see `two_steps`.

    With ``communes``, the columns ``code_bvcv``, ``code_region`` and ``population`` are filled in.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> from apl_core import Territory
    >>> land = Territory.from_codes(["01001", "01002"])
    >>> times = pa.table({"origine": ["01001", "01002"], "destination": ["01002", "01001"],
    ...                   "minutes": [12.0, 12.0]})
    >>> pairs = Catchment.build(times, land, within=20, self_pair="0")
    >>> law = rules("masseur_kinesitherapeute", on=date(2025, 6, 6))
    >>> access(pairs, np.array([1.0, 0.0]), np.array([400.0, 900.0]), law).column("apl").to_pylist()
    [100.0, 66.66666666666667]
    """
    return table(pairs.land, two_steps(pairs, supply, demand, rules, threads=threads), communes)


def table(land: Territory, found: Indicator, communes: pa.Table | None) -> pa.Table:
    """An `Indicator` as the table ``apl_communes``, one row a commune, by code."""
    columns = {"code_commune": land.codes}
    if communes is not None:
        there = land.ordered(communes)
        for name in ("code_bvcv", "code_region"):  # plain: a dictionary keeps the order of rows
            columns[name] = there.column(name).cast(pa.string())
        columns["population"] = there.column("population")
    return pa.table(
        {
            **columns,
            "population_standardisee": found.demand,
            "etp": found.supply,
            "apl": found.apl,
        }
    )


def conserved(supply: F64, demand: F64, ratio: F64, access: F64) -> None:
    """Refuse an access that is not finite or negative, or that does not conserve supply: Σ demand ·
    access is the supply with a ratio > 0, which somebody reaches."""
    given = exact_sum(np.where(ratio > 0, supply, 0.0))
    finite = bool(np.isfinite(access).all() and (access >= 0).all())
    received = exact_sum(demand * access) if finite else float("nan")
    if not abs(received - given) <= CONSERVATION * given:
        raise AplError(
            [
                Fault(
                    "APL-E11",
                    "supply is not conserved",
                    f"{given:.9g} FTE can be reached, inhabitants receive {received:.9g}: a defect "
                    "of this program, not of the data",
                    "please report it, with the input",
                )
            ]
        )


def _no_pair(pairs: Catchment, supply: F64, lost: NDArray[np.int64]) -> Fault:
    codes = [pairs.land.codes[int(p)] for p in lost]
    return Fault(
        "APL-D07",
        "supply in a commune of no pair",
        f"{float(supply[lost].sum()):,.2f} FTE stand in communes that no travel time leads to",
        "complete the travel times, or choose --self-pair 0",
        "offre",
        "code_commune",
        **listed(codes),
    )
