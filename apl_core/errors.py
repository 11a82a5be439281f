"""Failures that a user can act on: what, where, which rows, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

SHOWN = 20  # faults and rows listed in a message; the count is always whole


@dataclass(frozen=True, eq=False)
class Whole:
    """Every row of a fault and what stands in it, looked up only when they are listed.

    Positions (of rows, from 0) and the column they point into are kept as they were found, so that
    a fault of a million rows costs a message of twenty. Without positions: values of no row.
    """

    positions: Sequence[int] | Any | None
    column: Any

    def __iter__(self) -> Iterator[tuple[int | None, str]]:
        if self.positions is None:
            yield from ((None, shown(value)) for value in self.column)
            return
        if self.column is None:
            cells: Iterable[Any] = ("" for _ in self.positions)
        elif hasattr(self.column, "take"):  # Arrow's, at once: four times faster than cell by cell
            cells = self.column.take(list(self.positions)).to_pylist()
        else:
            cells = (self.column[int(position)] for position in self.positions)
        for position, cell in zip(self.positions, cells, strict=True):
            yield int(position) + 1, shown(cell)


@dataclass(frozen=True)
class Fault:
    """One fault of one input.

    Parameters
    ----------
    fault : str
        Stable identifier (``APL-E01``).
    title : str
        A few words: what is wrong.
    why : str
        Why it is refused.
    mend : str
        What to do about it.
    table, column : str, optional
        Where; ``table`` is the table's name or the file's path.
    rows : tuple of int
        Rows of the table, counted from 1 under the header (the first ones).
    values : tuple of str
        The values found in those rows.
    count : int
        How many rows are concerned in all.
    whole : Whole, optional
        All of them, for the full list (`Fault.cells`); no part of what a fault is equal to.

    Examples
    --------
    >>> found = at_rows(range(0, 90, 3), list("abc" * 30))
    >>> fault = Fault("APL-C01", "malformed code", "…", "correct it", "offre", **found)
    >>> len(fault.rows), fault.count, list(fault.cells())[-1]
    (20, 30, (88, 'a'))
    """

    fault: str
    title: str
    why: str
    mend: str
    table: str | None = None
    column: str | None = None
    rows: tuple[int, ...] = ()
    values: tuple[str, ...] = ()
    count: int = 0
    whole: Whole | None = field(default=None, compare=False, repr=False)

    def cells(self) -> Iterator[tuple[int | None, str]]:
        """Each row concerned and the value in it; those of the message where no more is known."""
        if self.whole is not None:  # where no row is named, a position is not one of the file's
            yield from ((row if self.rows else None, value) for row, value in self.whole)
        elif self.rows or self.values:
            yield from ((r, v or "") for r, v in zip_longest(self.rows, self.values))
        else:
            yield None, ""

    def __str__(self) -> str:
        lines = [f"{self.fault} {self.title}"]
        if self.table:
            lines.append(f"  table : {self.table}")
        if self.column:
            lines.append(f"  column: {self.column}")
        if self.rows:
            more = f" (and {self.count - len(self.rows):,} more)" * (self.count > len(self.rows))
            lines.append(f"  rows  : {', '.join(f'{row:,}' for row in self.rows)}{more}")
        if self.values:
            lines.append(f"  values: {', '.join(self.values)}")
        return "\n".join([*lines, f"  why   : {self.why}", f"  mend  : {self.mend}"])

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for ``--json``."""
        keys = (key for key, entry in self.__dataclass_fields__.items() if entry.compare)
        return {key: getattr(self, key) for key in keys}


def at_rows(positions: Sequence[int] | Any, column: Any = None) -> dict[str, Any]:
    """``rows``, ``values``, ``count`` and ``whole`` of a `Fault`, from positions counted from 0.

    >>> found = at_rows([1], ["a", "b"])
    >>> found["rows"], found["values"], found["count"], list(found["whole"])
    ((2,), ('b',), 1, [(2, 'b')])
    """
    first = [int(position) for position in positions[:SHOWN]]
    cells = [] if column is None else [column[position] for position in first]
    return {
        "rows": tuple(position + 1 for position in first),
        "values": tuple(map(shown, cells)),
        "count": len(positions),
        "whole": Whole(positions, column),
    }


