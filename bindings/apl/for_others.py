"""Faults as others than the producer may read them: no activity, fees or identifier of a person.

Who mends a table needs the values that are wrong; who only passes the list on must not have those
of persons. Rows stay, since the producer finds the value by its row.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apl_core.errors import AplError, Fault, Whole

OF_PERSONS = "professionnels"
SHOWN = ("code_commune",)  # a place is no person's
WITHHELD = "(withheld)"


def for_others(error: AplError) -> AplError:
    """The same failure, its values of persons withheld, in the message and in the full list.

    Examples
    --------
    >>> from apl_core import TableError
    >>> where = {"rows": (7,), "values": ("-3",), "count": 1}
    >>> fault = Fault("APL-D03", "negative", "…", "…", "professionnels", "actes", **where)
    >>> for_others(TableError([fault])).values
    ('(withheld)',)
    """
    return type(error)([_withheld(fault) for fault in error.faults])


class _Withheld:
    """A column that has one thing to say."""

    def __getitem__(self, position: int) -> str:
        return WITHHELD


def _withheld(fault: Fault) -> Fault:
    if not _of_persons(fault) or fault.column in SHOWN:
        return fault
    whole = fault.whole
    if whole is not None:
        known = whole.positions is not None
        whole = Whole(whole.positions, _Withheld() if known else [WITHHELD] * fault.count)
    return replace(fault, values=(WITHHELD,) * len(fault.values), whole=whole)


def _of_persons(fault: Fault) -> bool:
    """A fault's table is its name, or the path of its file."""
    return Path(fault.table or "").name.partition(".")[0] == OF_PERSONS
