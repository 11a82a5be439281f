"""Whom the cuts count: municipal population, or women; and each region's own inhabitants."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apl.law import Rules
from apl_core import Fault, TableError, Territory, exact_sums
from apl_core.errors import at_rows
from apl_core.territory import column_values

I64 = NDArray[np.int64]

WOMEN = "population_feminine"


def column_of(rules: Rules) -> str:
    """The column of ``communes`` that holds whom the cuts count."""
    return WOMEN if rules.zoning.population == "women" else "population"


def counted(
    communes: pa.Table,
    rules: Rules,
    *,
    published: pa.Table | None = None,
    ages: pa.Table | None = None,
) -> pa.Table:
    """``communes`` with the persons that the cuts count.

    Where the law counts women: the column ``population_feminine`` of ``communes``, else that of the
    published workbook, else the women of ``population_par_age``; rounded to whole persons in each
    commune, since cuts compare whole numbers.

    Parameters
    ----------
    communes : pyarrow.Table
        The table of that name.
    rules : Rules
    published, ages : pyarrow.Table, optional
        The tables ``apl_publie`` and ``population_par_age``.

    Raises
    ------
    TableError
        The law counts women, and none of these tables does, or not in every commune; more women
        than inhabitants.
    """
    if column_of(rules) != WOMEN:
        return communes
    if WOMEN not in communes.column_names:
        communes = communes.append_column(WOMEN, pa.array(_women(communes, published, ages)))
    women, everyone = (pc.sum(communes.column(name)).as_py() or 0 for name in (WOMEN, "population"))
    if women > everyone:
        raise TableError([_too_many(women, everyone)])
    return communes


def _women(communes: pa.Table, published: pa.Table | None, ages: pa.Table | None) -> I64:
    """The women of each row of ``communes``, from a table that counts them."""
    if published is not None and WOMEN in published.column_names:
        some = published.filter(pc.is_valid(published.column(WOMEN)))
        name, persons = "apl_publie", some.column(WOMEN)
    elif ages is not None and "sexe" in ages.column_names:
        women = pc.equal(ages.column("sexe").cast(pa.string()), "F")
        some = ages.filter(women)
        name, persons = "population_par_age", some.column("population")
    else:
        raise TableError([_no_women()])
    land = Territory.from_table(communes)
    at, order = (land.positions(t.column("code_commune")) for t in (some, communes))
    total = exact_sums(at[at >= 0], column_values(persons, np.float64)[at >= 0], len(land))
    there = np.zeros(len(land), dtype=np.bool_)
    there[at[at >= 0]] = True
    inhabited = column_values(communes.column("population"), np.int64) > 0
    left = np.flatnonzero(inhabited & ~there[order])
    if left.size:
        raise TableError([_left_out(communes, left, name)])
    found: I64 = np.rint(total).astype(np.int64)[order]
    return found


def own_inhabitants(communes: pa.Table, rules: Rules) -> pa.Table | None:
    """``code_bvcv``, ``code_region``, ``population``: each region's own inhabitants of a unit.

    None where units are attributed whole.
    """
    if rules.attribution != "own_inhabitants":
        return None
    keys = ["code_bvcv", "code_region"]
    column = column_of(rules)
    table = pa.table({**{k: communes.column(k).cast(pa.string()) for k in keys},
                      "population": communes.column(column)})  # fmt: skip
    sums = table.group_by(keys).aggregate([("population", "sum")])
    return sums.rename_columns([*keys, "population"]).sort_by([(k, "ascending") for k in keys])


def _no_women() -> Fault:
    why = "this text cuts at shares of the women, whom neither communes nor another table counts"
    mend = (
        "add population_feminine to communes (or a workbook of DREES with `Population féminine "
        "AAAA`, or population_par_age with sexe)"
    )
    return Fault("APL-B08", "a column is missing", why, mend, "communes", WOMEN)


def _left_out(communes: pa.Table, rows: I64, table: str) -> Fault:
    title = "communes with inhabitants and no count of women"
    why = "they would count for nobody in the shares"
    mend = "complete the table, or give population_feminine in communes"
    named = {**at_rows(rows, communes.column("code_commune")), "rows": ()}
    return Fault("APL-D01", title, why, mend, table, WOMEN, **named)


def _too_many(women: int, everyone: int) -> Fault:
    title, why = "more women than inhabitants", f"{women:,} women of {everyone:,} inhabitants"
    mend = "are these of one year and one unit?"
    return Fault("APL-D15", title, why, mend, "communes", WOMEN)
