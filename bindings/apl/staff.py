"""Who makes the supply: the FTE of each row of ``professionnels``, by the rules of the run.

`apl.supply` gives communes their sums; who counts persons, draws them again or lets the oldest go
needs the terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from apl import activity
from apl.law import Rules
from apl.parameters import Parameters
from apl_core import Territory
from apl_core.exact import F64, I64
from apl_core.territory import column_values

TABLE = "professionnels"


@dataclass(frozen=True, eq=False)
class Staff:
    """One entry a row of ``professionnels``.

    Attributes
    ----------
    at : int64[m]
        The position of the commune.
    who : int64[m]
        The number of the person.
    age : int64[m]
    etp : float64[m]
        The row's FTE, by the rules of the run; they sum to the run's supply, bit for bit.
    """

    at: I64
    who: I64
    age: I64
    etp: F64


def staff(
    professionnels: pa.Table, land: Territory, rules: Rules, parameters: Parameters | None = None
) -> Staff:
    """The rows of a checked table ``professionnels`` with their FTE; raises as `apl.supply`.

    Examples
    --------
    >>> from datetime import date
    >>> from apl.law import rules
    >>> table = pa.table({"identifiant": ["b", "a", "a"], "code_commune": ["01001", "01002",
    ...     "01001"], "age": [40, 50, 50], "actes": [3000.0, 1000.0, 2000.0],
    ...     "honoraires": [6e4, 2e4, 4e4], "installe_dans_l_annee": [False] * 3})
    >>> found = staff(table, Territory.from_codes(["01001", "01002"]),
    ...               rules("masseur_kinesitherapeute", on=date(2025, 6, 6)))
    >>> found.who.tolist(), found.at.tolist(), found.etp.round(3).tolist()
    ([1, 0, 0], [0, 1, 0], [1.0, 0.333, 0.667])
    """
    row = Territory.from_codes([f"{k:09d}" for k in range(professionnels.num_rows)])
    column = professionnels.schema.get_field_index("code_commune")
    apart = professionnels.set_column(column, "code_commune", row.codes)  # each row a place
    names = professionnels.column("identifiant").cast(pa.string())
    return Staff(
        activity.positions(professionnels, land, TABLE).astype(np.int64),
        Territory.from_codes(names.unique().sort()).positions(names).astype(np.int64),
        column_values(professionnels.column("age"), np.int64),
        activity.supply(apart, row, rules, parameters).etp,
    )
