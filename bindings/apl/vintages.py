"""The years that inputs declare in their headers, held against those that the text names (III).

Never a refusal: a later geography may well be meant. A table that declares no year is not guessed
at; the name of a file declares nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import pyarrow as pa

from apl.blocks import Unknown
from apl.conversion import tale_of
from apl.law import Rules
from apl_core.tables import headers_of, notes_of

VINTAGES = b"apl.vintages"  # what a table that we built says of its sources
YEAR = re.compile(r"(?<!\d)((?:19|20)\d{2})(?!\d)")
SHEET = re.compile(r"^sheet '([^']*)'")
# The source whose year stands in the header of a column, by table. A canton's or an urban unit's
# year is named by no text but that of its own column.
OF: dict[str, dict[str, str]] = {
    "geographie": {"code_bassin_de_vie": "living_areas", "code_canton_ville": "cantons"},
    "population_municipale": {"population": "population"},
    "communes": {"code_bvcv": "living_areas", "population": "population"},
    "population_par_age": {"population": "population"},
    "population_standardisee": {"population_standardisee": "population"},
    "apl_publie": {"population_standardisee": "population", "population": "population"},
}
# DREES standardises the APL of a year with the population of two years before.
BEFORE = 2
WORDS = {"living_areas": "living areas", "travel_times": "travel times"}


@dataclass(frozen=True)
class Declared:
    """One year that an input declares: of which source, and in which words."""

    table: str
    source: str
    year: int
    words: str


def declared(name: str, table: pa.Table) -> list[Declared]:
    """The years that a table declares, one a source and year.

    Parameters
    ----------
    name : str
        The table's name (``"apl_publie"``).
    table : pyarrow.Table
        As `apl.read_table` gives it: its metadata holds the headers of the file.

    Examples
    --------
    >>> from apl_core.tables import checked
    >>> given = pa.table({"CODGEO": ["01001"], "population_2020": [806]})
    >>> [(d.source, d.year) for d in declared("population_municipale",
    ...                                       checked(given, "population_municipale"))]
    [('population', 2020)]
    """
    found: dict[tuple[str, int], Declared] = {}
    for one in (*_built(name, table), *_brought(name, table), *_headers(name, table)):
        found.setdefault((one.source, one.year), one)
    return list(found.values())


def marked(built: pa.Table, inputs: Mapping[str, pa.Table]) -> pa.Table:
    """A table with the years that its inputs declare, which Parquet keeps and CSV cannot."""
    years = {one.source: one.year for name, table in inputs.items()
             for one in declared(name, table)}  # fmt: skip
    kept = dict(built.schema.metadata or {})
    return built.replace_schema_metadata({**kept, VINTAGES: json.dumps(years).encode()})


def remarks(tables: Mapping[str, pa.Table], rules: Rules, **years: int) -> Iterator[str]:
    """Where an input declares another year than the text names; nothing where the text names none.

    ``years`` are those that the caller knows by other means: ``geography=2022``.
    """
    if isinstance(rules.blocks["sources"], Unknown):
        return
    named = asdict(rules.sources)
    told = [one for name, table in tables.items() for one in declared(name, table)]
    told += [Declared("geographie", source, year, "--between") for source, year in years.items()]
    for one in told:
        if one.source == "geography" and one.table not in ("communes", "geographie"):
            continue  # all tables were brought to that of the communes: once is enough
        year = named.get(one.source)
        if year is not None and year != one.year:
            source = WORDS.get(one.source, one.source)
            yield (
                f"{one.table} declares {source} {one.year} ({one.words}), the text names {year} "
                f"({rules.citations['sources'].cite})"
            )


def _built(name: str, table: pa.Table) -> Iterator[Declared]:
    text = (table.schema.metadata or {}).get(VINTAGES)
    for source, year in (json.loads(text) if text else {}).items():
        yield Declared(name, source, year, "as it was built")


def _brought(name: str, table: pa.Table) -> Iterator[Declared]:
    """The year of the communes that `apl.converted` found or made."""
    tale = tale_of(table)
    if tale is not None:
        words = f"as found: {tale.since}" + f", brought to {tale.to}" * bool(tale.changed)
        yield Declared(name, "geography", int((tale.to if tale.changed else tale.since)[:4]), words)


def _headers(name: str, table: pa.Table) -> Iterator[Declared]:
    of = OF.get(name, {})
    for column, header in headers_of(table).items():
        year = YEAR.search(header.replace("_", " "))
        if year and column in of:
            yield Declared(name, of[column], int(year[1]), f"{header!r}")
        elif year and column == "apl":
            yield _of_apl(name, int(year[1]), header)
    for note in notes_of(table):
        sheet = SHEET.search(note)
        year = YEAR.search(sheet[1].replace("_", " ")) if sheet else None
        if year and sheet and name == "apl_publie":
            yield _of_apl(name, int(year[1]), f"sheet {sheet[1]}")


def _of_apl(name: str, year: int, words: str) -> Declared:
    return Declared(name, "population", year - BEFORE, f"{words!r}, {BEFORE} years before the APL")
