"""The tables ``bvcv`` and ``zonage``: read, held against the classes of the text, by region."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from apl.law import Rules, short_title
from apl.regions.gauges import Unit, Units
from apl_core import Fault, TableError, refuse_if
from apl_core.errors import UsageError, at_rows
from apl_core.schema import MISSING
from apl_core.tables import checked, read_table

CODE, REGION, NATIONAL = "code_bvcv", "code_region", "zone_nationale"


def read_zones(path: str | Path) -> pa.Table:
    """A file as ``zonage``, or as ``bvcv`` where it has no national class beside another one."""
    try:
        return read_table(path, "zonage")
    except TableError as error:
        if not any((f.fault, f.column) == (MISSING, NATIONAL) for f in error.faults):
            raise
    return read_table(path, "bvcv")


def name_of(zones: pa.Table) -> str:
    """Which table it is: ``zonage``, or ``bvcv`` where it has the national classes alone."""
    return "zonage" if NATIONAL in zones.column_names else "bvcv"


def national_column(zones: pa.Table) -> str:
    """The column of the national classes, in either table."""
    return NATIONAL if NATIONAL in zones.column_names else "zone"


def as_zonage(zones: pa.Table, rules: Rules) -> pa.Table:
    """A table ``bvcv`` as a ``zonage`` without changes; a ``zonage`` checked.

    Raises
    ------
    TableError
        It is neither, or it has classes that the text does not.
    """
    name = name_of(zones)
    columns = ("zone",) if name == "bvcv" else (NATIONAL, "zone")
    if name == "bvcv" and "zone" in zones.column_names:
        nothing = pa.nulls(zones.num_rows, pa.string())
        zones = zones.append_column(NATIONAL, zones.column("zone"))
        for absent in ("motif", "article"):
            zones = zones.append_column(absent, nothing)
    table = checked(zones, "zonage")
    refuse_if(fault for column in columns for fault in not_of_the_text(table, name, column, rules))
    return table


def rows_of(table: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    """The rows of some columns."""
    return zip(*(table.column(name).to_pylist() for name in names), strict=True)


def by_code(zones: pa.Table, column: str) -> dict[str, Any]:
    """A column by the code of the BVCV."""
    return dict(rows_of(zones, CODE, column))


def of_region(table: pa.Table, region: str) -> pa.Table:
    """The rows of one region."""
    return table.filter(pc.equal(table.column(REGION).cast(pa.string()), region))


def units_of(zones: pa.Table, region: str) -> Units:
    """The BVCV attributed to a region.

    Parameters
    ----------
    zones : pyarrow.Table
        The whole country: ``code_bvcv``, ``code_region``, ``apl``, ``population``,
        ``zone_nationale`` (or else ``zone``), and ``population_cumulee`` where exchange zones are
        to be held.
    region : str

    Raises
    ------
    UsageError
        No BVCV is attributed to the region.
    """
    inside = of_region(zones, region)
    if not inside.num_rows:
        raise UsageError([no_region(region, set(zones.column(REGION).to_pylist()))])
    names, total = [CODE, "apl", "population", national_column(zones)], None
    if "population_cumulee" in zones.column_names:
        names.append("population_cumulee")
        total = pc.max(zones.column("population_cumulee")).as_py()
    found = [Unit(*row) for row in rows_of(inside, *names)]
    ascending = sorted(found, key=lambda unit: (unit.level, unit.persons, unit.code))
    return Units(region, tuple(ascending), total)


def no_region(region: str, known: set[str]) -> Fault:
    """The fault of a region to which no BVCV is attributed."""
    why, mend = "no BVCV of the table is attributed to it", f"one of: {', '.join(sorted(known))}"
    return Fault("APL-U03", f"no region {region!r}", why, mend, "zonage")


def not_of_the_text(table: pa.Table, name: str, column: str, rules: Rules) -> Iterator[Fault]:
    """The fault of classes that a text does not have, by row."""
    zones, known = table.column(column).to_pylist(), {None, *rules.zoning.zones}
    wrong = [row for row, zone in enumerate(zones) if zone not in known]
    if wrong:
        yield no_class(rules, name, column, **at_rows(wrong, zones))


def no_class(rules: Rules, table: str, column: str, **where: Any) -> Fault:
    """The fault of classes that the text does not have."""
    why = f"{short_title(rules.text)} has: {', '.join(rules.zoning.zones)}"
    mend = "correct it, or ask for the text that has this class (--on)"
    return Fault("APL-D10", "a class that the text does not have", why, mend, table, column,
                 **where)  # fmt: skip