def listed(values: Iterable[Any]) -> dict[str, Any]:
    """``values``, ``count`` and ``whole`` of a `Fault` of values that stand in no one row.

    >>> found = listed(["01001", "01004"])
    >>> found["values"], found["count"], list(found["whole"])
    (('01001', '01004'), 2, [(None, '01001'), (None, '01004')])
    """
    every = tuple(values)
    return {
        "values": tuple(map(shown, every[:SHOWN])),
        "count": len(every),
        "whole": Whole(None, every),
    }


def shown(cell: Any) -> str:
    """A cell as a message shows it."""
    value = cell.as_py() if hasattr(cell, "as_py") else cell
    return "(empty)" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(eq=False)
class AplError(Exception):
    """Base of all failures; carries every fault of the stage that failed.

    The fields of the first fault (``fault``, ``table``, ``column``, ``rows``, ``values``,
    ``mend``) are attributes of the error itself.

    Examples
    --------
    >>> error = TableError([Fault("APL-D05", "duplicate key", "…", "…", rows=(3,), count=1)])
    >>> error.fault, error.rows, error.exit_code
    ('APL-D05', (3,), 3)
    """

    faults: Sequence[Fault] = field(default_factory=tuple)
    listed: Any = field(default=None, init=False)  # the path of the full list, once it is written
    exit_code = 1
    kind = "a defect of this program"

    def __post_init__(self) -> None:
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = [str(fault) for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            shown.append(f"… and {len(self.faults) - SHOWN} more faults")
        return "\n".join(shown)

    @property
    def fault(self) -> str:
        return self.faults[0].fault

    @property
    def table(self) -> str | None:
        return self.faults[0].table

    @property
    def column(self) -> str | None:
        return self.faults[0].column

    @property
    def rows(self) -> tuple[int, ...]:
        return self.faults[0].rows

    @property
    def values(self) -> tuple[str, ...]:
        return self.faults[0].values

    @property
    def mend(self) -> str:
        return self.faults[0].mend


class UsageError(AplError):
    """The command line asks for something that does not exist."""

    exit_code = 2
    kind = "the command line"


class TableError(AplError):
    """The data cannot be used as they are."""

    exit_code = 3
    kind = "the data"


class RuleError(AplError):
    """The law file, a parameter, or a question that the public texts do not answer."""

    exit_code = 4
    kind = "rules or parameters"


class FileError(AplError):
    """A file or folder is missing, unreadable, or in the way."""

    exit_code = 5
    kind = "files and environment"


class GapError(AplError):
    """Ours are further from the published figures than was asked for."""

    exit_code = 6
    kind = "gap to the published figures"


class ResourceError(AplError):
    """The machine cannot do what is asked: memory, size, time."""

    exit_code = 7
    kind = "resources"


class MarginError(AplError):
    """A zoning breaks a rule of the law."""

    exit_code = 8
    kind = "a zoning rule is broken"


def refuse_lacking(table: Any, name: str, *wanted: str) -> None:
    """Refuse a table in memory without the columns that a function takes from it.

    ``table`` has ``column_names``; ``name`` is what messages call it.

    Raises
    ------
    TableError
    """
    there = list(table.column_names)
    why = f"it is needed here; the table has: {', '.join(there) or 'no column'}"
    refuse_if(
        Fault("APL-B08", "a column is missing", why, "give it, under this name", name, column)
        for column in wanted
        if column not in there
    )


def refuse_if(faults: Iterable[Fault], error: type[AplError] = TableError) -> None:
    """Raise ``error`` with all ``faults`` together, if there is any."""
    found = tuple(faults)
    if found:
        raise error(found)
