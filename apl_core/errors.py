"""Failures that a user can act on: what, where, which rows, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 20  # faults and rows listed in a message; the count is always whole


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
        return {key: getattr(self, key) for key in self.__dataclass_fields__}


def at_rows(positions: Sequence[int] | Any, column: Any = None) -> dict[str, Any]:
    """``rows``, ``values`` and ``count`` of a `Fault`, from positions counted from 0.

    >>> at_rows([1], ["a", "b"])
    {'rows': (2,), 'values': ('b',), 'count': 1}
    """
    first = [int(position) for position in positions[:SHOWN]]
    cells = [] if column is None else [column[position] for position in first]
    return {
        "rows": tuple(position + 1 for position in first),
        "values": tuple(map(shown, cells)),
        "count": len(positions),
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
    exit_code = 1

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


class TableError(AplError):
    """The data cannot be used as they are."""

    exit_code = 3


class RuleError(AplError):
    """The law file, a parameter, or a question that the public texts do not answer."""

    exit_code = 4


class FileError(AplError):
    """A file or folder is missing, unreadable, or in the way."""

    exit_code = 5


class MarginError(AplError):
    """A zoning breaks a rule of the law."""

    exit_code = 8


def refuse_if(faults: Iterable[Fault], error: type[AplError] = TableError) -> None:
    """Raise ``error`` with all ``faults`` together, if there is any."""
    found = tuple(faults)
    if found:
        raise error(found)
