"""Two tables of APL on the codes that both have; what one alone has is listed, never dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl.conversion import PERSONS, Cog, tale_of
from apl_core import Fault, TableError, refuse_if
from apl_core.errors import at_rows, listed, refuse_lacking
from apl_core.exact import F64
from apl_core.territory import column_values

COMMUNE, BVCV = "code_commune", "code_bvcv"
OURS, PUBLISHED = "ours", "published"
STANDARD = "population_standardisee"
WEIGHTS = (STANDARD, "population")  # what a correlation is weighted by, the first that is there


@dataclass(frozen=True, eq=False)
class Aligned:
    """Two tables in ascending order of the codes that both have.

    Attributes
    ----------
    key : {"code_commune", "code_bvcv"}
    codes : tuple of str
    ours, published : pyarrow.Table
        The rows of these codes.
    left, right : pyarrow.Table
        The rows of ours, of the published, whose code the other table has not.
    """

    key: str
    codes: tuple[str, ...]
    ours: pa.Table
    published: pa.Table
    left: pa.Table
    right: pa.Table

    @property
    def left_only(self) -> tuple[str, ...]:
        """Codes that ours alone has."""
        return tuple(self.left.column(self.key).to_pylist())

    @property
    def right_only(self) -> tuple[str, ...]:
        """Codes that the published table alone has."""
        return tuple(self.right.column(self.key).to_pylist())

    def both(self, column: str) -> tuple[F64, F64] | None:
        """A quantity in both tables, NaN where it is empty; None where one lacks the column."""
        left, right = numbers(self.ours, column), numbers(self.published, column)
        return None if left is None or right is None else (left, right)

    def first(self, *columns: str) -> tuple[str, F64] | None:
        """The first of some quantities that one of the tables has, and its name.

        That of the published table, whoever's the other is; row by row that of ours where it is
        empty.
        """
        for column in columns:
            there = [numbers(table, column) for table in (self.published, self.ours)]
            found = [values for values in there if values is not None]
            if found:
                return column, np.where(np.isnan(found[0]), found[-1], found[0])
        return None

    def words(self, column: str) -> list[str | None]:
        """A text of ours, else of the published table; None where neither has it."""
        for table in (self.ours, self.published):
            if column in table.column_names:
                found: list[str | None] = table.column(column).to_pylist()
                return found
        return [None] * len(self.codes)


def numbers(table: pa.Table, column: str) -> F64 | None:
    """A quantity of a table, NaN where it is empty."""
    if column not in table.column_names:
        return None
    found = table.column(column)
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    return column_values(found.cast(pa.float64()), np.float64, fill=np.nan)


def aligned(ours: Any, published: Any, key: str = COMMUNE) -> Aligned:
    """Two tables on the codes that both have.

    Parameters
    ----------
    ours, published : pyarrow.Table, or anything with ``__arrow_c_stream__``
        ``code_commune`` or ``code_bvcv``, as ``key`` says, and ``apl``.

    Raises
    ------
    TableError
        A column is missing (``APL-B08``), a code appears twice (``APL-D05``), an APL is infinite
        (``APL-D02``): of both tables together.

    Examples
    --------
    >>> left = pa.table({"code_commune": ["01002", "01001"], "apl": [2.0, 1.0]})
    >>> right = pa.table({"code_commune": ["01001", "01004"], "apl": [1.0, 4.0]})
    >>> found = aligned(left, right)
    >>> found.codes, found.left_only, found.right_only
    (('01001',), ('01002',), ('01004',))
    """
    tables = {OURS: as_table(ours), PUBLISHED: as_table(published)}
    for name, table in tables.items():
        refuse_lacking(table, name, key, "apl")
    refuse_if(fault for item in tables.items() for fault in _faults(*item, key))
    codes = {name: table.column(key).to_pylist() for name, table in tables.items()}
    left, right = (set(codes[name]) for name in (OURS, PUBLISHED))
    common = tuple(sorted(left & right))

    def rows(name: str, some: Iterable[str]) -> pa.Table:
        at = {code: row for row, code in enumerate(codes[name])}
        wanted = pa.array([at[code] for code in some], pa.int64())
        return tables[name].take(wanted)

    return Aligned(
        key,
        common,
        rows(OURS, common),
        rows(PUBLISHED, common),
        rows(OURS, sorted(left - right)),
        rows(PUBLISHED, sorted(right - left)),
    )


def as_table(data: Any) -> pa.Table:
    """Arrow data as a table; polars' text, which Arrow cannot take rows of, as plain text."""
    table = data if isinstance(data, pa.Table) else pa.table(data)
    plain = [f.with_type(pa.string()) if f.type == pa.string_view() else f for f in table.schema]
    return table.cast(pa.schema(plain, metadata=table.schema.metadata)).unify_dictionaries()


def _faults(name: str, table: pa.Table, key: str) -> Iterator[Fault]:
    codes = Counter(table.column(key).to_pylist())
    twice = sorted(str(code) for code, times in codes.items() if times > 1 or code is None)
    if twice:
        why, mend = "a gap is of one value and one other", "keep one row a code"
        yield Fault("APL-D05", "duplicate key", why, mend, name, key, **listed(twice))
    values = numbers(table, "apl")
    assert values is not None
    if np.isinf(values).any():
        why, mend = "it has no gap to any other value", "leave the cell empty, or correct it"
        rows = np.flatnonzero(np.isinf(values))
        yield Fault("APL-D02", "infinite value", why, mend, name, "apl", **at_rows(rows, values))


def brought(table: pa.Table, cog: Cog) -> pa.Table:
    """A table of APL by commune in the communes of another date.

    The APL of communes that merge is their mean weighted by the standardised population; persons
    and FTE add.

    Raises
    ------
    TableError
        As `apl.converted`.
    """
    names = [name for name in (COMMUNE, "apl", *PERSONS) if name in table.column_names]
    found = cog.bring(table.select(names), "apl_publie")
    if "etp" not in table.column_names:
        return found
    there = table.filter(pc.is_valid(table.column("etp"))).select([COMMUNE, "etp"])
    supply = cog.bring(there, "offre", found)
    of = dict(zip(*(supply.column(name).to_pylist() for name in (COMMUNE, "etp")), strict=True))
    etp = [of.get(code) for code in found.column(COMMUNE).to_pylist()]
    return found.append_column("etp", pa.array(etp, pa.float64()))


def merged(*tables: pa.Table) -> frozenset[str]:
    """The communes that tables were brought to and that others went into."""
    tales = [tale for table in tables if (tale := tale_of(table)) is not None]
    return frozenset(code for tale in tales for code in tale.changed.values())


def nothing_in_common(found: Aligned) -> TableError:
    """The failure of two tables without any value to compare."""
    why = (
        f"{len(found.codes):,} codes in common, {len(found.left_only):,} in ours alone, "
        f"{len(found.right_only):,} in the published alone; none has an APL in both"
    )
    mend = "give two tables of one country, by commune or by BVCV (--key)"
    return TableError([Fault("APL-H06", "nothing to compare", why, mend, OURS, found.key)])
