"""Faults as others than the producer may read them: no activity, fees or identifier of a person.

Who mends a table needs the values that are wrong; who only passes the list on must not have those
of persons. Rows stay, since the producer finds the value by its row.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from apl_core.errors import AplError, Fault, Whole

OF_PERSONS = "professionnels"
SHOWN = ("code_commune",)  # a place is no person's
WITHHELD = "(withheld)"
PLACE = re.compile(r"\d[\dAB]\d{3}")  # what else stands in its column may be an identifier
# Of a message, what was copied from the file: its header (of a file without one, a person), quotes.
COPIED = re.compile(r"(?s)((?:headers found|for us to guess): ).*|(?<!\w)(['\"]).*?\2(?!\w)")


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


def _withheld(fault: Fault) -> Fault:
    if not _of_persons(fault):
        return fault
    title, why, mend = map(_uncopied, (fault.title, fault.why, fault.mend))
    values = tuple(_shown(value, fault.column) for value in fault.values)
    whole = fault.whole
    if whole is not None:
        listed = list(whole)
        cells = [_shown(value, fault.column) for _, value in listed]
        rows = None if whole.positions is None else [row - 1 for row, _ in listed if row]
        whole = Whole(rows, cells if rows is None else dict(zip(rows, cells, strict=True)))
    return replace(fault, title=title, why=why, mend=mend, values=values, whole=whole)


def _shown(value: Any, column: str | None) -> str:
    place = column in SHOWN and PLACE.fullmatch(str(value))
    return str(value) if place else WITHHELD


def _uncopied(text: str) -> str:
    return COPIED.sub(lambda found: (found[1] or "") + WITHHELD, text)


def _of_persons(fault: Fault) -> bool:
    """A fault's table is its name, or the path of its file."""
    return Path(fault.table or "").name.partition(".")[0] == OF_PERSONS
