"""Columns of tables in memory as their schema has them: a function gets what no gate has read."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from apl_core import Fault, refuse_if
from apl_core.convert import Column, converted
from apl_core.schema import schema
from apl_core.values import value_faults


def typed(table: pa.Table, name: str, *columns: str, where: str) -> pa.Table:
    """The table with these columns in the types of a schema.

    Parameters
    ----------
    table : pyarrow.Table
    name : str
        Whose schema: a table of ``data_schemas/``.
    *columns : str
        Columns that the table has.
    where : str
        What messages call the table.

    Raises
    ------
    TableError
        Values that are not of that type (``APL-D10``, ``APL-D04``), of all columns together.

    Examples
    --------
    >>> typed(pa.table({"apl": ["1,5"]}), "apl_publie", "apl", where="apl").to_pylist()
    [{'apl': 1.5}]
    """
    faults: list[Fault] = []
    for column in columns:
        read = converted(Column(table.column(column), schema(name).field(column), where))
        faults += read.faults
        if read.values is not None:
            table = table.set_column(table.column_names.index(column), column, read.values)
    refuse_if(faults)
    return table


def odd(table: pa.Table, name: str, *columns: str, where: str) -> Iterator[Fault]:
    """What is wrong with the values of columns that are `typed`: missing, infinite, negative."""
    for column in columns:
        field = schema(name).field(column)
        yield from value_faults(Column(table.column(column), field, where))
