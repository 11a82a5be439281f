"""Paris, Lyon, Marseille: as one commune each or by arrondissement, never both (``APL-C07``).

Both levels at once count their inhabitants twice. One alone is right where all tables have it. By
arrondissement is what the text asks for (annexe, II: each stands alone as a unit), what DREES
publishes and what INSEE's populations have; as a city, one unit has them all, which is said. What
is given of a city does not divide into arrondissements, and times from its seat are not theirs.
A ``geographie`` may name both: it counts nobody, and the populations decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from apl.bvcv import CITIES, CITY_OF
from apl_core import Fault
from apl_core.convert import mask
from apl_core.errors import at_rows

COLUMNS = {"temps_de_parcours": ("origine", "destination")}
WITHOUT = frozenset({"geographie", "mouvements", "passage"})
NAMES = {"75056": "Paris", "69123": "Lyon", "13055": "Marseille"}
LEVELS = pa.array([*CITIES, *CITY_OF])
MENDS = {
    "temps_de_parcours": "give times from and to each arrondissement",
    "professionnels": "give the arrondissement where each practises",
    "offre": "give the FTE of each arrondissement",
}


def faults(name: str, table: pa.Table, communes: pa.Table | None = None) -> Iterator[Fault]:
    """A city given beside its arrondissements, or not as the table of communes has it.

    Parameters
    ----------
    name : str
        Which table it is.
    table : pyarrow.Table
    communes : pyarrow.Table, optional
        The table ``communes`` of the same inputs.

    Examples
    --------
    >>> communes = pa.table({"code_commune": ["75101", "75102"]})
    >>> offre = pa.table({"code_commune": ["75056"], "etp": [1.0]})
    >>> [(one.fault, one.values, one.mend) for one in faults("offre", offre, communes)]
    [('APL-C07', ('75056',), 'give the FTE of each arrondissement')]
    """
    named = () if name in WITHOUT else COLUMNS.get(name, ("code_commune",))
    columns = [column for column in named if column in table.column_names]  # in blocks: none
    theirs = set() if communes is None else _worded(communes.column("code_commune"))
    worded = set[str]().union(*(_worded(table.column(column)) for column in columns))
    if not _mixed(worded, theirs):  # by the words of dictionaries: 45 ms of a run's, else
        return
    given = set[str]().union(*(_named(table.column(column)) for column in columns))
    theirs = set() if communes is None else _named(communes.column("code_commune"))
    both = sorted({CITY_OF[code] for code in given if code in CITY_OF} & given)
    if both:
        wrong = _of(both, given)
        cities = ", ".join(f"{NAMES[city]} ({city})" for city in both)
        title = "a city given beside its arrondissements"
        why = f"the inhabitants of {cities} would count twice"
        yield from _at(title, why, "keep the arrondissements alone", name, table, columns, wrong)
        return
    wrong = [code for code in given - theirs if _other(code) & theirs]
    whole = [code for code in wrong if code in CITIES]
    title = "a city as one commune, and by arrondissement in the table of communes"
    why = "what is given of the whole city does not divide into arrondissements"
    mend = MENDS.get(name, "give the rows of each arrondissement, as INSEE and DREES publish them")
    yield from _at(title, why, mend, name, table, columns, whole)
    title = "a city by arrondissement, and as one commune in the table of communes"
    why = "the text's units are the arrondissements, each alone (annexe, II)"
    mend = "give the arrondissements in the table of communes, and in every other"
    parts = [code for code in wrong if code in CITY_OF]
    yield from _at(title, why, mend, name, table, columns, parts)


def remarks(communes: pa.Table) -> Iterator[str]:
    """The cities that a table of communes has as one commune.

    >>> list(remarks(pa.table({"code_commune": ["69123"]})))
    ['Lyon (69123) is one commune here: one BVCV in place of one by arrondissement (annexe, II)']
    """
    for city in sorted(_named(communes.column("code_commune")) & CITIES.keys()):
        text = "is one commune here: one BVCV in place of one by arrondissement (annexe, II)"
        yield f"{NAMES[city]} ({city}) {text}"


def _mixed(given: set[str], theirs: set[str]) -> bool:
    """Whether these codes have both levels of a city, or another one than those of the communes."""
    return any(_other(code) & (given | theirs) for code in given)


def _worded(column: pa.ChunkedArray) -> set[str]:
    """The codes of the cities and of their arrondissements among the words of a column.

    Dictionaries may have words that no row has; they are few, and rows are millions.
    """
    if not pa.types.is_dictionary(column.type):
        return _named(column)
    found: set[str] = set()
    last = None
    for chunk in column.chunks:
        words = chunk.dictionary
        if last is None or not words.equals(last):  # most often they share it
            found.update(words.filter(pc.is_in(words, value_set=LEVELS)).to_pylist())
            last = words
    return found


def _named(column: pa.ChunkedArray) -> set[str]:
    """The codes of the cities and of their arrondissements that a row of a column has."""
    found = column.unique().cast(pa.string())
    return set(found.filter(pc.is_in(found, value_set=LEVELS)).to_pylist())


def _other(code: str) -> set[str]:
    """The codes of the same city at the other level."""
    if code in CITY_OF:
        return {CITY_OF[code]}
    return {one for one, city in CITY_OF.items() if city == code}


def _of(cities: Iterable[str], given: set[str]) -> list[str]:
    """The codes given of these cities, at both levels."""
    return sorted(code for code in given if CITY_OF.get(code, code) in set(cities))


def _at(
    title: str,
    why: str,
    mend: str,
    name: str,
    table: pa.Table,
    columns: Iterable[str],
    codes: list[str],
) -> Iterator[Fault]:
    for column in columns if codes else ():
        cells = table.column(column).cast(pa.string())
        rows = np.flatnonzero(mask(pc.is_in(cells, value_set=pa.array(codes, pa.string()))))
        if rows.size:
            yield Fault("APL-C07", title, why, mend, name, column, **at_rows(rows, cells))
