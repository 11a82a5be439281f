"""How unequal an APL is over the inhabitants: `inequality`, of a table by commune or by BVCV.

Two populations, as DREES has them: places are cut into tenths by *total* inhabitants, and counted
by them under a threshold; means and indices weigh by *standardised* ones, whose APL adds up to FTE.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl.compared.align import BVCV, COMMUNE, STANDARD, as_table, numbers
from apl.country import departements
from apl.equity import indices
from apl.equity.indices import Split, Under
from apl.given import odd, typed
from apl.mergers import departement
from apl.summary import tenths
from apl_core import Fault, TableError, UsageError, refuse_if
from apl_core.errors import at_rows, listed, refuse_lacking
from apl_core.exact import F64, exact_sum

KEYS = (COMMUNE, BVCV)
PERSONS = "population"
SCHEMA = "apl_publie"  # whose columns are those of any table of APL: numbers, APL that may lack


@dataclass(frozen=True)
class Figures:
    """How unequal the APL of some places is.

    Attributes
    ----------
    places : int
        With an APL.
    persons : float
        Total inhabitants; noise of a workbook's own arithmetic included.
    mean : float or None
        Weighted by the standardised population.
    tenths : tuple of (float or None)
        The mean of each tenth of the inhabitants, the worst served first (`apl.summary.tenths`).
    ratio : float or None
        That of the last to the first.
    gini, palma, theil_t, theil_l : float or None
        As `apl.equity.indices`, weighted by the standardised population.
    concentration : float or None
        The concentration index against the variable asked for.
    under : tuple of Under
        Total inhabitants under each threshold.
    """

    places: int
    persons: float
    mean: float | None
    tenths: tuple[float | None, ...]
    ratio: float | None
    gini: float | None
    palma: float | None
    theil_t: float | None
    theil_l: float | None
    concentration: float | None
    under: tuple[Under, ...]


@dataclass(frozen=True)
class Inequality(Figures):
    """The figures of the whole table, and more.

    Attributes
    ----------
    key : {"code_commune", "code_bvcv"}
    without_apl : tuple of str
        Places without an APL, of which nothing is said.
    rank : str or None
        The variable that ``concentration`` ranks by.
    without_rank : tuple of str
        Places that it does not have, which ``concentration`` leaves out.
    regions : mapping of region → Figures
        Empty unless asked for.
    split : Split or None
        Theil's T between the regions and within them.
    """

    key: str
    without_apl: tuple[str, ...]
    rank: str | None
    without_rank: tuple[str, ...]
    regions: Mapping[str, Figures]
    split: Split | None


def inequality(
    table: Any,
    *,
    thresholds: Iterable[float] = (),
    rank: str | None = None,
    regions: bool = False,
) -> Inequality:
    """How unequal an APL is over the inhabitants.

    Parameters
    ----------
    table : pyarrow.Table, or anything with ``__arrow_c_stream__``
        ``code_commune`` (else ``code_bvcv``), ``apl`` (empty: none), ``population`` and
        ``population_standardisee``: ``apl_communes``, ``apl_publie`` or ``bvcv``.
    thresholds : iterable of float
        Values of APL > 0: who has less.
    rank : str, optional
        A column of the table that ranks places, the worst off first: an income, a density.
    regions : bool
        The same of each region: ``code_region``, else that of a commune's département.

    Returns
    -------
    Inequality
        The same bits in any order of the rows.

    Raises
    ------
    TableError
        A column lacks (``APL-B08``), a code appears twice (``APL-D05``), an APL without its
        population (``APL-D01``), values that are no quantities, no APL at all (``APL-H06``).

    Examples
    --------
    >>> table = pa.table({"code_commune": ["01001", "01002"], "apl": [100.0, 50.0],
    ...                   "population": [600, 400], "population_standardisee": [500.0, 500.0]})
    >>> found = inequality(table, thresholds=[80.0])
    >>> found.mean, round(found.gini, 3), found.under[0].persons
    (75.0, 0.167, 400.0)
    """
    table, key = _checked(as_table(table), rank)
    there = table.filter(pc.is_valid(table.column("apl")))
    if not there.num_rows:
        why, mend = "no place of the table has one", "name a table with an APL"
        raise TableError([Fault("APL-H06", "no APL at all", why, mend, table_name(key), "apl")])
    codes = there.column(key).to_pylist()
    columns = {name: _floats(there, name) for name in ("apl", STANDARD, PERSONS)}
    columns["rank"] = np.full(len(codes), np.nan) if rank is None else _floats(there, rank)
    asked = tuple(thresholds)
    groups = region_of_rows(there, key) if regions else []
    names = np.array(groups, dtype=np.str_)
    absent = np.isnan(columns["rank"]) if rank is not None else np.zeros(len(codes), dtype=bool)
    return Inequality(
        **vars(_figures(columns, asked)),
        key=key,
        without_apl=tuple(table.filter(pc.is_null(table.column("apl"))).column(key).to_pylist()),
        rank=rank,
        without_rank=tuple(code for code, none in zip(codes, absent, strict=True) if none),
        regions={
            name: _figures({c: x[names == name] for c, x in columns.items()}, asked)
            for name in sorted(set(groups))
        },
        split=indices.theil_split(columns["apl"], columns[STANDARD], groups) if regions else None,
    )


def _figures(columns: Mapping[str, F64], thresholds: Iterable[float]) -> Figures:
    """Of some rows; a rank that is NaN is none."""
    apl, standard, persons, rank = (columns[n] for n in ("apl", STANDARD, PERSONS, "rank"))
    means = tenths(apl, np.rint(persons).astype(np.int64), standard)
    ratio = means[-1] / means[0] if means and means[0] and means[-1] is not None else None
    ranked = ~np.isnan(rank)
    leaning = indices.concentration(apl[ranked], standard[ranked], rank[ranked])
    return Figures(
        places=apl.size,
        persons=exact_sum(persons),
        mean=indices.mean(apl, standard),
        tenths=tuple(means),
        ratio=ratio,
        gini=indices.gini(apl, standard),
        palma=indices.palma(apl, standard),
        theil_t=indices.theil_t(apl, standard),
        theil_l=indices.theil_l(apl, standard),
        concentration=leaning,
        under=tuple(indices.under(apl, persons, one) for one in thresholds),
    )


def _checked(table: pa.Table, rank: str | None) -> tuple[pa.Table, str]:
    """The table by ascending code, and its key; what cannot be weighed is refused."""
    key = next((one for one in KEYS if one in table.column_names), COMMUNE)
    name = table_name(key)
    more = () if rank is None else (rank,)
    refuse_lacking(table, name, key, "apl", STANDARD, PERSONS, *more)
    table = typed(table, SCHEMA, "apl", STANDARD, PERSONS, where=name)
    refuse_if(odd(table, SCHEMA, "apl", STANDARD, PERSONS, where=name))
    codes = Counter(table.column(key).to_pylist())
    twice = sorted(str(code) for code, times in codes.items() if times > 1 or code is None)
    if twice:
        why, mend = "its inhabitants would count twice", "keep one row a code"
        fault = Fault("APL-D05", "duplicate key", why, mend, name, key, **listed(twice))
        raise TableError([fault])
    table = table.take(pc.sort_indices(table.column(key).cast(pa.string())))
    scored = pc.is_valid(table.column("apl"))
    for column in (STANDARD, PERSONS):
        lost = pc.and_(scored, pc.is_null(table.column(column)))
        if pc.any(lost).as_py():
            rows = np.flatnonzero(lost.to_numpy(zero_copy_only=False))
            title, why = "missing value", "an APL without its population would count for nothing"
            at = at_rows(rows, table.column(key))
            raise TableError([Fault("APL-D01", title, why, "give it", name, column, **at)])
    return table, key


def table_name(key: str) -> str:
    """What messages call a table of this key."""
    return "apl_communes" if key == COMMUNE else "bvcv"


def _floats(table: pa.Table, name: str) -> F64:
    found = numbers(table, name)
    assert found is not None
    return found


def region_of_rows(table: pa.Table, key: str) -> list[str]:
    """The region of each row: its own column, else that of the commune's département."""
    if "code_region" in table.column_names:
        return [region or "" for region in table.column("code_region").to_pylist()]
    facts = departements()
    known = dict(zip(facts.codes, facts.regions, strict=True))
    return [known.get(departement(code), "") for code in table.column(key).to_pylist()]


def with_variable(table: pa.Table, variable: pa.Table, name: str) -> pa.Table:
    """A table by commune with a quantity that a table ``variable`` has of some of them.

    Raises
    ------
    UsageError
        The table has no communes, or none of those (``APL-H06``).
    """
    values = dict(zip(*(variable.column(n).to_pylist() for n in variable.column_names[:2]),
                      strict=True))  # fmt: skip
    codes = table.column(COMMUNE).to_pylist() if COMMUNE in table.column_names else []
    found = [values.get(code) for code in codes]
    if all(value is None for value in found):
        why, mend = "no commune of the APL has a value", "name a table by commune of its vintage"
        raise UsageError([Fault("APL-H06", "nothing to rank by", why, mend, "variable", name)])
    return table.append_column(name, pa.array(found, pa.float64()))
