"""The density standardised by age, by BVCV: the indicator of speech therapists, not an APL.

FTE of the BVCV over its own standardised inhabitants, per ``rules.per`` of them. No travel time
enters it, so that a commune has no value of its own.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.aggregation import aggregate
from apl.indicator import Indicator
from apl.inputs import KIND, kind_of
from apl.law import Rules
from apl.law_schema import law_fault
from apl_core import Fault, RuleError, TableError, Territory, exact_sums
from apl_core.errors import at_rows
from apl_core.territory import column_values

F64 = NDArray[np.float64]


def measured(supply: F64, demand: F64) -> Indicator:
    """The ingredients of a density, in the order of a territory's codes; no commune has an APL."""
    if not supply.any():
        raise TableError([_no_supply()])
    none = np.full(supply.size, np.nan)
    return Indicator(supply, demand, none, np.zeros(0, dtype=np.int64), "exact")


def table(land: Territory, found: Indicator, communes: pa.Table) -> pa.Table:
    """The table ``apl_communes``, whose ``apl`` is null throughout."""
    there = land.ordered(communes)
    return pa.table(
        {
            "code_commune": land.codes,
            **{name: there.column(name).cast(pa.string()) for name in ("code_bvcv", "code_region")},
            "population": there.column("population"),
            "population_standardisee": found.demand,
            "etp": found.supply,
            "apl": pa.nulls(len(land), pa.float64()),
        }
    )


def areas(result: pa.Table, communes: pa.Table, rules: Rules) -> pa.Table:
    """The density of each BVCV, in the form of `apl.aggregation.aggregate`.

    Parameters
    ----------
    result : pyarrow.Table
        ``code_commune``, ``code_bvcv``, ``population_standardisee``, ``etp``, ``apl`` (null).
    communes : pyarrow.Table
        The table of that name.
    rules : Rules

    Returns
    -------
    pyarrow.Table
        ``code_bvcv``, ``code_region``, ``population``, ``population_standardisee``, ``apl``: the
        density; null where nobody lives.

    Raises
    ------
    TableError
        FTE in a BVCV without standardised inhabitants; what `apl.aggregation.aggregate` refuses.
    """
    empty = aggregate(result, communes, rules)
    units = empty.column("code_bvcv").combine_chunks()
    of = column_values(pc.index_in(result.column("code_bvcv"), value_set=units), np.int64)
    etp = exact_sums(of, column_values(result.column("etp"), np.float64), len(units))
    standard = column_values(empty.column("population_standardisee"), np.float64)
    nobody = np.flatnonzero((standard == 0) & (etp > 0))
    if nobody.size:
        raise TableError([_nobody(units, nobody)])
    density = np.divide(rules.per * etp, standard, out=np.zeros_like(etp), where=standard > 0)
    column = pa.array(density, pa.float64(), mask=standard == 0)
    return empty.set_column(empty.schema.get_field_index("apl"), "apl", column)


def refuse_apl(rules: Rules) -> None:
    """Refuse to zone by an APL what the text zones by a density."""
    if kind_of(rules) == KIND:
        title = f"the indicator of {rules.profession} is no APL"
        cite = rules.citations["indicator"].cite
        why = f"the text ranks a density standardised by age, by BVCV ({cite})"
        mend = "apl run with communes, offre and population_standardisee"
        raise RuleError([law_fault(title, why, mend)])


def _no_supply() -> Fault:
    why = "every density would be 0 and every zone a matter of ties"
    return Fault("APL-D13", "no supply at all", why, "give the professionals", "offre", "etp")


def _nobody(units: pa.Array, rows: NDArray[np.int64]) -> Fault:
    title, why = "FTE in a BVCV without standardised inhabitants", "a density over nobody is x / 0"
    mend, named = "join its communes to another BVCV", {**at_rows(rows, units), "rows": ()}
    return Fault("APL-C10", title, why, mend, "communes", "code_bvcv", **named)
